// `npm run package`: the installers of this system, in dist/packages, as electron-builder.yml says. Options after `--`
// go to electron-builder: `npm run package -- --dir` makes the folder without an installer around it.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { ROOT, run, runScript, ScriptError } from "./bootstrap.mjs";

await runScript(import.meta.url, async () => {
  const { main, scripts, homepage, repository, devDependencies } = JSON.parse(
    readFileSync(path.join(ROOT, "package.json"), "utf8"),
  );
  const built = await run(scripts.build, [], { shell: true, env: withLocalPrograms(process.env) });
  if (built !== 0) throw new ScriptError(`The build ended with ${built}.`, "Its message is above.");
  for (const file of [main, "dist/renderer/index.html"]) {
    if (!existsSync(path.join(ROOT, file ?? ""))) {
      throw new ScriptError(
        `The build made no ${file}.`,
        "`npm run build` has to make what package.json calls `main`.",
      );
    }
  }
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

/**
 * The environment that npm gives to a script: the packages' programs come first.
 *
 * @param {NodeJS.ProcessEnv} env
 * @returns {NodeJS.ProcessEnv}
 */
function withLocalPrograms(env) {
  const name = Object.keys(env).find((key) => key.toUpperCase() === "PATH") ?? "PATH";
  const folders = [path.join(ROOT, "node_modules", ".bin"), path.dirname(process.execPath), env[name] ?? ""];
  return { ...env, [name]: folders.join(path.delimiter) };
}
