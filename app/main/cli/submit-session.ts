/** Walks one submission on a terminal: each step shown, confirmed, signed, sent, and followed until it is final. */
import { setTimeout as sleep } from "node:timers/promises";
import { scriptCommand, signingScript } from "../../common/cold-signing.ts";
import { CrusaderError } from "../../common/errors.ts";
import { readPasted } from "../../common/pasted-signature.ts";
import type { ShownStep, Signed, Submission } from "../../common/submission.ts";
import { nextAction, signingWords, stepStanding, timeToSignStanding } from "../../common/submission-words.ts";
import type { SubmissionOrder, SubmissionService } from "../services/submission/index.ts";
import type { WalletService } from "../services/wallets/index.ts";
import type { CommandIo } from "./io.ts";
import { type Keyboard, readLine } from "./keyboard.ts";
import { ProgressLine } from "./progress.ts";
import { describePreflight, describeReview, revealText, signerText } from "./submission-report.ts";
import { paintFor } from "./terminal.ts";

const PASSWORD_TRIES = 3;
const LOOK_EVERY_MS = 250;
const YES = "yes";

export type SubmitSessionOptions = {
  submissions: Pick<SubmissionService, "preflight" | "begin" | "prepare" | "send" | "list">;
  wallets: Pick<WalletService, "needsPassword" | "sign">;
  io: CommandIo;
  /** Null where nobody can be asked. */
  keyboard: Keyboard | null;
  /** Confirm every step without asking. */
  yes: boolean;
  /** Of another machine, for the first step that waits for one; null where none was given. */
  signed: Signed | null;
  signal: AbortSignal;
};

/** The walk stops here until another machine has signed: its answer goes on with `--resume`. */
export class WaitsForSignature extends Error {
  readonly submission: Submission;
  readonly script: string;

  constructor(submission: Submission, script: string) {
    super("another machine is to sign");
    this.submission = submission;
    this.script = script;
  }
}

export class SubmitSession {
  readonly #options: SubmitSessionOptions;
  readonly #progress: ProgressLine;
  #signed: Signed | null;

  constructor(options: SubmitSessionOptions) {
    this.#options = options;
    this.#signed = options.signed;
    this.#progress = new ProgressLine(options.io.stderr);
  }

