import { setTimeout as realSleep } from 'node:timers/promises';
import { afterEach } from 'vitest';
import { createDelivery, type Delivery, type DeliveryOptions } from '../../../src/metering/delivery.js';
import { createMemoryOutbox } from '../../../src/metering/memory-outbox.js';
import type { Outbox } from '../../../src/metering/outbox.js';
import { Secret } from '../../../src/secret.js';
import type { FakeClock } from '../../../src/testing/fake-clock.js';
import { fakeRuntime, type TestRuntime } from '../../cache/support/fake-runtime.js';
import { type MeteringServer, startMeteringServer } from './metering-server.js';

/** A delivery on a fake clock, against a real server. */
export interface Rig {
  readonly server: MeteringServer;
  readonly outbox: Outbox;
  readonly delivery: Delivery;
  readonly clock: FakeClock;
  readonly runtime: TestRuntime;
  /** Lets fake time pass in steps, with real time for I/O in between, until `isTrue`. */
  advanceUntil(isTrue: () => boolean, limitMs?: number): Promise<void>;
}

/** Makes rigs that are gone after the test. Call it once at the top of a test file. */
export function rigs(): (options?: Partial<DeliveryOptions> & { server?: MeteringServer }) => Promise<Rig> {
  const closers: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0)) await close();
  });
  return async ({ server: given, ...options } = {}) => {
    const server = given ?? (await startMeteringServer());
    const { runtime, clock } = fakeRuntime();
    const outbox = options.outbox ?? createMemoryOutbox({ runtime });
    const delivery = createDelivery({
      outbox,
      runtime,
      endpoint: () => server.url,
      credentials: () => ({ apiKey: new Secret('hak_test_0123456789') }),
      ...options,
    });
    closers.push(
      () => delivery.stop(),
      () => server.close(),
    );
    const advanceUntil = async (isTrue: () => boolean, limitMs = 600_000) => {
      const end = clock.monotonicNow() + limitMs;
      while (!isTrue()) {
        if (clock.monotonicNow() > end) throw new Error(`not true within ${limitMs} ms of fake time: ${isTrue}`);
        // Small steps and real time for the loopback while something is on its way.
        const isBusy = delivery.status().inFlight > 0;
        await clock.advance(isBusy ? 50 : 250);
        if (isBusy) await realSleep(2);
      }
    };
    return { server, outbox, delivery, clock, runtime, advanceUntil };
  };
}
