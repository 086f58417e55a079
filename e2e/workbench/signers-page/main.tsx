/** The parts of features/wallets alone in a page, for their test: what is chosen and signed is shown as JSON. */
import "../../../app/renderer/shell/mantine-styles.ts";
import "../../../app/renderer/shell/theme.css";
import { MantineProvider } from "@mantine/core";
import { useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import type { Network, UnsignedExtrinsic } from "../../../app/common/chain.ts";
import { CrusaderError } from "../../../app/common/errors.ts";
import type { Signed } from "../../../app/common/submission.ts";
import { signingWords } from "../../../app/common/submission-words.ts";
import type { Signer } from "../../../app/common/wallets.ts";
import { SignerPicker, type SignerPickerProps, SignStep } from "../../../app/renderer/features/wallets/index.ts";
import { followSettings } from "../../../app/renderer/shell/settings.ts";
import { cssVariablesResolver, theme } from "../../../app/renderer/shell/theme.ts";

/** What the test asks to be shown, as the detail of an event `show`. */
type Shown = {
  role: SignerPickerProps["role"];
  network: Network;
  unsigned: UnsignedExtrinsic | null;
  blockedBy?: string;
  /** How taking the signature ends. */
  refusal?: string;
};

function Page() {
  const [shown, setShown] = useState<Shown>({ role: "hotkey", network: "practice", unsigned: null });
  const [signer, setSigner] = useState<Signer | null>(null);
  const [signed, setSigned] = useState<Signed | null>(null);
  useEffect(() => followSettings(), []);
  useEffect(() => {
    document.documentElement.dataset.appearance = "light";
    addEventListener("show", (event) => setShown((event as CustomEvent<Shown>).detail));
  }, []);
  const { role, network, unsigned, blockedBy, refusal } = shown;
  return (
    <MantineProvider theme={theme} cssVariablesResolver={cssVariablesResolver} forceColorScheme="light">
      <main data-panel="editor" style={{ padding: "1rem" }}>
        <h1>Signers</h1>
        <SignerPicker role={role} network={network} value={signer} onChange={setSigner} />
        {unsigned !== null && signer !== null && (
          <SignStep
            unsigned={unsigned}
            signer={signer}
            action={signingWords(unsigned.call)}
            {...(blockedBy === undefined ? {} : { blockedBy })}
            onSigned={async (answer) => {
              if (refusal !== undefined) throw new CrusaderError("signature_refused", refusal);
              setSigned(answer);
            }}
          />
        )}
        <pre data-testid="signer">{JSON.stringify(signer)}</pre>
        <pre data-testid="signed">{JSON.stringify(signed)}</pre>
      </main>
    </MantineProvider>
  );
}

const root = document.getElementById("root");
if (root === null) throw new Error("The page has no root.");
createRoot(root).render(<Page />);
