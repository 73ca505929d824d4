/** Carries operations to the desk: those of one turn together. An operation has an outcome, or none came. */
import type { Runtime } from '../runtime.js';
import { HoldDeskError } from './desk-error.js';
import type { HoldDesk, HoldOperation, HoldOutcome } from './hold-types.js';

/** Operations of one request; a service takes so many. */
const OPERATIONS_MAX = 200;

interface Waiting {
  readonly operation: HoldOperation;
  resolve(outcome: HoldOutcome): void;
  reject(error: unknown): void;
}

/** Gathers and sends. */
export class Courier {
  readonly #desk: HoldDesk;
  readonly #runtime: Pick<Runtime, 'setTimer'>;
  readonly #timeoutMs: number;
  #waiting: Waiting[] = [];
  #roundTrips = 0;

  /** `timeoutMs`: after that long no outcome is waited for, whatever the desk's own limit. */
  constructor(desk: HoldDesk, runtime: Pick<Runtime, 'setTimer'>, timeoutMs: number) {
    this.#desk = desk;
    this.#runtime = runtime;
    this.#timeoutMs = timeoutMs;
  }

  /** Requests to the desk. */
  get roundTrips(): number {
    return this.#roundTrips;
  }

  /** Rejects where no outcome came: whether the operation was done is unknown then. In the order of the calls. */
  send(operation: HoldOperation): Promise<HoldOutcome> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ operation, resolve, reject });
      if (this.#waiting.length === 1) queueMicrotask(() => this.#leave());
    });
  }

  #leave(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (let at = 0; at < waiting.length; at += OPERATIONS_MAX) {
      void this.#carry(waiting.slice(at, at + OPERATIONS_MAX));
    }
  }

  async #carry(batch: readonly Waiting[]): Promise<void> {
    try {
      const outcomes = await this.#ask(batch.map((one) => one.operation));
      if (outcomes.length !== batch.length) throw new HoldDeskError('the service answered to other operations');
      batch.forEach((one, index) => void one.resolve(outcomes[index]!));
    } catch (error) {
      // One operation that a service does not take at all takes no other with it.
      if (batch.length > 1 && error instanceof HoldDeskError && error.isRefused) {
        for (const one of batch) void this.#carry([one]);
      } else for (const one of batch) one.reject(error);
    }
  }

  #ask(operations: readonly HoldOperation[]): Promise<readonly HoldOutcome[]> {
    this.#roundTrips += 1;
    return new Promise((resolve, reject) => {
      const timer = this.#runtime.setTimer(
        () => reject(new HoldDeskError('the service did not answer in time')),
        this.#timeoutMs,
      );
      const end = (settle: () => void) => {
        timer.cancel();
        settle();
      };
      // A desk that throws at once rejects like any other.
      Promise.resolve()
        .then(() => this.#desk.operate(operations))
        .then(
          (outcomes) => end(() => resolve(outcomes)),
          (error: unknown) => end(() => reject(error)),
        );
    });
  }
}
