/**
 * The balances that one commit moves, in memory until it ends: however many events move a balance, it is read once and
 * written once. A thousand controls that cover every event cost a thousand writes a commit, not a thousand an event.
 */
import { bigintOf, type Sql, type SqlParams, type SqlRow, type StatementName } from '../store/sql.js';
import type { Window } from './windows.js';

/** What was last told about a balance: 0 nothing, 1 a warning, 2 that its limit is reached. */
type Announced = 0 | 1 | 2;

/** A balance as the commit leaves it so far. */
export interface BookedBalance {
  readonly value: bigint;
  readonly unknownCount: bigint;
  readonly announced: Announced;
}

interface Entry {
  readonly params: { controlId: string; windowStartMs: number; windowEndMs: number; groupKey: string };
  value: bigint;
  unknownCount: bigint;
  announced: Announced;
  written: boolean;
}

/** Statements that read balances: what is in memory is written before them. A test holds the list against the files. */
export const BALANCE_READERS: ReadonlySet<StatementName> = new Set<StatementName>([
  'select-balance',
  'select-balances',
  'select-ended-verdicts',
  'select-group-balances',
  'select-groups',
  'select-open-verdicts',
  'select-totals',
]);
/** Statements that change balances behind the book: it is written before them and read anew after them. */
export const BALANCE_WRITERS: ReadonlySet<StatementName> = new Set<StatementName>([
  'announce-balance',
  'delete-balance',
  'delete-balances',
]);
/** More than this are written early (I10). */
const ENTRIES_MAX = 20_000;

/** One book per transaction, or per part of one that can be rolled back alone. Also the way to every other statement. */
export class BalanceBook implements Sql {
  readonly #sql: Sql;
  readonly #entries = new Map<string, Entry>();

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  async query(statement: StatementName, params?: SqlParams): Promise<readonly SqlRow[]> {
    const writes = BALANCE_WRITERS.has(statement);
    if (writes || BALANCE_READERS.has(statement)) await this.flush();
    if (writes) this.#entries.clear();
    return this.#sql.query(statement, params);
  }

  async many(statement: StatementName, sets: readonly SqlParams[]): Promise<readonly SqlRow[]> {
    if (BALANCE_WRITERS.has(statement) || BALANCE_READERS.has(statement)) {
      throw new Error(`${statement} goes through the book one by one`);
    }
    return this.#sql.many(statement, sets);
  }

  /** Adds to a balance and returns it as it is now. */
  async move(
    controlId: string,
    window: Window,
    groupKey: string,
    delta: { readonly value: bigint; readonly unknownCount: bigint },
  ): Promise<BookedBalance> {
    const key = keyOf(controlId, window, groupKey);
    const entry = this.#entries.get(key) ?? (await this.#load(key, controlId, window, groupKey));
    entry.value += delta.value;
    entry.unknownCount += delta.unknownCount;
    entry.written = false;
    return { value: entry.value, unknownCount: entry.unknownCount, announced: entry.announced };
  }

  /** Notes what was told about a balance. */
  async announce(controlId: string, window: Window, groupKey: string, announced: Announced): Promise<void> {
    const key = keyOf(controlId, window, groupKey);
    const entry = this.#entries.get(key) ?? (await this.#load(key, controlId, window, groupKey));
    entry.announced = announced;
    entry.written = false;
  }

  /** Writes what is not written yet. To be called before the commit. */
  async flush(): Promise<void> {
    for (const entry of this.#entries.values()) {
      if (entry.written) continue;
      const { params, value, unknownCount, announced } = entry;
      await this.#sql.query('put-balance', { ...params, value, unknownCount, announced });
      entry.written = true;
    }
  }

  async #load(key: string, controlId: string, window: Window, groupKey: string): Promise<Entry> {
    if (this.#entries.size >= ENTRIES_MAX) {
      await this.flush();
      this.#entries.clear();
    }
    const { startMs: windowStartMs, endMs: windowEndMs } = window;
    const [row] = await this.#sql.query('select-balance', { controlId, windowStartMs, groupKey });
    const entry: Entry = {
      params: { controlId, windowStartMs, windowEndMs, groupKey },
      value: row === undefined ? 0n : bigintOf(row, 'value'),
      unknownCount: row === undefined ? 0n : bigintOf(row, 'unknown_count'),
      announced: row === undefined ? 0 : (Number(bigintOf(row, 'announced')) as Announced),
      written: true,
    };
    this.#entries.set(key, entry);
    return entry;
  }
}

/** No control id and no number holds a line break. */
function keyOf(controlId: string, window: Window, groupKey: string): string {
  return `${controlId}\n${window.startMs}\n${groupKey}`;
}
