export { type AppliedRules, policySha256, Rules, type RulesOptions } from "./rules.ts";
