// Which part may import which (docs/architecture.md, "Layers"). `npm run check` runs it over every source file.
import path from "node:path";
import { parseSync, Visitor } from "rolldown/utils";

/** Packages that `app/common` may import: pure, and fit for Node and for a browser. */
const COMMON_PACKAGES = ["zod", "diff", "@orpc/contract"];

/**
 * @typedef {{ file: string, line: number, imported: string, reason: string }} Violation
 * @typedef {{ specifier: string, line: number }} Import
 */

/**
 * Every import of a source file: static, type-only, side-effect, re-export, dynamic, `require` and `import("x").T`.
 *
 * @param {string} file Its ending decides the language.
 * @param {string} source
 * @returns {Import[]}
 */
export function importsOf(file, source) {
  const { program, errors } = parseSync(file, source);
  const [error] = errors;
  if (error !== undefined) throw new Error(`${file} cannot be read: ${error.message}`);
  /** @type {Import[]} */
  const imports = [];
  const add = (/** @type {unknown} */ node) => {
    const text = /** @type {{ value?: unknown, start: number, quasis?: { value: { cooked: string } }[] } | null} */ (
      node
    );
    // A template string without a hole is a literal too; one with a hole cannot be known.
    const value = text?.quasis?.length === 1 ? text.quasis[0]?.value.cooked : text?.value;
    if (typeof value !== "string") return;
    imports.push({ specifier: value, line: source.slice(0, text?.start).split("\n").length });
  };
  new Visitor({
    ImportDeclaration: (node) => add(node.source),
    ExportNamedDeclaration: (node) => add(node.source),
    ExportAllDeclaration: (node) => add(node.source),
    ImportExpression: (node) => add(node.source),
    TSImportType: (node) => add(node.source),
    TSExternalModuleReference: (node) => add(node.expression),
    CallExpression: (node) => {
      if (node.callee.type === "Identifier" && node.callee.name === "require") add(node.arguments[0]);
    },
  }).visit(program);
  return imports.sort((left, right) => left.line - right.line);
}

/**
 * @param {string} file Path from the repository's root, with forward slashes.
 * @param {string} source
 * @returns {Violation[]}
 */
export function layerViolations(file, source) {
  return importsOf(file, source).flatMap(({ specifier, line }) => {
    const reason = refusal(file, specifier);
    return reason === null ? [] : [{ file, line, imported: specifier, reason }];
  });
}

/**
 * Why a file may not import something; null where it may.
 *
 * @param {string} file
 * @param {string} specifier
 * @returns {string | null}
 */
function refusal(file, specifier) {
  const layer = layerOf(file);
  const isTest = /\.test\.\w+$/.test(file);
  if (!specifier.startsWith(".")) {
    // The package, without the path inside it.
    const name = specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
    if (name === "electron") {
      return layer === "preload" || layer === "hosts/electron"
        ? null
        : "only hosts/electron and preload import electron";
    }
    // A test runs in Node, whatever it tests.
    if (isTest && (name === "vitest" || name.startsWith("node:"))) return null;
    if (layer === "common" && !COMMON_PACKAGES.includes(name)) {
      return `common imports nothing but ${COMMON_PACKAGES.join(", ")}`;
    }
    if ((layer === "renderer" || layer === "preload") && name.startsWith("node:")) return `${layer} has no Node`;
    return null;
  }
  const target = path.posix.join(path.posix.dirname(file), specifier);
  const targetLayer = layerOf(target);
  if (layer === "outside" || targetLayer === layer) return null;
  if (targetLayer === "common") return null;
  // Data: where a file is served, or the text of a page; nothing of it becomes code of the window.
  if (layer === "renderer" && targetLayer === "outside" && /\.(?:json\?url|md\?raw)\b/.test(specifier)) return null;
  if (layer === "common" || layer === "renderer" || layer === "preload") {
    return targetLayer === "outside" && isTest
      ? null
      : `${layer} imports ${layer === "common" ? "common" : "its own folder and common"} only`;
  }
  // Data files (package.json, hparams) and, for tests, helpers.
  if (targetLayer === "outside") return null;
  if (targetLayer.startsWith("services/")) {
    return target === `app/main/${targetLayer}/index.ts` ? null : "a service is imported through its index.ts";
  }
  if (layer.startsWith("services/")) return "services import common and each other only";
  if (targetLayer === "router") return null;
  // `crusader serve` starts it.
  if (layer === "cli" && target === "app/main/hosts/web/index.ts") return null;
  return `${layer} imports services, router and common only`;
}

/**
 * The layer a path belongs to: "common", "renderer", "preload", "services/<capability>", "hosts/electron", "hosts/web",
 * "cli", "router" or, for anything not in app/, "outside".
 *
 * @param {string} file
 * @returns {string}
 */
function layerOf(file) {
  const [app, part = "", ...rest] = file.split("/");
  // How the window is built is no part of it.
  if (app !== "app" || file.endsWith(".config.ts")) return "outside";
  if (part !== "main") return part;
  const [kind = "", name = ""] = rest;
  return kind === "services" || kind === "hosts" ? `${kind}/${name}` : kind.replace(/\.\w+$/, "");
}

/**
 * What is wrong with a lockfile: an address of a registry, as it must work with any; or a package for another system
 * that it lacks, as `npm ci` refuses such a lockfile everywhere (npm leaves out what the registry at hand lacks).
 *
 * @param {{ packages: Record<string, { version?: string, resolved?: string, optionalDependencies?: Record<string, string> }> }} lock
 */
export function lockfileProblems({ packages }) {
  const names = Object.keys(packages);
  return Object.entries(packages).flatMap(([name, { resolved, optionalDependencies = {} }]) => [
    ...(resolved === undefined ? [] : [`${name} names the address of a registry`]),
    ...Object.keys(optionalDependencies)
      .filter((optional) => !names.some((present) => present.endsWith(`node_modules/${optional}`)))
      .map((optional) => `${name} needs an entry for ${optional}`),
  ]);
}

/** The one file that holds the outside addresses of the product. */
export const ADDRESSES_FILE = "app/common/addresses.ts";

// This machine, names reserved for examples, and the ids of schemas and namespaces, which nothing is fetched from.
const HARMLESS =
  /^\w+:\/\/(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\]|json-schema\.org|www\.w3\.org\/2000\/svg|(?:[\w-]+\.)*(?:example|test|invalid|localhost)\b|example\.\w+)/;

/**
 * Outside addresses in a file's code; links in comments are for people and may stay.
 *
 * @param {string} file
 * @param {string} source
 * @returns {{ file: string, line: number, address: string }[]}
 */
export function outsideAddresses(file, source) {
  if (file === ADDRESSES_FILE) return [];
  return source.split("\n").flatMap((text, index) => {
    const isComment = /^\s*(?:\/\/|\/?\*|#(?!!))/.test(text);
    const isSchemaId = /["']\$(?:schema|id)["']\s*:/.test(text);
    if (isComment || isSchemaId) return [];
    const addresses = text.match(/\b(?:https?|wss?):\/\/[\w[][^\s"'`<>)]*/g) ?? [];
    return addresses
      .filter((address) => !HARMLESS.test(address))
      .map((address) => ({ file, line: index + 1, address }));
  });
}
