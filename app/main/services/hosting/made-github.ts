/** The part of GitHub's API that publishes gists, as a double for tests: two accounts, and whatever `misbehave` does instead. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { GIST_HOST } from "../../../common/addresses.ts";

export type MadeGist = {
  owner: string;
  public: boolean;
  description: string;
  /** Texts by name. */
  files: Record<string, string>;
};

export type MadeGitHub = {
  address: string;
  gists: Map<string, MadeGist>;
  /** "POST /gists" and so on, in order. */
  asked: string[];
  close: () => void;
};

/** `accounts`: logins by token. A `misbehave` that returns true has answered. */
export async function makeGitHub(
  accounts: Readonly<Record<string, string>>,
  misbehave: (request: IncomingMessage, response: ServerResponse) => boolean = () => false,
): Promise<MadeGitHub> {
  const gists = new Map<string, MadeGist>();
  const asked: string[] = [];
  const listener: RequestListener = async (request, response) => {
    asked.push(`${request.method} ${request.url}`);
    if (misbehave(request, response)) return;
    const say = (status: number, body: object) => void response.writeHead(status).end(JSON.stringify(body));
    const login = accounts[request.headers.authorization?.replace(/^Bearer /, "") ?? ""];
    // As GitHub: it names who asks, or is not answered.
    if (request.headers["user-agent"] === undefined) return say(403, { message: "Administrative rules: no agent" });
    if (login === undefined) return say(401, { message: "Bad credentials" });
    const shown = (id: string, { owner, files }: MadeGist) => ({
      id,
      html_url: `https://${GIST_HOST}/${owner}/${id}`,
      owner: { login: owner },
      files: Object.fromEntries(
        Object.entries(files).map(([filename, content]) => [filename, { filename, content, truncated: false }]),
      ),
    });
    const id = request.url?.split("/")[2];
    const gist = id === undefined ? undefined : gists.get(id);
    const body = JSON.parse((await request.setEncoding("utf8").toArray()).join("") || "{}");
    if (request.method === "POST") {
      const newId = (gists.size + 1).toString(16).padStart(32, "a");
      const files = Object.entries<{ content: string }>(body.files).map(([name, { content }]) => [name, content]);
      const made = {
        owner: login,
        public: body.public,
        description: body.description,
        files: Object.fromEntries(files),
      };
      gists.set(newId, made);
      return say(201, shown(newId, made));
    }
    if (id === undefined || gist === undefined) return say(404, { message: "Not Found" });
    if (request.method === "GET") return say(200, shown(id, gist));
    if (gist.owner !== login) return say(404, { message: "Not Found" });
    for (const [name, { filename, content }] of Object.entries<{ filename: string; content: string }>(body.files)) {
      delete gist.files[name];
      gist.files[filename] = content;
    }
    gist.description = body.description;
    say(200, shown(id, gist));
  };
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    gists,
    asked,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
