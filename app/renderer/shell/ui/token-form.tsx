/** A service's token: whether one is kept, another one, and forgetting it. Kept ones never come back to the window. */
import { Button, TextInput } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { notifyError } from "../notifications.ts";
import classes from "./token-form.module.css";

export type TokenFormProps = {
  /** Whose token it is: "GitHub". */
  service: string;
  hasToken: boolean;
  pattern: RegExp;
  keep: (token: string) => Promise<unknown>;
  forget: () => Promise<unknown>;
  /** One was kept or forgotten. */
  onChanged: () => void;
  /** What it is for, and where it goes. */
  children: ReactNode;
};

export function TokenForm({ service, hasToken, pattern, keep, forget, onChanged, children }: TokenFormProps) {
  const [token, setToken] = useState("");
  const doing = (action: Promise<unknown>) => {
    action
      .then(() => {
        setToken("");
        onChanged();
      })
      .catch((thrown: unknown) => notifyError(thrown));
  };
  return (
    <details>
      <summary>
        {service} token: {hasToken ? "kept" : "none"}
      </summary>
      <form
        className={classes.form}
        aria-label={`${service} token`}
        onSubmit={(event) => {
          event.preventDefault();
          doing(keep(token));
        }}
      >
        <p className={classes.purpose}>{children}</p>
        <div className={classes.fields}>
          <TextInput
            type="password"
            label={hasToken ? "Another token" : "Token"}
            autoComplete="off"
            value={token}
            onChange={({ currentTarget }) => setToken(currentTarget.value.trim())}
            classNames={{ input: "mono" }}
            w="18rem"
          />
          <Button type="submit" disabled={!pattern.test(token)}>
            Keep the token
          </Button>
          {hasToken && <Button onClick={() => doing(forget())}>Forget the token</Button>}
        </div>
      </form>
    </details>
  );
}
