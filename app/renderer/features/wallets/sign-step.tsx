/** Signs one prepared extrinsic: by a key file, by a browser's extension, or on another machine. */
import { Button, Textarea, TextInput } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import { useStore } from "zustand";
import type { UnsignedExtrinsic } from "../../../common/chain.ts";
import { SCRIPT_NAME, scriptCommand, signingScript } from "../../../common/cold-signing.ts";
import type { CrusaderError } from "../../../common/errors.ts";
import { formatInteger } from "../../../common/format.ts";
import { readPasted } from "../../../common/pasted-signature.ts";
import { shownText } from "../../../common/shown-text.ts";
import type { Signed } from "../../../common/submission.ts";
import type { Signer } from "../../../common/wallets.ts";
import { asCrusaderError } from "../../connection.ts";
import { notifyError } from "../../shell/notifications.ts";
import { CopyText } from "../../shell/ui/copy-text.tsx";
import { ErrorState } from "../../shell/ui/states.tsx";
import { connectExtension, extensionOf, findExtensions, giveUpExtension, useExtensions } from "./extensions-store.ts";
import { type PasswordQuestion, passwordQuestion } from "./own-extension.ts";
import { signByExtension, signByKeyFile } from "./signing.ts";
import classes from "./wallets.module.css";
import { signerName } from "./words.ts";

const PASSWORD_CHARACTERS = 1024;
const PLAIN_PAYLOAD_BYTES = 256;

export type SignStepProps = {
  unsigned: UnsignedExtrinsic;
  signer: Signer;
  /** What it does with the signature may fail: that is shown here, and it can be signed again. */
  onSigned: (signed: Signed) => void | Promise<void>;
  /** What the button says that signs. */
  action: string;
  /** Why nothing may be signed now; null where nothing stands in the way. */
  blockedBy?: string | null;
};

export function SignStep(props: SignStepProps) {
  const { unsigned, signer } = props;
  // What was typed or asked for belongs to one payload and one signer.
  return <Step key={JSON.stringify([unsigned.payload, signer])} {...props} />;
}

function Step({ unsigned, signer, onSigned, action, blockedBy = null }: SignStepProps) {
  const work = useSigning(onSigned);
  const { address } = unsigned.payload;
  return (
    <section className={classes.part} aria-label="Signature">
      <p>
        {shownText(signerName(signer))} signs for <span className={`mono ${classes.breakable}`}>{address}</span>, for
        blocks {formatInteger(unsigned.firstBlock)} to {formatInteger(unsigned.lastBlock)}.
      </p>
      {signer.kind === "file" && (
        <FileSigner
          work={work}
          action={action}
          blockedBy={blockedBy}
          sign={() => signByKeyFile(unsigned.payload, signer.key)}
        />
      )}
      {signer.kind === "extension" && (
        <ExtensionSigner work={work} action={action} blockedBy={blockedBy} unsigned={unsigned} />
      )}
      {signer.kind === "cold" && <ColdSigner work={work} blockedBy={blockedBy} unsigned={unsigned} />}
      {blockedBy !== null && <p className={classes.caution}>{blockedBy}</p>}
      {work.error !== null && <ErrorState error={work.error} />}
    </section>
  );
}

type Signing = {
  isBusy: boolean;
  error: CrusaderError | null;
  run: (sign: () => Promise<Signed>) => void;
  /** An answer that comes later counts no more. */
  cancel: () => void;
};

function useSigning(onSigned: SignStepProps["onSigned"]): Signing {
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<CrusaderError | null>(null);
  const attempt = useRef(0);
  const cancel = () => {
    attempt.current += 1;
    passwordQuestion.getState().open?.decline();
    setBusy(false);
  };
  const run = (sign: () => Promise<Signed>) => {
    const mine = ++attempt.current;
    setBusy(true);
    setError(null);
    sign()
      .then(async (signed) => {
        if (attempt.current === mine) await onSigned(signed);
      })
      .catch((thrown: unknown) => {
        const caught = asCrusaderError(thrown);
        if (attempt.current === mine && caught.code !== "cancelled") setError(caught);
      })
      .finally(() => {
        if (attempt.current === mine) setBusy(false);
      });
  };
  // Nothing is asked for a step that is not shown any more.
  useEffect(
    () => () => {
      attempt.current += 1;
      passwordQuestion.getState().open?.decline();
    },
    [],
  );
  return { isBusy, error, run, cancel };
}

function FileSigner({
  work: { isBusy, run, cancel },
  action,
  blockedBy,
  sign,
}: {
  work: Signing;
  action: string;
  blockedBy: string | null;
  sign: () => Promise<Signed>;
}) {
  const question = useStore(passwordQuestion, ({ open }) => open);
  if (isBusy && question !== null) return <Password key={question.id} question={question} action={action} />;
  return (
    <div className={classes.line}>
      <Button variant="filled" disabled={blockedBy !== null} loading={isBusy} onClick={() => run(sign)}>
        {action}
      </Button>
      {isBusy && <Button onClick={cancel}>Cancel</Button>}
    </div>
  );
}

