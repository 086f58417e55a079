/** The service process, with a judge that does as the submission says. */
import { type ParentPort, serveDesktop } from "../../app/main/hosts/electron/serve-desktop.ts";
import { ScriptedBackend } from "../../app/main/services/simulation/scripted-backend.ts";

const parentPort = process.parentPort as unknown as ParentPort;
serveDesktop(parentPort, process.env, (code) => process.exit(code), { moreBackends: [new ScriptedBackend()] });
