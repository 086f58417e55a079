// `npm run package`: the installers of this system, in dist/packages, as electron-builder.yml says. Options after `--`
// go to electron-builder: `npm run package -- --dir` makes the folder without an installer around it.
import { readFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { ROOT, run, runScript, ScriptError } from "./bootstrap.mjs";
import { build } from "./build.mjs";

await runScript(import.meta.url, async () => {
  const { homepage, repository, devDependencies } = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8"));
  await build();
  const options = process.argv.slice(2);
  const page = process.env.CRUSADER_HOMEPAGE;
  if (page !== undefined) options.push(`--config.extraMetadata.homepage=${page}`);
  else if (process.platform === "linux" && !homepage && !repository && !options.includes("--dir")) {
    process.stderr.write(
      "A deb package names a home page. CRUSADER_HOMEPAGE says which; else it is the address of this checkout's origin.\n",
    );
  }
  process.stderr.write(
    `Packaging needs Electron ${devDependencies.electron} (about 120 MB) and the packager's tools. It downloads them from ` +
      "GitHub the first time and keeps them in the user's cache; ELECTRON_MIRROR and ELECTRON_BUILDER_BINARIES_MIRROR " +
      "name other places.\n",
  );
  const builder = path.join(ROOT, "node_modules", "electron-builder", "cli.js");
  const code = await run(process.execPath, [builder, "--publish", "never", ...options]);
  if (code !== 0) {
    throw new ScriptError(
      `electron-builder ended with ${code}.`,
      "Its message is above. When a download failed: GitHub must be reachable, or name mirrors as said before.",
    );
  }
  process.stderr.write("Packages are in dist/packages. They are not signed: docs/platforms.md says what that means.\n");
  return 0;
});
