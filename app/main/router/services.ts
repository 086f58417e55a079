/** The services of one host, made once and closed once. Nothing happens on the disk before they are used. */
import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import packageJson from "../../../package.json" with { type: "json" };
import type { Network } from "../../common/chain.ts";
import type { SetAside } from "../../common/data-folder.ts";
import { ArenaReview, createArena } from "../services/arena/index.ts";
import { Chains, networkPlace } from "../services/chain/index.ts";
import { DesktopService, type SystemDialogs } from "../services/desktop/index.ts";
import { EngineDoctor, EnginePrompts, SshConnections } from "../services/engine/index.ts";
import { type Network as FetchNetwork, HostingService } from "../services/hosting/index.ts";
import { HparamsService } from "../services/hparams/index.ts";
import { ImageBuilds, ImageService } from "../services/images/index.ts";
import { MachineService, PYTHON_NOT_PREPARED } from "../services/machine/index.ts";
import { Localnet, LocalnetTasks, PracticeService, practiceWalletsFolder } from "../services/practice/index.ts";
import { ProductionService, productionCode } from "../services/production/index.ts";
import { PythonService } from "../services/python/index.ts";
import { Rules } from "../services/rules/index.ts";
import { Annotations, RunStore } from "../services/runs/index.ts";
import { ScanService } from "../services/scan/index.ts";
import { ServerList } from "../services/servers/index.ts";
import { FileSecrets, SettingsService } from "../services/settings/index.ts";
import {
  ActiveRuns,
  type Backend,
  DockerBackend,
  EvalServerBackend,
  LocalBackend,
  removeAbandonedFolders,
  SimulationService,
} from "../services/simulation/index.ts";
import { Revision } from "../services/streams/index.ts";
import { judgedRuns, SubmissionService } from "../services/submission/index.ts";
import { TaskService } from "../services/tasks/index.ts";
import { SigningRequests, WalletService, walletsFolder } from "../services/wallets/index.ts";
import { PickerService, WorkspaceService } from "../services/workspace/index.ts";
import { ErrorJournal, reportOf } from "./errors.ts";
import { resourceRoot } from "./resources.ts";

// Real files, in an installed app too: Python reads no archive.
const RESOURCES = resourceRoot(import.meta.url);
const PROFILES_FOLDER = join(RESOURCES, "hparams");
const POLICY_FILE = join(PROFILES_FOLDER, "scan-policy.json");
const PACKAGE_FOLDER = join(RESOURCES, "simulator-image");
const TEMPLATES_FOLDER = join(RESOURCES, "templates");

export type ServicesOptions = {
  dataFolder: string;
  env?: NodeJS.ProcessEnv;
  /** Beside the local one; for tests. */
  moreBackends?: readonly Backend[];
  /** Where the picker begins. */
  home?: string;
  /** Where a desktop is around the window. */
  dialogs?: SystemDialogs;
  /** The production source may be a `file://` repository; for tests. */
  allowFileRepositories?: boolean;
  /** Instead of the Hugging Face hub, without a slash at its end; for tests. */
  hubAddress?: string | undefined;
  /** Instead of GitHub's API, without a slash at its end; for tests. */
  gitHubAddress?: string | undefined;
  /** Where hosted files are fetched from instead of the internet; for tests. */
  fetchNetwork?: FetchNetwork | undefined;
  /** Bittensor's wallets; without it, where btcli keeps them. */
  bittensorWallets?: string | undefined;
  /** Between two looks at a watched folder or at what other processes did, in milliseconds. */
  lookEveryMs?: number;
};

export type Services = ReturnType<typeof createServices>;

