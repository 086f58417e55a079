/** Checks a profile against the schema and says every wrong value in words. */

import type { ErrorObject, ValidateFunction } from "ajv/dist/2020.js";
import { Ajv2020 } from "ajv/dist/2020.js";

/** `at` is the path as keys; `text` names path, value and what is allowed. */
export type Problem = { at: (string | number)[]; text: string };

type Schema = {
  properties?: Record<string, Schema>;
  $ref?: string;
  $defs?: Record<string, Schema>;
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  pattern?: string;
  examples?: unknown[];
  minLength?: number;
  maxLength?: number;
};

export class ProfileValidator {
  readonly #schema: Schema;
  readonly #validate: ValidateFunction;

  constructor(schema: Schema) {
    this.#schema = schema;
    const ajv = new Ajv2020({
      allErrors: true,
      verbose: true,
      useDefaults: true,
      allowUnionTypes: true,
      strictTypes: false,
      strictRequired: false,
    });
    this.#validate = ajv.compile(schema);
  }

  /** `raw` is left as it is; `resolved` is a copy with every default filled in, meaningful only without problems. */
  validate(raw: Record<string, unknown>): {
    resolved: Record<string, unknown>;
    problems: Problem[];
    unknownKeys: string[];
  } {
    const resolved = structuredClone(raw);
    const problems = this.#validate(resolved) ? modelProblems(resolved) : this.#problems(this.#validate.errors ?? []);
    return { resolved, problems, unknownKeys: [...unknownKeys(this.#schema, raw, "")] };
  }

  #problems(errors: ErrorObject[]): Problem[] {
    // `if` only repeats what its branch has said.
    return errors
      .filter(({ keyword }) => keyword !== "if")
      .map((error) => {
        const at = error.instancePath.split("/").slice(1).map(unescapePointer);
        if (error.keyword === "required") {
          const missing = [...at, String(error.params.missingProperty)];
          return { at: missing, text: `${missing.join(".")} is missing; ${allowed(this.#schemaAt(missing))}` };
        }
        const found = at.length === 0 ? "the file" : at.join(".");
        return { at, text: `${found} is ${shorten(error.data)}; ${allowed(error.parentSchema as Schema)}` };
      });
  }

  #schemaAt(path: string[]): Schema {
    let schema: Schema = this.#schema;
    for (const key of path) {
      schema = schema.properties?.[key] ?? {};
      const name = schema.$ref?.replace("#/$defs/", "");
      schema = name === undefined ? schema : (this.#schema.$defs?.[name] ?? {});
    }
    return schema;
  }
}

/** What a model config needs beyond each value's own range; torch's words for the same are hard to understand. */
function modelProblems(resolved: Record<string, unknown>): Problem[] {
  const model = (resolved.crusader as { model: Record<string, number> | null }).model;
  if (model === null) return [];
  const problems: Problem[] = [];
  const need = (holds: boolean, key: string, rule: string) => {
    if (!holds)
      problems.push({
        at: ["crusader", "model", key],
        text: `crusader.model.${key} is ${model[key]}; allowed: ${rule}`,
      });
  };
  const value = (key: string) => model[key] as number;
  const sequenceLength = resolved.benchmark_sequence_length as number;
  need(
    value("hidden_size") % value("num_attention_heads") === 0,
    "hidden_size",
    `a multiple of num_attention_heads (${value("num_attention_heads")})`,
  );
  need(
    value("num_attention_heads") % value("num_key_value_heads") === 0,
    "num_key_value_heads",
    `a divisor of num_attention_heads (${value("num_attention_heads")})`,
  );
  need(
    value("max_position_embeddings") >= sequenceLength,
    "max_position_embeddings",
    `at least benchmark_sequence_length (${sequenceLength})`,
  );
  return problems;
}

/** Objects whose schema lists properties are checked; others are free-form. */
function* unknownKeys(schema: Schema, value: Record<string, unknown>, prefix: string): Generator<string> {
  if (schema.properties === undefined) return;
  for (const [key, child] of Object.entries(value)) {
    const known = Object.hasOwn(schema.properties, key) ? schema.properties[key] : undefined;
    if (known === undefined) yield prefix + key;
    else if (typeof child === "object" && child !== null && !Array.isArray(child)) {
      yield* unknownKeys(known, child as Record<string, unknown>, `${prefix}${key}.`);
    }
  }
}

const TYPE_WORDS: Record<string, string> = {
  integer: "a whole number",
  number: "a number",
  string: "a text",
  boolean: "true or false",
  object: "an object",
  array: "a list",
  null: "null",
};

const numbers = new Intl.NumberFormat("en-US", { maximumFractionDigits: 20 });

/** "allowed: a whole number from 1 to 100". */
function allowed(schema: Schema): string {
  if (schema.enum !== undefined) return `allowed: ${schema.enum.map((value) => JSON.stringify(value)).join(" or ")}`;
  const types = [schema.type ?? []].flat().map((type) => TYPE_WORDS[type] ?? type);
  const range = [
    schema.minimum === undefined ? "" : `from ${numbers.format(schema.minimum)}`,
    schema.exclusiveMinimum === undefined ? "" : `above ${numbers.format(schema.exclusiveMinimum)}`,
    schema.maximum === undefined ? "" : `to ${numbers.format(schema.maximum)}`,
    schema.minLength === undefined ? "" : "that is not empty",
    schema.maxLength === undefined ? "" : `of at most ${numbers.format(schema.maxLength)} characters`,
    schema.pattern === undefined || schema.examples === undefined
      ? ""
      : `such as ${JSON.stringify(schema.examples[0])}`,
  ].filter((part) => part !== "");
  return ["allowed:", types.join(" or "), ...range].join(" ");
}

const SHOWN_CHARACTERS = 60;

function shorten(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= SHOWN_CHARACTERS ? text : `${text.slice(0, SHOWN_CHARACTERS)}...`;
}

function unescapePointer(part: string): string {
  return part.replaceAll("~1", "/").replaceAll("~0", "~");
}
