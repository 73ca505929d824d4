/**
 * Recording that is shared: requests that come while the events of their team are being recorded wait, and leave
 * together. So one transaction, one flush and a handful of round trips serve as many requests as there are.
 */
import type { RecordedItem, RecordItem } from '../ledger/record.js';
import type { ItemOutcome } from './store.js';
import { StoreError, type StoreErrorCode } from './store-error.js';

/** Items of one operation; a request that is larger by itself goes alone. */
const ITEMS_MAX = 2_000;
/** Items of a team that wait; what comes then is told to come back (I10). */
const WAITING_MAX = 20_000;

/**
 * So many items leave although an operation of their team is under way: preparing them overlaps with its commit. Fewer
 * wait for its end, when there are more of them: each commit costs the same, however few it serves.
 */
const EARLY_ITEMS = 250;
/** Operations of one team under way. They are executed in the order in which they left. */
const AT_ONCE_MAX = 2;

/** Records events of one team in one transaction. */
export type RecordOperation = (teamId: string, items: readonly RecordItem[]) => Promise<readonly RecordedItem[]>;

interface Request {
  readonly items: readonly RecordItem[];
  readonly apart: boolean;
  resolve(outcomes: readonly ItemOutcome[]): void;
  reject(error: unknown): void;
}

interface Lane {
  readonly waiting: Request[];
  waitingItems: number;
  /** Operations under way. */
  running: number;
  /** A turn of the event loop has been asked for, at whose end waiting requests leave. */
  leaving: boolean;
}

/** After these nothing is known of the single request: nothing of the operation was kept, or the store is not there. */
const SHARED: ReadonlySet<StoreErrorCode> = new Set(['UNAVAILABLE', 'BROKEN', 'CLOSED', 'UNKNOWN_TEAM']);

/** One lane per team with work; lanes do not wait for each other. */
export class RecordLanes {
  readonly #record: RecordOperation;
  readonly #lanes = new Map<string, Lane>();
  #closed = false;
  #idle: (() => void) | undefined;

  constructor(record: RecordOperation) {
    this.#record = record;
  }

  /**
   * Records the items in one transaction, with those of others. Resolves after the commit, with an outcome for each.
   * `apart`: an item that cannot be recorded fails alone, and the others are recorded then, in transactions of their own.
   *
   * @throws StoreError `UNAVAILABLE` where too many wait; `CLOSED`; else the error of the operation: nothing was kept
   */
  record(teamId: string, items: readonly RecordItem[], apart = false): Promise<readonly ItemOutcome[]> {
    if (this.#closed) return Promise.reject(new StoreError('CLOSED', 'the store is closed'));
    const lane = this.#lanes.get(teamId) ?? { waiting: [], waitingItems: 0, running: 0, leaving: false };
    this.#lanes.set(teamId, lane);
    if (lane.waitingItems > 0 && lane.waitingItems + items.length > WAITING_MAX) {
      return Promise.reject(new StoreError('UNAVAILABLE', 'too many events wait to be recorded; send them again'));
    }
    lane.waitingItems += items.length;
    return new Promise((resolve, reject) => {
      lane.waiting.push({ items, apart, resolve, reject });
      this.#leave(teamId, lane);
    });
  }

  /** Takes nothing more; resolves when everything that waited has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#lanes.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#idle = resolve;
    });
  }

  /** What all sockets bring in one turn of the event loop leaves together. */
  #leave(teamId: string, lane: Lane): void {
    const { running, waitingItems } = lane;
    if (lane.leaving || lane.waiting.length === 0 || running >= AT_ONCE_MAX) return;
    if (running > 0 && waitingItems < EARLY_ITEMS) return;
    lane.leaving = true;
    setImmediate(() => {
      lane.leaving = false;
      void this.#run(teamId, lane);
    });
  }

  async #run(teamId: string, lane: Lane): Promise<void> {
    lane.running += 1;
    await this.#recordTogether(teamId, take(lane));
    lane.running -= 1;
    this.#leave(teamId, lane);
    if (lane.running > 0 || lane.waiting.length > 0) return;
    this.#lanes.delete(teamId);
    if (this.#lanes.size === 0) this.#idle?.();
  }

  async #recordTogether(teamId: string, requests: readonly Request[]): Promise<void> {
    const [only] = requests;
    const items = requests.length === 1 && only !== undefined ? only.items : requests.flatMap((one) => one.items);
    try {
      const outcomes = await this.#record(teamId, items);
      let from = 0;
      for (const { items: own, resolve } of requests) {
        resolve(outcomes.slice(from, from + own.length));
        from += own.length;
      }
    } catch (error) {
      const shared = error instanceof StoreError && SHARED.has(error.code);
      const indivisible = requests.length === 1 && (items.length === 1 || only?.apart !== true);
      if (shared || indivisible) {
        for (const { reject } of requests) reject(error);
        return;
      }
      if (requests.length === 1 && only !== undefined) {
        await this.#recordApart(teamId, items).then(only.resolve, only.reject);
        return;
      }
      // One of them cannot be recorded: it must not take the others with it.
      for (const request of requests) await this.#recordTogether(teamId, [request]);
    }
  }

  /** One of the items cannot be recorded: halves, until it is found. */
  async #recordApart(teamId: string, items: readonly RecordItem[]): Promise<readonly ItemOutcome[]> {
    const outcomes: ItemOutcome[] = [];
    const middle = Math.ceil(items.length / 2);
    for (const half of [items.slice(0, middle), items.slice(middle)]) {
      try {
        outcomes.push(...(await this.#record(teamId, half)));
      } catch (error) {
        if (error instanceof StoreError && SHARED.has(error.code)) throw error;
        if (half.length > 1) outcomes.push(...(await this.#recordApart(teamId, half)));
        else outcomes.push({ state: 'failed', error });
      }
    }
    return outcomes;
  }
}

function take(lane: Lane): readonly Request[] {
  let items = 0;
  let requests = 0;
  for (const { items: own } of lane.waiting) {
    if (requests > 0 && items + own.length > ITEMS_MAX) break;
    items += own.length;
    requests += 1;
  }
  lane.waitingItems -= items;
  return lane.waiting.splice(0, requests);
}
