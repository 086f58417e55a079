/** What the editor shows while no file is open: how to begin, and what this machine has. */
import { Button, Progress } from "@mantine/core";
import { IconFile, IconFolderOpen, IconHistory, IconTrophy } from "@tabler/icons-react";
import { formatBytes, formatShare } from "../../../common/format.ts";
import type { Machine, Presence } from "../../../common/machine.ts";
import { client } from "../../client.ts";
import { useActivity } from "../../shell/activity.ts";
import { runCommand } from "../../shell/commands.ts";
import { readMachine, setUpPython, useMachine } from "../../shell/machine.ts";
import { notifyError } from "../../shell/notifications.ts";
import { ErrorState, Loading } from "../../shell/ui/states.tsx";
import { VerdictMark } from "../../shell/ui/verdict-mark.tsx";
import { startFromTemplate } from "../workspace/actions.ts";
import { useWorkspace } from "../workspace/folders.ts";
import classes from "./welcome.module.css";

const attempt = (action: Promise<unknown>) => {
  action.catch((thrown: unknown) => notifyError(thrown));
};

export function Welcome() {
  const templates = useWorkspace((state) => state.templates);
  return (
    <div className={classes.welcome}>
      <section aria-labelledby="welcome-start">
        <header className={classes.header}>
          <h1 id="welcome-start" className={classes.title}>
            Start from a template
          </h1>
          <div className={classes.others}>
            <Button
              leftSection={<IconFolderOpen size="1rem" aria-hidden />}
              onClick={() => runCommand("workspace.openFolder")}
            >
              Open a folder
            </Button>
            <Button leftSection={<IconHistory size="1rem" aria-hidden />} onClick={() => runCommand("panel.history")}>
              Browse the runs
            </Button>
            <Button leftSection={<IconTrophy size="1rem" aria-hidden />} onClick={() => runCommand("panel.arena")}>
              Browse the arena
            </Button>
          </div>
        </header>
        <ul className={classes.templates}>
          {templates.map(({ name, title }) => (
            <li key={name}>
              <button type="button" className={classes.template} onClick={() => attempt(startFromTemplate(name))}>
                <IconFile size="1rem" aria-hidden />
                <strong>{name}</strong>
                <span>{title}</span>
              </button>
            </li>
          ))}
        </ul>
      </section>
      <MachineLines />
    </div>
  );
}

function MachineLines() {
  const { machine, error } = useMachine();
  if (machine === null) {
    return error === null ? (
      <Loading what="Looking at this machine" />
    ) : (
      <ErrorState error={error} retry={() => void readMachine()} />
    );
  }
  return (
    <section aria-labelledby="welcome-machine">
      <h2 id="welcome-machine" className={classes.title}>
        This machine
      </h2>
      <dl className={classes.machine}>
        <dt>GPUs</dt>
        <dd>
          {machine.gpus.length === 0
            ? `none; rehearsals run on the CPU (${machine.cores} cores, ${formatBytes(machine.memoryBytes)})`
            : machine.gpus.join(", ")}
        </dd>
        <dt>Sandbox</dt>
        <dd>
          <PresenceLine presence={machine.sandbox} />
        </dd>
        <dt>Python</dt>
        <dd>
          <PythonLine machine={machine} />
        </dd>
      </dl>
    </section>
  );
}

function PresenceLine({ presence }: { presence: Presence }) {
  if (presence.state === "ready") return <span>{presence.summary}</span>;
  const { message, hint } = presence.problem;
  return (
    <span>
      <VerdictMark mark="error" word="missing" /> {message} {hint}
    </span>
  );
}

function PythonLine({ machine: { python, versions } }: { machine: Machine }) {
  const task = useActivity(({ tasks }) =>
    tasks.find(({ kind, state }) => kind === "python_setup" && state === "running"),
  );
  if (task !== undefined) {
    return (
      <span className={classes.task}>
        <span>
          {task.detail}
          {task.fraction !== null && ` ${formatShare(task.fraction)}`}
        </span>
        {task.fraction !== null && (
          <Progress value={task.fraction * 100} size="xs" aria-label={task.title} className={classes.progress} />
        )}
        <Button onClick={() => attempt(client.tasks.cancel({ taskId: task.id }))}>Cancel</Button>
      </span>
    );
  }
  if (python.state === "ready") {
    const torch = versions.torch;
    return (
      <span>
        {python.summary}
        {torch !== undefined && !python.summary.includes(torch) && `, torch ${torch}`}
      </span>
    );
  }
  return (
    <span className={classes.task}>
      <span>
        <VerdictMark mark="error" word="missing" /> {python.problem.message}
      </span>
      <Button variant="filled" onClick={() => attempt(setUpPython())}>
        Set it up (about 1 GB, once)
      </Button>
    </span>
  );
}
