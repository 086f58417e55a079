import { ActionIcon, Button } from "@mantine/core";
import { IconAlertTriangle, IconCircleCheck, IconCircleX, IconInfoCircle, IconX } from "@tabler/icons-react";
import { useEffect } from "react";
import { useStore } from "zustand";
import { shownLines, shownText } from "../../common/shown-text.ts";
import { dismiss, type Notification, notifications, notifyError } from "./notifications.ts";
import classes from "./notifications-view.module.css";

const ICONS = { info: IconInfoCircle, success: IconCircleCheck, warning: IconAlertTriangle, error: IconCircleX };

export function NotificationsView() {
  const { shown } = useStore(notifications);
  return (
    <section className={classes.corner} aria-label="Notifications">
      {shown.map((notification) => (
        <Shown key={notification.id} notification={notification} />
      ))}
    </section>
  );
}

function Shown({ notification }: { notification: Notification }) {
  const { id, kind, title, message, detail, actions, timeoutMs } = notification;
  const Icon = ICONS[kind];
  useEffect(() => {
    if (timeoutMs === null) return;
    const timer = setTimeout(() => dismiss(id), timeoutMs);
    return () => clearTimeout(timer);
  }, [id, timeoutMs]);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: hears the keys of the buttons inside
    <div
      className={classes.notification}
      data-kind={kind}
      data-notification
      role={kind === "error" ? "alert" : "status"}
      onKeyDown={({ key }) => {
        if (key === "Escape") dismiss(id);
      }}
    >
      <Icon size="1rem" className={classes.icon} aria-label={kind} />
      <div className={classes.words}>
        <strong>{shownText(title)}</strong>
        {message !== "" && <div>{shownText(message)}</div>}
        {detail !== "" && (
          <details>
            <summary>Details</summary>
            <pre>{shownLines(detail)}</pre>
          </details>
        )}
        {actions.length > 0 && (
          <div className={classes.actions}>
            {actions.map(({ label, run }) => (
              <Button
                key={label}
                onClick={() => {
                  dismiss(id);
                  const ran = async () => run();
                  ran().catch((thrown: unknown) => notifyError(thrown));
                }}
              >
                {label}
              </Button>
            ))}
          </div>
        )}
      </div>
      <ActionIcon aria-label={`Close: ${shownText(title)}`} onClick={() => dismiss(id)}>
        <IconX size="0.875rem" />
      </ActionIcon>
    </div>
  );
}
