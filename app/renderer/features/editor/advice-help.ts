/** What docs/lints.md says of each piece of advice: the page comes with the window, and is loaded when it is first asked for. */

let loading: Promise<ReadonlyMap<string, string>> | null = null;

/** Rule -> its section, in Markdown. */
export function adviceHelp(): Promise<ReadonlyMap<string, string>> {
  loading ??= import("../../../../docs/lints.md?raw")
    .then(({ default: page }) => sectionsOf(page))
    .catch((thrown: unknown) => {
      loading = null;
      throw thrown;
    });
  return loading;
}

/** Heading of the second level -> what stands below it. */
function sectionsOf(page: string): Map<string, string> {
  const [, ...sections] = page.split(/^## /m);
  return new Map(
    sections.map((section) => {
      const [heading = "", ...lines] = section.split("\n");
      return [heading.trim(), lines.join("\n").trim()];
    }),
  );
}
