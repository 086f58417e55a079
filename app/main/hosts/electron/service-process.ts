/** The services in a process of their own, so that neither a heavy query nor a crash of theirs stalls the window. */
import { serveDesktop } from "./serve-desktop.ts";

const { parentPort } = process;
if (parentPort === undefined) throw new Error("The service process is started by Crusader's window.");
// Ctrl-C in a terminal reaches every process; the shell asks and then says when to end.
process.on("SIGINT", () => {});
serveDesktop(parentPort, process.env, (code) => process.exit(code));
