/** Applies `may-navigate.ts` to everything Electron makes. */
import { type Session, session, shell, type WebContents } from "electron";
import { mayLoad, mayNavigate, mayOpenOutside, mayUse } from "./may-navigate.ts";

/** For every page there ever is, whoever made it. */
export function guardContents(contents: WebContents): void {
  const stay = (event: { preventDefault: () => void }, url: string) => {
    if (mayNavigate(url)) return;
    event.preventDefault();
    openOutside(url);
  };
  contents.on("will-navigate", stay);
  contents.on("will-redirect", stay);
  contents.on("will-attach-webview", (event) => event.preventDefault());
  contents.setWindowOpenHandler(({ url }) => {
    openOutside(url);
    return { action: "deny" };
  });
}

export function guardSession(guarded: Session = session.defaultSession): void {
  guarded.setPermissionRequestHandler((contents, permission, answer) => answer(mayUse(permission, contents.getURL())));
  guarded.setPermissionCheckHandler((contents, permission) => mayUse(permission, contents?.getURL() ?? ""));
  guarded.setDevicePermissionHandler(() => false);
  guarded.webRequest.onBeforeRequest(({ url }, answer) => answer({ cancel: !mayLoad(url) }));
}

function openOutside(url: string): void {
  if (mayOpenOutside(url)) void shell.openExternal(url);
}
