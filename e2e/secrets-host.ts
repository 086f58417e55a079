/**
 * A web host as a program of its own that waits for signatures and can be made to crash: `node secrets-host.ts FOLDER`, with
 * wallets in FOLDER/wallets and what is waited for in FOLDER/prepared.json. It prints its address, and a word on stdin is a
 * bug that nobody caught.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { startWebHost } from "../app/main/hosts/web/index.ts";
import { createServices } from "../app/main/router/services.ts";

const [folder = ""] = process.argv.slice(2);
const services = createServices({
  dataFolder: join(folder, "data"),
  env: { PATH: "" },
  home: folder,
  bittensorWallets: join(folder, "wallets"),
});
for (const unsigned of JSON.parse(readFileSync(join(folder, "prepared.json"), "utf8"))) {
  services.signingRequests.add(unsigned);
}
const host = await startWebHost({ services, rendererFolder: join(folder, "renderer"), port: 0, newToken: false });
process.stdout.write(`${host.url()}\n`);
process.stdin.once("data", () => {
  throw new Error("a bug of ours");
});
