/** The boxes that evaluate for this machine: added, asked whether they answer, forgotten. */
import { Button, Modal } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { useEffect } from "react";
import { useStore } from "zustand";
import type { ShownServer } from "../../../common/servers.ts";
import { useConnection } from "../../client.ts";
import { notify, notifyError } from "../../shell/notifications.ts";
import { CopyText } from "../../shell/ui/copy-text.tsx";
import { ErrorState, Loading } from "../../shell/ui/states.tsx";
import { VerdictMark } from "../../shell/ui/verdict-mark.tsx";
import { choose, useChoice } from "../simulation/choice.ts";
import { PlainWarning } from "./plain-warning.tsx";
import { serverDialog } from "./server-dialog.ts";
import { ServerForm } from "./server-form.tsx";
import classes from "./servers.module.css";
import { type CheckState, checkServer, loadServers, removeServer, useServers } from "./servers-store.ts";
import { START_COMMANDS, TUNNEL_ADDRESS, TUNNEL_COMMAND } from "./start-one.ts";

const told = (thrown: unknown) => notifyError(thrown);
const close = () => serverDialog.setState({ shown: null });

export default function ServersPanel() {
  const { servers, error, checks } = useServers();
  const shown = useStore(serverDialog, (state) => state.shown);
  const { status } = useConnection();
  useEffect(() => {
    if (status === "connected") void loadServers();
  }, [status]);
  return (
    <div className={classes.panel}>
      {servers === null && error === null && <Loading what="Reading the evaluation servers" />}
      {error !== null && <ErrorState error={error} retry={() => void loadServers()} />}
      {servers?.length === 0 && <Introduction />}
      {servers !== null && servers.length > 0 && <List servers={servers} checks={checks} />}
      <Modal
        opened={shown?.kind === "edit"}
        onClose={close}
        title={
          shown?.kind === "edit" && shown.server !== null
            ? `Edit the server ${shown.server.name}`
            : "Add an evaluation server"
        }
        size="lg"
      >
        {shown?.kind === "edit" && <ServerForm server={shown.server} onDone={close} />}
      </Modal>
      <Modal
        opened={shown?.kind === "remove"}
        onClose={close}
        title={shown?.kind === "remove" ? `Remove the server ${shown.server.name}` : ""}
      >
        {shown?.kind === "remove" && <RemoveForm server={shown.server} />}
      </Modal>
    </div>
  );
}

function AddButton({ variant = "default" }: { variant?: "filled" | "default" }) {
  return (
    <Button
      variant={variant}
      leftSection={<IconPlus size="1em" aria-hidden />}
      onClick={() => serverDialog.setState({ shown: { kind: "edit", server: null } })}
    >
      Add a server
    </Button>
  );
}

function Introduction() {
  return (
    <section className={classes.part} aria-label="Evaluation servers">
      <h2 className={classes.title}>No evaluation server yet</h2>
      <p>
        An evaluation server is a box of yours with GPUs that runs the validator's production image as an HTTP server. A
        run that goes there is scanned here, sent once as a job, and waited for; the result comes back by itself, also
        after this machine was off.
      </p>
      <div className={classes.actions}>
        <AddButton variant="filled" />
      </div>
      <HowToStart />
    </section>
  );
}

function HowToStart() {
  return (
    <>
      <h3 className={classes.title}>To start one on a box</h3>
      <p>
        <b>IMAGE</b> is the production image, built from the validator's public repository; Crusader's own images hold
        no server. What is sent there runs there, so choose a box that holds nothing else of yours.
      </p>
      <CopyText text={START_COMMANDS} what="the box's commands" />
      <p>The last line prints the token. Its port is open to the box alone; a tunnel from this machine leads there:</p>
      <CopyText text={TUNNEL_COMMAND} what="the tunnel's command" />
      <p>
        Then its address is <code>{TUNNEL_ADDRESS}</code>, as long as the tunnel is open. A run waits where it closes.
      </p>
    </>
  );
}

