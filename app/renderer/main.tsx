import "./shell/mantine-styles.ts";
import "@fontsource/jetbrains-mono/latin-400.css";
import "@fontsource/jetbrains-mono/latin-600.css";
import "./shell/theme.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";
import { watchSheets } from "./shell/lazily.tsx";

watchSheets();

// What the first arrangement shows is asked for while the services are, not once they have answered.
void Promise.all([
  import("./features/editor/editor-panel.tsx"),
  import("./features/workspace/explorer.tsx"),
  import("./features/simulation/simulation-panel.tsx"),
  import("./features/result/result-panel.tsx"),
]).catch(() => undefined);

const root = document.getElementById("root");
if (root === null) throw new Error("The page has no root.");
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
