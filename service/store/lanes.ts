/**
 * Work that is shared: requests that come while those of their team are being worked on wait, and leave together. So one
 * transaction, one flush and a handful of round trips serve as many requests as there are.
 */
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

/** Works on items of one team in one transaction: an outcome for each, in their order. */
export type LaneOperation<I, O> = (teamId: string, items: readonly I[]) => Promise<readonly O[]>;

/** What lanes are told of what they carry. */
export interface LaneOptions<O> {
  /** Said where too many wait. */
  readonly tooMany: string;
  /** The outcome of an item that failed alone. Absent: it fails its request. */
  readonly failed?: (error: unknown) => O;
}

interface Request<I, O> {
  readonly items: readonly I[];
  readonly apart: boolean;
  resolve(outcomes: readonly O[]): void;
  reject(error: unknown): void;
}

interface Lane<I, O> {
  readonly waiting: Request<I, O>[];
  waitingItems: number;
  /** Operations under way. */
  running: number;
  /** A turn of the event loop has been asked for, at whose end waiting requests leave. */
  leaving: boolean;
}

/** After these nothing is known of the single request: nothing of the operation was kept, or the store is not there. */
const SHARED: ReadonlySet<StoreErrorCode> = new Set(['UNAVAILABLE', 'BROKEN', 'CLOSED', 'UNKNOWN_TEAM']);

/** One lane per team with work; lanes do not wait for each other. */
export class Lanes<I, O> {
  readonly #operation: LaneOperation<I, O>;
  readonly #options: LaneOptions<O>;
  readonly #lanes = new Map<string, Lane<I, O>>();
  #closed = false;
  #idle: (() => void) | undefined;

  constructor(operation: LaneOperation<I, O>, options: LaneOptions<O>) {
    this.#operation = operation;
    this.#options = options;
  }

  /**
   * Works on the items in one transaction, with those of others. Resolves after the commit, with an outcome for each.
   * `apart`: an item that fails does so alone, and the others are worked on then, in transactions of their own.
   *
   * @throws StoreError `UNAVAILABLE` where too many wait; `CLOSED`; else the error of the operation: nothing was kept
   */
  run(teamId: string, items: readonly I[], apart = false): Promise<readonly O[]> {
    if (this.#closed) return Promise.reject(new StoreError('CLOSED', 'the store is closed'));
    const lane: Lane<I, O> = this.#lanes.get(teamId) ?? { waiting: [], waitingItems: 0, running: 0, leaving: false };
    this.#lanes.set(teamId, lane);
    if (lane.waitingItems > 0 && lane.waitingItems + items.length > WAITING_MAX) {
      return Promise.reject(new StoreError('UNAVAILABLE', this.#options.tooMany));
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
  #leave(teamId: string, lane: Lane<I, O>): void {
    const { running, waitingItems } = lane;
    if (lane.leaving || lane.waiting.length === 0 || running >= AT_ONCE_MAX) return;
    if (running > 0 && waitingItems < EARLY_ITEMS) return;
    lane.leaving = true;
    setImmediate(() => {
      lane.leaving = false;
      void this.#send(teamId, lane);
    });
  }

  async #send(teamId: string, lane: Lane<I, O>): Promise<void> {
    lane.running += 1;
    await this.#runTogether(teamId, take(lane));
    lane.running -= 1;
    this.#leave(teamId, lane);
    if (lane.running > 0 || lane.waiting.length > 0) return;
    this.#lanes.delete(teamId);
    if (this.#lanes.size === 0) this.#idle?.();
  }

  async #runTogether(teamId: string, requests: readonly Request<I, O>[]): Promise<void> {
    const [only] = requests;
    const items = requests.length === 1 && only !== undefined ? only.items : requests.flatMap((one) => one.items);
    try {
      const outcomes = await this.#operation(teamId, items);
      let from = 0;
      for (const { items: own, resolve } of requests) {
        resolve(outcomes.slice(from, from + own.length));
        from += own.length;
      }
    } catch (error) {
      const shared = error instanceof StoreError && SHARED.has(error.code);
      const isWhole = items.length === 1 || only?.apart !== true || this.#options.failed === undefined;
      const indivisible = requests.length === 1 && isWhole;
      if (shared || indivisible) {
        for (const { reject } of requests) reject(error);
        return;
      }
      if (requests.length === 1 && only !== undefined && this.#options.failed !== undefined) {
        await this.#runApart(teamId, items, this.#options.failed).then(only.resolve, only.reject);
        return;
      }
      // One of them fails: it must not take the others with it.
      for (const request of requests) await this.#runTogether(teamId, [request]);
    }
  }

  /** One of the items fails: halves, until it is found. */
  async #runApart(teamId: string, items: readonly I[], failed: (error: unknown) => O): Promise<readonly O[]> {
    const outcomes: O[] = [];
    const middle = Math.ceil(items.length / 2);
    for (const half of [items.slice(0, middle), items.slice(middle)]) {
      try {
        outcomes.push(...(await this.#operation(teamId, half)));
      } catch (error) {
        if (error instanceof StoreError && SHARED.has(error.code)) throw error;
        if (half.length > 1) outcomes.push(...(await this.#runApart(teamId, half, failed)));
        else outcomes.push(failed(error));
      }
    }
    return outcomes;
  }
}

function take<I, O>(lane: Lane<I, O>): readonly Request<I, O>[] {
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
