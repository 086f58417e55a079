/**
 * The one contract between the window and the services: every procedure with its input, output and errors, every stream.
 * Router, hosts and client derive from it; `contract.test.ts` pins the surface.
 *
 * Inputs are `unknown` until these schemas have passed them. No procedure takes a path, a command or a shell string.
 * A procedure named `watch...`, `simulation.events`, `engines.check` and `submission.preflight` are streams: async iterables that begin with how
 * things stand.
 */
import type { ContractRouterClient, InferContractRouterInputs, InferContractRouterOutputs } from "@orpc/contract";
import { eventIterator, oc } from "@orpc/contract";
import { z } from "zod";
import {
  arenaDiffSchema,
  arenaExportSchema,
  arenaFoundSchema,
  arenaHistorySchema,
  arenaSearchSchema,
  arenaSourceSchema,
  boardRequestSchema,
  boardSchema,
  diffSideSchema,
  shownSourceSchema,
  shownSubmissionSchema,
  sourceChoicePlaceSchema,
  submissionReferenceSchema,
  validatorStatusSchema,
} from "./arena.ts";
import {
  inspectionSchema,
  noteRequestSchema,
  reviewExportSchema,
  reviewNotesSchema,
  techniqueHistoryRequestSchema,
  techniqueHistorySchema,
} from "./arena-review.ts";
import { addressSchema, chainStatusSchema, hexSchema, networkSchema } from "./chain.ts";
import { setAsideSchema } from "./data-folder.ts";
import { desktopRequestSchema } from "./desktop.ts";
import { enginePromptSchema, promptAnswerSchema } from "./engine-prompts.ts";
import { engineCheckSchema, engineChoiceSchema, engineNeedsSchema } from "./engines.ts";
import { ERROR_CODES, type ErrorCode, errorReportSchema } from "./errors.ts";
import {
  annotationSchema,
  comparisonSchema,
  deletedRunsSchema,
  exportedFileSchema,
  historyPageSchema,
  importedRunSchema,
  MAX_OUTPUT_PAGE_BYTES,
  MAX_RUNS_PER_PAGE,
  outputPageSchema,
  pruneRulesSchema,
  runFilterSchema,
  shownRunSchema,
} from "./history.ts";
import { gistDescriptionSchema, gistIdSchema, gistSchema, gitHubTokenSchema, hostedCheckSchema } from "./hosting.ts";
import { profileSchema, profileSummarySchema } from "./hparams.ts";
import {
  buildLogSchema,
  buildViewSchema,
  hubTokenSchema,
  imageCheckSchema,
  imageListSchema,
  imageRequestSchema,
} from "./images.ts";
import { localnetEngineSchema, localnetStatusSchema } from "./localnet.ts";
import { machineSchema } from "./machine.ts";
import { practiceMinerSchema, practiceStatusSchema, secondsPerBlockSchema } from "./practice.ts";
import {
  productionStatusSchema,
  readingSchema,
  revisionIdSchema,
  rulesComparisonSchema,
  rulesPartSchema,
  rulesSideSchema,
  sourceChoiceSchema,
  staleRunSchema,
} from "./production.ts";
import { reviewSchema } from "./review.ts";
import { codeOriginSchema, runSummarySchema } from "./runs.ts";
import { analysisSchema, policyInForceSchema } from "./scan.ts";
import {
  evaluationServerSchema,
  serverCheckSchema,
  serverNameSchema,
  serverTokenSchema,
  shownServerSchema,
} from "./servers.ts";
import { settingsChangeSchema, settingsSchema, storedSettingsSchema } from "./settings.ts";
import {
  activeRunSchema,
  forecastSchema,
  MAX_REPEATS,
  profileNameSchema,
  runIdSchema,
  runUpdateSchema,
  simulationOptionsSchema,
  startedSchema,
  targetSchema,
} from "./simulation.ts";
import {
  beginRequestSchema,
  dryRunSchema,
  MAX_TYPED_URL_CHARACTERS,
  openPaymentSchema,
  preflightSchema,
  signedSchema,
  submissionIdSchema,
  submissionRequestSchema,
  submissionSchema,
  submissionStepSchema,
} from "./submission.ts";
import { taskSchema } from "./tasks.ts";
import { gpuTelemetrySchema, MAX_COLUMNS, MIN_COLUMNS } from "./telemetry.ts";
import { keyReferenceSchema, signInputSchema, walletListSchema, walletNameSchema } from "./wallets.ts";
import {
  draftSchema,
  fileContentSchema,
  fileNameSchema,
  fileReferenceSchema,
  fileStateSchema,
  fileVersionSchema,
  folderNameSchema,
  folderSchema,
  listingSchema,
  opaqueIdSchema,
  pickerViewSchema,
  savedDraftSchema,
  templateNameSchema,
  templateSchema,
  textSchema,
} from "./workspace.ts";