function Password({ question, action }: { question: PasswordQuestion; action: string }) {
  const { key, problem, isTrying, answer, decline } = question;
  const [password, setPassword] = useState("");
  const field = useRef<HTMLInputElement>(null);
  // With each question anew: also where the last answer was wrong.
  useEffect(() => {
    if (!isTrying) field.current?.focus();
  }, [isTrying]);
  return (
    <form
      className={classes.part}
      onSubmit={(event) => {
        event.preventDefault();
        if (isTrying || password === "") return;
        setPassword("");
        answer(password);
      }}
    >
      <TextInput
        ref={field}
        type="password"
        label={`Password of ${shownText(signerName({ kind: "file", key }))}`}
        description="It opens the key file for this one signature, and is kept nowhere."
        value={password}
        disabled={isTrying}
        onChange={({ currentTarget }) => setPassword(currentTarget.value)}
        error={problem === null ? null : `${shownText(problem.message)} ${shownText(problem.hint)}`}
        maxLength={PASSWORD_CHARACTERS}
        spellCheck={false}
        autoComplete="off"
        className={classes.wide}
      />
      {isTrying && <output className={classes.dim}>The key file is being opened, which takes some seconds.</output>}
      <div className={classes.line}>
        <Button type="submit" variant="filled" disabled={password === "" && !isTrying} loading={isTrying}>
          {action}
        </Button>
        <Button onClick={decline}>Cancel</Button>
      </div>
    </form>
  );
}

function ExtensionSigner({
  work: { isBusy, run, cancel },
  action,
  blockedBy,
  unsigned,
}: {
  work: Signing;
  action: string;
  blockedBy: string | null;
  unsigned: UnsignedExtrinsic;
}) {
  const { found, asked } = useExtensions();
  useEffect(findExtensions, []);
  const { address } = unsigned.payload;
  const extension = extensionOf(address);
  if (extension === null) {
    const isWaiting = found.some((name) => asked[name]?.state === "waiting");
    return (
      <>
        <p className={classes.caution}>
          {found.length === 0
            ? "No browser extension with keys is in this page. Install or enable it, then reload the page; or choose another signer."
            : "No connected extension shows this account. Connect the one that holds it."}
        </p>
        <div className={classes.line}>
          {found.map((name) => (
            <Button
              key={name}
              loading={asked[name]?.state === "waiting"}
              onClick={() => connectExtension(name).catch((thrown: unknown) => notifyError(thrown))}
            >
              Connect {shownText(name)}
            </Button>
          ))}
          {isWaiting && <Button onClick={() => found.forEach(giveUpExtension)}>Cancel</Button>}
          {found.length === 0 && <Button onClick={findExtensions}>Look again</Button>}
        </div>
      </>
    );
  }
  const name = shownText(extension.name);
  return (
    <>
      <div className={classes.line}>
        <Button
          variant="filled"
          disabled={blockedBy !== null}
          loading={isBusy}
          onClick={() => run(() => signByExtension(unsigned.payload, extension))}
        >
          {action}
        </Button>
        {isBusy && <Button onClick={cancel}>Cancel</Button>}
      </div>
      {isBusy && <output className={classes.dim}>Waiting for {name}: compare what it shows, and confirm there.</output>}
    </>
  );
}

function ColdSigner({
  work: { isBusy, run },
  blockedBy,
  unsigned,
}: {
  work: Signing;
  blockedBy: string | null;
  unsigned: UnsignedExtrinsic;
}) {
  const [text, setText] = useState("");
  const pasted = readPasted(text);
  const problem = pasted !== null && "problem" in pasted ? pasted.problem : null;
  const { signedBytes, payload } = unsigned;
  const byteCount = (signedBytes.length - 2) / 2;
  return (
    <form
      className={classes.part}
      onSubmit={(event) => {
        event.preventDefault();
        if (pasted !== null && "signed" in pasted && blockedBy === null && !isBusy) run(async () => pasted.signed);
      }}
    >
      <h3 className={classes.title}>On the machine with the key</h3>
      <p>
        Read this script, which says what is signed; save it there as {SCRIPT_NAME} and run it. It needs
        bittensor-wallet and no network, and prints the signature. What is signed too late is prepared anew.
      </p>
      <CopyText text={signingScript(unsigned)} what="the script" />
      <CopyText text={scriptCommand(unsigned)} what="the command" />
      <details>
        <summary>For other signers: the payload</summary>
        <p>
          The bytes to be signed ({formatInteger(byteCount)}
          {byteCount > PLAIN_PAYLOAD_BYTES ? "; that is more than 256, so their blake2-256 hash is signed" : ""}):
        </p>
        <CopyText text={signedBytes} what="the bytes" />
        <p>The same as signers of the browser take it:</p>
        <CopyText text={JSON.stringify(payload, null, 2)} what="the payload" />
      </details>
      <h3 className={classes.title}>What it answered</h3>
      <Textarea
        label="Signature, or the whole signed extrinsic"
        description="Hexadecimal. It is compared with what is to be signed before anything is sent."
        value={text}
        onChange={({ currentTarget }) => setText(currentTarget.value)}
        error={problem}
        rows={3}
        classNames={{ input: "mono" }}
        spellCheck={false}
        autoComplete="off"
        className={classes.wide}
      />
      <div className={classes.line}>
        <Button
          type="submit"
          variant="filled"
          loading={isBusy}
          disabled={blockedBy !== null || pasted === null || problem !== null}
        >
          Use this signature
        </Button>
      </div>
    </form>
  );
}
