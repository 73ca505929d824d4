/**
 * The balances that one commit moves, in memory until it ends: however many events move a balance, it is read once and
 * written once, and all of them together in one round trip each way. A thousand controls that cover every event cost a
 * thousand rows a commit, not a thousand an event.
 */
import { bigintOf, numberOf, type Sql, type SqlParams, type SqlRow, type StatementName, textOf } from '../store/sql.js';
import { type BucketSum, RollingSums, type SumKey, type SumRange } from './rolling-sums.js';
import type { Window } from './windows.js';

/** What was last told about a balance: 0 nothing, 1 a warning, 2 that its limit is reached. */
type Announced = 0 | 1 | 2;

/** A balance as the commit leaves it so far. */
export interface BookedBalance {
  readonly value: bigint;
  readonly unknownCount: bigint;
  readonly announced: Announced;
  /** What open holds set aside and did not draw; never part of `value` (I7). */
  readonly held: bigint;
  /** What was spent above the limit of a hard control. */
  readonly overrun: bigint;
}

/** What a balance gains; what it loses is negative. */
export interface BalanceDelta {
  readonly value: bigint;
  readonly unknownCount: bigint;
  readonly held?: bigint;
  readonly overrun?: bigint;
}

/** Names a balance. */
export interface BalanceKey {
  readonly controlId: string;
  readonly window: Window;
  readonly groupKey: string;
  /** Of a ROLLING control: the buckets whose sum will be asked for. */
  readonly range?: SumRange | undefined;
}

interface Entry {
  readonly params: { controlId: string; windowStartMs: number; windowEndMs: number; groupKey: string };
  value: bigint;
  unknownCount: bigint;
  announced: Announced;
  held: bigint;
  overrun: bigint;
  written: boolean;
}

const EMPTY = { value: 0n, unknownCount: 0n, announced: 0, held: 0n, overrun: 0n } as const;

/** Statements that read balances: what is in memory is written before them. A test holds the list against the files. */
export const BALANCE_READERS: ReadonlySet<StatementName> = new Set<StatementName>([
  'select-address-groups',
  'select-balance',
  'select-balances',
  'select-buckets',
  'select-charged-and-overrun',
  'select-due-teams',
  'select-ended-verdicts',
  'select-feed-balances',
  'select-feed-group-end',
  'select-feed-groups',
  'select-group-balances',
  'select-groups',
  'select-next-turn',
  'select-open-verdicts',
  'select-overruns',
  'select-roster-counts',
  'select-roster-rows',
]);
/** Statements that change balances behind the book: it is written before them and read anew after them. */
export const BALANCE_WRITERS: ReadonlySet<StatementName> = new Set<StatementName>([
  'announce-balance',
  'delete-balance',
  'delete-balances',
  'purge-buckets',
  'purge-heads',
]);
/** The book's own. */
export const BALANCE_OWN: ReadonlySet<StatementName> = new Set<StatementName>([
  'load-balances',
  'load-rolling-sums',
  'put-balance',
]);
/**
 * A balance stops here, far from the end of 64 bits: 4.6 thousand million dollars. Nobody spends that; somebody may say so,
 * with a key that meters.
 */
export const BALANCE_MAX = 2n ** 62n;
/** A bucket of a ROLLING balance stops here: 61 of them still have a sum. */
export const BUCKET_MAX = 2n ** 56n;

/** A sum as a balance of the window can hold it. */
export function heldBy(window: Pick<Window, 'startMs' | 'type'>, sum: bigint): bigint {
  const max = window.type === 'ROLLING' && window.startMs >= 0 ? BUCKET_MAX : BALANCE_MAX;
  return sum > max ? max : sum;
}

/** More than this are written early (I10). */
export const ENTRIES_MAX = 20_000;

/** One book per transaction, or per part of one that can be rolled back alone. Also the way to every other statement. */
export class BalanceBook implements Sql {
  readonly #sql: Sql;
  readonly #entries = new Map<string, Entry>();
  /** By control, the entry that was asked for last. */
  readonly #latest = new Map<string, Entry>();
  readonly #sums = new RollingSums();

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  async query(statement: StatementName, params?: SqlParams): Promise<readonly SqlRow[]> {
    await this.#prepareFor(statement);
    return this.#sql.query(statement, params);
  }

  async many(statement: StatementName, sets: readonly SqlParams[]): Promise<readonly SqlRow[]> {
    if (sets.length === 0) return [];
    await this.#prepareFor(statement);
    return this.#sql.many(statement, sets);
  }

