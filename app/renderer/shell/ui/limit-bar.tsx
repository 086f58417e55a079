/** How much of a limit was used, as a thin bar. The words beside it carry the numbers. */
import classes from "./limit-bar.module.css";

export type LimitBarProps = {
  /** 0..1, above 1 when the limit is broken. */
  used: number;
  /** Green is the validator's verdict alone: `plain` for any other limit that is kept. */
  state: "passed" | "failed" | "plain";
  /** For a screen reader: "weights: 0.0031 of 0.0150, 21 % used". */
  label: string;
};

export function LimitBar({ used, state, label }: LimitBarProps) {
  const percent = Math.round(Math.min(1, Math.max(0, used)) * 100);
  return (
    <div className={classes.bar} role="img" aria-label={label}>
      <div className={classes.fill} data-state={state} style={{ width: `${percent}%` }} />
    </div>
  );
}
