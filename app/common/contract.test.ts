import { expect, test } from "vitest";
import { contract, HOSTS, type ProcedureMeta } from "./contract.ts";
import { ERROR_CODES } from "./errors.ts";

type Definition = { "~orpc": { inputSchema?: unknown; outputSchema?: unknown; errorMap: object; meta: ProcedureMeta } };

function procedures(): [string, Definition["~orpc"]][] {
  return Object.entries(contract).flatMap(([capability, members]) =>
    Object.entries(members).map(([name, definition]): [string, Definition["~orpc"]] => [
      `${capability}.${name}`,
      (definition as Definition)["~orpc"],
    ]),
  );
}

// One port opens all of this: what a window may ask for, and which windows may.
test("the surface is what it was", () => {
  const surface = procedures().map(([name, { meta }]) => {
    const hosts = meta.hosts ?? [];
    return hosts.length === HOSTS.length ? name : `${name} (${hosts.join(", ")})`;
  });
  expect(surface).toEqual([
    "app.versions",
    "app.diagnostics",
    "app.watchSetAside",
    "machine.read",
    "machine.setup",
    "tasks.watch",
    "tasks.cancel",
    "picker.list (web)",
    "picker.createFolder (web)",
    "picker.choose (electron)",
    "desktop.watch (electron)",
    "workspace.templates",
    "workspace.readTemplate",
    "workspace.folders",
    "workspace.openFolder",
    "workspace.openDefaultFolder",
    "workspace.closeFolder",
    "workspace.list",
    "workspace.watch",
    "workspace.read",
    "workspace.write",
    "workspace.rename",
    "workspace.delete",
    "workspace.undoDelete",
    "workspace.createFromTemplate",
    "workspace.drafts",
    "workspace.saveDraft",
    "workspace.discardDraft",
    "scan.scan",
    "scan.watchPolicy",
    "production.read",
    "production.watch",
    "production.chooseSource",
    "production.fetch",
    "production.pin",
    "production.remove",
    "production.reading",
    "production.changes",
    "production.apply",
    "production.revert",
    "production.staleRuns",
    "hparams.list",
    "hparams.load",
    "engines.list",
    "engines.check",
    "engines.watchPrompts",
    "engines.answerPrompt",
    "simulation.check",
    "simulation.commands",
    "simulation.start",
    "simulation.startComparison",
    "simulation.cancel",
    "simulation.active",
    "simulation.events",
    "runs.list",
    "runs.watch",
    "runs.show",
    "runs.source",
    "runs.originOf",
    "runs.output",
    "runs.watchGpus",
    "runs.compare",
    "runs.annotate",
    "runs.pinBaseline",
    "runs.delete",
    "runs.undoDelete",
    "runs.checkPrune",
    "runs.prune",
    "runs.import",
    "runs.export",
    "runs.exportList",
    "servers.list",
    "servers.add",
    "servers.remove",
    "servers.check",
    "images.list",
    "images.check",
    "images.build",
    "images.watchBuild",
    "images.buildLog",
    "images.remove",
    "images.hasToken",
    "images.setToken",
    "images.removeToken",
    "hosting.check",
    "hosting.publishGist",
    "hosting.hasToken",
    "hosting.setToken",
    "hosting.removeToken",
    "wallets.list",
    "wallets.needsPassword",
    "wallets.addressOf",
    "wallets.sign",
    "settings.read",
    "chain.watchStatus",
    "settings.change",
    "settings.watch",
  ]);
});

test("every procedure states its output, and ends with our codes only", () => {
  for (const [name, { outputSchema, errorMap }] of procedures()) {
    expect([name, outputSchema === undefined, Object.keys(errorMap)]).toEqual([name, false, [...ERROR_CODES]]);
  }
});
