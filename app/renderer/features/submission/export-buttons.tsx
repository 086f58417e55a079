/** Submissions with their proofs of payment, as a file for a dispute. */
import { Button } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { client } from "../../client.ts";
import { downloadFile } from "../../shell/help.ts";
import { notifyError } from "../../shell/notifications.ts";

/** `ids`: these only; absent: all. */
export function ExportButtons({ ids }: { ids?: string[] }) {
  const save = (format: "markdown" | "json") => {
    client.submission
      .export({ format, ...(ids === undefined ? {} : { ids }) })
      .then(downloadFile)
      .catch((thrown: unknown) => notifyError(thrown, "Nothing was saved."));
  };
  return (
    <>
      <Button leftSection={<IconDownload size="1em" aria-hidden />} onClick={() => save("markdown")}>
        Save as Markdown
      </Button>
      <Button leftSection={<IconDownload size="1em" aria-hidden />} onClick={() => save("json")}>
        Save as JSON
      </Button>
    </>
  );
}
