/**
 * How many requests a key may send, and how many wrong keys an address may try: token buckets, in this process. With
 * several replicas each has its own, so the limit of an installation is that many times higher.
 */
import type { Runtime } from 'fusewire/internal';
import { ApiError } from './api-error.js';

/** Requests a second of one key. A batch of events is one request. */
export const KEY_RATE_PER_SECOND = 2_000;
/** Refused keys a second from one address, before further ones are not even looked up. */
export const WRONG_KEYS_PER_SECOND = 20;
/** A bucket holds what may come in this many seconds. */
const BURST_SECONDS = 2;
/** Buckets that are kept; beyond, the longest unused one starts anew (I10). */
const BUCKETS_MAX = 10_000;

interface Bucket {
  tokens: number;
  atMs: number;
}

/** Buckets by name, each refilled at the same rate. */
export class TokenBuckets {
  readonly #runtime: Pick<Runtime, 'monotonicNow'>;
  readonly #ratePerSecond: number;
  readonly #buckets = new Map<string, Bucket>();

  /** `ratePerSecond` 0 means no limit. */
  constructor(runtime: Pick<Runtime, 'monotonicNow'>, ratePerSecond: number) {
    this.#runtime = runtime;
    this.#ratePerSecond = ratePerSecond;
  }

  /** Takes one token. `ratePerSecond` overrides the common rate for this name. Returns 0, or the ms until there is one. */
  take(name: string, ratePerSecond: number = this.#ratePerSecond): number {
    if (ratePerSecond <= 0) return 0;
    const bucket = this.#refilled(name, ratePerSecond);
    if (bucket.tokens >= 1) {
      bucket.tokens -= 1;
      return 0;
    }
    return Math.ceil(((1 - bucket.tokens) / ratePerSecond) * 1_000);
  }

  /** As {@link TokenBuckets.take}, but takes nothing. */
  peek(name: string): number {
    if (this.#ratePerSecond <= 0) return 0;
    const { tokens } = this.#refilled(name, this.#ratePerSecond);
    return tokens >= 1 ? 0 : Math.ceil(((1 - tokens) / this.#ratePerSecond) * 1_000);
  }

  #refilled(name: string, ratePerSecond: number): Bucket {
    const nowMs = this.#runtime.monotonicNow();
    const capacity = Math.max(1, ratePerSecond * BURST_SECONDS);
    const known = this.#buckets.get(name);
    if (known === undefined) {
      if (this.#buckets.size >= BUCKETS_MAX) this.#forgetOldest();
      const fresh = { tokens: capacity, atMs: nowMs };
      this.#buckets.set(name, fresh);
      return fresh;
    }
    const elapsedMs = Math.max(0, nowMs - known.atMs);
    known.tokens = Math.min(capacity, known.tokens + (elapsedMs * ratePerSecond) / 1_000);
    known.atMs = nowMs;
    // The order of a Map is that of insertion: what was used last goes to its end.
    this.#buckets.delete(name);
    this.#buckets.set(name, known);
    return known;
  }

  #forgetOldest(): void {
    const [oldest] = this.#buckets.keys();
    if (oldest !== undefined) this.#buckets.delete(oldest);
  }
}

/** 429 that says when to come back; seconds are rounded up, so that nobody comes back too early. */
export function rateLimited(waitMs: number, what: string): ApiError {
  const seconds = Math.min(20, Math.max(1, Math.ceil(waitMs / 1_000)));
  return new ApiError(429, 'rate_limited', `${what}; come back in ${seconds} s`, {
    headers: { 'retry-after': String(seconds) },
  });
}
