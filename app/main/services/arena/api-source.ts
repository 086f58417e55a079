/**
 * One look at a validator's public API (spec/evaluation.md section 7): its lists, and of some submissions the details. What
 * it says is read as data; a part that cannot be had is a note, and the rest counts.
 */
import { CrusaderError } from "../../../common/errors.ts";
import { shownText } from "../../../common/shown-text.ts";
import { type Answer, ask, RequestProblem, withoutToken } from "../servers/index.ts";
import {
  codeOf,
  isRow,
  mergeSeen,
  readRows,
  rowsIn,
  type SeenBest,
  type SeenEvaluation,
  type SeenStatus,
  type SeenSubmission,
  type SeenThreshold,
  seenBest,
  seenEvaluation,
  seenStatus,
  seenSubmission,
  seenThreshold,
} from "./answers.ts";
import type { Validator } from "./archive.ts";

const REQUEST_TIMEOUT_MS = 20_000;
const MIN_KEY_CHARACTERS = 8;
/** Requests that go on at a time. */
const AT_ONCE = 4;
/** As many as the server gives at most. */
const LEADERBOARD_LIMIT = 100;
const PATHS = {
  leaderboard: `/leaderboard?limit=${LEADERBOARD_LIMIT}`,
  recent: "/api/stats/recent?limit=100",
  history: "/api/stats/history?limit=1000",
  threshold: "/api/stats/threshold",
  validator: "/api/stats/validator",
  queue: "/api/stats/queue",
  overview: "/api/stats/overview",
} as const;
type ListName = keyof typeof PATHS;
/** The long ones: asked for whether they changed. The others are small, and are taken together. */
const CONDITIONAL: readonly ListName[] = ["leaderboard", "recent", "history"];
const NO_VALIDATOR: Validator = { etag: null, lastModified: null };

export type ApiAccess = { name: string; address: string; apiKey: string | null };

export type ApiDetails = {
  submissionId: string;
  submission: SeenSubmission | null;
  evaluations: SeenEvaluation[];
  /** Undefined: not asked for, or not answered. Null: there is none yet. */
  code: Uint8Array | null | undefined;
};

export type ApiLists = {
  submissions: SeenSubmission[];
  /** Null: the board has not changed, or did not come. `isWhole`: nobody else is on it. `recentIds`: of the other list, where it came. */
  board: { ids: string[]; recentIds: string[]; isWhole: boolean; lowestScore: number } | null;
  /** Null: it did not come. */
  threshold: SeenThreshold | null;
  status: SeenStatus | null;
  best: SeenBest[];
  validators: { path: string; validator: Validator }[];
  notes: string[];
};

/** What became of a look. `problem`: nothing that matters came. */
export type Looked<T> = { answer: T | null; problem: CrusaderError | null; waitSeconds: number | null };

