/** What ssh asks, in its own words: a passphrase, or whether an unknown host key is right. */
import { Button, Modal, TextInput } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import { useStore } from "zustand";
import { type EnginePrompt, HOST_KEY_ACCEPTED } from "../../../common/engine-prompts.ts";
import { shownLines } from "../../../common/shown-text.ts";
import classes from "./prompt-view.module.css";
import { answerPrompt, enginePrompts } from "./prompts.ts";

const HOST_KEY_COMMAND = "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub";

export function EnginePromptView() {
  const prompt = useStore(enginePrompts, ({ open }) => open[0]);
  const decline = () => prompt !== undefined && answerPrompt(prompt.id, null);
  return (
    <Modal
      returnFocus={false}
      opened={prompt !== undefined}
      onClose={decline}
      // What was typed is not lost to a click beside it.
      closeOnClickOutside={false}
      closeButtonProps={{ "aria-label": "Decline" }}
      title={prompt?.kind === "confirm" ? "Is this host's key right?" : "ssh asks"}
      size="36rem"
    >
      {prompt !== undefined && <Question key={prompt.id} prompt={prompt} decline={decline} />}
    </Modal>
  );
}

function Question({ prompt, decline }: { prompt: EnginePrompt; decline: () => void }) {
  const [answer, setAnswer] = useState("");
  const { id, kind, address, text, isRepeated } = prompt;
  const isSecret = kind === "secret";
  // Also where it takes the place of another question: the dialog itself looks once.
  const first = useRef<HTMLInputElement & HTMLButtonElement>(null);
  useEffect(() => first.current?.focus(), []);
  return (
    <form
      className={classes.prompt}
      onSubmit={(event) => {
        event.preventDefault();
        answerPrompt(id, isSecret ? answer : HOST_KEY_ACCEPTED);
      }}
    >
      <p>
        On the way to the engine <span className="mono">{address}</span>:
      </p>
      {isRepeated && <p role="alert">The answer was not right. ssh asks again.</p>}
      <pre className={classes.text}>{shownLines(text).trim()}</pre>
      {isSecret ? (
        <TextInput
          ref={first}
          data-autofocus
          type="password"
          autoComplete="off"
          spellCheck={false}
          label="Answer"
          description="It goes to ssh, and is kept nowhere."
          maxLength={1024}
          value={answer}
          onChange={({ currentTarget }) => setAnswer(currentTarget.value)}
        />
      ) : (
        <p>
          Compare the fingerprint with the one that the host's owner reads there: <code>{HOST_KEY_COMMAND}</code>.
          Whoever is in between shows another. Accepted, it is added to your known hosts.
        </p>
      )}
      <div className={classes.buttons}>
        <Button onClick={decline} {...(isSecret ? {} : { ref: first, "data-autofocus": true })}>
          Decline
        </Button>
        <Button type="submit" variant="filled">
          {isSecret ? "Answer" : "Accept this key"}
        </Button>
      </div>
    </form>
  );
}
