/** How numbers are written, everywhere: units, thousands separators, and as many digits as mean something. */
import type { CodeOrigin, Plan } from "./runs.ts";

const integers = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const oneDigit = new Intl.NumberFormat("en-US", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const twoDigits = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const fourDigits = new Intl.NumberFormat("en-US", { minimumFractionDigits: 4, maximumFractionDigits: 4 });
const threeSignificant = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 3 });

export function formatInteger(value: number): string {
  return integers.format(value);
}

export function formatSeconds(seconds: number): string {
  return `${oneDigit.format(seconds)} s`;
}

export function formatMfu(percent: number): string {
  return `${twoDigits.format(percent)} %`;
}

/** Speed relative to the reference run: "x 1.31". */
export function formatRelativeSpeed(ratio: number): string {
  return `x ${twoDigits.format(ratio)}`;
}

export function formatShare(share: number): string {
  return `${integers.format(share * 100)} %`;
}

/** "+3.21 %"; always with its sign. */
export function formatSignedPercent(percent: number): string {
  return `${percent < 0 ? "-" : "+"}${twoDigits.format(Math.abs(percent))} %`;
}

const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < BYTE_UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? integers.format(value) : oneDigit.format(value)} ${BYTE_UNITS[unit]}`;
}

/**
 * A measured value of any kind, with its unit: percentages and ratios to 2 decimals, seconds to 1, whole numbers whole,
 * everything else to 4 decimals, or to 3 significant digits where 4 decimals would show none of them.
 */
export function formatQuantity(value: number, unit: string): string {
  if (!Number.isFinite(value)) return withUnit(String(value), unit);
  if (unit === "bytes") return formatBytes(value);
  if (unit === "%") return formatMfu(value);
  if (unit === "s") return formatSeconds(value);
  if (unit === "x") return formatRelativeSpeed(value);
  if (Number.isInteger(value)) return withUnit(integers.format(value), unit);
  const small = Math.abs(value) < 0.001;
  return withUnit(small ? threeSignificant.format(value) : fourDigits.format(value), unit);
}

function withUnit(text: string, unit: string): string {
  return unit === "" ? text : `${text} ${unit}`;
}

/** Whose code judged: beside the verdict of production's own. */
export function productionText({ revision }: NonNullable<Plan["production"]>): string {
  return `judged by production's env.py, revision ${revision.label}; its result comes from the submission's own process`;
}

/** "crusader", "production, revision abc1234". */
export function evaluationText({ production }: Pick<Plan, "production">): string {
  return production === undefined ? "crusader" : `production, revision ${production.revision.label}`;
}

/** Whose code it is: beside whatever another's code did or says. */
export function originText(origin: CodeOrigin): string {
  return "runId" in origin
    ? `imported from run ${origin.runId}, ${origin.importedAt.slice(0, 10)}`
    : `submission ${origin.submissionId} of ${origin.source}, ${origin.seenAt.slice(0, 10)}`;
}

const RAO_DIGITS = 9;

/** An amount of rao in TAO, exactly: "0.05 TAO", "1,234.5 TAO". */
export function formatTao(rao: string | bigint): string {
  return `${nineDecimals(rao)} TAO`;
}

/** An amount of alpha, which has nine decimals too, exactly: "1.25 alpha (1,250,000,000 rao)". */
export function formatAlpha(amount: string | bigint): string {
  return `${nineDecimals(amount)} alpha (${grouped(BigInt(amount).toString())} rao)`;
}

function nineDecimals(amount: string | bigint): string {
  const digits = BigInt(amount)
    .toString()
    .padStart(RAO_DIGITS + 1, "0");
  const fraction = digits.slice(-RAO_DIGITS).replace(/0+$/, "");
  const whole = grouped(digits.slice(0, -RAO_DIGITS));
  return `${whole}${fraction === "" ? "" : `.${fraction}`}`;
}

/** As money is shown wherever it moves: "0.05 TAO (50,000,000 rao)". */
export function formatAmount(rao: string | bigint): string {
  return `${formatTao(rao)} (${grouped(BigInt(rao).toString())} rao)`;
}

function grouped(digits: string): string {
  return digits.replace(/\B(?=(\d{3})+$)/g, ",");
}

/** "45 s", "12 min", "3 h 20 min", "2 d 4 h": a wait, to two units. Never negative. */
export function formatWait(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 90) return `${whole} s`;
  const minutes = Math.round(whole / 60);
  if (minutes < 60) return `${minutes} min`;
  const [hours, days] = [Math.floor(minutes / 60), Math.floor(minutes / 1440)];
  const both = (first: string, rest: number, unit: string) => (rest === 0 ? first : `${first} ${rest} ${unit}`);
  return days === 0 ? both(`${hours} h`, minutes % 60, "min") : both(`${days} d`, hours % 24, "h");
}
