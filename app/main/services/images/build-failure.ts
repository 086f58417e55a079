/** Why an image could not be built, from what the builder printed, with what to do. Pure. */
import { CrusaderError } from "../../../common/errors.ts";
import type { FailedStep } from "./build-progress.ts";

export type BuildEnd = {
  /** The step that went wrong, with the last it printed. */
  failed: FailedStep | null;
  /** The last lines of all that the builder printed. */
  lastLines: readonly string[];
  /** The docker command's exit status; null where a signal ended it. */
  status: number | null;
};

const KEPT = "The steps before it are kept: the next build goes on there.";
/** How many lines of the failed step stand in the message's detail. */
const SHOWN_LINES = 20;

/** The first that fits counts: what is told of the cause before what is told of its consequence. */
const REASONS: readonly {
  pattern: RegExp;
  message: string;
  hint: string;
  code?: "disk_full" | "engine_unreachable";
}[] = [
  {
    pattern: /no space left on device|disk quota exceeded/i,
    code: "disk_full",
    message: "The disk of the engine's host is full.",
    hint: "Free space there (docker system df shows what the engine holds), then build again.",
  },
  {
    pattern:
      /cannot connect to the docker daemon|error during connect|failed to dial grpc|transport is closing|connection reset by peer.*docker|unexpected eof/i,
    code: "engine_unreachable",
    message: "The connection to the container engine broke off.",
    hint: "See whether `docker version` answers, then build again.",
  },
  {
    pattern: /buildx component is missing|the --mount option requires BuildKit|unknown flag: (?:--secret|--progress)/i,
    message: "The production image needs BuildKit, which the docker command lacks.",
    hint: "Install its buildx plugin (docker-buildx-plugin, or docker-buildx of the distribution), then build again.",
  },
  {
    pattern:
      /GatedRepoError|gated repo|access to (?:model|dataset|this).* is restricted|401 client error|403 client error/i,
    message: "The Hugging Face hub did not hand out a model, a tokenizer or a data set.",
    hint: "Accept its licence on its page, and give Crusader a token of that account that may read it.",
  },
  {
    pattern: /RepositoryNotFoundError|repository not found/i,
    message: "The Hugging Face hub knows no such model, tokenizer or data set.",
    hint: "Check the names in the profile; private ones need a token.",
  },
  {
    pattern:
      /no such host|temporary failure in name resolution|name or service not known|could not resolve|network is unreachable|connection (?:refused|timed out)|i\/o timeout|tls handshake timeout|failed to establish a new connection|temporary failure resolving|max retries exceeded/i,
    message: "The build found no network, or not what it asked for there.",
    hint: "Check the network and the proxy of the engine's host, then build again. Wheels can come from a folder (--wheels).",
  },
  {
    pattern:
      /manifest unknown|pull access denied|repository does not exist|failed to resolve source metadata|: not found\s*$/im,
    message: "There is no such base image.",
    hint: "Check its name (--base), and that the engine may fetch it: docker pull says more.",
  },
  {
    pattern: /no matching distribution found|could not find a version that satisfies/i,
    message: "A package could not be had: no network in the build, or no wheel for its Python.",
    hint: "Check the network of the engine's host; with --wheels, that every package is there for Python 3.11 on Linux.",
  },
  {
    pattern: /exit code: 137|returned a non-zero code: 137|signal: killed|^killed$/im,
    message: "A step was killed, most likely for memory.",
    hint: "Give the engine's host more memory. flash-attn alone needs some 10 GB a job: a wheel of it (--wheels) saves that.",
  },
];

export function buildFailure({ failed, lastLines, status }: BuildEnd): CrusaderError {
  const lines = (failed?.lastLines.length ?? 0) > 0 ? [...(failed?.lastLines ?? [])] : [...lastLines];
  const said = [...lines, ...lastLines].join("\n");
  const reason = REASONS.find(({ pattern }) => pattern.test(said));
  const step = failed === null || failed.name === "" ? "" : ` It stopped at: ${failed.name}`;
  const end =
    status === null ? "The docker command was ended by a signal." : `The builder ended with status ${status}.`;
  return new CrusaderError(
    reason?.code ?? "build_failed",
    `The image could not be built. ${reason?.message ?? end}${step}`,
    reason === undefined ? `The detail holds the last lines of that step. ${KEPT}` : `${reason.hint} ${KEPT}`,
    lines.slice(-SHOWN_LINES).join("\n"),
  );
}
