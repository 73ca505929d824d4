/** Recording that is shared by the requests of a team; see {@link Lanes}. */
import type { RecordedItem, RecordItem } from '../ledger/record.js';
import { Lanes } from './lanes.js';
import type { ItemOutcome } from './store.js';

/** Records events of one team in one transaction. */
export type RecordOperation = (teamId: string, items: readonly RecordItem[]) => Promise<readonly RecordedItem[]>;

/** One lane per team with events; lanes do not wait for each other. */
export class RecordLanes {
  readonly #lanes: Lanes<RecordItem, ItemOutcome>;

  constructor(record: RecordOperation) {
    this.#lanes = new Lanes<RecordItem, ItemOutcome>(record, {
      tooMany: 'too many events wait to be recorded; send them again',
      failed: (error) => ({ state: 'failed', error }),
    });
  }

  /**
   * Records the items in one transaction, with those of others. Resolves after the commit, with an outcome for each.
   * `apart`: an item that cannot be recorded fails alone, and the others are recorded then, in transactions of their own.
   *
   * @throws StoreError `UNAVAILABLE` where too many wait; `CLOSED`; else the error of the operation: nothing was kept
   */
  record(teamId: string, items: readonly RecordItem[], apart = false): Promise<readonly ItemOutcome[]> {
    return this.#lanes.run(teamId, items, apart);
  }

  /** Takes nothing more; resolves when everything that waited has ended. */
  close(): Promise<void> {
    return this.#lanes.close();
  }
}
