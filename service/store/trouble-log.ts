/** Says once that a store takes nothing, and once that it takes again (I10): a full disk may hold the log too. */
import type { Log } from 'fusewire/internal';
import type { Command, Outcome } from './operation-group.js';
import { StoreError } from './store-error.js';

/** One per store. */
export class TroubleLog {
  readonly #log: Log;
  #troubled = false;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Looks at how commands ended. */
  note(outcomes: readonly Outcome[], commands: readonly Pick<Command, 'operation'>[]): void {
    const failed = outcomes.find((outcome) => !outcome.ok && isTrouble(outcome.error));
    if ((failed !== undefined) === this.#troubled) return;
    // Reading works on a full disk: only events that were kept show that it is over.
    if (failed === undefined && !commands.some(({ operation }) => operation.startsWith('record'))) return;
    this.#troubled = failed !== undefined;
    if (failed !== undefined && !failed.ok) {
      this.#log.error('the database takes no writes; events are told to come back', { error: String(failed.error) });
    } else this.#log.info('the database takes writes again');
  }
}

function isTrouble(error: unknown): boolean {
  return error instanceof StoreError && error.code === 'UNAVAILABLE';
}
