// The image that tests with a Docker engine run: Dockerfile.cpu with this checkout's crusades_eval, built without network,
// for root on a base that needs no registry. Each step is kept and not repeated: the base and the wheels until their versions
// change, the image until a file in it does.
//
// `node scripts/test-image.mjs` prints its name, for `CRUSADER_TEST_IMAGE=... pytest tests/test_container.py`.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { preparePython, ROOT, run, runForOutput, runScript } from "./bootstrap.mjs";
import { findDocker } from "./machine.mjs";

/** Debian 12: its Python is production's 3.11. */
const DEBIAN = "bookworm";
const PYTHON = "3.11";
/** Makes it without a registry; needs root. */
const DEBOOTSTRAP = "/usr/sbin/debootstrap";
export const BASE_IMAGE = `crusader-test-base:${DEBIAN}`;
const IMAGE = "crusader-test-cpu";
const PACKAGE = path.join(ROOT, "simulator-image");
const WHEELS = path.join(ROOT, "node_modules/.cache/crusader/wheels");

/**
 * @param {{ program: string }} docker
 * @param {{ python: string }} python Its pip fetches the wheels.
 * @returns {Promise<{ image: string } | { missing: string }>}
 */
export async function prepareTestImage(docker, python) {
  const image = `${IMAGE}:${hashOf(contextFiles())}`;
  if (await exists(docker, image)) return { image };
  const [base, wheels] = await Promise.all([prepareBase(docker), prepareWheels(python)]);
  if ("missing" in base) return base;
  if (wheels !== null) return { missing: wheels };
  const problem = await build(docker, image, base.base);
  return problem === null ? { image } : { missing: problem };
}

/**
 * As the app builds: the same service, Dockerfile and context.
 *
 * @param {{ program: string }} docker
 * @param {string} image
 * @param {string | undefined} base
 * @returns {Promise<string | null>} Why it could not be built.
 */
async function build(docker, image, base) {
  // Not above: any Node can read this file.
  const { HparamsService } = await import("../app/main/services/hparams/index.ts");
  const { ImageService } = await import("../app/main/services/images/index.ts");
  const { FileSecrets } = await import("../app/main/services/settings/index.ts");
  const dataFolder = mkdtempSync(path.join(os.tmpdir(), "crusader-test-image-"));
  try {
    const images = new ImageService({
      dataFolder,
      packageFolder: PACKAGE,
      hparams: new HparamsService({ profilesFolder: path.join(ROOT, "hparams") }),
      secrets: new FileSecrets({ dataFolder }),
      env: { ...process.env, PATH: [path.dirname(docker.program), process.env.PATH].join(path.delimiter) },
    });
    const request = { profile: "rehearsal", base, wheelsFolder: WHEELS, reference: image };
    await images.build(request, { onProgress: () => {}, onLine: () => {} });
    return null;
  } catch (error) {
    const { message, detail = "" } = /** @type {Error & { detail?: string }} */ (error);
    process.stderr.write(`${detail}\n`);
    return message;
  } finally {
    rmSync(dataFolder, { recursive: true });
  }
}

/** Everything of the build context but the wheels, which the requirements determine. */
function contextFiles() {
  const sources = readdirSync(path.join(PACKAGE, "crusades_eval")).filter((name) => name.endsWith(".py"));
  return ["Dockerfile.cpu", "requirements-cpu.txt", ...sources.sort().map((name) => `crusades_eval/${name}`)];
}

/** @param {readonly string[]} files */
function hashOf(files) {
  // The service's labels are in it, too.
  const hash = createHash("sha256").update(`${BASE_IMAGE} ImageService`);
  for (const file of files) hash.update(`\0${file}\0`).update(readFileSync(path.join(PACKAGE, file)));
  return hash.digest("hex").slice(0, 16);
}

/**
 * @param {{ program: string }} docker
 * @param {string} image
 */
async function exists(docker, image) {
  const { code, output } = await runForOutput(docker.program, ["image", "ls", "--quiet", image]);
  return code === 0 && output.trim() !== "";
}

/**
 * @param {{ program: string }} docker
 * @returns {Promise<{ base: string | undefined } | { missing: string }>} None where the public base must do.
 */
