/** The contract, implemented by the services. Every host serves this router and nothing else. */
import { basename } from "node:path";
import { implement } from "@orpc/server";
import type { DiffSide } from "../common/arena.ts";
import { compareRuns } from "../common/compare.ts";
import { contract, type Host, type ProcedureMeta } from "../common/contract.ts";
import { CrusaderError } from "../common/errors.ts";
import type { HistoryFilter, HistoryPage } from "../common/history.ts";
import { codeFetchTimeoutMs } from "../common/hosting.ts";
import type { ImageChoice } from "../common/images.ts";
import type { SimulationOptions, Target } from "../common/simulation.ts";
import type { SubmissionRequest } from "../common/submission.ts";
import { diagnostics } from "./router/diagnostics.ts";
import type { Services } from "./router/services.ts";
import { arenaPath, boardRulesOf, type DiffedSide, submissionsAsCsv } from "./services/arena/index.ts";
import type { Code } from "./services/hosting/index.ts";
import { readSharedRun, runsAsCsv } from "./services/runs/index.ts";
import { readSource, type SimulationRequest } from "./services/simulation/index.ts";
import type { SubmissionOrder } from "./services/submission/index.ts";
import { untitledPath } from "./services/workspace/index.ts";

/** Who is asking; set by the host, never by a message. */
export type Caller = { host: Host };

const ALL = Number.MAX_SAFE_INTEGER;

type HistoryQuery = HistoryFilter & { limit: number; offset: number };

