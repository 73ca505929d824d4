/** What several processes on one database do with holds. */
import { expect, test } from 'vitest';
import { kindsOf } from '../store-support.js';
import type { HoldBench } from './hold-bench.js';
import { cellOf, declarePrice, hard, settling, take } from './hold-support.js';

export function twoProcesses(bench: HoldBench): void {
  test('I7: of takes at the same time through two processes no more are admitted than fit', async () => {
    await declarePrice(bench.store, bench.team.id);
    const made = await bench.store.createControl(bench.team.id, hard());
    const other = await bench.another();
    try {
      const stores = [bench.store, other];
      const asked = Array.from({ length: 40 }, (_, i) => stores[i % 2]!.operateHolds(bench.team.id, [take(7)]));
      const outcomes = (await Promise.all(asked)).flat().map(({ outcome }) => outcome);
      expect(outcomes.filter((outcome) => outcome === 'held')).toHaveLength(14);
      expect(await cellOf(bench.store, made)).toMatchObject({ held: 98, spend: 0 });
    } finally {
      await other.close();
    }
  });

  test('I7: two processes that sweep at the same time charge each hold once', async () => {
    await declarePrice(bench.store, bench.team.id);
    const made = await bench.store.createControl(bench.team.id, hard());
    const other = await bench.another();
    try {
      const takes = Array.from({ length: 20 }, () => take(2));
      await bench.store.operateHolds(bench.team.id, takes);
      await other.recordEvents(bench.team.id, [settling(bench.clock.nowMs, 1, takes[0]!.id)]);
      bench.clock.advance(120_000);
      await Promise.all([bench.store.turnWindows(), other.turnWindows(), bench.store.turnWindows()]);
      expect(await cellOf(bench.store, made)).toMatchObject({ held: 0, spend: 40 });
      const kinds = await kindsOf(bench.store, bench.team.id);
      expect(kinds.filter((kind) => kind === 'hold-charged')).toHaveLength(20);
    } finally {
      await other.close();
    }
  });
}
