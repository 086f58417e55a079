/** Keeps the service process alive: starts it again when it ended unasked, and ends it when asked. */
import { restartAfter } from "./restart-policy.ts";
import type { FromService, ToService } from "./service-messages.ts";

export type ServiceProcess<Port> = {
  send: (message: ToService, ports: Port[]) => void;
  onMessage: (listener: (message: FromService) => void) => void;
  onExit: (listener: () => void) => void;
  kill: () => void;
};

export type SupervisorOptions<Port> = {
  start: () => ServiceProcess<Port>;
  onMessage: (message: FromService) => void;
  /** It was started, for the first time or again. */
  onStart: () => void;
  /** It ends again and again; called once until it has run well for a while. */
  onFailing: () => void;
  /** It ended after it was asked to, and will not be started again. */
  onEnded: () => void;
  /** Milliseconds since 1970. */
  now?: () => number;
};

export class ServiceSupervisor<Port> {
  readonly #options: SupervisorOptions<Port>;
  #process: ServiceProcess<Port> | null = null;
  #endedAtMs: number[] = [];
  #toldFailing = false;
  #pause: NodeJS.Timeout | null = null;
  #ending = false;
  #impatience: NodeJS.Timeout | null = null;

  constructor(options: SupervisorOptions<Port>) {
    this.#options = options;
  }

  start(): void {
    this.#pause = null;
    const { start, onMessage, onStart, onEnded } = this.#options;
    const started = start();
    this.#process = started;
    started.onMessage(onMessage);
    started.onExit(() => {
      this.#process = null;
      if (this.#impatience !== null) clearTimeout(this.#impatience);
      if (this.#ending) onEnded();
      else this.#restart();
    });
    onStart();
  }

  /** False while there is no process; then nothing was sent. */
  send(message: ToService, ...ports: Port[]): boolean {
    this.#process?.send(message, ports);
    return this.#process !== null;
  }

  /**
   * It may answer `runsGoingOn` and stay, unless those are to be cancelled; then it is killed where it has not ended
   * after `patienceMs`.
   */
  askToEnd({ cancelRuns, patienceMs }: { cancelRuns: boolean; patienceMs: number }): void {
    this.#ending = true;
    if (this.#pause !== null) clearTimeout(this.#pause);
    this.#pause = null;
    if (!this.send({ kind: "quit", cancelRuns })) this.#options.onEnded();
    else if (this.#impatience === null) this.#impatience = setTimeout(() => this.#process?.kill(), patienceMs);
  }

  /** It answered that runs are going on. Its end is expected no more, until it is asked again. */
  stays(): void {
    this.#ending = false;
    if (this.#impatience !== null) clearTimeout(this.#impatience);
    this.#impatience = null;
  }

  #restart(): void {
    const now = (this.#options.now ?? Date.now)();
    this.#endedAtMs = [...this.#endedAtMs, now].slice(-10);
    const { pauseMs, isFailing } = restartAfter(this.#endedAtMs, now);
    if (isFailing && !this.#toldFailing) this.#options.onFailing();
    this.#toldFailing = isFailing;
    this.#pause = setTimeout(() => this.start(), pauseMs);
  }
}
