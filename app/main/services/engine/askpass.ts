/**
 * How ssh asks us: SSH_ASKPASS names a small script, which puts ssh's question into a private folder and reads the answer
 * from a named pipe. A shell and no program of ours, since an installed desktop app is no Node that could run one; a pipe,
 * so that no passphrase is ever on a disk, in an environment or in a command line.
 */
import { constants, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EnginePrompt } from "../../../common/engine-prompts.ts";

/** What ssh wants to know, in its own words. */
export type SshQuestion = Omit<EnginePrompt, "id">;

/** The answer, or null: it is declined. The signal withdraws the question; then nobody hears the answer. */
export type AskSsh = (question: SshQuestion, signal: AbortSignal) => Promise<string | null>;

const LOOK_EVERY_MS = 50;
const MAX_TEXT_CHARACTERS = 4096;
const HOST_KEY_QUESTION = /\(yes\/no(?:\/\[fingerprint\])?\)/;

// `taken` says that the other end of the pipe is open: from then on its end, however it comes, ends the reading.
const SCRIPT = `#!/bin/sh
umask 077
question=$(mktemp -d "$CRUSADER_ASKPASS/question.XXXXXX") || exit 1
trap 'rm -rf "$question"' EXIT
mkfifo "$question/answer" || exit 1
printf %s "$1" > "$question/asked" && mv "$question/asked" "$question/text" || exit 1
until [ -e "$question/taken" ]; do
  [ -d "$question" ] && kill -0 "$CRUSADER_ASKPASS_PROCESS" 2>/dev/null || exit 1
  sleep 0.1
done
{ IFS= read -r verdict && [ "$verdict" = answer ] && IFS= read -r answer; } < "$question/answer" || exit 1
printf '%s\\n' "$answer"
`;

/** For one connection that is being made. */
export class AskpassDoor {
  /** For ssh. */
  readonly environment: Record<string, string>;
  readonly #folder = mkdtempSync(join(tmpdir(), "crusader-ask-"));
  readonly #address: string;
  readonly #ask: AskSsh;
  readonly #onDeclined: () => void;
  readonly #closing = new AbortController();
  readonly #looking: NodeJS.Timeout;
  readonly #seen = new Set<string>();
  readonly #texts = new Set<string>();
  #openQuestions = 0;

  /** `onDeclined`: somebody did not want to answer. */
  constructor(address: string, ask: AskSsh, onDeclined: () => void) {
    this.#address = address;
    this.#ask = ask;
    this.#onDeclined = onDeclined;
    const script = join(this.#folder, "askpass");
    writeFileSync(script, SCRIPT, { mode: 0o700 });
    this.environment = {
      SSH_ASKPASS: script,
      SSH_ASKPASS_REQUIRE: "force",
      CRUSADER_ASKPASS: this.#folder,
      CRUSADER_ASKPASS_PROCESS: String(process.pid),
    };
    this.#looking = setInterval(() => this.#look(), LOOK_EVERY_MS);
  }

  /** Somebody is being waited for, not ssh. */
  get isAsking(): boolean {
    return this.#openQuestions > 0;
  }

  /** Withdraws what is being asked. */
  close(): void {
    clearInterval(this.#looking);
    rmSync(this.#folder, { recursive: true, force: true });
    this.#closing.abort();
  }

  #look(): void {
    for (const name of this.#names()) {
      if (this.#seen.has(name) || !existsSync(join(this.#folder, name, "text"))) continue;
      this.#seen.add(name);
      // The script is gone with its ssh, or the folder with this door: nobody waits for the answer.
      this.#take(join(this.#folder, name)).catch(() => {});
    }
  }

  /** None where somebody has cleared the folder for temporary files: ssh then hears that its script is gone. */
  #names(): string[] {
    try {
      return readdirSync(this.#folder);
    } catch {
      return [];
    }
  }

  async #take(question: string): Promise<void> {
    const text = readFileSync(join(question, "text"), "utf8").slice(0, MAX_TEXT_CHARACTERS);
    const isRepeated = this.#texts.has(text);
    this.#texts.add(text);
    // For reading too: opening it then waits for nobody.
    const pipe = await open(join(question, "answer"), constants.O_RDWR | constants.O_NONBLOCK);
    this.#openQuestions += 1;
    try {
      writeFileSync(join(question, "taken"), "");
      const kind = HOST_KEY_QUESTION.test(text) ? "confirm" : "secret";
      const answer = await this.#ask({ address: this.#address, kind, text, isRepeated }, this.#closing.signal);
      if (answer === null) {
        if (!this.#closing.signal.aborted) this.#onDeclined();
      } else {
        await pipe.write(`answer\n${answer}\n`);
        await this.#untilRead(question);
      }
    } finally {
      this.#openQuestions -= 1;
      // In this order: the script either finds no pipe, or one whose end it is told.
      rmSync(question, { recursive: true, force: true });
      await pipe.close();
    }
  }

  /** What is in a pipe is lost when nobody has it open. */
  async #untilRead(question: string): Promise<void> {
    while (!this.#closing.signal.aborted && existsSync(question)) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }
}
