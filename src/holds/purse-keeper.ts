/**
 * What holds need beside their callers: they are renewed while something depends on them, idle money goes back, and one that
 * is no longer drawn from is closed when the ledger has its last event.
 */
import type { HoldOperation } from './hold-types.js';
import type { Operator, Performed } from './operator.js';
import type { Purse } from './purse.js';

/** Spare money that nobody drew from for so long goes back; near the limit the shorter time holds. */
const IDLE_MS = 5_000;
const IDLE_TIGHT_MS = 300;
/** With spare money, so often is asked whether others run short. */
const LISTEN_MS = 1_000;

/** What is due for a purse. */
export type Due = 'nothing' | 'renew' | 'give-back' | 'leave-to-expiry';

/** Pure. A purse that has an operation under way, or is over, has nothing due. */
export function dueFor(purse: Purse, nowMs: number, ttlMs: number): Due {
  if (purse.operation !== undefined || purse.state === 'ended' || purse.state === 'asking') return 'nothing';
  const { hasSpare } = purse;
  const isIdle = nowMs - purse.usedAtMs >= (purse.isTight ? IDLE_TIGHT_MS : IDLE_MS);
  const isLeaving = purse.state === 'leaving' || nowMs >= purse.drawUntilMs;
  if ((isLeaving || purse.isRecalled || isIdle) && (hasSpare || purse.isDone || purse.frozenBy !== undefined)) {
    return 'give-back';
  }
  // What is left waits for events that nobody will send: the service charges it, or frees it, when the hold expires.
  if (isLeaving && purse.waitsForNothing) return 'leave-to-expiry';
  const intervalMs = purse.wasLost || hasSpare || purse.waitsForState ? LISTEN_MS : ttlMs / 4;
  return nowMs - purse.sentAtMs >= intervalMs ? 'renew' : 'nothing';
}

/** Every purse of a process. */
export class PurseKeeper {
  readonly #purses = new Set<Purse>();
  readonly #operator: Operator;
  readonly #ttlMs: number;

  constructor(operator: Operator, ttlMs: number) {
    this.#operator = operator;
    this.#ttlMs = ttlMs;
  }

  get size(): number {
    return this.#purses.size;
  }

  get callsUnderWay(): number {
    let calls = 0;
    for (const purse of this.#purses) calls += purse.callsUnderWay;
    return calls;
  }

  add(purse: Purse): void {
    this.#purses.add(purse);
  }

  all(): Iterable<Purse> {
    return this.#purses;
  }

  /** Does what is due. Ended purses are forgotten; one whose taking got no answer is up to `askAgain`. */
  look(nowMs: number, askAgain: (purse: Purse) => void, purses: Iterable<Purse> = this.#purses): void {
    for (const purse of purses) {
      if (purse.state === 'ended') this.#purses.delete(purse);
      else if (this.#operator.obstacle !== undefined) continue;
      else if (purse.state === 'asking') {
        if (purse.operation === undefined) askAgain(purse);
      } else this.#do(purse, dueFor(purse, nowMs, this.#ttlMs));
    }
  }

  renew(purse: Purse): Promise<Performed> {
    purse.sequence += 1;
    return this.#operator.perform(purse, { op: 'renew', id: purse.id, sequence: purse.sequence });
  }

  /** Everything that need not stay. With nothing left, the hold is closed. */
  async giveBack(purse: Purse): Promise<void> {
    purse.sequence += 1;
    const keep = purse.kept();
    const operation: HoldOperation = { op: 'give-back', id: purse.id, sequence: purse.sequence, keep };
    const performed = await this.#operator.perform(purse, operation);
    // A service that takes nothing back once a hold has expired.
    if (performed.kind === 'held' && purse.isExpired && purse.hasMoreThan(keep)) purse.state = 'ended';
    if (performed.kind === 'held' && purse.isDone && !purse.hasSpare && purse.state === 'leaving')
      purse.state = 'ended';
    if (purse.state === 'ended') this.#purses.delete(purse);
  }

  #do(purse: Purse, due: Due): void {
    if (due === 'renew') void this.renew(purse);
    else if (due === 'give-back') void this.giveBack(purse);
    else if (due === 'leave-to-expiry') {
      purse.state = 'ended';
      this.#purses.delete(purse);
    }
  }
}
