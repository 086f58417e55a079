/** The probe's page: the window's own connection, and what a hostile script in the page could try. */
import type { DesktopBridge } from "../../app/common/desktop-bridge.ts";
import { createConnection, follow } from "../../app/renderer/connection.ts";
import { openMessagePort } from "../../app/renderer/message-port.ts";

// Chromium 83 lacks these.
Promise.withResolvers ??= <T>() => {
  let settle: Pick<PromiseWithResolvers<T>, "resolve" | "reject"> | undefined;
  const promise = new Promise<T>((resolve, reject) => (settle = { resolve, reject }));
  return { promise, ...(settle as NonNullable<typeof settle>) };
};
AbortSignal.timeout ??= (ms) => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), ms);
  return controller.signal;
};

const page = window as unknown as { crusader: DesktopBridge; probe: object };
const connection = createConnection({ open: () => openMessagePort(page.crusader, window, window) });
const { client } = connection;
const outcome = (call: Promise<unknown>) =>
  call.then(
    () => "allowed",
    (error: { code?: string; name?: string }) => error.code ?? error.name,
  );
/** What a page gets that connects by itself: how many ports within a second. */
async function portsWithin(ms: number): Promise<number> {
  let ports = 0;
  window.addEventListener("message", (event) => (ports += event.ports.length));
  page.crusader.connect();
  await new Promise((resolve) => setTimeout(resolve, ms));
  return ports;
}

const target = { kind: "text", name: "train.py", text: "polite", file: null } as const;
let numbers: number[] = [];
let ended: (status: string) => void = () => {};
const end = new Promise<string>((resolve) => (ended = resolve));

page.probe = {
  portsWithin,
  bridge: () => ({
    keys: Object.keys(page.crusader),
    types: Object.values(page.crusader).map((value) => typeof value),
    globals: ["require", "process", "module", "Buffer", "electron", "ipcRenderer"].filter((name) => name in window),
  }),
  versions: async () => Object.keys(await client.app.versions()),
  unlisted: async () => [
    await outcome(client.picker.list({})),
    await outcome((client as unknown as { shell: { run: () => Promise<void> } }).shell.run()),
    await outcome(client.runs.show({ runId: "../1" })),
  ],
  choose: async () => typeof (await client.picker.choose()).pickedId,
  /** Starts a run and follows it for good; returns once its judge has spoken. */
  async start() {
    const { runId } = await client.simulation.start({ backend: "scripted", sandbox: "none", repeats: 1, target });
    await new Promise<void>((resolve, reject) => {
      let after = 0;
      follow(connection, (signal) => client.simulation.events({ runId, after }, { signal }), {
        onItem: (update) => {
          numbers = [...numbers, ...update.events.map(({ number }) => number)];
          after = update.number;
          if (after > 0) resolve();
          if (update.status.state !== "running") ended(update.status.state);
        },
        onError: reject,
      });
    });
    return runId;
  },
  /** The followed run's end, and every event's number as it came. */
  ended: async () => ({ state: await end, numbers }),
  startAnother: async () =>
    (await client.simulation.start({ backend: "scripted", sandbox: "none", repeats: 1, target })).runId,
  async permissions() {
    const place = new Promise((resolve) =>
      navigator.geolocation.getCurrentPosition(
        () => resolve("allowed"),
        ({ code }) => resolve(code === 1 ? "denied" : `error ${code}`),
      ),
    );
    return [await place, await Notification.requestPermission()];
  },
  /** Frames, scripts and addresses that the page's policy does not allow: what blocked them, and what came of it. */
  async foreign() {
    const blocked = new Set<string>();
    const allBlocked = new Promise<void>((resolve) =>
      document.addEventListener("securitypolicyviolation", ({ effectiveDirective }) => {
        blocked.add(effectiveDirective);
        if (blocked.size === 3) resolve();
      }),
    );
    const frame = document.createElement("iframe");
    frame.src = "crusader://app/index.html";
    document.body.append(frame);
    const script = document.createElement("script");
    script.textContent = "window.injected = true";
    document.body.append(script);
    const fetched = await outcome(fetch("https://evil.example/"));
    const bridgeInFrame = frame.contentWindow !== null && "crusader" in frame.contentWindow;
    await allBlocked;
    return { fetched, bridgeInFrame, injected: "injected" in window, blocked: [...blocked].sort() };
  },
};
