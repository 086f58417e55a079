import { type ChildProcess, spawn } from "node:child_process";
import { expect, onTestFinished, test } from "vitest";
import type { FromService } from "./service-messages.ts";
import { type ServiceProcess, ServiceSupervisor } from "./service-supervisor.ts";

// Says what it was told, stays when runs would have to be cancelled, ends when they may.
const PROGRAM = `process.on("message", (message) => {
  if (message.kind !== "quit") process.exit(7);
  if (message.cancelRuns) process.exit(0);
  process.send({ kind: "runsGoingOn", runIds: ["3"] });
});
process.send({ kind: "notOpened", message: String(process.pid) });`;

function bench(program = PROGRAM) {
  const said: FromService[] = [];
  let wake = () => {};
  const children: ChildProcess[] = [];
  const counts = { starts: 0, failing: 0, ended: 0 };
  const counting = (name: keyof typeof counts) => () => {
    counts[name] += 1;
    wake();
  };
  const supervisor = new ServiceSupervisor<never>({
    start: (): ServiceProcess<never> => {
      const child = spawn(process.execPath, ["--eval", program], { stdio: ["ignore", "ignore", "ignore", "ipc"] });
      children.push(child);
      return {
        send: (message) => child.send(message),
        onMessage: (listener) => child.on("message", (message) => listener(message as FromService)),
        onExit: (listener) => child.on("exit", listener),
        kill: () => child.kill("SIGKILL"),
      };
    },
    onMessage: (message) => {
      said.push(message);
      wake();
    },
    onStart: counting("starts"),
    onFailing: counting("failing"),
    onEnded: counting("ended"),
  });
  onTestFinished(() => {
    supervisor.askToEnd({ cancelRuns: true, patienceMs: 0 });
    for (const child of children) child.kill("SIGKILL");
  });
  const until = async (fits: () => boolean) => {
    while (!fits()) await new Promise<void>((resolve) => (wake = resolve));
  };
  supervisor.start();
  return { supervisor, said, children, counts, until };
}

test("a killed process is started again, and its messages go on", async () => {
  const { supervisor, said, children, counts, until } = bench();
  await until(() => said.length === 1);
  children[0]?.kill("SIGKILL");
  await until(() => said.length === 2);
  expect(said[1]).not.toEqual(said[0]);
  expect(counts).toEqual({ starts: 2, failing: 0, ended: 0 });
  expect(supervisor.send({ kind: "quit", cancelRuns: false })).toBe(true);
  await until(() => said.length === 3);
  expect(said[2]).toEqual({ kind: "runsGoingOn", runIds: ["3"] });
});

test("asked to end it may stay; asked again, it ends and is not started again", async () => {
  const { supervisor, said, counts, until } = bench();
  await until(() => said.length === 1);
  supervisor.askToEnd({ cancelRuns: false, patienceMs: 50_000 });
  await until(() => said.length === 2);
  supervisor.stays();
  supervisor.askToEnd({ cancelRuns: true, patienceMs: 50_000 });
  await until(() => counts.ended === 1);
  expect(counts).toEqual({ starts: 1, failing: 0, ended: 1 });
  expect(supervisor.send({ kind: "quit", cancelRuns: false })).toBe(false);
});

test("a process that does not listen is killed when patience ends", async () => {
  const { supervisor, counts, until } = bench("setInterval(() => {}, 1000)");
  supervisor.askToEnd({ cancelRuns: true, patienceMs: 20 });
  await until(() => counts.ended === 1);
  expect(counts).toEqual({ starts: 1, failing: 0, ended: 1 });
});

test("a process that always ends is reported once, and tried on", async () => {
  const { counts, until } = bench("process.exit(1)");
  await until(() => counts.starts === 5);
  expect(counts).toEqual({ starts: 5, failing: 1, ended: 0 });
});