export function createServices({
  dataFolder,
  env = process.env,
  moreBackends = [],
  home,
  dialogs,
  allowFileRepositories = false,
  hubAddress,
  gitHubAddress,
  fetchNetwork,
  bittensorWallets,
  lookEveryMs = 1000,
}: ServicesOptions) {
  const python = new PythonService({ dataFolder, requirementsFolder: PACKAGE_FOLDER, env });
  const store = new RunStore({ dataFolder });
  const rules = new Rules({ dataFolder, builtInPolicyFile: POLICY_FILE });
  const local = new LocalBackend({
    // A start never downloads a gigabyte unasked: `machine.setup` does.
    python: async () => {
      const found = await python.find();
      if (found === null) throw PYTHON_NOT_PREPARED;
      return found;
    },
    packageFolder: PACKAGE_FOLDER,
    env,
  });
  const hparams = new HparamsService({
    profilesFolder: PROFILES_FOLDER,
    userProfilesFolder: join(dataFolder, "hparams"),
    appliedProfile: () => rules.applied()?.profile?.name ?? null,
  });
  const secrets = new FileSecrets({ dataFolder });
  const servers = new ServerList({ dataFolder, secrets });
  const scan = new ScanService({
    packageFolder: join(PACKAGE_FOLDER, "crusades_eval"),
    policyJson: readFileSync(POLICY_FILE, "utf8"),
  });
  const evalServer = new EvalServerBackend({ servers, scan: (...request) => scan.scan(...request) });
  const enginePrompts = new EnginePrompts();
  const ssh = new SshConnections({ ask: enginePrompts.ask, env });
  const docker = new DockerBackend({
    dataFolder,
    packageFolder: PACKAGE_FOLDER,
    crusaderVersion: packageJson.version,
    ssh,
    surroundings: { env, platform: process.platform, home: homedir() },
  });
  const images = new ImageService({
    dataFolder,
    packageFolder: PACKAGE_FOLDER,
    hparams,
    secrets,
    env,
    surroundings: { env, platform: process.platform, home: homedir() },
    ssh,
    ...(hubAddress === undefined ? {} : { hubAddress }),
  });
  const simulation = new SimulationService({
    dataFolder,
    store,
    hparams,
    policy: () => rules.policy(),
    productionCode: () => productionCode(dataFolder),
    originOf: (path, source) => arena.originOf(path, createHash("sha256").update(source).digest("hex")),
    backends: [local, docker, evalServer, ...moreBackends],
    crusaderVersion: packageJson.version,
    now: Date.now,
    randomSeed: () => randomBytes(16).toString("hex"),
  });
  const runs = new ActiveRuns({ service: simulation, store });
  const tasks = new TaskService();
  const historyChanged = new Revision();
  const annotations = new Annotations(dataFolder);
  const signingRequests = new SigningRequests();
  const wallets = new WalletService({
    folders: {
      bittensor: bittensorWallets ?? walletsFolder(home ?? homedir(), env),
      practice: practiceWalletsFolder(dataFolder),
    },
    requests: signingRequests,
  });
  const settings = new SettingsService({ dataFolder });
  const workspace = new WorkspaceService({
    dataFolder,
    templatesFolder: TEMPLATES_FOLDER,
    watchEveryMs: lookEveryMs,
  });
  const errors = new ErrorJournal();
  const arena = createArena({
    dataFolder,
    secrets,
    store,
    wallets,
    templates: workspace.templates,
    lookEveryMs,
    onBug: (error) => errors.add("arena.watch", reportOf(error)),
  });
  const arenaReview = new ArenaReview({
    dataFolder,
    packageFolder: join(PACKAGE_FOLDER, "crusades_eval"),
    arena,
    scan: (source, policyJson) => scan.scan(source, undefined, policyJson),
    review: (source) => scan.review(source),
    policy: () => rules.policy(),
    policyAt: (time) => production.policyAt(time),
    crusaderVersion: packageJson.version,
  });
  const production = new ProductionService({
    dataFolder,
    packageFolder: join(PACKAGE_FOLDER, "crusades_eval"),
    rules,
    hparams,
    runs: store,
    ownFiles: (limit) => workspace.ownFiles(limit),
    scan: (source, policy) => scan.scan(source, undefined, JSON.stringify(policy)),
    env,
    lookEveryMs,
    ...(home === undefined ? {} : { home }),
    git: { allowFiles: allowFileRepositories },
  });
  const practice = new PracticeService({ dataFolder, lookEveryMs });
  const chains = new Chains({ resolve: (network) => networkPlace(network, practice.place()) });
  const allowedOrigins = (network: Network): string[] => {
    const origin = network === "practice" ? practice.place()?.filesOrigin : undefined;
    return origin === undefined ? [] : [origin];
  };
  const submission = new SubmissionService({
    dataFolder,
    chains,
    profile: (name) => hparams.load(name),
    scan: (source) => scan.scan(source, undefined, JSON.stringify(rules.policy().policy)),
    runsOf: (sha256) => judgedRuns(store, sha256),
    addressOf: (key) => wallets.addressOf(key),
    signing: signingRequests,
    standings: arena,
    allowedOrigins,
    ...(fetchNetwork === undefined ? {} : { fetchNetwork }),
    onBug: (error) => errors.add("submission", reportOf(error)),
  });
  return {
    dataFolder,
    lookEveryMs,
    version: packageJson.version,
    arena,
    arenaReview,
    python,
    store,
    allowedOrigins,
    annotations,
    hparams,
    hosting: new HostingService({
      secrets,
      committedUrls: () => submission.committedUrls(),
      ...(gitHubAddress === undefined ? {} : { gitHubAddress }),
      fetchNetwork,
    }),
    images,
    imageBuilds: new ImageBuilds({ images, tasks }),
    simulation,
    docker,
    doctor: new EngineDoctor({ runs: docker, env }),
    enginePrompts,
    ssh,
    chains,
    runs,
    scan,
    servers,
    rules,
    production,
    tasks,
    machine: new MachineService({
      dataFolder,
      env,
      findPython: () => python.find(),
      findSandbox: () => local.sandbox(),
    }),
    signingRequests,
    practice,
    localnet: new LocalnetTasks({
      localnet: new Localnet({ surroundings: { env, platform: process.platform, home: homedir() } }),
      tasks,
    }),
    submission,
    wallets,
    workspace,
    picker: new PickerService(home === undefined ? {} : { home, start: home }),
    desktop: new DesktopService(dialogs ?? null),
    settings,
    errors,
    historyChanged,

    /** Files of the data folder that turned out damaged since the start: those there are, and again whenever that changes. */
    async *watchSetAside(signal: AbortSignal | undefined): AsyncGenerator<SetAside[]> {
      for (let shown = ""; signal?.aborted !== true; await new Revision().next(0, signal, lookEveryMs)) {
        const found = {
          settings: settings.setAside,
          history: store.damagedIndex,
          notes: annotations.setAside,
          servers: servers.setAside,
          arena: arena.setAside,
          reviews: arenaReview.setAside,
        };
        const all = Object.entries({ ...found, folders: workspace.setAside }).flatMap(([what, file]) =>
          file === null ? [] : [{ what: what as SetAside["what"], ...file }],
        );
        const now = JSON.stringify(all);
        if (now !== shown) yield all;
        shown = now;
      }
    },

    /** A counter that moves when the history does, also by another process. */
    async *watchHistory(signal: AbortSignal | undefined): AsyncGenerator<{ revision: number }> {
      let shown: string | null = null;
      for (let revision = 0; signal?.aborted !== true; ) {
        const seen = historyChanged.number;
        const now = `${seen} ${store.fingerprint()}`;
        if (now !== shown) yield { revision: revision++ };
        shown = now;
        await historyChanged.next(seen, signal, lookEveryMs);
      }
    },

    /** Removes what earlier processes left behind when they were killed; returns how many processes it ended. */
    async cleanUp(): Promise<number> {
      // First: what goes on is nobody's leftover.
      await runs.reattach();
      const ended = await simulation.endLeftovers();
      await simulation.removeLeftovers();
      await removeAbandonedFolders(Date.now());
      await python.prune();
      store.purge();
      submission.start();
      return ended.length;
    },

    /** Leaves what outlives this process, and cancels what else runs, which is then recorded as cancelled; returns when nothing of it lives any more. */
    async close(): Promise<void> {
      await Promise.all([runs.close(), tasks.close(), scan.close(), arena.close(), submission.close()]);
      await chains.close();
      await practice.close();
      await ssh.close();
      store.close();
    },
  };
}
