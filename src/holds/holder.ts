/** The escrow of one process, by kinds of calls: what is asked before each call. */
import type { Log } from '../log.js';
import { BoundNotice } from '../metering/bound-notice.js';
import type { Runtime } from '../runtime.js';
import type { HoldDesk } from './hold-types.js';
import type { HoldAnswer, HoldAsk, Holder, HolderStatus, HoldTicket } from './holder-types.js';
import { ProcessEscrow } from './process-escrow.js';
import { RecentKinds } from './recent-kinds.js';
import { Scope } from './scope.js';
import { scopeKey } from './scope-key.js';

/** How a holder behaves; all of it has defaults. */
export interface HolderOptions {
  /** After so long without renewal the service ends a hold: 10 to 3,600. @defaultValue 120 */
  readonly ttlSeconds?: number;
  /** Kinds of calls that are known at a time. @defaultValue 10,000 */
  readonly scopesMax?: number;
  /** Callers that wait at a time. @defaultValue 100,000 */
  readonly waitersMax?: number;
  /** No outcome is waited for longer, whatever the desk's own limit. @defaultValue 10,000 */
  readonly timeoutMs?: number;
  /** The longest that `close` takes. @defaultValue 3,000 */
  readonly closeTimeoutMs?: number;
  /** Whether a stream that outgrows its hold may go on while the service does not answer. @defaultValue false */
  readonly isFailOpen?: boolean;
}

/** What a holder is made of. */
export interface HolderParts {
  readonly desk: HoldDesk;
  readonly runtime: Runtime;
  readonly log: Log;
  /** Names the process: unique for it. */
  readonly owner: string;
  readonly options?: HolderOptions;
}

const TTL_SECONDS = 120;
const SCOPES_MAX = 10_000;
const WAITERS_MAX = 100_000;
const TIMEOUT_MS = 10_000;
const CLOSE_TIMEOUT_MS = 3_000;
/** Of all scopes, where there are too many: those that were used longest ago go. */
const EVICTED_SHARE = 0.1;

/** Makes the escrow of a process. Nothing is sent, and no timer runs, before the first call. */
export function createHolder(parts: HolderParts): Holder {
  return new ProcessHolder(parts);
}

class ProcessHolder implements Holder {
  readonly #escrow: ProcessEscrow;
  readonly #scopes = new Map<string, Scope>();
  /** Some of {@link #scopes}, and none beside. */
  readonly #recent = new RecentKinds<Scope>();
  readonly #scopesMax: number;
  readonly #waitersMax: number;
  readonly #closeTimeoutMs: number;
  readonly #full: BoundNotice;
  #closing: Promise<void> | undefined;
  #waiters = 0;
  #drawnLocally = 0;
  #refused = 0;
  #unavailable = 0;

  constructor({ desk, runtime, log, owner, options = {} }: HolderParts) {
    const { ttlSeconds = TTL_SECONDS, timeoutMs = TIMEOUT_MS, isFailOpen = false } = options;
    this.#escrow = new ProcessEscrow({ desk, runtime, log, owner, ttlSeconds, timeoutMs, isFailOpen });
    this.#scopesMax = options.scopesMax ?? SCOPES_MAX;
    this.#waitersMax = options.waitersMax ?? WAITERS_MAX;
    this.#closeTimeoutMs = options.closeTimeoutMs ?? CLOSE_TIMEOUT_MS;
    this.#full = new BoundNotice(
      log,
      'too many callers, or kinds of calls, want holds',
      'there is room for holds again',
    );
  }

  draw(ask: HoldAsk): HoldTicket | 'free' | undefined {
    if (this.#closing !== undefined) return undefined;
    const drawn = (this.#recent.find(ask) ?? this.#find(ask))?.draw(ask);
    if (drawn !== undefined && drawn !== 'free') this.#drawnLocally += 1;
    return drawn;
  }

  async take(ask: HoldAsk): Promise<HoldAnswer> {
    const answer = await this.#answer(ask);
    if (answer.outcome === 'refused') this.#refused += 1;
    if (answer.outcome === 'unavailable') this.#unavailable += 1;
    return answer;
  }

  acknowledged(eventKeys: Iterable<string>): void {
    this.#escrow.events.end(eventKeys, 'acknowledged', this.#escrow.holds > 0);
  }

  lost(eventKeys: Iterable<string>): void {
    this.#escrow.events.end(eventKeys, 'lost', this.#escrow.holds > 0);
  }

  forget(): void {
    for (const scope of this.#scopes.values()) scope.forget();
    this.#escrow.askAnew();
  }

  status(): HolderStatus {
    return {
      holds: this.#escrow.holds,
      callsUnderWay: this.#escrow.callsUnderWay,
      drawnLocally: this.#drawnLocally,
      roundTrips: this.#escrow.roundTrips,
      refused: this.#refused,
      unavailable: this.#unavailable,
    };
  }

  giveBack(timeoutMs: number): Promise<boolean> {
    return this.#closing === undefined ? this.#escrow.giveBack(timeoutMs) : Promise.resolve(true);
  }

  close(): Promise<void> {
    this.#closing ??= this.#escrow.close(this.#closeTimeoutMs);
    return this.#closing;
  }

  async #answer(ask: HoldAsk): Promise<HoldAnswer> {
    if (this.#closing !== undefined) return { outcome: 'unavailable', reason: 'the holder is closed' };
    const scope = this.#waiters < this.#waitersMax ? this.#scopeOf(scopeKey(ask)) : undefined;
    if (scope === undefined) {
      this.#full.reached();
      return { outcome: 'unavailable', reason: 'too many callers, or kinds of calls, want holds' };
    }
    this.#full.over();
    this.#waiters += 1;
    try {
      const drawn = scope.draw(ask);
      if (drawn === undefined) return await scope.take(ask);
      if (drawn === 'free') return { outcome: 'free' };
      this.#drawnLocally += 1;
      return { outcome: 'held', ticket: drawn };
    } catch (error) {
      return { outcome: 'unavailable', reason: String(error) };
    } finally {
      this.#waiters -= 1;
    }
  }

  #find(ask: HoldAsk): Scope | undefined {
    const scope = this.#scopes.get(scopeKey(ask));
    if (scope !== undefined) this.#recent.remember(ask, scope);
    return scope;
  }

  #scopeOf(key: string): Scope | undefined {
    let scope = this.#scopes.get(key);
    if (scope === undefined) {
      if (this.#scopes.size >= this.#scopesMax) this.#evict();
      if (this.#scopes.size >= this.#scopesMax) return undefined;
      scope = new Scope(this.#escrow);
      this.#scopes.set(key, scope);
    }
    return scope;
  }

  /** First what nothing depends on; then the holds that were used longest ago, which give back what they can. */
  #evict(): void {
    this.#recent.clear();
    for (const [key, scope] of this.#scopes) if (scope.isForgettable) this.#scopes.delete(key);
    const tooMany = this.#scopes.size - Math.floor(this.#scopesMax * (1 - EVICTED_SHARE));
    if (tooMany <= 0) return;
    const idle = [...this.#scopes].filter(([, scope]) => !scope.isServing);
    idle.sort(([, one], [, other]) => one.usedAtMs - other.usedAtMs);
    for (const [key, scope] of idle.slice(0, tooMany)) {
      if (scope.purse !== undefined) this.#escrow.retire(scope.purse);
      this.#scopes.delete(key);
    }
  }
}
