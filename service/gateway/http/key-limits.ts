/**
 * What a key may do at once and in a second, and what this process takes on in all (I10). In this process only: with
 * several replicas the limit of an installation is that many times higher.
 */
import type { Log, Runtime } from 'fusewire/internal';
import { TokenBuckets } from '../../http/rate-limit.js';
import type { GatewayKey, GatewayLimits } from '../types.js';
import { type Failure, tooMany, unavailable } from './failure.js';

/** The place of a call among those under way. */
export interface Place {
  /** Gives it back; later calls do nothing. */
  release(): void;
}

type Limits = Pick<GatewayLimits, 'keyRatePerSecond' | 'keyConcurrencyMax' | 'callsMax'>;

/** Counts calls under way, of every key and in all. */
export class KeyLimits {
  readonly #limits: Limits;
  readonly #log: Log;
  readonly #rates: TokenBuckets;
  /** Keys with calls under way only. */
  readonly #underWay = new Map<string, number>();
  #calls = 0;
  #overloaded = 0;

  constructor(limits: Limits, runtime: Pick<Runtime, 'monotonicNow'>, log: Log) {
    this.#limits = limits;
    this.#log = log;
    this.#rates = new TokenBuckets(runtime, limits.keyRatePerSecond);
  }

  /** Calls that hold a place. */
  get callsUnderWay(): number {
    return this.#calls;
  }

  /** Keys that hold a place. */
  get keysUnderWay(): number {
    return this.#underWay.size;
  }

  /** A place for one request with this key, or why there is none. Who gets one must give it back, whatever happens. */
  enter(key: Pick<GatewayKey, 'id' | 'ratePerSecond' | 'concurrencyMax'>): Place | Failure {
    if (this.#calls >= this.#limits.callsMax) return this.#overload();
    const underWay = this.#underWay.get(key.id) ?? 0;
    const most = key.concurrencyMax ?? this.#limits.keyConcurrencyMax;
    if (most > 0 && underWay >= most) {
      const text = `this key has ${underWay} requests under way, and may have ${most} at once; wait for one to end`;
      return tooMany('too_many_concurrent_requests', text, 1);
    }
    const rate = key.ratePerSecond ?? this.#limits.keyRatePerSecond;
    const waitMs = this.#rates.take(key.id, rate);
    if (waitMs > 0) {
      return tooMany(
        'rate_limited',
        `this key may send ${rate} ${rate === 1 ? 'request' : 'requests'} a second, and sent more`,
        waitMs / 1_000,
      );
    }
    this.#calls += 1;
    this.#underWay.set(key.id, underWay + 1);
    return new HeldPlace(() => this.#leave(key.id));
  }

  #leave(keyId: string): void {
    this.#calls -= 1;
    const rest = (this.#underWay.get(keyId) ?? 1) - 1;
    if (rest > 0) this.#underWay.set(keyId, rest);
    else this.#underWay.delete(keyId);
    if (this.#overloaded === 0 || this.#calls > this.#limits.callsMax / 2) return;
    this.#log.info('the gateway takes calls again', { refused: this.#overloaded });
    this.#overloaded = 0;
  }

  #overload(): Failure {
    if (this.#overloaded === 0) {
      this.#log.warn('too many calls at once; the rest is told to come back', { max: this.#limits.callsMax });
    }
    this.#overloaded += 1;
    return unavailable('overloaded', 'the gateway has too many calls under way; nothing was sent or charged', 1);
  }
}

class HeldPlace implements Place {
  #leave: (() => void) | undefined;

  constructor(leave: () => void) {
    this.#leave = leave;
  }

  release(): void {
    const leave = this.#leave;
    this.#leave = undefined;
    leave?.();
  }
}