function List({ servers, checks }: { servers: readonly ShownServer[]; checks: Readonly<Record<string, CheckState>> }) {
  return (
    <section className={classes.part} aria-label="Evaluation servers">
      <table className={classes.table}>
        <thead>
          <tr>
            <th scope="col">Server</th>
            <th scope="col">Address</th>
            <th scope="col">Token</th>
            <th scope="col">State</th>
            <th scope="col">
              <span className="visually-hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {servers.map((server) => (
            <Row key={server.name} server={server} check={checks[server.name] ?? null} />
          ))}
        </tbody>
      </table>
      <div className={classes.actions}>
        <AddButton />
        <Button onClick={() => Promise.all(servers.map(({ name }) => checkServer(name))).catch(told)}>Check all</Button>
      </div>
      <details>
        <summary>To start another one on a box</summary>
        <div className={classes.part}>
          <HowToStart />
        </div>
      </details>
    </section>
  );
}

function Row({ server, check }: { server: ShownServer; check: CheckState | null }) {
  const { name, address, isPlain, hasToken } = server;
  const choice = useChoice();
  const isChosen = choice.backend === "evalServer" && choice.server === name;
  return (
    <tr data-server={name}>
      <th scope="row">{name}</th>
      <td className={classes.breakable}>
        <span className="mono">{address}</span>
        {isPlain && <PlainWarning />}
      </td>
      <td>{hasToken ? "kept" : "none"}</td>
      <td className={classes.breakable} aria-live="polite">
        <CheckText check={check} />
      </td>
      <td>
        <div className={`${classes.actions} ${classes.rowActions}`}>
          <Button disabled={check?.state === "asking"} onClick={() => checkServer(name).catch(told)}>
            Check<span className="visually-hidden"> {name}</span>
          </Button>
          <Button
            aria-pressed={isChosen}
            title="The next run goes there"
            onClick={() => choose({ backend: "evalServer", server: name })}
          >
            {isChosen ? "Used" : "Use"}
            <span className="visually-hidden"> {name} for the next run</span>
          </Button>
          <Button onClick={() => serverDialog.setState({ shown: { kind: "edit", server } })}>
            Edit<span className="visually-hidden"> {name}</span>
          </Button>
          <Button onClick={() => serverDialog.setState({ shown: { kind: "remove", server } })}>
            Remove<span className="visually-hidden"> {name}</span>
          </Button>
        </div>
      </td>
    </tr>
  );
}

function CheckText({ check }: { check: CheckState | null }) {
  if (check === null) return <span className={classes.dim}>not asked yet</span>;
  if (check.state === "asking") return <VerdictMark mark="running" word="Asking" />;
  const { problem, milliseconds } = check.check;
  if (problem === null) {
    return (
      <>
        <VerdictMark mark="passed" word="Answers" /> <span className="number">in {milliseconds} ms</span>
        <div className={classes.dim}>Whether it takes the token shows with the first job.</div>
      </>
    );
  }
  return (
    <>
      <VerdictMark mark="error" word="Trouble" />
      <div>{problem.message}</div>
      <div className={classes.dim}>{problem.hint}</div>
    </>
  );
}

function RemoveForm({ server: { name, hasToken } }: { server: ShownServer }) {
  const remove = async () => {
    await removeServer(name);
    close();
    notify({ kind: "info", title: `The server ${name} is forgotten`, key: `server:${name}` });
  };
  return (
    <div className={classes.dialog}>
      <p>
        Its address{hasToken ? " and its token are" : " is"} forgotten here. The box itself goes on, and runs that wait
        for it wait until it is named again.
      </p>
      <div className={classes.actions}>
        <Button variant="filled" onClick={() => remove().catch(told)}>
          Remove {name}
        </Button>
        <Button onClick={close}>Cancel</Button>
      </div>
    </div>
  );
}
