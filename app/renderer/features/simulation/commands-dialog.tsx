/** The same run without Crusader: docker's commands, and the order that the judge reads. */
import { Button, Modal } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useEffect, useState } from "react";
import { useStore } from "zustand";
import type { Outputs } from "../../../common/contract.ts";
import type { CrusaderError } from "../../../common/errors.ts";
import type { SimulationOptions } from "../../../common/simulation.ts";
import { client } from "../../client.ts";
import { asCrusaderError } from "../../connection.ts";
import { downloadFile } from "../../shell/help.ts";
import { freshTarget, type ShownTarget } from "../../shell/selection.ts";
import { CopyText } from "../../shell/ui/copy-text.tsx";
import { ErrorState, Loading } from "../../shell/ui/states.tsx";
import { byHand } from "./commands.ts";
import classes from "./simulation.module.css";
import { terminalCommand } from "./terminal-command.ts";

type CommandsDialogProps = { options: SimulationOptions; target: ShownTarget };

const close = () => byHand.setState({ open: false });

export default function CommandsDialog(props: CommandsDialogProps) {
  const open = useStore(byHand, (state) => state.open);
  // Only a dialog that was closed first knows whom to give the focus back to; this one is loaded when it is asked for.
  const [opened, setOpened] = useState(false);
  useEffect(() => setOpened(open), [open]);
  // A dialog of a form that is gone does not come back with the next one.
  useEffect(() => close, []);
  return (
    <Modal opened={opened} onClose={close} title={`${props.target.title} without Crusader`} size="56rem">
      {opened && <Commands {...props} />}
    </Modal>
  );
}

function Commands({ options, target }: CommandsDialogProps) {
  const [answer, setAnswer] = useState<Outputs["simulation"]["commands"] | null>(null);
  const [error, setError] = useState<CrusaderError | null>(null);
  const [turn, setTurn] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `turn` asks again
  useEffect(() => {
    const controller = new AbortController();
    freshTarget(target)
      .then((fresh) => client.simulation.commands({ ...options, target: fresh }, { signal: controller.signal }))
      .then((commands) => {
        setAnswer(commands);
        setError(null);
      })
      .catch((thrown: unknown) => !controller.signal.aborted && setError(asCrusaderError(thrown)));
    return () => controller.abort();
  }, [options, target, turn]);
  if (error !== null) return <ErrorState error={error} retry={() => setTurn(turn + 1)} />;
  if (answer === null) return <Loading what="Reading the commands" />;
  return (
    <div className={classes.byHand}>
      <p>
        These commands judge the file once, with the flags that the form shows. Save the order, which holds the file,
        the profile and the seed, and run them in its folder. What the judge writes to the terminal are its events; the
        last one is the verdict. Crusader records nothing of it.
      </p>
      <div>
        <Button
          variant="filled"
          leftSection={<IconDownload size="1em" aria-hidden />}
          onClick={() => downloadFile(answer.order)}
        >
          Save {answer.order.fileName}
        </Button>
      </div>
      <CopyText text={answer.commands} what="the commands" />
      <p>The same from a terminal, without the window:</p>
      <CopyText text={terminalCommand(options, target.title, answer.order.fileName)} what="the terminal's command" />
    </div>
  );
}
