/** What vite.config.ts puts in when it builds the window. */
interface ImportMetaEnv {
  /** Folder of Pyodide's files, relative to the page; its name changes with the version. */
  readonly PYODIDE_FOLDER: string;
}
