/** Where the window's host serves what the scanner is made of. */
import policyAddress from "../../../hparams/scan-policy.json?url&no-inline";
import type { ScannerFiles } from "./protocol.ts";

// A pattern has to be a literal: files.test.ts holds it to SCANNER_FILES.
const PYTHON: Record<string, string> = import.meta.glob(
  "../../../simulator-image/crusades_eval/{__init__,scan,topology,mfu,cuda_needs,syntax_tree,analysis,lints,fixes}.py",
  { query: "?url&no-inline", import: "default", eager: true },
);

export const pythonAddresses: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(PYTHON).map(([path, address]) => [path.slice(path.lastIndexOf("/") + 1), address]),
);

/** Addresses are complete, as a worker's own base is another one than the page's. */
export function scannerFiles(): ScannerFiles {
  const complete = (address: string) => new URL(address, document.baseURI).href;
  return {
    pyodideFolder: complete(import.meta.env.PYODIDE_FOLDER),
    python: Object.fromEntries(Object.entries(pythonAddresses).map(([name, address]) => [name, complete(address)])),
    policy: complete(policyAddress),
  };
}
