import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { RULE_HELP } from "../../../common/rules.ts";
import { ScanService } from "./index.ts";

const root = fileURLToPath(new URL("../../../../", import.meta.url));
const packageFolder = join(root, "simulator-image/crusades_eval");
const policy = JSON.parse(readFileSync(join(root, "hparams/scan-policy.json"), "utf8"));
// Two rules have no names to look for in today's policy, but may have them in another.
const fullerPolicy = {
  ...policy,
  forbidden_torch_config_writes: ["_dynamo"],
  forbidden_backend_toggle_calls: ["enable_flash_sdp"],
};
const service = new ScanService({ packageFolder, policyJson: JSON.stringify(fullerPolicy) });
afterAll(() => service.close());

const INNER_STEPS =
  "\n\ndef inner_steps(model, data_iterator, optimizer, num_steps, device, num_gpus=1):\n    return None\n";

test("every rule of the scanner is explained, and nothing else", () => {
  const scanner = readFileSync(join(packageFolder, "scan.py"), "utf8");
  const table = scanner.slice(scanner.indexOf("RULES: dict"), scanner.indexOf("\n}\n"));
  const rules = [...table.matchAll(/^ {4}"([a-z-]+)": Rule\(/gm)].map(([, rule]) => rule);
  const named = [...scanner.matchAll(/(?:Violation|Rejection)\(\s*"([a-z-]+)"/g)].map(([, rule]) => rule);
  expect({ explained: Object.keys(RULE_HELP), unknown: named.filter((rule) => !rules.includes(rule)) }).toEqual({
    explained: rules,
    unknown: [],
  });
});

test.each(Object.entries(RULE_HELP))("%s: the examples are what they say", async (rule, help) => {
  const isAboutInnerSteps = rule.startsWith("inner-steps");
  const scanned = async (code: string) => {
    const { verdict, findings } = await service.scan(Buffer.from(isAboutInnerSteps ? code : code + INNER_STEPS));
    return { ok: verdict.ok, rules: findings.map((finding) => finding.rule) };
  };
  const rejected = await scanned(help.rejectedInFull ?? help.rejected);
  expect({ rejected, allowed: await scanned(help.allowed) }).toEqual({
    rejected: { ok: false, rules: expect.arrayContaining([rule]) },
    allowed: { ok: true, rules: [] },
  });
});