  async #prepareFor(statement: StatementName): Promise<void> {
    const writes = BALANCE_WRITERS.has(statement);
    if (writes || BALANCE_READERS.has(statement)) await this.flush();
    if (!writes) return;
    this.#forget();
    this.#sums.clear();
  }

  /**
   * Reads balances in one round trip, those that are not here yet. What is loaded is here until the next load, or until
   * a statement changes balances behind the book. At most {@link ENTRIES_MAX} keys.
   */
  async load(keys: readonly BalanceKey[]): Promise<void> {
    if (keys.every((key) => this.#isHere(key))) return;
    await this.#loadSums(keys);
    const missing = new Map<string, BalanceKey>();
    for (const key of keys) {
      const name = nameOf(key.controlId, key.window.startMs, key.groupKey);
      if (!this.#entries.has(name)) missing.set(name, key);
    }
    if (missing.size === 0) return;
    if (this.#entries.size + missing.size > ENTRIES_MAX) {
      await this.flush();
      this.#forget();
      for (const key of keys) missing.set(nameOf(key.controlId, key.window.startMs, key.groupKey), key);
    }
    const sets: Entry['params'][] = [];
    for (const [name, { controlId, window, groupKey }] of missing) {
      const params = { controlId, windowStartMs: window.startMs, windowEndMs: window.endMs, groupKey };
      this.#entries.set(name, { params, ...EMPTY, written: true });
      sets.push(params);
    }
    const asked = sets.map(({ controlId, windowStartMs, groupKey }) => ({ controlId, windowStartMs, groupKey }));
    for (const row of await this.#sql.many('load-balances', asked)) {
      const startMs = numberOf(row, 'window_start_ms');
      const entry = this.#entries.get(nameOf(textOf(row, 'control_id'), startMs, textOf(row, 'group_key')));
      if (entry === undefined) throw new Error('a balance was read that nobody asked for');
      entry.params.windowEndMs = numberOf(row, 'window_end_ms');
      entry.value = bigintOf(row, 'value');
      entry.unknownCount = bigintOf(row, 'unknown_count');
      entry.announced = Number(bigintOf(row, 'announced')) as Announced;
      entry.held = bigintOf(row, 'held');
      entry.overrun = bigintOf(row, 'overrun');
    }
  }

  /** A balance as it is now. */
  async read(controlId: string, window: Window, groupKey: string): Promise<BookedBalance> {
    return this.#at(controlId, window, groupKey) ?? (await this.#one(controlId, window, groupKey));
  }

  /** Adds to a balance and returns it as it is now. */
  async move(controlId: string, window: Window, groupKey: string, delta: BalanceDelta): Promise<BookedBalance> {
    const entry = this.#at(controlId, window, groupKey) ?? (await this.#one(controlId, window, groupKey));
    const before = entry.value;
    entry.value = heldBy(window, before + delta.value);
    entry.unknownCount += delta.unknownCount;
    entry.held += delta.held ?? 0n;
    entry.overrun += delta.overrun ?? 0n;
    entry.written = false;
    const { unknownCount } = delta;
    this.#sums.add(controlId, groupKey, window.startMs, { value: entry.value - before, unknownCount });
    const { value, announced, held, overrun } = entry;
    return { value, unknownCount: entry.unknownCount, announced, held, overrun };
  }

  /** The sum of the buckets of a ROLLING balance as it is now. */
  async sum(key: SumKey): Promise<BucketSum> {
    const known = this.#sums.get(key);
    if (known !== undefined) return known;
    const [sum] = await this.sums([key]);
    return sum!;
  }

  /** The sums of many, in their order. */
  async sums(keys: readonly SumKey[]): Promise<readonly BucketSum[]> {
    await this.#loadSumsOf(keys);
    return keys.map((key) => this.#sums.get(key)!);
  }

  /** Notes what was told about a balance, and until when it stands. */
  async announce(controlId: string, window: Window, groupKey: string, announced: Announced): Promise<void> {
    const entry = this.#at(controlId, window, groupKey) ?? (await this.#one(controlId, window, groupKey));
    entry.announced = announced;
    entry.params.windowEndMs = window.endMs;
    entry.written = false;
  }

  /** Writes what is not written yet. To be called before the commit. */
  async flush(): Promise<void> {
    const sets: SqlParams[] = [];
    for (const entry of this.#entries.values()) {
      if (entry.written) continue;
      const { params, value, unknownCount, announced, held, overrun } = entry;
      sets.push({ ...params, value, unknownCount, announced, held, overrun });
      entry.written = true;
    }
    if (sets.length > 0) await this.#sql.many('put-balance', sets);
  }

  /** Most events move the balance of a control that the one before moved. */
  #at(controlId: string, { startMs }: Window, groupKey: string): Entry | undefined {
    const latest = this.#latest.get(controlId);
    if (latest?.params.windowStartMs === startMs && latest.params.groupKey === groupKey) return latest;
    const entry = this.#entries.get(nameOf(controlId, startMs, groupKey));
    if (entry !== undefined) this.#latest.set(controlId, entry);
    return entry;
  }

  #forget(): void {
    this.#entries.clear();
    this.#latest.clear();
  }

  #isHere({ controlId, window, groupKey, range }: BalanceKey): boolean {
    if (this.#at(controlId, window, groupKey) === undefined) return false;
    return range === undefined || this.#sums.get({ controlId, groupKey, ...range }) !== undefined;
  }

  async #loadSums(keys: readonly BalanceKey[]): Promise<void> {
    const asked: SumKey[] = [];
    for (const { controlId, groupKey, range } of keys)
      if (range !== undefined) asked.push({ controlId, groupKey, ...range });
    if (asked.length > 0) await this.#loadSumsOf(asked);
  }

  async #loadSumsOf(keys: readonly SumKey[]): Promise<void> {
    const missing = this.#sums.missing(keys);
    if (missing.length === 0) return;
    await this.flush();
    this.#sums.keep(missing, await RollingSums.read(this.#sql, missing));
  }

  async #one(controlId: string, window: Window, groupKey: string): Promise<Entry> {
    await this.load([{ controlId, window, groupKey }]);
    return this.#at(controlId, window, groupKey)!;
  }
}

/** No control id and no number holds a line break. */
function nameOf(controlId: string, startMs: number, groupKey: string): string {
  return `${controlId}\n${startMs}\n${groupKey}`;
}