async function prepareBase(docker) {
  if (await exists(docker, BASE_IMAGE)) return { base: BASE_IMAGE };
  if (process.getuid?.() !== 0 || !existsSync(DEBOOTSTRAP)) return { base: undefined };
  const folder = mkdtempSync(path.join(os.tmpdir(), "crusader-base-"));
  try {
    const packages = "--include=python3,python3-venv,ca-certificates";
    const mirror = await debianMirror();
    const made = await show(DEBOOTSTRAP, ["--variant=minbase", packages, DEBIAN, folder, ...mirror]);
    if (made !== 0) return { missing: `debootstrap ended with ${made}` };
    rmSync(path.join(folder, "var/cache/apt"), { recursive: true, force: true });
    const imported = await pipe(
      ["tar", ["-C", folder, "-c", "."]],
      [docker.program, ["import", "--message", "Crusader's tests", "-", BASE_IMAGE]],
    );
    return imported === 0 ? { base: BASE_IMAGE } : { missing: `docker import ended with ${imported}` };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Where this machine's own packages come from, if it is a Debian; debootstrap knows another place. */
async function debianMirror() {
  const format = "$(RELEASE) $(COMPONENT) $(REPO_URI)";
  const { output } = await runForOutput("apt-get", ["indextargets", "--format", format, "Created-By: Packages"]);
  const lines = output.split("\n").map((line) => line.split(" "));
  const found = lines.find(([release, component]) => release === DEBIAN && component === "main");
  return found?.[2] === undefined ? [] : [found[2]];
}

/**
 * @param {{ python: string }} python
 * @returns {Promise<string | null>} Why they cannot be had.
 */
async function prepareWheels(python) {
  const requirements = path.join(PACKAGE, "requirements-cpu.txt");
  const mark = path.join(WHEELS, "requirements.txt");
  if (existsSync(mark) && readFileSync(mark).equals(readFileSync(requirements))) return null;
  rmSync(WHEELS, { recursive: true, force: true });
  mkdirSync(WHEELS, { recursive: true });
  // Not above: any Node can read this file.
  const { PYTORCH_CPU_INDEX } = await import("../app/common/addresses.ts");
  // As in app/main/services/python: an index that does not answer is a warning where the build lies elsewhere.
  const source = ["--retries=2", `--extra-index-url=${PYTORCH_CPU_INDEX}`, "--only-binary=:all:"];
  const wanted = ["--python-version", PYTHON, "--implementation", "cp", "--requirement", requirements];
  const args = ["-m", "pip", "download", "--quiet", ...source, "--dest", WHEELS, ...wanted];
  const code = await show(python.python, args);
  if (code !== 0) return `the packages could not be fetched (pip ended with ${code})`;
  writeFileSync(mark, readFileSync(requirements));
  return null;
}

/**
 * Runs a program with all it prints on stderr: stdout is the image's name.
 *
 * @param {string} program
 * @param {readonly string[]} args
 */
function show(program, args) {
  return run(program, args, { stdio: ["ignore", 2, 2] });
}

/**
 * @param {[string, string[]]} from
 * @param {[string, string[]]} to
 * @returns {Promise<number | null>} The exit status of `to`.
 */
function pipe(from, to) {
  const source = spawn(...from, { stdio: ["ignore", "pipe", "inherit"] });
  const sink = spawn(...to, { stdio: [source.stdout, 2, 2] });
  return new Promise((resolve, reject) => {
    source.on("error", reject);
    sink.on("error", reject).on("close", resolve);
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await runScript(import.meta.url, async () => {
    const docker = findDocker();
    const python = await preparePython();
    const parts = [docker, python].flatMap((part) => ("missing" in part ? [part.missing] : []));
    const prepared =
      "missing" in docker || "missing" in python
        ? { missing: parts.join("; ") }
        : await prepareTestImage(docker, python);
    if ("missing" in prepared) process.stderr.write(`error: ${prepared.missing}\n`);
    else process.stdout.write(`${prepared.image}\n`);
    return "missing" in prepared ? 1 : 0;
  });
}
