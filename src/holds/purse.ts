/** One hold as its owner knows it: what it was last, and what was drawn from it since. Arithmetic alone. */
import type { CallCounts, RateBound } from '../bound/types.js';
import { meterOf, type PartMeter } from './amounts.js';
import type { HoldCall, HoldNeed, HoldPart, HoldState, WhenExhausted } from './hold-types.js';

/** Amounts by the places of a purse's parts. */
export type Amounts = readonly bigint[];

/** What an ended call consumed, as long as nobody knows that it is in the ledger. */
export interface Consumption {
  readonly purse: Purse;
  readonly amounts: Amounts;
}

/** A part, or what is left of one that the hold has no more: places never move, so that tickets can name them. */
interface Slot {
  readonly controlId: string;
  part: HoldPart | undefined;
  meter: PartMeter | undefined;
  /** What the service said is set aside and not drawn. */
  left: bigint;
  /** Bounds of calls under way. */
  busy: bigint;
  /** What recorded events drew, of everything that was ever set aside. */
  drawn: bigint;
  /** Consumed by all calls that ended, at most. */
  settled: bigint;
  /** The part of {@link settled} of which no state said surely that it is in the ledger. */
  pending: bigint;
  /** The part of {@link pending} whose events are acknowledged: the next state has them surely. */
  acknowledged: bigint;
  /** The part of {@link pending} whose events will never come. */
  lost: bigint;
  /** Below that, more is asked for in the background: half of what was free after the last grant. */
  low: bigint;
  /** What a call may draw: `left - busy - pending`, the last less what the state says was drawn. Kept, not computed anew. */
  free: bigint;
}

/**
 * Asking → open → leaving → ended. *Asking*: taken, and nobody knows whether it is there. *Leaving*: no call draws from it any more,
 * it waits for the ledger. *Ended*: the service has closed it, or it is left to its expiry.
 *
 * What is free is never counted twice: an event that was acknowledged before an operation was sent is surely in the
 * state that answers it; one that was acknowledged later may be. How much of those is not, is bounded by what all calls
 * consumed at most less what the state says was drawn.
 */
export class Purse {
  state: 'asking' | 'open' | 'leaving' | 'ended' = 'asking';
  /** Of the newest operation that was sent. */
  sequence = 0;
  /**
   * The sequence of a giving back that is under way, or of which nobody knows whether it was done: nothing is free until a
   * state is newer. An older one says nothing: the giving back could still arrive.
   */
  frozenBy: number | undefined;
  /** Settles when the operation that is under way has ended: one at a time. */
  operation: Promise<unknown> | undefined;
  /** Monotonic: when the last operation was sent, and when a call drew last. */
  sentAtMs = Number.NEGATIVE_INFINITY;
  usedAtMs = Number.NEGATIVE_INFINITY;
  /** No answer came to an operation: it may still be done, later. */
  wasLost = false;
  /** Of the controls that it was taken under. */
  version: string | undefined;
  isTight = false;
  isRecalled = false;
  /** The service ended it because it was not renewed in time. */
  isExpired = false;
  callsUnderWay = 0;
  /** Monotonic: from then on no call draws. */
  drawUntilMs = Number.NEGATIVE_INFINITY;
  parts: readonly HoldPart[] = [];
  /** What becomes of a stream that outgrows what it draws: the strictest of its parts decides. */
  whenExhausted: WhenExhausted = 'finish';
  readonly #slots: Slot[] = [];
  #confirmedSequence = -1;
  #rates: RateBound = { state: 'unknown', lines: [] };

  /** `call` is of the kind that draws from it. */
  constructor(
    readonly id: string,
    readonly call: HoldCall,
  ) {}

  get rates(): RateBound {
    return this.#rates;
  }

  /** What the state surely includes that answers an operation which is sent now. */
  get included(): Amounts {
    return this.#slots.map((slot) => slot.acknowledged);
  }