/** The lists. Where neither the board nor what is recent can be had, there is a problem and no answer. */
export async function readLists(
  access: ApiAccess,
  validatorOf: (path: string) => Validator,
  signal: AbortSignal,
): Promise<Looked<ApiLists>> {
  const names = Object.keys(PATHS) as ListName[];
  const answers = await inTurns(
    names,
    async (name): Promise<[ListName, Part]> => [
      name,
      await get(access, PATHS[name], signal, CONDITIONAL.includes(name) ? validatorOf(PATHS[name]) : NO_VALIDATOR),
    ],
  );
  // In the order of the list, whatever came first.
  const parts = Object.fromEntries(answers) as Record<ListName, Part>;
  const waitSeconds = answers.reduce<number | null>((longest, [, { waitSeconds: each }]) => {
    return each === null ? longest : Math.max(longest ?? 0, each);
  }, null);
  const failed = [parts.leaderboard, parts.recent].map(({ problem }) => problem);
  const [first] = failed;
  if (first != null && failed.every((each) => each !== null)) return { answer: null, problem: first, waitSeconds };

  const notes: string[] = [];
  const validators: ApiLists["validators"] = [];
  const taken = <T>(name: ListName, read: (value: unknown) => T | null): T | null => {
    const { value, problem, validator } = parts[name];
    if (problem !== null) notes.push(`${PATHS[name].replace(/\?.*/, "")}: ${problem.message}`);
    if (problem !== null || value === undefined) return null;
    const found = read(value);
    if (found === null) notes.push(`${PATHS[name].replace(/\?.*/, "")} answered in another shape than production's.`);
    else if (validator !== null && CONDITIONAL.includes(name)) validators.push({ path: PATHS[name], validator });
    return found;
  };
  const rows = <T>(name: ListName, read: Parameters<typeof readRows<T>>[1]): T[] | null => {
    const found = taken(name, (value) => readRows(value, read));
    if (found !== null && found.skipped > 0) notes.push(skippedText(found.skipped, PATHS[name].replace(/\?.*/, "")));
    return found?.rows ?? null;
  };
  const object = (name: ListName) => taken(name, (value) => (isRow(value) ? value : null));

  const board = rows("leaderboard", (row) => seenSubmission(row, true));
  const recent = rows("recent", (row) => seenSubmission(row));
  const best = rows("history", seenBest);
  const threshold = taken("threshold", (value) => (isRow(value) ? seenThreshold(value) : null));
  const status = (["validator", "queue", "overview"] as const).map(object).filter((row) => row !== null);
  return {
    answer: {
      // The history's submissions are known by their ids alone, until their details are read.
      submissions: mergeSeen([
        ...(board ?? []),
        ...(recent ?? []),
        ...(best ?? [])
          .map(({ submissionId }) => seenSubmission({ submission_id: submissionId }))
          .filter((row) => row !== null),
      ]),
      board:
        board === null
          ? null
          : {
              ids: [...new Set(board.map(({ submissionId }) => submissionId))],
              recentIds: (recent ?? []).map(({ submissionId }) => submissionId),
              isWhole: board.length < LEADERBOARD_LIMIT,
              lowestScore: Math.min(...board.map(({ score }) => score ?? Number.POSITIVE_INFINITY)),
            },
      threshold,
      status: status.length === 0 ? null : seenStatus(status),
      best: best ?? [],
      validators,
      notes,
    },
    problem: null,
    waitSeconds,
  };
}

/** Details of some submissions, in the order asked for; those that did not come are left out, the first reason is told. */
export async function readDetails(
  access: ApiAccess,
  wanted: readonly { id: string; wantsCode: boolean }[],
  signal: AbortSignal,
): Promise<{ details: ApiDetails[]; notes: string[] }> {
  const notes: string[] = [];
  const read = await inTurns(wanted, async ({ id, wantsCode }): Promise<ApiDetails | null> => {
    const path = `/api/submissions/${encodeURIComponent(id)}`;
    const main = await get(access, path, signal);
    // A board may name what its server has forgotten.
    const isGone = main.status === 404;
    if (main.problem !== null && !isGone) {
      notes.push(`${id}: ${main.problem.message}`);
      return null;
    }
    const listed = isGone ? null : await get(access, `${path}/evaluations`, signal);
    if (listed !== null && listed.problem !== null && listed.status !== 404) {
      notes.push(`${id}: ${listed.problem.message}`);
      return null;
    }
    const code = isGone || !wantsCode ? null : await get(access, `${path}/code`, signal);
    const evaluations = listed === null ? null : readRows(listed.value, seenEvaluation);
    const inner = isRow(main.value) && isRow(main.value.submission) ? main.value.submission : main.value;
    const submission = isRow(inner) ? seenSubmission({ ...inner, submission_id: id }) : null;
    const row = code === null || !isRow(code.value) ? null : code.value;
    const codeHash =
      row === null ? null : (seenSubmission({ submission_id: id, code_hash: row.code_hash })?.codeHash ?? null);
    return {
      submissionId: id,
      submission: submission === null ? null : { ...submission, codeHash: submission.codeHash ?? codeHash },
      evaluations: evaluations?.rows ?? [],
      code: row !== null ? codeOf(row.code) : isGone || code?.status === 404 ? null : undefined,
    };
  });
  return { details: read.filter((each) => each !== null), notes: notes.slice(0, 1) };
}

/** Null: it answers and is well. */
export async function checkApi(access: ApiAccess, signal: AbortSignal): Promise<CrusaderError | null> {
  const { problem, value } = await get(access, PATHS.leaderboard, signal);
  if (problem !== null) return problem;
  return rowsIn(value) === null
    ? refused(access, "The answer has another shape than production's board.", HINT_ADDRESS)
    : null;
}

type Part = {
  status: number | null;
  /** Undefined where there is a problem, and where nothing has changed. */
  value: unknown;
  problem: CrusaderError | null;
  validator: Validator | null;
  waitSeconds: number | null;
};

