import { expect, test } from "vitest";
import { setupCommand } from "./setup.ts";

function fakeIo() {
  const text = { stdout: "", stderr: "" };
  const stream = (name: "stdout" | "stderr") => ({
    write: (part: string) => {
      text[name] += part;
    },
  });
  return { text, io: { stdout: stream("stdout"), stderr: stream("stderr") } };
}

test("help names every option and variable", async () => {
  const { text, io } = fakeIo();
  expect(await setupCommand(["--help"], io)).toBe(0);
  for (const name of ["--force", "--with-test", "--json", "CRUSADER_PYTHON", "CRUSADER_PYTHON_ENV", "CRUSADER_HOME"]) {
    expect(text.stdout).toContain(`${name} `);
  }
  expect(text.stderr).toBe("");
});

test("an unknown option is wrong use", async () => {
  await expect(setupCommand(["--fast"], fakeIo().io)).rejects.toMatchObject({
    code: "usage",
    message: expect.stringContaining("--fast"),
    hint: "`crusader setup --help` lists the options.",
  });
});