  /**
   * What the service answered to an operation that was sent at `sentAtMs`, when `included` was acknowledged. `isGrant`: it
   * asked for more.
   *
   * @throws SyntaxError where it is no state; nothing has changed then.
   */
  confirm(state: HoldState, rates: RateBound | undefined, sentAtMs: number, included: Amounts, isGrant = false): void {
    // An answer that comes after a newer one is old.
    if (state.sequence < this.#confirmedSequence) return;
    const amounts = state.parts.map((part) => ({ part, amount: BigInt(part.amount), drawn: BigInt(part.drawn) }));
    const meters = state.parts.map((part) => meterOf(part, rates ?? this.#rates, this.call.operationType));
    // From here on nothing can fail.
    this.#confirmedSequence = state.sequence;
    this.#rates = rates ?? this.#rates;
    this.parts = state.parts;
    this.whenExhausted = state.parts.some((part) => part.whenExhausted === 'cut') ? 'cut' : 'finish';
    this.isTight = state.isTight;
    this.isRecalled = state.isRecalled;
    if (this.frozenBy !== undefined && state.sequence >= this.frozenBy) this.frozenBy = undefined;
    this.drawUntilMs = sentAtMs + state.drawForMs;
    for (const slot of this.#slots) {
      slot.part = undefined;
      slot.meter = undefined;
      slot.left = 0n;
    }
    amounts.forEach(({ part, amount, drawn }, index) => {
      const slot = this.#slotOf(part.controlId);
      slot.part = part;
      slot.meter = meters[index];
      slot.drawn = drawn;
      slot.left = positive(amount - drawn);
    });
    this.#forEach(included, (slot, amount) => {
      slot.pending -= amount;
      slot.acknowledged -= amount;
    });
    for (const slot of this.#slots) slot.free = freeOf(slot);
    if (isGrant) for (const slot of this.#slots) slot.low = slot.free / 2n;
    this.isExpired = state.state === 'expired';
    if (this.isExpired) this.expire();
    else if (state.state !== 'open') this.state = 'ended';
    else if (this.state === 'asking') this.state = 'open';
  }

  /** The service ended it: what may be charged and is not needed is given back, late, and the rest when its calls have ended. */
  expire(): void {
    this.state = this.hasSpare || !this.isDone ? 'leaving' : 'ended';
  }

  /** What a call takes of each part. A price that is unknown here counts as nothing: the service would have refused it else. */
  amountsOf(need: HoldNeed): bigint[] {
    const amounts: bigint[] = [];
    for (const { meter } of this.#slots) {
      const amount = meter === undefined ? 0n : meter.amount(need);
      amounts.push(amount === 'unknown' ? 0n : amount);
    }
    return amounts;
  }

  /** Draws for a new call. `undefined`: that much is not here. */
  draw(need: HoldNeed, nowMs: number): Amounts | undefined {
    if (this.state !== 'open' || this.frozenBy !== undefined || nowMs >= this.drawUntilMs) return undefined;
    const amounts = this.amountsOf(need);
    if (!this.#covers(amounts)) return undefined;
    this.#reserve(amounts);
    this.callsUnderWay += 1;
    this.usedAtMs = nowMs;
    return amounts;
  }

  /** For a call that is under way: also after the time for new ones. */
  drawMore(amounts: Amounts): boolean {
    if (this.state === 'ended' || this.state === 'asking' || this.frozenBy !== undefined || !this.#covers(amounts))
      return false;
    this.#reserve(amounts);
    return true;
  }

  /** A call ended: its bound is free again, but for what it consumed. */
  settle(amounts: Amounts, consumed: CallCounts): Consumption {
    this.release(amounts);
    const used = this.#slots.map((slot) => slot.meter?.consumed(consumed) ?? 0n);
    this.#forEach(used, (slot, amount) => {
      slot.pending += amount;
      slot.settled += amount;
      slot.free = freeOf(slot);
    });
    return { purse: this, amounts: used };
  }

  /** A call ended that consumed nothing. */
  release(amounts: Amounts): void {
    this.callsUnderWay -= 1;
    this.#forEach(amounts, (slot, amount) => {
      slot.busy -= amount;
      slot.free += amount;
    });
  }

  /** The event is in the ledger; the next state includes it. */
  acknowledge({ amounts }: Consumption): void {
    this.#forEach(amounts, (slot, amount) => {
      slot.acknowledged += amount;
    });
  }

  /** The event will never be in the ledger: what it was to draw stays until the service ends the hold. */
  lose({ amounts }: Consumption): void {
    this.#forEach(amounts, (slot, amount) => {
      slot.lost += amount;
    });
  }

  /** Whether it is time to ask for more, ahead of need. */
  get runsLow(): boolean {
    for (const slot of this.#slots) if (slot.part !== undefined && slot.free < slot.low) return true;
    return false;
  }

  /** What `amounts` lack, by control id; parts that lack nothing are 0. */
  missing(amounts: Amounts): Record<string, bigint> {
    const missing: Record<string, bigint> = {};
    this.#slots.forEach((slot, index) => {
      if (slot.part === undefined) return;
      const lacking = (amounts[index] ?? 0n) - slot.free;
      missing[slot.controlId] = lacking > 0n && (amounts[index] ?? 0n) > 0n ? lacking : 0n;
    });
    return missing;
  }

  /** What has to stay for calls under way and for what is not in the ledger. Empty: nothing. */
  kept(): Record<string, string> {
    const kept: Record<string, string> = {};
    for (const slot of this.#slots) {
      const amount = keptOf(slot);
      if (slot.part !== undefined && amount > 0n) kept[slot.controlId] = String(amount);
    }
    return kept;
  }

  /** Whether there is more than a giving back said that is to be kept: it was not done. */
  hasMoreThan(kept: Readonly<Record<string, string>>): boolean {
    return this.#slots.some((slot) => slot.left > BigInt(kept[slot.controlId] ?? 0));
  }

  /** Whether there is more than has to stay, by what is known. */
  get hasSpare(): boolean {
    return this.#slots.some((slot) => slot.left > keptOf(slot));
  }

  /** Whether nothing has to stay. */
  get isDone(): boolean {
    return this.callsUnderWay <= 0 && this.#slots.every((slot) => keptOf(slot) <= 0n);
  }

  /** Whether something is in the ledger that the next state will tell. */
  get waitsForState(): boolean {
    return this.#slots.some((slot) => slot.acknowledged > 0n);
  }

  /** Whether the rest waits for events that will never come. */
  get waitsForNothing(): boolean {
    return this.callsUnderWay <= 0 && this.#slots.every((slot) => keptOf(slot) <= slot.lost);
  }

  /** Whether it holds something of a control's group beyond what has to stay. */
  hasSpareOf(controlId: string, group: string | null): boolean {
    const slot = this.#slots.find((one) => one.controlId === controlId);
    if (slot?.part === undefined || slot.part.group !== group) return false;
    return slot.left > keptOf(slot);
  }

  /** Free money of a control, its part and its meter. */
  of(controlId: string): { readonly index: number; readonly free: bigint; readonly meter: PartMeter } | undefined {
    const index = this.#slots.findIndex((slot) => slot.controlId === controlId);
    const slot = this.#slots[index];
    return slot?.meter === undefined ? undefined : { index, free: slot.free, meter: slot.meter };
  }

  #covers(amounts: Amounts): boolean {
    for (let index = 0; index < amounts.length; index += 1) {
      const amount = amounts[index]!;
      if (amount > 0n && amount > this.#slots[index]!.free) return false;
    }
    return true;
  }

  #reserve(amounts: Amounts): void {
    for (let index = 0; index < amounts.length; index += 1) {
      const slot = this.#slots[index]!;
      const amount = amounts[index]!;
      slot.busy += amount;
      slot.free -= amount;
    }
  }

  /** Parts that came later than `amounts` have nothing to do with them. */
  #forEach(amounts: Amounts, task: (slot: Slot, amount: bigint) => void): void {
    amounts.forEach((amount, index) => void task(this.#slots[index]!, amount));
  }

  #slotOf(controlId: string): Slot {
    let slot = this.#slots.find((one) => one.controlId === controlId);
    if (slot === undefined) {
      const zero = { left: 0n, busy: 0n, drawn: 0n, settled: 0n, pending: 0n, acknowledged: 0n, lost: 0n };
      slot = { controlId, part: undefined, meter: undefined, ...zero, low: 0n, free: 0n };
      this.#slots.push(slot);
    }
    return slot;
  }
}

/** What {@link Slot.free} is, after whatever it depends on has changed. */
function freeOf(slot: Slot): bigint {
  return slot.left - slot.busy - less(slot.pending, positive(slot.settled - slot.drawn));
}

/** What has to stay: an operation that is sent now comes after everything that is acknowledged. */
function keptOf(slot: Slot): bigint {
  return slot.busy + less(slot.pending - slot.acknowledged, positive(slot.settled - slot.drawn));
}

function less(one: bigint, other: bigint): bigint {
  return one < other ? one : other;
}

function positive(amount: bigint): bigint {
  return amount > 0n ? amount : 0n;
}