export function createRouter(services: Services) {
  const { workspace, store, annotations, runs } = services;

  const os = implement(contract)
    .$context<Caller>()
    .use(({ context, procedure, next }) => {
      const { hosts } = procedure["~orpc"].meta as ProcedureMeta;
      if (hosts?.includes(context.host) === true) return next();
      throw new CrusaderError("unsupported", `This window (${context.host}) has no such procedure.`);
    });

  const historyPage = ({ tag, limit, offset, ...filter }: HistoryQuery): HistoryPage => {
    const noted = annotations.all();
    // The index knows no tags: those few are filtered here.
    const found = store.list(tag === undefined ? { ...filter, limit, offset } : { ...filter, limit: ALL });
    const annotated = found.runs.map((run) => ({ ...run, ...noted.of(run.id) }));
    const tagged = tag === undefined ? annotated : annotated.filter(({ tags }) => tags.includes(tag));
    return {
      runs: tag === undefined ? tagged : tagged.slice(offset, offset + limit),
      total: tag === undefined ? found.total : tagged.length,
      unreadable: found.unreadable,
      baselineRunId: noted.baselineRunId,
    };
  };

  const requestFor = (target: Target): Pick<SimulationRequest, "path" | "source" | "origin"> => {
    switch (target.kind) {
      case "file":
        return workspace.resolve(target.file);
      case "text": {
        const path =
          target.file === null ? untitledPath(services.dataFolder, target.name) : workspace.place(target.file);
        return { path, source: Buffer.from(target.text, "utf8") };
      }
      case "template":
        return { path: workspace.templates.read(target.name).path };
      case "submission": {
        const { bytes, origin } = services.arena.code(target);
        return { path: arenaPath(services.dataFolder, target), origin, source: bytes };
      }
      case "run": {
        const { path, origin } = store.show(target.runId).plan.submission;
        return { path, origin, source: store.source(target.runId) };
      }
    }
  };

  const simulationOptions = ({
    profile,
    backend,
    server,
    sandbox,
    container,
    evaluation,
    numRanks,
    repeats,
    seed,
    ignoreCudaNeeds,
  }: SimulationOptions) => ({
    profile,
    backend,
    server,
    sandbox,
    container,
    evaluation,
    numRanks,
    repeats,
    seed,
    ignoreCudaNeeds,
  });

  const imageRequest = ({ wheelsPickedId, ...request }: ImageChoice) => ({
    ...request,
    wheelsFolder: wheelsPickedId === undefined ? undefined : services.picker.pathOf(wheelsPickedId),
  });

  /** The bytes that a target stands for now. */
  const codeOf = async (target: Target): Promise<Code> => {
    const { path, source } = requestFor(target);
    return { fileName: basename(path), bytes: source ?? (await readSource(path)) };
  };

  const submissionOrder = ({ target, ...request }: SubmissionRequest): SubmissionOrder => ({
    ...request,
    read: () => codeOf(target),
  });

  const diffSide = (side: DiffSide): DiffedSide => {
    switch (side.kind) {
      case "file": {
        const bytes = Buffer.from(workspace.read(side.file).text, "utf8");
        return { kind: "bytes", title: side.file.name, bytes };
      }
      case "run": {
        const { name, version } = store.show(side.runId).plan.submission;
        return { kind: "bytes", title: `${name} v${version} (run ${side.runId})`, bytes: store.source(side.runId) };
      }
      default:
        return side;
    }
  };

  const compared = (id: string) => ({ ...store.show(id), source: store.source(id).toString("utf8") });

  return os.router({
    app: {
      versions: os.app.versions.handler(() => versions(services)),
      diagnostics: os.app.diagnostics.handler(() => diagnostics(services, versions(services))),
      watchSetAside: os.app.watchSetAside.handler(({ signal }) => services.watchSetAside(signal)),
    },

    machine: {
      read: os.machine.read.handler(() => services.machine.read()),
      setup: os.machine.setup.handler(({ input }) =>
        services.tasks.start("python_setup", "Python environment", (update, signal) =>
          services.python.ensure({
            anew: input.anew,
            signal,
            onProgress: ({ phase, detail, done, total }) =>
              update({
                detail: `${phase}: ${detail}`,
                fraction: done === undefined || total === undefined || total <= 0 ? null : Math.min(1, done / total),
              }),
          }),
        ),
      ),
    },

    tasks: {
      watch: os.tasks.watch.handler(({ signal }) => services.tasks.watch(signal)),
      cancel: os.tasks.cancel.handler(({ input }) => services.tasks.cancel(input.taskId)),
    },

    picker: {
      list: os.picker.list.handler(({ input }) => services.picker.list(input.id)),
      createFolder: os.picker.createFolder.handler(({ input }) =>
        services.picker.createFolder(input.parentId, input.name),
      ),
      choose: os.picker.choose.handler(async ({ input }) => {
        const path = await services.desktop.choose(input.what);
        return { pickedId: path === null ? null : services.picker.idOf(path) };
      }),
    },

    desktop: {
      watch: os.desktop.watch.handler(({ signal }) => services.desktop.watch(signal)),
    },

    workspace: {
      templates: os.workspace.templates.handler(() => workspace.templates.list()),
      readTemplate: os.workspace.readTemplate.handler(({ input }) => workspace.templates.read(input.name)),
      folders: os.workspace.folders.handler(() => workspace.folders()),
      openFolder: os.workspace.openFolder.handler(({ input }) =>
        workspace.openFolder(services.picker.pathOf(input.pickedId)),
      ),
      openDefaultFolder: os.workspace.openDefaultFolder.handler(() => workspace.openDefaultFolder()),
      closeFolder: os.workspace.closeFolder.handler(({ input }) => workspace.closeFolder(input.folderId)),
      list: os.workspace.list.handler(({ input }) => workspace.list(input.folderId)),
      watch: os.workspace.watch.handler(({ input, signal }) => workspace.watch(input.folderId, signal)),
      read: os.workspace.read.handler(({ input }) => workspace.read(input)),
      write: os.workspace.write.handler(({ input }) => workspace.write(input, input.text, input.expectedVersion)),
      rename: os.workspace.rename.handler(({ input }) => {
        const { path } = workspace.resolve(input);
        const state = workspace.rename(input, input.newName);
        services.arena.noteMoved(path, workspace.resolve({ ...input, name: input.newName }).path);
        return state;
      }),
      delete: os.workspace.delete.handler(({ input }) => workspace.delete(input)),
      undoDelete: os.workspace.undoDelete.handler(({ input }) => workspace.undoDelete(input.undoId)),
      createFromTemplate: os.workspace.createFromTemplate.handler(({ input: { template, ...file } }) =>
        workspace.createFromTemplate(file, template),
      ),
      drafts: os.workspace.drafts.handler(() => workspace.drafts.list()),
      saveDraft: os.workspace.saveDraft.handler(({ input }) => workspace.drafts.save(input)),
      discardDraft: os.workspace.discardDraft.handler(({ input }) => ({
        discarded: workspace.drafts.discard(input.id),
      })),
    },

    scan: {
      scan: os.scan.scan.handler(({ input }) =>
        services.scan.scan(
          Buffer.from(input.text, "utf8"),
          input.numGpus,
          JSON.stringify(services.rules.policy().policy),
        ),
      ),
      review: os.scan.review.handler(({ input }) => services.scan.review(Buffer.from(input.text, "utf8"))),
      watchPolicy: os.scan.watchPolicy.handler(({ signal }) =>
        services.rules.watchPolicy(signal, services.lookEveryMs),
      ),
    },

    production: {
      read: os.production.read.handler(() => services.production.status()),
      watch: os.production.watch.handler(({ signal }) => services.production.watch(signal)),
      chooseSource: os.production.chooseSource.handler(({ input: { source } }) =>
        services.production.chooseSource(
          source.kind === "git" ? source : { kind: "folder", path: services.picker.pathOf(source.pickedId) },
        ),
      ),
      fetch: os.production.fetch.handler(() =>
        services.tasks.start("production_fetch", "Production source", (update, signal) =>
          services.production.fetch({ signal, onProgress: update }),
        ),
      ),
      pin: os.production.pin.handler(({ input }) => services.production.pin(input.revisionId)),
      remove: os.production.remove.handler(() => services.production.remove()),
      reading: os.production.reading.handler(({ input }) => services.production.reading(input.side)),
      changes: os.production.changes.handler(({ input, signal }) =>
        services.production.changes(input.from, input.to, signal),
      ),
      apply: os.production.apply.handler(({ input }) => services.production.apply(input.revisionId, input.parts)),
      revert: os.production.revert.handler(() => services.production.revert()),
      staleRuns: os.production.staleRuns.handler(({ input }) => services.production.staleRuns(input.runIds)),
    },

    hparams: {
      list: os.hparams.list.handler(() => services.hparams.list()),
      load: os.hparams.load.handler(({ input }) => services.hparams.load(input.name)),
    },

    engines: {
      list: os.engines.list.handler(async () =>
        (await services.docker.engines()).map(({ problem, ...engine }) => ({
          ...engine,
          problem: problem?.report() ?? null,
        })),
      ),
      check: os.engines.check.handler(async function* ({ input, signal }) {
        const { resolved } = await services.hparams.load(input.profile);
        services.ssh.askAgain();
        yield* services.doctor.check({ ...input, profile: { name: input.profile, resolved } }, signal);
      }),
      watchPrompts: os.engines.watchPrompts.handler(({ signal }) => services.enginePrompts.watch(signal)),
      answerPrompt: os.engines.answerPrompt.handler(({ input: { id, answer } }) => ({
        taken: services.enginePrompts.answer(id, answer),
      })),
    },

    simulation: {
      check: os.simulation.check.handler(({ input }) => services.simulation.forecast(simulationOptions(input))),
      commands: os.simulation.commands.handler(async ({ input }) => {
        const fileName = "order.json";
        const request = { ...simulationOptions(input), ...requestFor(input.target) };
        const { commands, order } = await services.simulation.byHand(request, fileName);
        return { commands, order: { fileName, mediaType: "application/json", text: order } };
      }),
      start: os.simulation.start.handler(async ({ input }) => {
        services.ssh.askAgain();
        const plan = await runs.start({ ...simulationOptions(input), ...requestFor(input.target) });
        return { runId: plan.runId, plan };
      }),
      startComparison: os.simulation.startComparison.handler(async ({ input }) => {
        services.ssh.askAgain();
        const request = { ...simulationOptions(input), ...requestFor(input.a) };
        const [a, b] = await runs.startComparison(request, requestFor(input.b));
        return { a: { runId: a.runId, plan: a }, b: { runId: b.runId, plan: b } };
      }),
      cancel: os.simulation.cancel.handler(async ({ input }) => {
        await runs.cancel(input.runId, input.atOnce);
        return { runId: input.runId };
      }),
      active: os.simulation.active.handler(() => runs.list()),
      events: os.simulation.events.handler(({ input, signal }) => runs.follow(input.runId, input.after, signal)),
    },

    runs: {
      list: os.runs.list.handler(({ input }) => historyPage(input)),
      watch: os.runs.watch.handler(({ signal }) => services.watchHistory(signal)),
      show: os.runs.show.handler(({ input: { runId } }) => {
        const { of, baselineRunId } = annotations.all();
        return { ...store.show(runId), annotation: of(runId), isBaseline: baselineRunId === runId };
      }),
      source: os.runs.source.handler(({ input: { runId } }) => {
        const bytes = store.source(runId);
        const text = bytes.toString("utf8");
        const { sha256, origin = null } = store.show(runId).plan.submission;
        return { text, sha256, origin, isText: Buffer.from(text, "utf8").equals(bytes) };
      }),
      originOf: os.runs.originOf.handler(({ input: { sha256, file } }) => ({
        origin:
          store.originOfCode(sha256) ??
          (file === undefined
            ? services.arena.originOfCode(sha256)
            : services.arena.originOf(workspace.place(file), sha256)) ??
          null,
      })),
      output: os.runs.output.handler(({ input }) => store.outputPage(input.runId, input.offset, input.maxBytes)),
      watchGpus: os.runs.watchGpus.handler(({ input: { runId, repeat, columns }, signal }) =>
        runs.followGpus(runId, repeat, columns, signal),
      ),
      compare: os.runs.compare.handler(({ input }) => compareRuns(compared(input.a), compared(input.b))),
      annotate: os.runs.annotate.handler(({ input: { runId, ...change } }) => {
        store.show(runId);
        const annotation = annotations.change(runId, change);
        services.historyChanged.advance();
        return annotation;
      }),
      pinBaseline: os.runs.pinBaseline.handler(({ input: { runId } }) => {
        if (runId !== null) store.show(runId);
        annotations.pinBaseline(runId);
        services.historyChanged.advance();
        return { baselineRunId: runId };
      }),
      delete: os.runs.delete.handler(({ input }) => {
        store.purge();
        return store.setAside(input.runIds);
      }),
      undoDelete: os.runs.undoDelete.handler(({ input }) => ({ runIds: store.restore(input.undoId) })),
      checkPrune: os.runs.checkPrune.handler(({ input }) => store.prune({ ...input, dryRun: true })),
      prune: os.runs.prune.handler(({ input }) => {
        store.purge();
        const doomed = store.prune({ ...input, dryRun: true }).runs;
        return store.setAside(doomed.map(({ id }) => id));
      }),
      import: os.runs.import.handler(({ input }) => {
        const { runId, origin } = store.import(readSharedRun(services.picker.pathOf(input.pickedId)));
        services.historyChanged.advance();
        return { runId, origin };
      }),
      export: os.runs.export.handler(({ input: { runId } }) => ({
        fileName: `crusader-run-${runId}.json`,
        mediaType: "application/json",
        text: `${JSON.stringify(store.export(runId), null, 2)}\n`,
      })),
      exportList: os.runs.exportList.handler(({ input: { format, ...filter } }) => {
        const { runs: rows } = historyPage({ ...filter, limit: ALL, offset: 0 });
        return format === "csv"
          ? { fileName: "crusader-runs.csv", mediaType: "text/csv", text: runsAsCsv(rows) }
          : {
              fileName: "crusader-runs.json",
              mediaType: "application/json",
              text: `${JSON.stringify(rows, null, 2)}\n`,
            };
      }),
    },

    servers: {
      list: os.servers.list.handler(() => services.servers.list()),
      add: os.servers.add.handler(({ input: { token, replace, keepToken, ...server } }) =>
        services.servers.add(server, token, { replace, keepToken }),
      ),
      remove: os.servers.remove.handler(({ input }) => services.servers.remove(input.name)),
      check: os.servers.check.handler(({ input, signal }) => services.servers.check(input.name, signal)),
    },

    images: {
      list: os.images.list.handler(({ input }) => services.images.list(input.engine)),
      check: os.images.check.handler(({ input, signal }) => services.images.check(imageRequest(input), signal)),
      build: os.images.build.handler(({ input }) => services.imageBuilds.start(imageRequest(input))),
      watchBuild: os.images.watchBuild.handler(({ signal }) => services.imageBuilds.watch(signal)),
      buildLog: os.images.buildLog.handler(({ input }) => services.imageBuilds.log(input.taskId)),
      remove: os.images.remove.handler(({ input }) => services.images.remove(input.engine, input.imageId)),
      hasToken: os.images.hasToken.handler(() => ({ hasToken: services.images.hasToken() })),
      setToken: os.images.setToken.handler(({ input }) => {
        services.images.setToken(input.token);
        return { hasToken: true };
      }),
      removeToken: os.images.removeToken.handler(() => {
        services.images.removeToken();
        return { hasToken: false };
      }),
    },

    practice: {
      watch: os.practice.watch.handler(({ signal }) => services.practice.watch(signal)),
      start: os.practice.start.handler(({ input }) => services.practice.start(input.secondsPerBlock)),
      stop: os.practice.stop.handler(() => services.practice.stop()),
      reset: os.practice.reset.handler(() => services.practice.reset()),
      createMiner: os.practice.createMiner.handler(({ input }) => services.practice.createMiner(input)),
      publish: os.practice.publish.handler(async ({ input }) =>
        services.practice.publish((await codeOf(input.target)).bytes),
      ),
    },

    localnet: {
      status: os.localnet.status.handler(({ input }) => services.localnet.status(input.engine)),
      start: os.localnet.start.handler(({ input: { engine, pull } }) => services.localnet.start(engine, { pull })),
      stop: os.localnet.stop.handler(({ input }) => services.localnet.stop(input.engine)),
    },

    hosting: {
      check: os.hosting.check.handler(async ({ input: { target, url, profile, network }, signal }) => {
        const { resolved } = await services.hparams.load(profile);
        return services.hosting.check(url, await codeOf(target), {
          timeoutMs: codeFetchTimeoutMs(resolved),
          allowedOrigins: services.allowedOrigins(network),
          ...(signal === undefined ? {} : { signal }),
        });
      }),
      publishGist: os.hosting.publishGist.handler(async ({ input: { target, ...gist }, signal }) =>
        services.hosting.publishGist(await codeOf(target), { ...gist, signal }),
      ),
      hasToken: os.hosting.hasToken.handler(() => ({ hasToken: services.hosting.hasToken() })),
      setToken: os.hosting.setToken.handler(({ input }) => {
        services.hosting.setToken(input.token);
        return { hasToken: services.hosting.hasToken() };
      }),
      removeToken: os.hosting.removeToken.handler(() => {
        services.hosting.removeToken();
        return { hasToken: services.hosting.hasToken() };
      }),
    },

    wallets: {
      list: os.wallets.list.handler(() => services.wallets.list()),
      needsPassword: os.wallets.needsPassword.handler(({ input }) => ({
        needsPassword: services.wallets.needsPassword(input.key),
      })),
      addressOf: os.wallets.addressOf.handler(async ({ input }) => ({
        address: await services.wallets.addressOf(input.key),
      })),
      sign: os.wallets.sign.handler(async ({ input: { key, payload, password }, signal }) => {
        const signature = await services.wallets.sign(key, payload, password, signal);
        return { signature: `0x${Buffer.from(signature).toString("hex")}` };
      }),
    },

    chain: {
      watchStatus: os.chain.watchStatus.handler(({ input, signal }) => services.chains.watch(input.network, signal)),
    },

    submission: {
      preflight: os.submission.preflight.handler(({ input, signal }) =>
        services.submission.preflight(submissionOrder(input), signal),
      ),
      dryRun: os.submission.dryRun.handler(({ input, signal }) =>
        services.submission.dryRun(submissionOrder(input), signal),
      ),
      begin: os.submission.begin.handler(({ input, signal }) =>
        services.submission.begin({ ...submissionOrder(input), reviewedFee: input.reviewedFee }, signal),
      ),
      prepare: os.submission.prepare.handler(({ input, signal }) => services.submission.prepare(input.id, signal)),
      send: os.submission.send.handler(({ input, signal }) => services.submission.send(input, signal)),
      abandon: os.submission.abandon.handler(({ input, signal }) => services.submission.abandon(input.id, signal)),
      changeNetwork: os.submission.changeNetwork.handler(({ input: { id, network }, signal }) =>
        services.submission.changeNetwork(id, network, signal),
      ),
      list: os.submission.list.handler(() => services.submission.list()),
      watch: os.submission.watch.handler(({ signal }) => services.submission.watch(signal)),
      openPayments: os.submission.openPayments.handler(() => services.submission.openPayments()),
      export: os.submission.export.handler(({ input }) => services.submission.export(input)),
    },

    arena: {
      sources: os.arena.sources.handler(() => services.arena.sources()),
      addSource: os.arena.addSource.handler(({ input: { name, place, apiKey, ...how } }) =>
        services.arena.add(
          {
            name,
            place: place.kind === "api" ? place : { kind: "database", path: services.picker.pathOf(place.pickedId) },
          },
          apiKey,
          how,
        ),
      ),
      removeSource: os.arena.removeSource.handler(({ input }) => services.arena.remove(input.name, input.forget)),
      checkSource: os.arena.checkSource.handler(async ({ input, signal }) => {
        const { problem, milliseconds } = await services.arena.check(input.name, signal);
        return { name: input.name, problem: problem?.report() ?? null, milliseconds };
      }),
      refresh: os.arena.refresh.handler(({ input }) => services.arena.refresh(input.source)),
      watch: os.arena.watch.handler(({ signal }) => services.arena.watch(signal)),
      board: os.arena.board.handler(async ({ input: { source, profile, ...page } }) =>
        services.arena.board(source, boardRulesOf((await services.hparams.load(profile)).resolved), page),
      ),
      history: os.arena.history.handler(({ input }) => services.arena.history(input.source)),
      status: os.arena.status.handler(({ input }) => services.arena.status(input.source)),
      submission: os.arena.submission.handler(({ input }) => services.arena.submission(input)),
      refreshSubmission: os.arena.refreshSubmission.handler(({ input }) => services.arena.refreshSubmission(input)),
      diff: os.arena.diff.handler(({ input }) => services.arena.diff(diffSide(input.a), diffSide(input.b))),
      search: os.arena.search.handler(({ input }) => services.arena.search(input)),
      export: os.arena.export.handler(({ input: { source, format, withCode } }) => {
        const submissions = services.arena.export(source, withCode && format === "json");
        return format === "csv"
          ? { fileName: `arena-${source}.csv`, mediaType: "text/csv", text: submissionsAsCsv(submissions) }
          : {
              fileName: `arena-${source}.json`,
              mediaType: "application/json",
              text: `${JSON.stringify({ source, submissions }, null, 2)}\n`,
            };
      }),
      openAsCopy: os.arena.openAsCopy.handler(({ input: { submission, file } }) => {
        const { bytes } = services.arena.code(submission);
        const text = Buffer.from(bytes).toString("utf8");
        if (!Buffer.from(text, "utf8").equals(bytes)) {
          throw new CrusaderError("unsupported", "This code is no text, so no file can be made of it.");
        }
        // First the note: whatever happens in between, nobody's code lies there unmarked.
        services.arena.noteCopy(workspace.place(file), submission);
        workspace.write(file, text, null);
        return workspace.read(file);
      }),
      inspect: os.arena.inspect.handler(({ input }) => services.arenaReview.inspect(input)),
      techniqueHistory: os.arena.techniqueHistory.handler(({ input: { source, techniques }, signal }) =>
        services.arenaReview.techniqueHistory(source, techniques, signal),
      ),
      notes: os.arena.notes.handler(({ input }) => services.arenaReview.notes(input)),
      annotate: os.arena.annotate.handler(({ input: { submission, change } }) =>
        services.arenaReview.annotate(submission, change),
      ),
      exportReview: os.arena.exportReview.handler(({ input: { submission, format } }) =>
        services.arenaReview.report(submission, format),
      ),
    },

    settings: {
      read: os.settings.read.handler(() => services.settings.read()),
      change: os.settings.change.handler(({ input }) => services.settings.change(input)),
      watch: os.settings.watch.handler(({ signal }) => services.settings.watch(signal)),
    },
  });
}

export type Router = ReturnType<typeof createRouter>;

function versions({ version }: Services): Record<string, string> {
  const { node, electron, chrome } = process.versions;
  return {
    crusader: version,
    node,
    ...(electron === undefined ? {} : { electron }),
    ...(chrome === undefined ? {} : { chrome }),
  };
}
