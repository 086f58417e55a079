/** The engine itself: e2e/localnet.test.ts. */
import { expect, test } from "vitest";
import type { LocalnetStatus } from "../../../common/localnet.ts";
import type { Task } from "../../../common/tasks.ts";
import { TaskService } from "../tasks/index.ts";
import type { Localnet } from "./localnet.ts";
import { LocalnetTasks } from "./localnet-tasks.ts";

const STATUS: LocalnetStatus = {
  engine: "default",
  endpoint: "ws://127.0.0.1:9944",
  image: "localnet",
  hasImage: false,
  state: "none",
};

/** One whose image is fetched as far as `fetch` says. */
function bench(fetch: Localnet["pull"] = async () => STATUS) {
  const done: string[] = [];
  const localnet: Pick<Localnet, "status" | "pull" | "start" | "stop"> = {
    status: async () => STATUS,
    pull: async (...given) => {
      done.push("pull");
      return fetch(...given);
    },
    start: async () => {
      done.push("start");
      return { ...STATUS, state: "running" };
    },
    stop: async () => {
      done.push("stop");
      return STATUS;
    },
  };
  const tasks = new TaskService();
  return { localnets: new LocalnetTasks({ localnet, tasks }), tasks, done };
}

async function until(tasks: TaskService, isWanted: (task: Task) => boolean): Promise<Task> {
  for await (const [task] of tasks.watch(undefined)) if (task !== undefined && isWanted(task)) return task;
  throw new Error("the tasks ended");
}

test("the image is fetched when that is asked, and only then", async () => {
  const asked = bench();
  asked.localnets.start(undefined, { pull: true });
  await until(asked.tasks, ({ state }) => state === "succeeded");
  const unasked = bench();
  unasked.localnets.start(undefined, { pull: false });
  await until(unasked.tasks, ({ state }) => state === "succeeded");
  expect([asked.done, unasked.done]).toEqual([["pull", "start"], ["start"]]);
});

test("how far it is never goes back; two starts are one, and meanwhile nothing is stopped; cancelled, nothing is started", async () => {
  const { localnets, tasks, done } = bench(async (_engine, onProgress, signal) => {
    onProgress({ done: 50, total: 100 });
    onProgress({ done: 60, total: 1024 });
    return new Promise<LocalnetStatus>((_resolve, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason));
    });
  });
  const { id } = localnets.start(undefined, { pull: true });
  const fetching = await until(tasks, ({ detail }) => detail === "Fetching the image: 60 B of 1.0 KiB");
  expect(fetching).toMatchObject({ id, kind: "localnet_start", title: "Local chain", fraction: 0.5 });
  expect(localnets.start(undefined, { pull: true }).id).toBe(id);
  await expect(localnets.stop(undefined)).rejects.toMatchObject({ code: "busy" });
  expect(await tasks.cancel(id)).toMatchObject({ state: "cancelled", error: null });
  await localnets.stop(undefined);
  expect(done).toEqual(["pull", "stop"]);
});
