/**
 * One window's connection, whatever carries it: texts come in, texts go out. What a hostile window could send is checked
 * here, before the library sees it, and ends the connection.
 */
import { RPCHandler } from "@orpc/server/ws";
import { z } from "zod";
import type { Host } from "../../common/contract.ts";
import { createRouter } from "../router.ts";
import { reportingErrors } from "./errors.ts";
import type { Services } from "./services.ts";

/** Fits a text of 8 Mi characters, escaped and wrapped. */
export const MAX_MESSAGE_LENGTH = 20 * 1024 * 1024;

export type Connection = {
  /** Resolves when more may be sent, so that a slow window slows its own streams down, not the host. */
  send: (message: string) => void | Promise<void>;
  onMessage: (listener: (message: unknown) => void) => void;
  onClose: (listener: () => void) => void;
  /** Ends the connection; the reason is for people. */
  refuse: (reason: string) => void;
};

export type ServeConnection = (connection: Connection, host: Host) => void;

const callIdSchema = z.string().min(1).max(64);
// The library's own envelope: `i` numbers the call, `t: 4` takes it back, `p` holds path (`u`) and input (`b`).
const envelopeSchema = z.union([
  z.strictObject({ i: callIdSchema, t: z.literal(4), p: z.unknown().optional() }),
  z.strictObject({
    i: callIdSchema,
    p: z.strictObject({
      u: z.string().regex(/^(?:\/[A-Za-z]{1,40}){2}$/),
      b: z.unknown().optional(),
      h: z.record(z.string().max(64), z.string().max(256)).optional(),
    }),
  }),
]);

/** The function that serves one more window with these services. */
export function connectionServer(services: Services): ServeConnection {
  // Named after a WebSocket, but all it wants is something that sends and receives.
  const handler = new RPCHandler(createRouter(services), { clientInterceptors: [reportingErrors(services.errors)] });
  return ({ send, onMessage, onClose, refuse }, host) => {
    let refused = false;
    const addEventListener = (type: string, listener: (event: { data?: string }) => unknown) => {
      if (type === "close") onClose(() => listener({}));
      if (type !== "message") return;
      onMessage((message) => {
        if (refused) return;
        const problem = problemOf(message);
        if (problem === null) {
          listener({ data: message as string });
          return;
        }
        refused = true;
        refuse(problem);
      });
    };
    void handler.upgrade({ addEventListener, send } as never, { context: { host } });
  };
}

function problemOf(message: unknown): string | null {
  if (typeof message !== "string") return "Messages are texts.";
  if (message.length > MAX_MESSAGE_LENGTH) return "The message is too long.";
  return envelopeSchema.safeParse(parseJson(message)).success ? null : "The message is malformed.";
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
