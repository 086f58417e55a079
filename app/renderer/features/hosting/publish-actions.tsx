/** Publishing the file from here: as a secret gist, or on the practice network's own host. */
import { Button } from "@mantine/core";
import { useState } from "react";
import { GITHUB_NEW_TOKEN_PAGE } from "../../../common/addresses.ts";
import type { Network } from "../../../common/chain.ts";
import type { CrusaderError } from "../../../common/errors.ts";
import { gitHubTokenPattern } from "../../../common/hosting.ts";
import type { Target } from "../../../common/simulation.ts";
import { client } from "../../client.ts";
import { asCrusaderError } from "../../connection.ts";
import { freshTarget, type ShownTarget } from "../../shell/selection.ts";
import { ErrorState } from "../../shell/ui/states.tsx";
import { TokenForm } from "../../shell/ui/token-form.tsx";
import { useLoaded } from "../production/use-loaded.ts";
import classes from "./hosting.module.css";

type PublishProps = {
  target: ShownTarget | null;
  /** Of the gist that the URL names now. */
  gistId: string | null;
  onPublished: (url: string) => void;
};

export function PublishActions({ network, ...props }: PublishProps & { network: Network }) {
  return network === "practice" ? <PublishToPractice {...props} /> : <PublishAsGist {...props} />;
}

/** What is being published, and how the last try failed. */
function usePublishing({ target, onPublished }: Pick<PublishProps, "target" | "onPublished">) {
  const [working, setWorking] = useState<string | null>(null);
  const [error, setError] = useState<CrusaderError | null>(null);
  const publish = async (what: string, action: (target: Target) => Promise<{ url: string }>) => {
    if (target === null) return;
    setWorking(what);
    setError(null);
    try {
      onPublished((await action(await freshTarget(target))).url);
    } catch (thrown) {
      setError(asCrusaderError(thrown));
    } finally {
      setWorking(null);
    }
  };
  return { working, error, publish };
}

function PublishToPractice({ target, onPublished }: PublishProps) {
  const { working, error, publish } = usePublishing({ target, onPublished });
  return (
    <>
      <div className={classes.actions}>
        <Button
          onClick={() => void publish("practice", (file) => client.practice.publish({ target: file }))}
          loading={working !== null}
          disabled={target === null || working !== null}
        >
          Publish on the practice network
        </Button>
        <span className={classes.dim}>At a new URL on this machine each time, for the practice network only.</span>
      </div>
      {error !== null && <ErrorState error={error} />}
    </>
  );
}

function PublishAsGist({ target, gistId, onPublished }: PublishProps) {
  const token = useLoaded("github", (signal) => client.hosting.hasToken(undefined, { signal }));
  const { working, error, publish } = usePublishing({ target, onPublished });
  const hasToken = token.value?.hasToken === true;
  const gist = (id: string | null) => (file: Target) =>
    client.hosting.publishGist({ target: file, description: "", gistId: id });

  return (
    <>
      <div className={classes.actions}>
        <Button
          onClick={() => void publish("gist", gist(null))}
          loading={working === "gist"}
          disabled={target === null || !hasToken || working !== null}
        >
          Publish as a secret gist
        </Button>
        {gistId !== null && (
          <Button
            onClick={() => void publish("update", gist(gistId))}
            loading={working === "update"}
            disabled={target === null || !hasToken || working !== null}
          >
            Replace the gist's file
          </Button>
        )}
        <span className={classes.dim}>
          {hasToken
            ? "Secret: only who has its URL finds it. After the reveal everybody has."
            : "It needs a token for GitHub."}
        </span>
      </div>
      {error !== null && <ErrorState error={error} />}
      {token.error !== null && <ErrorState error={token.error} retry={token.again} />}
      {token.error === null && (
        <TokenForm
          service="GitHub"
          hasToken={hasToken}
          pattern={gitHubTokenPattern}
          keep={(word) => client.hosting.setToken({ token: word })}
          forget={() => client.hosting.removeToken()}
          onChanged={token.again}
        >
          Give it the right to write gists and no other:{" "}
          <a className={classes.link} href={GITHUB_NEW_TOKEN_PAGE} target="_blank" rel="noreferrer">
            make one on GitHub
          </a>
          . It is kept on Crusader's machine for its owner only, goes to GitHub, and is never shown again.
        </TokenForm>
      )}
    </>
  );
}
