import { expect, test } from "vitest";
import { redacted } from "./diagnostics.ts";

test("folders, user, host and credentials are taken out, and nothing else", () => {
  const text = JSON.stringify({
    data: "/home/ann/.local/share/crusader/runs/1",
    home: "/home/ann/x",
    stack: "at box42 as ann; rootless, annual",
    address: "ssh://ann:secret@packages.example/simple",
    node: "The node wss://node.example:443/v1?key=secret cannot be reached; wss://node.example does not answer.",
  });
  const names = { folders: ["/home/ann", "/home/ann/.local/share/crusader"], user: "ann", host: "box42" };
  expect(JSON.parse(redacted(text, names))).toEqual({
    data: "<data folder>/runs/1",
    home: "~/x",
    stack: "at <host> as <user>; rootless, annual",
    address: "ssh://<credentials>@packages.example/simple",
    node: "The node wss://node.example:443/<path> cannot be reached; wss://node.example does not answer.",
  });
});
