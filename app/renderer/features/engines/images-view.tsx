/** The images of an engine. */
import classes from "./engines.module.css";

export function ImagesView({ engine, profile }: { engine: string; profile: string }) {
  return (
    <>
      <h2 className={classes.title}>Images</h2>
      <p className={classes.dim}>
        The image of {profile} on {engine} is built on the command line:{" "}
        <span className="mono">
          crusader image build --engine {engine} --hparams {profile}
        </span>
      </p>
    </>
  );
}
