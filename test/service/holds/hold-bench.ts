/** A store that tests of holds work with, on any database; after each test its balances are proven. */
import { afterEach, beforeEach, describe, expect } from 'vitest';
import type { Store, Team } from '../../../service/store/store.js';
import type { OpenStore } from '../store-contract.js';
import { type HandClock, handClock, tempFolder } from '../store-support.js';

/** What a test works with. */
export interface HoldBench {
  readonly clock: HandClock;
  readonly store: Store;
  readonly team: Team;
  /** Opens the same store once more, as another process does; only where several may. */
  readonly another: () => Promise<Store>;
}

/** Runs suites on a store; I6 and I7 are proven after each test. */
export function onStore(name: string, open: OpenStore, suites: readonly ((bench: HoldBench) => void)[]): void {
  describe(name, () => {
    let folder: ReturnType<typeof tempFolder>;
    const bench = {} as { -readonly [K in keyof HoldBench]: HoldBench[K] };
    beforeEach(async () => {
      folder = tempFolder();
      bench.clock = handClock();
      bench.store = await open(folder.path, bench.clock.runtime);
      bench.team = await bench.store.createTeam('first');
      bench.another = () => open(folder.path, bench.clock.runtime);
    });
    afterEach(async () => {
      try {
        expect((await bench.store.verifyBalances()).wrong).toEqual([]);
      } finally {
        await bench.store.close();
        folder.remove();
      }
    });
    for (const suite of suites) suite(bench);
  });
}
