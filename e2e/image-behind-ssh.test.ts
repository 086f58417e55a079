/** An image built on an engine behind a real sshd, by the docker command's own ssh; a cancel leaves no ssh of it. */
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { LoopbackSsh } from "../app/main/services/engine/loopback-ssh.ts";
import { HparamsService } from "../app/main/services/hparams/index.ts";
import { BUSYBOX_IMAGE, prepareBusyboxImage } from "../app/main/services/images/busybox-image.ts";
import { ImageService } from "../app/main/services/images/index.ts";
import { FileSecrets } from "../app/main/services/settings/index.ts";
import { findSshServer } from "../scripts/machine.mjs";

const folderOf = (name: string) => fileURLToPath(new URL(`../${name}`, import.meta.url));
const prepared = prepareBusyboxImage();
const sshServer = findSshServer();

test("an image is built behind ssh; a cancelled build leaves nothing", async (context) => {
  if ("missing" in prepared) return context.skip(`needs docker: ${prepared.missing}`);
  if ("missing" in sshServer) return context.skip(`needs ssh: ${sshServer.missing}`);
  const box = await LoopbackSsh.start(sshServer.program);
  const folder = mkdtempSync(join(tmpdir(), "crusader-image-ssh-"));
  const reference = `crusader-test-build:ssh-${process.pid}`;
  onTestFinished(async () => {
    await box.close();
    spawnSync(prepared.docker, ["image", "rm", "--force", reference]);
    rmSync(folder, { recursive: true });
  });
  const packageFolder = join(folder, "package");
  mkdirSync(packageFolder);
  for (const name of ["crusades_eval", "bake.py", "requirements-cpu.txt"])
    cpSync(join(folderOf("simulator-image"), name), join(packageFolder, name), { recursive: true });
  const put = (...steps: string[]) =>
    writeFileSync(join(packageFolder, "Dockerfile.cpu"), [`FROM ${BUSYBOX_IMAGE}`, ...steps, ""].join("\n"));
  // What the docker command finds as "ssh" is the test's: the box's name and keys are in its configuration.
  const real = execFileSync("sh", ["-c", "command -v ssh"], { encoding: "utf8" }).trim();
  mkdirSync(join(folder, "bin"));
  const ssh = `#!/bin/sh\nexec ${real} -F '${join(box.folder, "config")}' "$@"\n`;
  writeFileSync(join(folder, "bin", "ssh"), ssh, { mode: 0o755 });
  const env = {
    ...process.env,
    PATH: [join(folder, "bin"), dirname(prepared.docker), process.env.PATH].join(delimiter),
    DOCKER_HOST: box.address,
  };
  const service = new ImageService({
    dataFolder: join(folder, "data"),
    packageFolder,
    hparams: new HparamsService({ profilesFolder: folderOf("hparams") }),
    secrets: new FileSecrets({ dataFolder: join(folder, "data") }),
    env,
    surroundings: { env, platform: process.platform, home: folder },
    ssh: box.connections(),
  });
  const request = { profile: "rehearsal", reference };
  const { findings } = await service.check(request);
  expect(findings.map(({ id, level }) => `${id} ${level}`)).toEqual([
    "docker ok",
    "builder ok",
    "image ok",
    "disk unknown",
  ]);

  const listener = { onProgress: () => {}, onLine: () => {} };
  put("COPY crusades_eval /crusades_eval", `RUN sleep 20${process.pid}`);
  const controller = new AbortController();
  const reason = new Error("cancelled by the test");
  const cancelled = service.build(
    request,
    {
      ...listener,
      onProgress: ({ progress }) => {
        if (progress.doing.startsWith("RUN sleep")) controller.abort(reason);
      },
    },
    controller.signal,
  );
  await expect(cancelled).rejects.toBe(reason);
  const running = () =>
    execFileSync("ps", ["-eo", "args"], { encoding: "utf8" })
      .split("\n")
      .filter((line) => line.includes(reference) || line === `sleep 20${process.pid}`);
  await expect.poll(running, { timeout: 20_000 }).toEqual([]);

  put("COPY crusades_eval /crusades_eval", "RUN echo here");
  expect(await service.build(request, listener)).toMatchObject({ engine: "default", reference });
  const id = execFileSync(prepared.docker, ["image", "ls", "--quiet", reference], { encoding: "utf8" }).trim();
  expect(id).not.toBe("");
});
