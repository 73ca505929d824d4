import { afterEach } from 'vitest';
import { createEnforcementCache, type EnforcementCache } from '../../../cache/enforcement-cache.js';
import type { FeedCredentials } from '../../../cache/feed-refresher.js';
import { REQUEST_TIMEOUT_MS } from '../../../cache/request-feed.js';
import { decide } from '../../../enforcement/decide.js';
import { createFakeClock, type FakeClock } from '../../../src/testing/fake-clock.js';
import type { OperatorBypass } from '../../../src/wire/feed-bypass.js';
import { realRuntime, type TestRuntime, until } from './fake-runtime.js';

export const MINUTE = 60_000;

/** A cache on a fake clock, with real HTTP and a real disk. */
export interface CacheUnderTest {
  readonly cache: EnforcementCache;
  readonly clock: FakeClock;
  readonly runtime: TestRuntime;
  /** What the cache told of the operators' bypass last. */
  readonly told: { bypass: OperatorBypass | undefined };
  /** Mutable: what `credentials()` answers from now on. */
  readonly who: { now: FeedCredentials | undefined };
  /** Lets time pass in steps, and in each one real I/O finish, so that the fake clock never outruns the network. */
  pass(durationMs: number, stepMs?: number): Promise<void>;
  /** What the guard would decide on a call of nobody in particular. */
  verdict(): string;
}

/** What a test may choose. */
export interface CacheChoices {
  readonly url: string;
  readonly cacheDir?: string;
  readonly pollIntervalMs?: number;
  readonly teamId?: string;
}

/** Makes caches that are stopped after the test. Call it once at the top of a file. */
export function caches(): (choices: CacheChoices) => CacheUnderTest {
  const made: EnforcementCache[] = [];
  afterEach(async () => {
    for (const cache of made.splice(0)) await cache.stop();
  });
  return (choices) => {
    const clock = createFakeClock(Date.parse('2026-11-20T10:00:00Z'));
    let requestsUnderWay = 0;
    const runtime = realRuntime({
      ...clock,
      // Every request has one timer of this length, which it cancels when it ends.
      setTimer(task, delayMs) {
        const timer = clock.setTimer(task, delayMs);
        if (delayMs !== REQUEST_TIMEOUT_MS) return timer;
        requestsUnderWay += 1;
        return {
          cancel: () => {
            requestsUnderWay -= 1;
            timer.cancel();
          },
        };
      },
    });
    const who: CacheUnderTest['who'] = { now: { apiKey: 'rev_mk_T_first', teamId: choices.teamId ?? 'k7PqWz' } };
    const told: CacheUnderTest['told'] = { bypass: undefined };
    const cache = createEnforcementCache({
      runtime,
      credentials: () => who.now,
      baseUrl: choices.url,
      pollIntervalMs: choices.pollIntervalMs ?? MINUTE,
      cacheDir: choices.cacheDir,
      onBypass: (bypass) => {
        told.bypass = bypass;
      },
    });
    made.push(cache);
    return {
      cache,
      clock,
      runtime,
      told,
      who,
      async pass(durationMs, stepMs = 500) {
        await clock.advance(0);
        for (let passed = 0; passed < durationMs; passed += stepMs) {
          await until(() => requestsUnderWay === 0);
          await clock.advance(Math.min(stepMs, durationMs - passed));
        }
        await until(() => requestsUnderWay === 0);
        await clock.advance(0);
      },
      verdict() {
        const loaded = cache.current();
        return loaded === undefined ? 'nothing loaded' : decide(loaded.ruleSet, {}, runtime.now()).code;
      },
    };
  };
}
