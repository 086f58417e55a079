/** The door itself, opened by its script as ssh would. */
import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test, vi } from "vitest";
import { AskpassDoor, type AskSsh } from "./askpass.ts";

function doorTo(ask: AskSsh) {
  const declined = vi.fn<() => void>();
  const door = new AskpassDoor("ssh://box", ask, declined);
  onTestFinished(() => door.close());
  const { SSH_ASKPASS = "", CRUSADER_ASKPASS = "" } = door.environment;
  const asks = (question: string) => {
    const child = spawn(SSH_ASKPASS, [question], {
      env: { ...process.env, ...door.environment },
      stdio: ["ignore", "pipe", "ignore"],
    });
    const ended = new Promise((resolve) => child.on("close", resolve));
    return Promise.all([text(child.stdout), ended]);
  };
  return { door, declined, asks, folder: CRUSADER_ASKPASS };
}

test.skipIf(process.platform === "win32")("an answer arrives as it is, whatever characters it has", async () => {
  const answer = "  a\\n$(id) 'b\" %s ";
  const { asks } = doorTo(async () => answer);
  expect(await asks("Passphrase: ")).toEqual([`${answer}\n`, 0]);
});

test("a folder that was cleared away ends nothing here", () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const { folder } = doorTo(async () => null);
  rmSync(folder, { recursive: true });
  expect(() => vi.advanceTimersByTime(1000)).not.toThrow();
});
