/**
 * One balance as this process knows it: what the ledger said when it was last read, and what happened here since. A
 * delivery and a read of a team never overlap, so each amount that was settled here is, at a read, either certainly part
 * of what the ledger says (it was acknowledged before) or certainly not; nothing is counted twice or not at all.
 *
 * Amounts are kept by window, of a ROLLING control by bucket: what is set aside or settled stays where it belongs
 * when the clock goes on, and a verdict ends with its window (I13).
 */
import type { StandingReading } from '../../ledger/gateway-standing.js';
import type { ControlBook, TimeSpan } from './control-book.js';

/** What happened here in one window or bucket. */
interface Local {
  /** Settled here, and not acknowledged by the ledger. */
  open: bigint;
  openUnknown: bigint;
  /** Acknowledged after the ledger was last read. */
  acknowledged: bigint;
  acknowledgedUnknown: bigint;
  /** Set aside for calls under way. */
  held: bigint;
}

/** How a balance stands at an instant. */
export interface CellStanding {
  /** What was spent: the ledger's value and what is settled here and not in it. */
  readonly value: bigint;
  /** Events of unknown price within it (I5). */
  readonly unknownCount: bigint;
  readonly held: bigint;
}

interface LedgerBalance {
  readonly startMs: number;
  readonly value: bigint;
  readonly unknownCount: bigint;
}

const NO_BALANCES: readonly LedgerBalance[] = [];

/** The balance of one group of a control, or of the control where it has no groups. */
export class Cell {
  /** Another one when the team's controls were read anew. */
  book: ControlBook;
  readonly groupKey: string;
  /** Whether the ledger was ever read. */
  isLoaded = false;
  /** When the read began that is in force; monotonic. */
  readAtMs = Number.NEGATIVE_INFINITY;
  /** Its number among the team's reads. */
  readNumber = 0;
  /** When somebody last decided by it; monotonic. */
  usedAtMs = 0;
  /** What the ledger said that open holds of a hard control set aside. */
  #held = 0n;
  readonly #locals = new Map<number, Local>();
  #ledger: readonly LedgerBalance[] = NO_BALANCES;
  /** The ledger's part of the sum, and for which span it was taken. */
  #summed: { readonly fromMs: number; readonly toMs: number; readonly value: bigint; readonly unknownCount: bigint } = {
    fromMs: 0,
    toMs: -1,
    value: 0n,
    unknownCount: 0n,
  };

  constructor(book: ControlBook, groupKey: string) {
    this.book = book;
    this.groupKey = groupKey;
  }

  /** Nothing of this process is in it. */
  get isIdle(): boolean {
    return this.#locals.size === 0;
  }

  /** What counts in a span of starts. */
  standing({ fromMs, toMs }: TimeSpan): CellStanding {
    if (this.#summed.fromMs !== fromMs || this.#summed.toMs !== toMs) this.#sum(fromMs, toMs);
    let { value, unknownCount } = this.#summed;
    let held = this.#held;
    for (const [startMs, local] of this.#locals) {
      if (startMs < fromMs || startMs > toMs) continue;
      value += local.open + local.acknowledged;
      unknownCount += local.openUnknown + local.acknowledgedUnknown;
      held += local.held;
    }
    return { value, unknownCount, held };
  }

  /** The earliest time after which the value is below `limit` by the clock alone; `undefined`: not within what is known. */
  fallsBelow(limit: bigint, { fromMs, toMs }: TimeSpan, leavesAt: (startMs: number) => number): number | undefined {
    const sums = new Map<number, bigint>();
    for (const { startMs, value } of this.#ledger) sums.set(startMs, value);
    for (const [startMs, { open, acknowledged }] of this.#locals) {
      sums.set(startMs, (sums.get(startMs) ?? 0n) + open + acknowledged);
    }
    const within = [...sums].filter(([startMs]) => startMs >= fromMs && startMs <= toMs).sort(([a], [b]) => a - b);
    let left = within.reduce((sum, [, value]) => sum + value, 0n);
    for (const [startMs, value] of within) {
      left -= value;
      if (left < limit) return leavesAt(startMs);
    }
    return undefined;
  }

  /** Sets aside, or with a negative amount takes back. */
  hold(startMs: number, amount: bigint): void {
    const local = this.#local(startMs);
    local.held += amount;
    this.#tidy(startMs, local);
  }

  /** An event was settled here. */
  settle(startMs: number, value: bigint, unknownCount: bigint): void {
    const local = this.#local(startMs);
    local.open += value;
    local.openUnknown += unknownCount;
  }

  /** It is in the ledger now. */
  acknowledge(startMs: number, value: bigint, unknownCount: bigint): void {
    const local = this.#local(startMs);
    local.open -= value;
    local.openUnknown -= unknownCount;
    // Whoever reads the ledger for the first time after this finds it there.
    if (this.isLoaded) {
      local.acknowledged += value;
      local.acknowledgedUnknown += unknownCount;
    }
    this.#tidy(startMs, local);
  }

  /** Everything that is open or set aside is about to be told anew. */
  clearOpen(): void {
    for (const [startMs, local] of this.#locals) {
      local.open = 0n;
      local.openUnknown = 0n;
      local.held = 0n;
      this.#tidy(startMs, local);
    }
  }

  /** The ledger was read, by a read that began at `atMs` and had this number. */
  read(reading: StandingReading, atMs: number, number: number): void {
    this.#ledger = reading.balances;
    this.#held = reading.held;
    this.#summed = { fromMs: 0, toMs: -1, value: 0n, unknownCount: 0n };
    this.isLoaded = true;
    this.readAtMs = atMs;
    this.readNumber = number;
    // While a control meets its events, one that is recorded may not be in its balance yet: rather twice than not at all.
    if (reading.filling) return;
    for (const [startMs, local] of this.#locals) {
      local.acknowledged = 0n;
      local.acknowledgedUnknown = 0n;
      this.#tidy(startMs, local);
    }
  }

  #sum(fromMs: number, toMs: number): void {
    let value = 0n;
    let unknownCount = 0n;
    for (const balance of this.#ledger) {
      if (balance.startMs < fromMs || balance.startMs > toMs) continue;
      value += balance.value;
      unknownCount += balance.unknownCount;
    }
    this.#summed = { fromMs, toMs, value, unknownCount };
  }

  #local(startMs: number): Local {
    let local = this.#locals.get(startMs);
    if (local === undefined) {
      local = { open: 0n, openUnknown: 0n, acknowledged: 0n, acknowledgedUnknown: 0n, held: 0n };
      this.#locals.set(startMs, local);
    }
    return local;
  }

  #tidy(startMs: number, local: Local): void {
    const isOpen = local.open !== 0n || local.openUnknown !== 0n || local.held !== 0n;
    if (isOpen || local.acknowledged !== 0n || local.acknowledgedUnknown !== 0n) return;
    this.#locals.delete(startMs);
  }
}