/** Never rejects but with the signal's reason. */
async function get(
  access: ApiAccess,
  path: string,
  signal: AbortSignal,
  { etag, lastModified }: Validator = NO_VALIDATOR,
): Promise<Part> {
  const headers = {
    ...(access.apiKey === null ? {} : { "x-api-key": access.apiKey }),
    ...(etag === null ? {} : { "if-none-match": etag }),
    ...(lastModified === null ? {} : { "if-modified-since": lastModified }),
  };
  const failed = (problem: CrusaderError, answer?: Answer): Part => ({
    status: answer?.status ?? null,
    value: undefined,
    problem,
    validator: null,
    waitSeconds: answer?.retryAfterSeconds ?? null,
  });
  let answer: Answer;
  try {
    answer = await ask(
      { address: access.address, token: null },
      { method: "GET", path, withToken: false, headers, signal, timeoutMs: REQUEST_TIMEOUT_MS },
    );
  } catch (error) {
    if (!(error instanceof RequestProblem)) throw error;
    signal.throwIfAborted();
    return failed(unreachable(access, error));
  }
  const isUnchanged = answer.status === 304 && (etag !== null || lastModified !== null);
  if (isUnchanged) return { status: 304, value: undefined, problem: null, validator: null, waitSeconds: null };
  if (answer.status !== 200) return failed(statusProblem(access, answer), answer);
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(answer.body);
    const value: unknown = JSON.parse(withoutKey(text, access));
    // A header's value that cannot be sent back is none.
    const sendable = (header: string | null) =>
      header !== null && /^[\x20-\x7e]{1,200}$/.test(header) ? header : null;
    const validator = { etag: sendable(answer.etag), lastModified: sendable(answer.lastModified) };
    const isNone = validator.etag === null && validator.lastModified === null;
    return { status: 200, value, problem: null, validator: isNone ? null : validator, waitSeconds: null };
  } catch {
    const begins = withoutKey(answer.body.subarray(0, 200).toString("utf8"), access);
    const what = /^\s*</.test(begins) ? "It answered with a page, where JSON belongs." : "Its answer is no JSON.";
    return failed(refused(access, what, HINT_ADDRESS, shownText(begins)), answer);
  }
}

/** A server may repeat what it was sent, and it must not be kept. A key that is a common word cannot be told from others. */
function withoutKey(text: string, { apiKey }: ApiAccess): string {
  return apiKey === null || apiKey.length < MIN_KEY_CHARACTERS ? text : withoutToken(text, apiKey);
}

const HINT_ADDRESS = "Check that the address is that of a validator's API. What was kept before is still shown.";

function refused({ name, address }: ApiAccess, what: string, hint: string, detail = ""): CrusaderError {
  return new CrusaderError("server_refused", `${name} (${address}): ${what}`, hint, detail);
}

function unreachable({ name, address }: ApiAccess, { kind, message, hint }: RequestProblem): CrusaderError {
  const code = kind === "too_large" ? "server_refused" : "server_unreachable";
  return new CrusaderError(
    code,
    `${name} (${address}) cannot be read: ${message}.`,
    hint || "What was kept before is still shown.",
  );
}

function statusProblem(access: ApiAccess, { status }: Answer): CrusaderError {
  if (status >= 300 && status < 400) {
    return refused(access, `It redirects (${status}), which is not followed.`, "Name the address it redirects to.");
  }
  if (status === 401 || status === 403) {
    const hint = "Give its API key: crusader arena add NAME ADDRESS --replace --key-file FILE";
    return refused(access, access.apiKey === null ? "It wants an API key." : "It refuses the API key.", hint);
  }
  if (status === 429) return refused(access, "It is asked too often (429).", "It is left alone for a while.");
  if (status >= 500) return refused(access, `It failed itself (${status}).`, "It is asked again later.");
  return refused(access, `It answered ${status}.`, HINT_ADDRESS);
}

function skippedText(count: number, where: string): string {
  return `${where}: ${count} ${count === 1 ? "row was" : "rows were"} left out, as nothing in ${count === 1 ? "it" : "them"} can be a submission's id, or they are too many.`;
}

/** Results in the order of what was asked. */
async function inTurns<T, R>(items: readonly T[], action: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const index = next++;
      results[index] = await action(items[index] as T);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, worker));
  return results;
}