  /** Looks at everything, shows it, and begins. Null where something blocks: it is shown, and nothing was begun. */
  async begin(order: SubmissionOrder): Promise<Submission | null> {
    const { submissions, io, signal } = this.#options;
    let last = null;
    try {
      for await (const preflight of submissions.preflight(order, signal)) {
        last = preflight;
        const known = preflight.checks.filter(({ state }) => state !== "pending").length;
        this.#progress.update({ title: "Looking", done: known, total: preflight.checks.length, unit: "checks" });
      }
    } finally {
      this.#progress.stop();
    }
    signal.throwIfAborted();
    if (last === null) throw new Error("a preflight without an answer");
    io.stderr.write(describePreflight(last, paintFor(io.stderr)));
    if (!last.canSubmit) return null;
    if (!this.#options.yes && this.#options.keyboard === null) throw nobodyToAsk("confirm the steps", "Add --yes.");
    const submission = await submissions.begin({ ...order, reviewedFee: last.fee }, signal);
    io.stderr.write(
      `\nSubmission ${submission.id}. Should this end early: crusader submit --resume ${submission.id}\n`,
    );
    return submission;
  }

  /**
   * Every step until the commitment is final. Throws `WaitsForSignature`; `cancelled` where a step was declined; `chain_refused`
   * where the chain or a node refused one, and whatever the service throws. What was done is kept.
   */
  async walk(id: string): Promise<Submission> {
    for (;;) {
      const submission = this.#find(id);
      const next = nextAction(submission);
      if (next.kind === "none") return submission;
      if (next.kind === "prepare") await this.#options.submissions.prepare(id, this.#options.signal);
      else if (next.kind === "sign") await this.#sign(submission, next.step);
      else await this.#wait(id, next.step);
    }
  }

  /** Until it is revealed, or never will be. */
  async followReveal(id: string): Promise<Submission> {
    try {
      for (;;) {
        const submission = this.#find(id);
        const { state, reveal, problem } = submission;
        if (state !== "committed" || reveal === null) return submission;
        const title = reveal.state === "late" ? "Waiting for the chain" : "Waiting for the reveal";
        const detail = problem === null ? revealText(reveal, Date.now()) : problem.message;
        this.#progress.update({ title, detail });
        await this.#pause();
      }
    } finally {
      this.#progress.stop();
    }
  }

  async #sign(submission: Submission, shown: ShownStep): Promise<void> {
    const { submissions, io, signal } = this.#options;
    const { id, steps } = submission;
    const { step, unsigned, signBy, signer } = shown;
    if (unsigned === null) throw new Error("nothing to sign");
    const number = steps.findIndex((one) => one.step === step) + 1;
    io.stderr.write(`\n${describeReview({ step, unsigned, number, of: steps.length })}`);
    if (signBy !== null) io.stderr.write(`${timeToSignStanding(signBy, unsigned, Date.now()).word}\n`);
    const isElsewhere = signer.kind !== "file";
    const signed = isElsewhere ? await this.#signedElsewhere(submission, shown) : null;
    // A signature that was made elsewhere is a confirmation.
    if (signed === null) await this.#confirm(signingWords(unsigned.call));
    try {
      await submissions.send({ id, step, signed: signed ?? (await this.#signedHere(shown)) }, signal);
    } catch (error) {
      // Its blocks went by while somebody read: it is prepared again, and shown again.
      const isOver = this.#find(id).steps.some((one) => one.step === step && one.state === "expired");
      if (!isOver || !(error instanceof CrusaderError) || error.code !== "conflict") throw error;
      io.stderr.write(`${error.message}\n`);
      return;
    }
    await this.#wait(id, shown);
  }

  async #signedHere({ unsigned, signer }: ShownStep): Promise<Signed> {
    const { wallets, io, signal } = this.#options;
    if (unsigned === null || signer.kind !== "file") throw new Error("nothing to sign here");
    const { key } = signer;
    for (let tries = 1; ; tries += 1) {
      const password = wallets.needsPassword(key) ? await this.#askPassword(signerText(signer)) : null;
      try {
        const signature = await wallets.sign(key, unsigned.payload, password, signal);
        return { kind: "signature", signature: `0x${Buffer.from(signature).toString("hex")}` };
      } catch (error) {
        const isWrong = error instanceof CrusaderError && error.code === "wrong_password";
        if (!isWrong || tries === PASSWORD_TRIES) throw error;
        io.stderr.write(`${error.message}\n`);
      }
    }
  }

  async #signedElsewhere(submission: Submission, { unsigned, signer }: ShownStep): Promise<Signed> {
    const { io, keyboard, signal } = this.#options;
    if (unsigned === null) throw new Error("nothing to sign");
    if (signer.kind === "extension") {
      throw new CrusaderError(
        "unsupported",
        "This step is signed by a browser's extension, which a terminal does not reach.",
        "Go on in Crusader's window.",
      );
    }
    const given = this.#signed;
    this.#signed = null;
    if (given !== null) return given;
    const script = signingScript(unsigned);
    if (keyboard === null) throw new WaitsForSignature(submission, script);
    io.stderr.write(
      `\nOn the machine with the key, read this, save it as sign.py, and run ${scriptCommand(unsigned)}:\n\n${script}\n`,
    );
    for (;;) {
      io.stderr.write("Paste what it prints; Enter alone stops here: ");
      const line = await readLine(keyboard, signal, (text) => io.stderr.write(text));
      io.stderr.write("\n");
      signal.throwIfAborted();
      const pasted = line === null ? null : readPasted(line);
      if (pasted === null) throw new WaitsForSignature(submission, script);
      if ("signed" in pasted) return pasted.signed;
      io.stderr.write(`${pasted.problem}\n`);
    }
  }

  async #confirm(what: string): Promise<void> {
    const { io, keyboard, yes, signal } = this.#options;
    if (yes) return;
    if (keyboard === null) throw nobodyToAsk("confirm this step", "Add --yes.");
    io.stderr.write(`${what}? Type ${YES} and Enter: `);
    const line = await readLine(keyboard, signal, (text) => io.stderr.write(text));
    io.stderr.write("\n");
    signal.throwIfAborted();
    if (line?.trim().toLowerCase() === YES) return;
    throw new CrusaderError("cancelled", "Not confirmed: nothing was signed or sent.", KEPT);
  }

  async #askPassword(whose: string): Promise<string> {
    const { io, keyboard, signal } = this.#options;
    if (keyboard === null) throw nobodyToAsk(`give the password of the ${whose}`, "Run it on a terminal.");
    io.stderr.write(`Password of the ${whose} (not shown): `);
    const line = await readLine(keyboard, signal, () => undefined);
    io.stderr.write("\n");
    signal.throwIfAborted();
    if (line !== null) return line;
    throw new CrusaderError("cancelled", "No password was given: nothing was signed or sent.", KEPT);
  }

  /** Until the step is final. */
  async #wait(id: string, { step }: ShownStep): Promise<void> {
    try {
      for (;;) {
        const submission = this.#find(id);
        const shown = submission.steps.find((one) => one.step === step);
        if (shown === undefined || shown.state === "finalized") return;
        const isUnderway = shown.state === "sent" || shown.state === "unknown" || shown.state === "included";
        if (!isUnderway) {
          const { problem } = submission;
          const message = problem?.message ?? `The step ${step} is ${stepStanding(shown).word}.`;
          throw new CrusaderError("chain_refused", message, `${problem?.hint ?? ""} ${resumeHint(id)}`.trim());
        }
        const detail = submission.problem?.message ?? stepStanding(shown).word;
        this.#progress.update({ title: "Waiting for the chain", detail });
        await this.#pause();
      }
    } finally {
      this.#progress.stop();
    }
  }

  async #pause(): Promise<void> {
    const { signal } = this.#options;
    await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
  }

  #find(id: string): Submission {
    const found = this.#options.submissions.list().find((submission) => submission.id === id);
    if (found !== undefined) return found;
    throw new CrusaderError("not_found", `There is no submission ${id}.`, "`crusader status` lists them.");
  }
}

const KEPT = "What was done before is kept; `crusader status` shows it.";

export function resumeHint(id: string): string {
  return `\`crusader submit --resume ${id}\` goes on.`;
}

function nobodyToAsk(what: string, hint: string): CrusaderError {
  return new CrusaderError("usage", `There is no terminal to ${what}; nothing was signed.`, hint);
}
