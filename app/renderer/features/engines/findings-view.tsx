/** What a check found, by group; each with what to do. */
import {
  condensed,
  type EngineGpu,
  type EngineReport,
  FINDING_GROUPS,
  type Finding,
  GROUP_TITLES,
} from "../../../common/engines.ts";
import { formatBytes } from "../../../common/format.ts";
import { CopyText } from "../../shell/ui/copy-text.tsx";
import classes from "./engines.module.css";
import { FindingMark } from "./finding-mark.tsx";

export function FindingsView({ report }: { report: EngineReport }) {
  return FINDING_GROUPS.map((group) => {
    const findings = condensed(report.findings.filter((finding) => finding.group === group));
    if (findings.length === 0) return null;
    return (
      <section key={group} className={classes.part} aria-label={GROUP_TITLES[group]}>
        <h3 className={classes.title}>{GROUP_TITLES[group]}</h3>
        {group === "gpus" && report.gpus.length > 0 && <GpuTable gpus={report.gpus} />}
        <ul className={classes.findings}>
          {findings.map((finding) => (
            <FindingLine key={finding.id} finding={finding} />
          ))}
        </ul>
      </section>
    );
  });
}

function FindingLine({ finding: { id, state, title, message, remedy, command } }: { finding: Finding }) {
  return (
    <li data-finding={id} data-state={state}>
      <FindingMark state={state} />
      <div className={classes.words}>
        <span>
          <b>{title}:</b> {message}
        </span>
        {remedy !== "" && <span>{remedy}</span>}
        {command !== "" && <CopyText text={command} what={`the command for ${title}`} />}
      </div>
    </li>
  );
}

function GpuTable({ gpus }: { gpus: readonly EngineGpu[] }) {
  const bytes = (value: number | null) => (value === null ? "?" : formatBytes(value));
  return (
    <table className={classes.table} aria-label="GPUs of the engine">
      <thead>
        <tr>
          <th scope="col">GPU</th>
          <th scope="col">Model</th>
          <th scope="col" className={classes.figure}>
            Memory in use
          </th>
          <th scope="col" className={classes.figure}>
            Busy
          </th>
          <th scope="col" className={classes.figure}>
            bf16 peak
          </th>
        </tr>
      </thead>
      <tbody>
        {gpus.map(({ index, name, memoryBytes, usedBytes, utilizationPercent, busy, bf16Tflops }) => (
          <tr key={index}>
            <td>{index}</td>
            <th scope="row">{name}</th>
            <td className={classes.figure}>
              {bytes(usedBytes)} of {bytes(memoryBytes)}
            </td>
            <td className={classes.figure}>
              {busy && "in use, "}
              {utilizationPercent === null ? "?" : `${utilizationPercent} %`}
            </td>
            <td className={classes.figure}>{bf16Tflops === null ? "not in the table" : `${bf16Tflops} TFLOP/s`}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
