import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { openDriver } from '../../../service/store/sqlite/driver.js';
import { openSqliteStore } from '../../../service/store/sqlite/open-sqlite-store.js';
import { control, event, HOUR, handClock, rulesOf, tempFolder } from '../store-support.js';

const CONTROLS = [
  control({ name: 'day', hardLimit: '5', warnThreshold: '3' }),
  control({ name: 'hour', windowType: 'HOURLY', hardLimit: '2' }),
  control({ name: 'ever', windowType: 'LIFETIME', groupBy: 'SUBSCRIBER', hardLimit: '4' }),
  control({ name: 'zero', hardLimit: '0', groupBy: 'AGENT' }),
  control({ name: 'nothing', hardLimit: '0' }),
  control({ name: 'rolling', windowType: 'ROLLING', windowDuration: 'PT3H', hardLimit: '3', onUnknownPrice: 'refuse' }),
  control({ name: 'each', windowType: 'ROLLING', windowDuration: 'PT5H', groupBy: 'SUBSCRIBER', hardLimit: '3' }),
];

/** What a hand does to the table of balances. */
const DAMAGE = [
  'UPDATE balance SET value = value + 1000000000 WHERE 1 = 1',
  'UPDATE balance SET value = 0, announced = 0 WHERE 1 = 1',
  'UPDATE balance SET unknown_count = unknown_count + 1 WHERE 1 = 1',
  // A row of nothing that is gone is not missed: under a limit that became 0 later it never was there.
  'DELETE FROM balance WHERE (value <> 0 OR unknown_count <> 0)',
];

const spending = fc.record({
  dollars: fc.option(fc.integer({ min: 0, max: 3 }), { nil: null }),
  subscriber: fc.constantFrom('a', 'b', undefined),
  agent: fc.constantFrom('x', 'y', undefined),
  afterMs: fc.integer({ min: 0, max: 2 * HOUR }),
});
const damage = fc.record({ what: fc.constantFrom(...DAMAGE), part: fc.integer({ min: 0, max: 3 }) });

it('whatever is done to balances by hand, rebuilding gives the sums and the verdicts that there were', async () => {
  const property = fc.asyncProperty(
    fc.array(spending, { minLength: 1, maxLength: 25 }),
    fc.array(damage, { minLength: 1, maxLength: 3 }),
    async (history, damages) => {
      const clock = handClock();
      const folder = tempFolder();
      const file = join(folder.path, 'fusewire.db');
      const open = () => openSqliteStore({ file, runtime: clock.runtime, inProcess: true });
      let store = await open();
      try {
        const team = await store.createTeam('one');
        for (const one of CONTROLS) await store.createControl(team.id, one);
        for (const { dollars, subscriber, agent, afterMs } of history) {
          clock.nowMs += afterMs;
          await store.turnWindows();
          const fields = {
            ...(dollars === null ? { model: 'nobody-knows-its-price' } : { totalCost: dollars }),
            ...(subscriber === undefined ? {} : { subscriber: { id: subscriber } }),
            ...(agent === undefined ? {} : { agent }),
          };
          await store.recordEvents(team.id, [event(clock.nowMs, fields)]);
        }
        await store.turnWindows();
        const before = await rulesOf(store, team.id);
        await store.close();
        const driver = await openDriver(file);
        for (const { what, part } of damages) {
          driver.exec(`${what} AND (window_start_ms / 1000 + LENGTH(group_key) + LENGTH(control_id)) % 4 = ${part}`);
        }
        driver.close();
        store = await open();
        await store.rebuildTeam(team.id);
        expect((await store.verifyBalances()).wrong).toEqual([]);
        expect(await rulesOf(store, team.id)).toEqual(before);
        // What falls by itself later still falls.
        clock.nowMs += 6 * HOUR;
        await store.turnWindows();
        expect((await rulesOf(store, team.id)).find(({ name }) => name === 'rolling')?.breached).toBe(false);
        expect((await store.verifyBalances()).wrong).toEqual([]);
      } finally {
        await store.close();
        folder.remove();
      }
    },
  );
  await fc.assert(property, { numRuns: 25 });
}, 120_000);
