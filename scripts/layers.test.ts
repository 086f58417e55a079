import { expect, test } from "vitest";
import { importsOf, layerViolations, lockfileProblems, outsideAddresses } from "./layers.mjs";

const reasons = (file: string, source: string) => layerViolations(file, source).map(({ reason }) => reason);

test("every way to import is seen, with its line", () => {
  const source = `
    import a from "./static.ts";
    import type { B } from "./type.ts";
    import "./side-effect.ts";
    export { c } from "./named.ts";
    export * from "./all.ts";
    const d = await import("./dynamic.ts");
    const e = await import(\`./template.ts\`);
    type F = import("./in-type.ts").F;
    import g = require("./equals.ts");
    const h = require("./required.ts");
    // import "./in-a-comment.ts";
    const i = 'import "./in-a-string.ts"';
  `;
  expect(importsOf("a.ts", source)).toEqual([
    { specifier: "./static.ts", line: 2 },
    { specifier: "./type.ts", line: 3 },
    { specifier: "./side-effect.ts", line: 4 },
    { specifier: "./named.ts", line: 5 },
    { specifier: "./all.ts", line: 6 },
    { specifier: "./dynamic.ts", line: 7 },
    { specifier: "./template.ts", line: 8 },
    { specifier: "./in-type.ts", line: 9 },
    { specifier: "./equals.ts", line: 10 },
    { specifier: "./required.ts", line: 11 },
  ]);
});

test.each([
  ["app/common/events.ts", "zod"],
  ["app/common/events.ts", "./errors.ts"],
  ["app/common/events.test.ts", "node:fs"],
  ["app/common/events.test.ts", "vitest"],
  ["app/renderer/features/scan/panel.tsx", "../../../common/scan.ts"],
  ["app/renderer/shell/window.tsx", "react"],
  ["app/renderer/features/scan/files.ts", "../../../../hparams/scan-policy.json?url&no-inline"],
  ["app/renderer/features/editor/advice-help.ts", "../../../../docs/lints.md?raw"],
  ["app/preload/preload.ts", "electron"],
  ["app/main/services/runs/recorder.ts", "../scan/index.ts"],
  ["app/main/services/runs/recorder.ts", "./store.ts"],
  ["app/main/services/runs/recorder.ts", "node:sqlite"],
  ["app/main/cli/scan.ts", "../services/scan/index.ts"],
  ["app/main/cli/main.ts", "../../../package.json"],
  ["app/main/hosts/electron/window.ts", "electron"],
  ["app/main/hosts/web/server.ts", "../../router.ts"],
  ["app/main/hosts/web/server.ts", "../../router/connection.ts"],
  ["app/main/cli/serve.ts", "../hosts/web/index.ts"],
  ["app/common/contract.ts", "@orpc/contract"],
  ["scripts/start.mjs", "./bootstrap.mjs"],
])("%s may import %s", (file, specifier) => {
  expect(reasons(file, `import "${specifier}";`)).toEqual([]);
});

test.each([
  ["app/common/events.ts", "node:fs", "common imports nothing but zod, diff, @orpc/contract"],
  ["app/common/events.ts", "@orpc/server", "common imports nothing but zod, diff, @orpc/contract"],
  ["app/common/events.ts", "ajv", "common imports nothing but zod, diff, @orpc/contract"],
  ["app/common/events.ts", "../main/services/runs/index.ts", "common imports common only"],
  [
    "app/renderer/shell/window.tsx",
    "../../main/services/runs/index.ts",
    "renderer imports its own folder and common only",
  ],
  [
    "app/renderer/shell/window.tsx",
    "../../../hparams/scan-policy.json",
    "renderer imports its own folder and common only",
  ],
  ["app/renderer/shell/window.tsx", "node:fs", "renderer has no Node"],
  ["app/renderer/shell/window.tsx", "electron", "only hosts/electron and preload import electron"],
  ["app/preload/preload.ts", "../renderer/shell/window.tsx", "preload imports its own folder and common only"],
  ["app/main/services/runs/recorder.ts", "../scan/worker.ts", "a service is imported through its index.ts"],
  ["app/main/services/runs/recorder.ts", "../../cli/table.ts", "services import common and each other only"],
  ["app/main/services/runs/recorder.ts", "../../hosts/web/server.ts", "services import common and each other only"],
  ["app/main/services/runs/recorder.ts", "electron", "only hosts/electron and preload import electron"],
  ["app/main/cli/scan.ts", "../services/scan/worker.ts", "a service is imported through its index.ts"],
  ["app/main/cli/scan.ts", "../hosts/web/server.ts", "cli imports services, router and common only"],
  ["app/main/hosts/web/server.ts", "electron", "only hosts/electron and preload import electron"],
])("%s may not import %s", (file, specifier, reason) => {
  expect(reasons(file, `import "${specifier}";`)).toEqual([reason]);
});

test("a violation is caught however it is imported", () => {
  const source = `
    export * from "node:fs";
    import type { Stats } from "node:fs";
    const lazy = () => import("node:fs");
    type T = import("node:fs").Stats;
  `;
  const found = layerViolations("app/common/events.ts", source);
  expect(found.map(({ line, imported }) => [line, imported])).toEqual([2, 3, 4, 5].map((line) => [line, "node:fs"]));
});

test("outside addresses are found in code, not in comments", () => {
  const source = `
// See https://docs.python.org/3/
const a = "https://api.somewhere.io/v1"; // https://elsewhere.io
const b = "http://127.0.0.1:8080/" + "http://localhost/" + "https://name.example/x" + "https://x.test";
const c = "wss://node.somewhere.io";
  "$schema": "https://somewhere.io/schema.json",
# https://a-python-comment.io
`;
  expect(outsideAddresses("app/main/a.ts", source).map(({ line, address }) => [line, address])).toEqual([
    [3, "https://api.somewhere.io/v1"],
    [3, "https://elsewhere.io"],
    [5, "wss://node.somewhere.io"],
  ]);
  expect(outsideAddresses("app/common/addresses.ts", source)).toEqual([]);
});

test("a lockfile names no registry and every system's packages", () => {
  const packages = {
    "node_modules/a": { version: "1.0.0", optionalDependencies: { "a-linux": "1.0.0", "a-darwin": "1.0.0" } },
    "node_modules/a-linux": { version: "1.0.0", resolved: "https://registry.example/a-linux.tgz" },
  };
  expect(lockfileProblems({ packages })).toEqual([
    "node_modules/a needs an entry for a-darwin",
    "node_modules/a-linux names the address of a registry",
  ]);
});
