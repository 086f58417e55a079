/**
 * For tests: an image of a few megabytes whose `python` is a shell script that speaks as a judge in a container does, so
 * that the engine, its streams and its ends are real. What it does is what the file it is to judge says, one word a
 * repeat; the last one counts for all further repeats.
 */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findDocker } from "../../../../scripts/machine.mjs";

export const SCRIPTED_IMAGE = "crusader-test-scripted:6";

const JUDGE = String.raw`#!/bin/sh
case "$*" in *crusades_eval.launcher*)
  id -un > /tmp/launched
  exec sleep 1000
esac
read -r order
words=$(printf %s "$order" | sed 's/.*"source":"\([A-Za-z0-9+\/=]*\)".*/\1/' | base64 -d)
repeat=$(printf %s "$order" | sed 's/.*"repeat":\([0-9]*\).*/\1/')
seed=$(printf %s "$order" | sed 's/.*"seed":"\([^"]*\)".*/\1/')
ranks=$(printf %s "$order" | sed 's/.*"numRanks":\([0-9]*\).*/\1/')
set -- $words
while [ "$repeat" -gt 0 ] && [ $# -gt 1 ]; do shift; repeat=$((repeat - 1)); done
n=0
say() { printf '{"v":1,"seq":%d,"t":%d,%s}\n' $n $n "$1"; n=$((n + 1)); }
stage() { say "\"type\":\"stage\",\"stage\":\"$1\",\"state\":\"$2\",\"seconds\":$3"; }
result() {
  say "\"type\":\"result\",\"outcome\":\"$1\",\"failure\":$2,\"seed\":\"$seed\",\"numRanks\":$ranks,\"strategy\":null,\"device\":\"cpu\",\"mfuPercent\":null,\"relativeSpeed\":1.5,\"timedSeconds\":1,\"judgeSeconds\":1,\"referenceSeconds\":1.5,\"uniqueTokens\":1,\"tokensPerSecond\":1,\"parameters\":1,\"peakMemoryBytesPerRank\":1,\"versions\":{}"
}
cancelled='{"kind":"cancelled","code":null,"fault":"user","message":"asked to stop","hint":"","stage":"prepare","rank":null,"line":null,"detail":""}'
until_file() { while [ ! -e "$1" ]; do sleep 0.05; done; }
launch() {
  say '"type":"note","level":"info","id":"waiting_for_launcher","message":"ready","line":null'
  until_file /tmp/launched
  echo "launched as $(cat /tmp/launched), judge $(id -un)" >&2
}
case "$1" in
pass) stage scan running null; launch; stage scan passed 0.25; result passed null ;;
# Goes on when somebody makes /tmp/go in it.
wait) echo "before" >&2; stage prepare running null; launch; stage prepare passed 1; until_file /tmp/go; echo "after" >&2; result passed null ;;
polite) trap "result cancelled '$cancelled'; exit 0" TERM; stage prepare running null; while :; do sleep 0.05; done ;;
stubborn) trap '' TERM; stage prepare running null; while :; do sleep 0.05; done ;;
# Takes all the memory there is; the kernel ends it.
greedy) stage prepare running null; exec dd if=/dev/zero of=/dev/null bs=256M count=1 ;;
exit) stage prepare running null; exit 4 ;;
malformed) echo "this is no event"; sleep 1000 ;;
# So many lines of log, numbered.
lines-*) seq 1 "$(echo "$1" | sed s/lines-//)" >&2; stage scan passed 0; result passed null ;;
esac
`;

/** Makes the image where it is missing. */
export function prepareScriptedImage(): { docker: string } | { missing: string } {
  const docker = findDocker();
  if ("missing" in docker) return docker;
  const busybox = ["/bin/busybox", "/usr/bin/busybox"].find(isStatic);
  if (busybox === undefined) return { missing: "no static busybox for the image (Debian: busybox-static)" };
  const folder = mkdtempSync(join(tmpdir(), "crusader-scripted-image-"));
  try {
    for (const name of ["bin", "etc", "tmp", "home/appuser/.triton"])
      mkdirSync(join(folder, name), { recursive: true });
    // A tmpfs takes on the rights of the folder it covers.
    chmodSync(join(folder, "tmp"), 0o1777);
    cpSync(busybox, join(folder, "bin/busybox"));
    for (const name of ["sh", "sed", "base64", "sleep", "id", "cat", "touch", "seq", "dd"])
      symlinkSync("busybox", join(folder, "bin", name));
    writeFileSync(join(folder, "bin/python"), JUDGE);
    chmodSync(join(folder, "bin/python"), 0o755);
    writeFileSync(
      join(folder, "etc/passwd"),
      "judge:x:900:900::/:/bin/sh\nappuser:x:1000:1000::/home/appuser:/bin/sh\n",
    );
    writeFileSync(join(folder, "etc/group"), "judge:x:900:\nappuser:x:1000:\n");
    const tar = join(folder, "image.tar");
    execFileSync("tar", ["-cf", tar, "-C", folder, "bin", "etc", "tmp", "home"]);
    execFileSync(docker.program, ["import", "--change", "ENV PATH=/bin", tar, SCRIPTED_IMAGE], { stdio: "pipe" });
    return { docker: docker.program };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Only a program that needs no loader (an .interp section names it) runs in an image that has nothing else. */
function isStatic(file: string): boolean {
  return existsSync(file) && !readFileSync(file).includes("\0.interp\0");
}