/** Which windows may call a procedure; the router refuses the others. */
export const HOSTS = ["electron", "web"] as const;
export type Host = (typeof HOSTS)[number];
export type ProcedureMeta = { hosts?: readonly Host[] };

/** Every procedure may end with any of our codes; `data` is the whole report. */
const errorMap = Object.fromEntries(ERROR_CODES.map((code) => [code, { data: errorReportSchema }])) as {
  [Code in ErrorCode]: { data: typeof errorReportSchema };
};

const procedure = oc.$meta<ProcedureMeta>({ hosts: HOSTS }).errors(errorMap);
const inWebOnly = procedure.meta({ hosts: ["web"] });
const inElectronOnly = procedure.meta({ hosts: ["electron"] });

export const contract = {
  app: {
    /** Crusader, Node, Electron where there is one. */
    versions: procedure.output(z.record(z.string(), z.string())),
    /** What to attach to a bug report: versions, machine, settings, the last errors; names and paths are taken out. */
    diagnostics: procedure.output(exportedFileSchema),
    /** Files of the data folder that turned out damaged since the start; again whenever there is another. */
    watchSetAside: procedure.output(eventIterator(z.array(setAsideSchema))),
  },

  machine: {
    read: procedure.output(machineSchema),
    /** Begins to make the Python environment (about 1 GB, once); returns the task that does so already if there is one. */
    setup: procedure.input(z.object({ anew: z.boolean().default(false) })).output(taskSchema),
  },

  tasks: {
    /** All tasks since the start, newest first; again whenever one changes, at most ten times a second. */
    watch: procedure.output(eventIterator(z.array(taskSchema))),
    /** Ended tasks stay as they are. */
    cancel: procedure.input(z.object({ taskId: z.string() })).output(taskSchema),
  },

  /** Choosing a folder: in the browser step by step, on a desktop in the system's dialog. */
  picker: {
    /** Without an id: the home folder. */
    list: inWebOnly.input(z.object({ id: opaqueIdSchema.optional() })).output(pickerViewSchema),
    createFolder: inWebOnly
      .input(z.object({ parentId: opaqueIdSchema, name: folderNameSchema }))
      .output(pickerViewSchema),
    /** Returns when the dialog is closed. Null: nothing was picked. */
    choose: inElectronOnly
      .input(z.object({ what: z.enum(["folder", "exportedRun", "database"]).default("folder") }).prefault({}))
      .output(z.object({ pickedId: opaqueIdSchema.nullable() })),
  },

  desktop: {
    /** What the native menu, opened files and clicked notifications ask of the window; each is told once. */
    watch: inElectronOnly.output(eventIterator(z.array(desktopRequestSchema))),
  },

  workspace: {
    templates: procedure.output(z.array(templateSchema)),
    readTemplate: procedure
      .input(z.object({ name: templateNameSchema }))
      .output(templateSchema.extend({ text: z.string() })),

    /** Those opened before, the last one first. */
    folders: procedure.output(z.array(folderSchema)),
    /** `pickedId` comes from the picker. */
    openFolder: procedure.input(z.object({ pickedId: opaqueIdSchema })).output(folderSchema),
    /** Crusader's own folder for submissions, made when it is missing. */
    openDefaultFolder: procedure.output(folderSchema),
    /** Forgets it; its files stay. */
    closeFolder: procedure.input(z.object({ folderId: opaqueIdSchema })).output(z.array(folderSchema)),

    list: procedure.input(z.object({ folderId: opaqueIdSchema })).output(listingSchema),
    /** The listing, and again whenever anything in it changed, also from outside. */
    watch: procedure.input(z.object({ folderId: opaqueIdSchema })).output(eventIterator(listingSchema)),
    read: procedure.input(fileReferenceSchema).output(fileContentSchema),
    /** `conflict` unless the file's version is `expectedVersion` (null: there is none); then nothing was written. */
    write: procedure
      .input(fileReferenceSchema.extend({ text: textSchema, expectedVersion: fileVersionSchema.nullable() }))
      .output(fileStateSchema),
    /** `conflict` where the name is taken. */
    rename: procedure.input(fileReferenceSchema.extend({ newName: fileNameSchema })).output(fileStateSchema),
    delete: procedure.input(fileReferenceSchema).output(z.object({ undoId: opaqueIdSchema })),
    /** `conflict` where the name is taken again. */
    undoDelete: procedure.input(z.object({ undoId: opaqueIdSchema })).output(fileStateSchema),
    /** `conflict` where the name is taken. */
    createFromTemplate: procedure
      .input(fileReferenceSchema.extend({ template: templateNameSchema }))
      .output(fileContentSchema),

    drafts: procedure.output(z.array(savedDraftSchema)),
    saveDraft: procedure.input(draftSchema).output(savedDraftSchema.omit({ text: true })),
    discardDraft: procedure.input(z.object({ id: draftSchema.shape.id })).output(z.object({ discarded: z.boolean() })),
  },

  scan: {
    /** What production's static scan would say, with advice and repairs. `numGpus` sizes a strategy declared as a string. */
    scan: procedure
      .input(z.object({ text: textSchema, numGpus: z.number().int().min(1).max(64).default(1) }))
      .output(analysisSchema),
    /** What a reviewer should look at beyond the scan, and which known techniques the file uses. By no rules in force. */
    review: procedure.input(z.object({ text: textSchema })).output(reviewSchema),
    /** The rules it goes by now, and again whenever others are put in force. */
    watchPolicy: procedure.output(eventIterator(policyInForceSchema)),
  },

  /** The validator's public repository: fetched when asked for, read as data, never run here. */
  production: {
    read: procedure.output(productionStatusSchema),
    /** How things stand, and again whenever that changed. */
    watch: procedure.output(eventIterator(productionStatusSchema)),
    /** What the next fetch reads; what was fetched stays. */
    chooseSource: procedure.input(z.object({ source: sourceChoiceSchema })).output(productionStatusSchema),
    /**
     * Begins to fetch the source's newest revision; the first one fetched is pinned. Returns the task that does so already
     * if there is one. It fails with `git_missing`, `fetch_failed`, `too_large`, `disk_full`.
     */
    fetch: procedure.output(taskSchema),
    /** `not_found` unless it is the newest or the pinned one. */
    pin: procedure.input(z.object({ revisionId: revisionIdSchema })).output(productionStatusSchema),
    /** Forgets what was fetched. What was applied stays in force. */
    remove: procedure.output(productionStatusSchema),
    /** What was found in a revision; `not_found` where that side was not fetched. */
    reading: procedure.input(z.object({ side: z.enum(["pinned", "newest"]) })).output(readingSchema),
    /** What changed in what matters, with consequences for the user's own runs and files. */
    changes: procedure
      .input(z.object({ from: rulesSideSchema.default("in_force"), to: rulesSideSchema.default("newest") }))
      .output(rulesComparisonSchema),
    /**
     * Puts a revision's rules in force and pins it. `not_found` where a part was not found in it, `invalid_profile` where its
     * values are not allowed; then nothing has changed.
     */
    apply: procedure
      .input(
        z.object({
          revisionId: revisionIdSchema,
          parts: z.array(rulesPartSchema).min(1).default(["policy", "profile"]),
        }),
      )
      .output(productionStatusSchema),
    /** Back to the built-in rules. */
    revert: procedure.output(productionStatusSchema),
    /** Runs made under other rules than those in force; `runIds` asks about these only. */
    staleRuns: procedure
      .input(z.object({ runIds: z.array(runIdSchema).max(100).optional() }).prefault({}))
      .output(z.array(staleRunSchema)),
  },

  hparams: {
    list: procedure.output(z.array(profileSummarySchema)),
    load: procedure.input(z.object({ name: profileNameSchema })).output(profileSchema),
  },

  /** Container engines of the docker backend. */
  engines: {
    /** Each asked whether it answers; the docker command's own first. */
    list: procedure.output(z.array(engineChoiceSchema)),
    /**
     * Whether one is fit for runs: what is known so far, again with each thing that was found out, and at the end all of
     * it. It starts a short-lived container there, which is gone when the stream ends, also where it is ended early.
     */
    check: procedure.input(engineNeedsSchema).output(eventIterator(engineCheckSchema)),
    /** What ssh asks on its way to an engine and waits for; again whenever that changes. */
    watchPrompts: procedure.output(eventIterator(z.array(enginePromptSchema))),
    /** Null declines. The answer goes to ssh and comes out nowhere. False: it does not wait any more. */
    answerPrompt: procedure
      .input(z.object({ id: z.string().max(64), answer: promptAnswerSchema.nullable() }))
      .output(z.object({ taken: z.boolean() })),
  },

  simulation: {
    /** What a start with these options would do, and what is missing for it. */
    check: procedure.input(simulationOptionsSchema).output(forecastSchema),
    /** How one repeat of it is judged without Crusader: commands, and the order file they read. */
    commands: procedure
      .input(simulationOptionsSchema.extend({ target: targetSchema }))
      .output(z.object({ commands: z.string(), order: exportedFileSchema })),
    /** Returns when the run has its number and its plan is on the disk; judging goes on behind it. */
    start: procedure.input(simulationOptionsSchema.extend({ target: targetSchema })).output(startedSchema),
    /** Two runs whose repeats alternate with equal seeds (A B A B). */
    startComparison: procedure
      .input(simulationOptionsSchema.extend({ a: targetSchema, b: targetSchema }))
      .output(z.object({ a: startedSchema, b: startedSchema })),
    /** Returns when nothing of it lives any more. Ends both sides of a comparison. */
    cancel: procedure
      .input(z.object({ runId: runIdSchema, atOnce: z.boolean().default(false) }))
      .output(z.object({ runId: z.string() })),
    active: procedure.output(z.array(activeRunSchema)),
    /** Replays the record after that number, then goes on live; for any run, also one that has ended. */
    events: procedure
      .input(z.object({ runId: runIdSchema, after: z.number().int().nonnegative().default(0) }))
      .output(eventIterator(runUpdateSchema)),
  },

  runs: {
    list: procedure
      .input(
        runFilterSchema.extend({
          limit: z.number().int().min(1).max(MAX_RUNS_PER_PAGE).default(100),
          offset: z.number().int().nonnegative().default(0),
        }),
      )
      .output(historyPageSchema),
    /** A counter that moves whenever lists may differ (a run began or ended, was deleted or annotated): read again. */
    watch: procedure.output(eventIterator(z.object({ revision: z.number().int() }))),
    show: procedure.input(z.object({ runId: runIdSchema })).output(shownRunSchema),
    /** What was judged. `isText` false: it is no UTF-8, and the text shows that as U+FFFD. */
    source: procedure.input(z.object({ runId: runIdSchema })).output(
      z.object({
        text: z.string(),
        sha256: z.string(),
        isText: z.boolean(),
        /** Null: the user's own code. */
        origin: codeOriginSchema.nullable(),
      }),
    ),
    /** Whose code is in a file of that hash, or in that place; null: the user's own, or nobody's that was ever seen. */
    originOf: procedure
      .input(z.object({ sha256: fileVersionSchema, file: fileReferenceSchema.optional() }))
      .output(z.object({ origin: codeOriginSchema.nullable() })),
    output: procedure
      .input(
        z.object({
          runId: runIdSchema,
          offset: z.number().int().nonnegative().default(0),
          maxBytes: z
            .number()
            .int()
            .min(1024)
            .max(MAX_OUTPUT_PAGE_BYTES)
            .default(256 * 1024),
        }),
      )
      .output(outputPageSchema),
    /** What the GPUs of one repeat do, down-sampled to so many columns of a chart: again while it goes on, to its end. */
    watchGpus: procedure
      .input(
        z.object({
          runId: runIdSchema,
          repeat: z
            .number()
            .int()
            .min(0)
            .max(MAX_REPEATS - 1),
          columns: z.number().int().min(MIN_COLUMNS).max(MAX_COLUMNS).default(200),
        }),
      )
      .output(eventIterator(gpuTelemetrySchema)),
    compare: procedure.input(z.object({ a: runIdSchema, b: runIdSchema })).output(comparisonSchema),
    annotate: procedure
      .input(z.object({ runId: runIdSchema, ...annotationSchema.partial().shape }))
      .output(annotationSchema),
    /** Null: none. */
    pinBaseline: procedure
      .input(z.object({ runId: runIdSchema.nullable() }))
      .output(z.object({ baselineRunId: z.string().nullable() })),
    delete: procedure
      .input(z.object({ runIds: z.array(runIdSchema).min(1).max(MAX_RUNS_PER_PAGE) }))
      .output(deletedRunsSchema),
    undoDelete: procedure.input(z.object({ undoId: opaqueIdSchema })).output(z.object({ runIds: z.array(z.string()) })),
    /** What the rules would remove. */
    checkPrune: procedure
      .input(pruneRulesSchema)
      .output(z.object({ runs: z.array(runSummarySchema), bytes: z.number(), remaining: z.number() })),
    prune: procedure.input(pruneRulesSchema).output(deletedRunsSchema),
    /**
     * Enters what another Crusader recorded, under a number of this history: `pickedId` is that of a run's folder or of a
     * file that `export` made. `invalid_record` where it is not whole, `too_large`; then nothing was imported.
     */
    import: procedure.input(z.object({ pickedId: opaqueIdSchema })).output(importedRunSchema),
    /** One run in full: plan, result, events, source, log. */
    export: procedure.input(z.object({ runId: runIdSchema })).output(exportedFileSchema),
    /** One row a run. */
    exportList: procedure.input(runFilterSchema.extend({ format: z.enum(["csv", "json"]) })).output(exportedFileSchema),
  },

  /** Evaluation servers. A token goes in here, and comes out nowhere. */
  servers: {
    list: procedure.output(z.array(shownServerSchema)),
    /** `conflict` where the name is taken, unless it is to be replaced. Without a token the server gets none, and keeps none. */
    add: procedure
      .input(
        evaluationServerSchema.extend({
          token: serverTokenSchema.nullable().default(null),
          replace: z.boolean().default(false),
          /** With `replace`, and no token: keep the one it has, where the address stays the same. */
          keepToken: z.boolean().default(false),
        }),
      )
      .output(z.array(shownServerSchema)),
    /** Forgets it and its token. */
    remove: procedure.input(z.object({ name: serverNameSchema })).output(z.array(shownServerSchema)),
    /** Whether it answers. */
    check: procedure.input(z.object({ name: serverNameSchema })).output(serverCheckSchema),
  },

  /** Images that evaluations in containers run in. The Hugging Face token goes in here, and comes out nowhere. */
  images: {
    /** Those of ours on an engine, the newest first. */
    list: procedure.input(imageRequestSchema.pick({ engine: true })).output(imageListSchema),
    /** What a build would do, and what stands in its way. */
    check: procedure.input(imageRequestSchema).output(imageCheckSchema),
    /**
     * Begins to build; returns the task that builds the same already, if there is one. `busy` while another is built. It
     * fails with `build_failed`, `disk_full`, `engine_unreachable`, `unsupported`; what the builder has done is kept.
     */
    build: procedure.input(imageRequestSchema).output(taskSchema),
    /** The build that goes on, or the last one; again when it may have changed. Null: none since the start. */
    watchBuild: procedure.output(eventIterator(buildViewSchema.nullable())),
    /** `not_found` for any but the last. */
    buildLog: procedure.input(z.object({ taskId: z.string().max(64) })).output(buildLogSchema),
    /** With all its names; `access_denied` for one that is not ours, `conflict` for one that is used. */
    remove: procedure
      .input(imageRequestSchema.pick({ engine: true }).extend({ imageId: z.string().regex(/^sha256:[0-9a-f]{64}$/) }))
      .output(z.object({ removed: z.array(z.string()) })),
    hasToken: procedure.output(z.object({ hasToken: z.boolean() })),
    setToken: procedure.input(z.object({ token: hubTokenSchema })).output(z.object({ hasToken: z.boolean() })),
    removeToken: procedure.output(z.object({ hasToken: z.boolean() })),
  },

  /** A chain of Crusader's own on this machine, for submissions that cost nothing. */
  practice: {
    /** How it stands, and again whenever that changed: with each block. */
    watch: procedure.output(eventIterator(practiceStatusSchema)),
    /** Goes on with the chain there is, or begins one; without a pace, at that of the last time. */
    start: procedure
      .input(z.object({ secondsPerBlock: secondsPerBlockSchema.nullable().default(null) }).prefault({}))
      .output(practiceStatusSchema),
    /** The chain stays. */
    stop: procedure.output(practiceStatusSchema),
    /** Stops it, and forgets chain, files and throwaway wallets. */
    reset: procedure.output(practiceStatusSchema),
    /** A throwaway wallet, its hotkey registered, its coldkey funded; `conflict` where there is such a hotkey already. */
    createMiner: procedure
      .input(z.object({ wallet: walletNameSchema, hotkey: walletNameSchema }))
      .output(practiceMinerSchema),
    /** Puts the target on the practice network's own host, at a new address each time. */
    publish: procedure.input(z.object({ target: targetSchema })).output(z.object({ url: z.string() })),
  },

  /** The public localnet container on an engine of this machine: the chain of the network "local". */
  localnet: {
    /** `engine_unreachable`; `unsupported` for an engine elsewhere. */
    status: procedure.input(localnetEngineSchema.prefault({})).output(localnetStatusSchema),
    /**
     * Begins to start it; returns the task that does so already if there is one. Its image is fetched only with `pull`. It fails with
     * `image_missing`, `conflict` where its ports are taken, `engine_unreachable`, `engine_failed`; what was fetched is kept.
     */
    start: procedure.input(localnetEngineSchema.extend({ pull: z.boolean().default(false) })).output(taskSchema),
    /** Ends and removes it, with its chain. `busy` while it is being started. */
    stop: procedure.input(localnetEngineSchema.prefault({})).output(localnetStatusSchema),
  },

  /** Where a submission's file lies. */
  hosting: {
    /** What the validator would find at a URL now, against the target's bytes; the profile says how long it waits. */
    check: procedure
      .input(
        z.object({
          target: targetSchema,
          url: z.string().max(MAX_TYPED_URL_CHARACTERS),
          profile: profileNameSchema,
          network: networkSchema,
        }),
      )
      .output(hostedCheckSchema),
    /**
     * A secret gist of the target, or the gist `gistId` with the target as its one file. `usage` without a token, `conflict` for a gist that
     * an own commitment names, `publish_failed`.
     */
    publishGist: procedure
      .input(z.object({ target: targetSchema, description: gistDescriptionSchema, gistId: gistIdSchema.nullable() }))
      .output(gistSchema),
    /** Of GitHub. It goes in and never out. */
    hasToken: procedure.output(z.object({ hasToken: z.boolean() })),
    setToken: procedure.input(z.object({ token: gitHubTokenSchema })).output(z.object({ hasToken: z.boolean() })),
    removeToken: procedure.output(z.object({ hasToken: z.boolean() })),
  },

  /** Bittensor's key files of this machine. A password goes in here, and comes out nowhere; a secret never does. */
  wallets: {
    /** By the public files alone. */
    list: procedure.output(walletListSchema),
    needsPassword: procedure
      .input(z.object({ key: keyReferenceSchema }))
      .output(z.object({ needsPassword: z.boolean() })),
    /** Where the list does not tell it: from the key file itself, unless that is encrypted. */
    addressOf: procedure.input(z.object({ key: keyReferenceSchema })).output(z.object({ address: addressSchema })),
    /**
     * 65 bytes, the signature's kind first, for a payload that a submission has prepared and waits for; `conflict` for any
     * other. `wrong_password`, `wallet_unreadable`, `not_found`, `access_denied`.
     */
    sign: procedure.input(signInputSchema).output(z.object({ signature: hexSchema })),
  },

  chain: {
    /** How the connection to a network stands, and again whenever that changed; it is kept as long as somebody watches. */
    watchStatus: procedure.input(z.object({ network: networkSchema })).output(eventIterator(chainStatusSchema)),
  },

  /** From a proven file to a commitment that reveals. Nothing is ever sent that was not prepared, shown and signed. */
  submission: {
    /** All checks, and again with each that became known; ends when all are. */
    preflight: procedure.input(submissionRequestSchema).output(eventIterator(preflightSchema)),
    /** What would be signed; nothing is signed, sent or kept. */
    dryRun: procedure.input(submissionRequestSchema).output(dryRunSchema),
    /**
     * Keeps what is meant. `conflict` where the preflight blocks, the fee is another one than was shown, or another submission with one
     * of these keys is not over.
     */
    begin: procedure.input(beginRequestSchema).output(submissionSchema),
    /**
     * Prepares the step whose turn it is, anew, after the whole preflight; `unsigned` of that step is what to sign. `conflict` where the
     * preflight blocks, or what was sent before may still count.
     */
    prepare: procedure.input(z.object({ id: submissionIdSchema })).output(submissionSchema),
    /** Sends what was prepared, signed. `conflict` where the preflight blocks by now; `signature_refused`. */
    send: procedure
      .input(z.object({ id: submissionIdSchema, step: submissionStepSchema, signed: signedSchema }))
      .output(submissionSchema),
    /** What was paid stays listed. `conflict` once its commitment is, or may be, on the chain. */
    abandon: procedure.input(z.object({ id: submissionIdSchema })).output(submissionSchema),
    /** Goes on over another node of the same chain; `conflict` where it is another chain. */
    changeNetwork: procedure
      .input(z.object({ id: submissionIdSchema, network: networkSchema }))
      .output(submissionSchema),
    /** The newest first. */
    list: procedure.output(z.array(submissionSchema)),
    /** The list, and again when anything of it changed. */
    watch: procedure.output(eventIterator(z.array(submissionSchema))),
    /** Payments that no commitment cites, which the next submission of that hotkey's owner can. */
    openPayments: procedure.output(z.array(openPaymentSchema)),
    /** Proofs of payment and commitment; without ids, of all. */
    export: procedure
      .input(z.object({ ids: z.array(submissionIdSchema).max(1000).optional(), format: z.enum(["json", "markdown"]) }))
      .output(exportedFileSchema),
  },

  /** Everybody's submissions, as validators publish them. All of it is others' words; an API key goes in here, and comes out nowhere. */
  arena: {
    sources: procedure.output(z.array(shownSourceSchema)),
    /** `conflict` where the name is taken, unless it is to be replaced; `not_found`, `unsupported` for a database that is none. */
    addSource: procedure
      .input(
        z.object({
          name: arenaSourceSchema.shape.name,
          place: sourceChoicePlaceSchema,
          apiKey: serverTokenSchema.nullable().default(null),
          replace: z.boolean().default(false),
          /** With `replace`, and no key: keep the one it has, where the address stays the same. */
          keepApiKey: z.boolean().default(false),
        }),
      )
      .output(z.array(shownSourceSchema)),
    /** Forgets it and its key; what was seen of it stays, unless `forget`. */
    removeSource: procedure
      .input(z.object({ name: arenaSourceSchema.shape.name, forget: z.boolean().default(false) }))
      .output(z.array(shownSourceSchema)),
    /** Whether it answers as a source does; changes nothing. */
    checkSource: procedure.input(z.object({ name: arenaSourceSchema.shape.name })).output(serverCheckSchema),
    /** Looks now, at all of them without a name; returns when that is done. What stands in the way is in the answer. */
    refresh: procedure
      .input(z.object({ source: arenaSourceSchema.shape.name.optional() }).prefault({}))
      .output(z.array(shownSourceSchema)),
    /** A counter that moves whenever something here may read differently: read again. While it is read, sources are looked at. */
    watch: procedure.output(eventIterator(z.object({ revision: z.number().int() }))),
    board: procedure.input(boardRequestSchema).output(boardSchema),
    history: procedure.input(z.object({ source: arenaSourceSchema.shape.name })).output(arenaHistorySchema),
    status: procedure.input(z.object({ source: arenaSourceSchema.shape.name })).output(validatorStatusSchema),
    /** From what is kept. */
    submission: procedure.input(submissionReferenceSchema).output(shownSubmissionSchema),
    /** The same, read anew from its source. */
    refreshSubmission: procedure.input(submissionReferenceSchema).output(shownSubmissionSchema),
    diff: procedure.input(z.object({ a: diffSideSchema, b: diffSideSchema })).output(arenaDiffSchema),
    search: procedure.input(arenaSearchSchema).output(arenaFoundSchema),
    export: procedure.input(arenaExportSchema).output(exportedFileSchema),
    /** A new file with the code as it is, `conflict` where the name is taken. It counts as another's from then on. */
    openAsCopy: procedure
      .input(z.object({ submission: submissionReferenceSchema, file: fileReferenceSchema }))
      .output(fileContentSchema),
    /** Scan by the rules in force and review of the kept code, places as it is shown. `not_found` where none is kept. */
    inspect: procedure.input(submissionReferenceSchema).output(inspectionSchema),
    /** Reviews older codes of the board until each technique was found; tells how far it is, and ends. */
    techniqueHistory: procedure.input(techniqueHistoryRequestSchema).output(eventIterator(techniqueHistorySchema)),
    /** What the reader noted. */
    notes: procedure.input(submissionReferenceSchema).output(reviewNotesSchema),
    /** Empty text and no verdict: the note goes. `conflict` for a line where lines of other code are noted. */
    annotate: procedure.input(noteRequestSchema).output(reviewNotesSchema),
    exportReview: procedure.input(reviewExportSchema).output(exportedFileSchema),
  },

  settings: {
    read: procedure.output(storedSettingsSchema),
    change: procedure.input(settingsChangeSchema).output(settingsSchema),
    /** Now, and again whenever any window changed them. */
    watch: procedure.output(eventIterator(settingsSchema)),
  },
};

export type Contract = typeof contract;
export type Client = ContractRouterClient<Contract>;
export type Inputs = InferContractRouterInputs<Contract>;
export type Outputs = InferContractRouterOutputs<Contract>;
