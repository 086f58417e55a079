/** For tests: an image of two megabytes with a shell to build on, made from the system's static busybox. */
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findDocker } from "../../../../scripts/machine.mjs";

export const BUSYBOX_IMAGE = "crusader-test-busybox:1";
const COMMANDS = ["sh", "sleep", "cat", "wc", "echo", "true", "ls", "id"];

/** Makes it where it is missing, or says why it cannot be had. */
export function prepareBusyboxImage(): { docker: string } | { missing: string } {
  const docker = findDocker();
  if ("missing" in docker) return docker;
  if (spawnSync(docker.program, ["image", "inspect", BUSYBOX_IMAGE]).status === 0) return { docker: docker.program };
  const isStatic = (file: string) => existsSync(file) && !readFileSync(file).includes("\0.interp\0");
  const busybox = ["/bin/busybox", "/usr/bin/busybox"].find(isStatic);
  if (busybox === undefined) return { missing: "no static busybox for the image (Debian: busybox-static)" };
  const folder = mkdtempSync(join(tmpdir(), "crusader-busybox-"));
  try {
    for (const name of ["bin", "tmp"]) mkdirSync(join(folder, name));
    cpSync(busybox, join(folder, "bin/busybox"));
    for (const name of COMMANDS) symlinkSync("busybox", join(folder, "bin", name));
    const tar = join(folder, "image.tar");
    execFileSync("tar", ["-cf", tar, "-C", folder, "bin", "tmp"]);
    execFileSync(docker.program, ["import", "--change", "ENV PATH=/bin", tar, BUSYBOX_IMAGE], { stdio: "pipe" });
    return { docker: docker.program };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
