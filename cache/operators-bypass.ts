/** The operators' bypass while it lasts: over at its end, by the wall clock, with calls and without. */
import type { Runtime, Timer } from '../src/runtime.js';
import type { OperatorBypass } from '../src/wire/feed-bypass.js';

/** The end is looked for at least so often: the wall clock may be set. Milliseconds. */
const LOOK_MAX_MS = 60_000;
/** Characters of the operators' reason in a log line. */
const REASON_MAX = 200;

/** Keeps the bypass of the rules in force. */
export class OperatorsBypass {
  readonly #runtime: Runtime;
  readonly #onEnd: () => void;
  #bypass: OperatorBypass | undefined;
  #timer: Timer | undefined;

  /** `onEnd` is called when the end has come while nobody asked. */
  constructor(runtime: Runtime, onEnd: () => void) {
    this.#runtime = runtime;
    this.#onEnd = onEnd;
  }

  /** Whether there is one that is not over. Looks at the clock only while there is one. */
  isOn(): boolean {
    if (this.#bypass === undefined) return false;
    if (this.#runtime.now() < this.#bypass.untilMs) return true;
    this.set(undefined);
    return false;
  }

  /** Replaces it. */
  set(bypass: OperatorBypass | undefined): void {
    this.#bypass = bypass;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (bypass === undefined) return;
    const look = () => {
      if (!this.isOn()) this.#onEnd();
      else this.#timer = this.#runtime.setTimer(look, this.#delayMs(bypass));
    };
    this.#timer = this.#runtime.setTimer(look, this.#delayMs(bypass));
  }

  /** For the log. Who it was is in the status, and not in the log of every process. */
  describe(): string {
    if (this.#bypass === undefined) return '';
    const { untilMs, reason } = this.#bypass;
    const why = reason === undefined ? '' : ` (${reason.slice(0, REASON_MAX)})`;
    return `the operators of the service until ${new Date(untilMs).toISOString()}${why}`;
  }

  #delayMs(bypass: OperatorBypass): number {
    return Math.min(Math.max(bypass.untilMs - this.#runtime.now(), 1), LOOK_MAX_MS);
  }
}
