import { describe, expect, test, vi } from 'vitest';
import type { Executor } from '../../../service/store/operations.js';
import { openPostgresStore } from '../../../service/store/postgres/open-postgres-store.js';
import { Repricer } from '../../../service/store/repricer.js';
import { runSql, usePostgres } from '../postgres-support.js';
import { declared } from '../pricing-support.js';
import { pricesOf, repriced } from '../repricing-support.js';
import { event, handClock, NOON } from '../store-support.js';

/** An executor whose teams have so many slices left; it can be told to fail. */
function fakeExecutor(slices: Record<string, number>) {
  const left = new Map(Object.entries(slices));
  const done: string[] = [];
  const fake = {
    done,
    left,
    failing: false,
    async execute(operation: string, teamId?: string): Promise<unknown> {
      if (fake.failing) throw new Error('gone');
      if (operation === 'openReprices') return [...left].filter(([, count]) => count > 0).map(([name]) => name);
      done.push(teamId ?? '');
      left.set(teamId ?? '', (left.get(teamId ?? '') ?? 0) - 1);
      return (left.get(teamId ?? '') ?? 0) > 0;
    },
  };
  return fake;
}

describe('the repricer', () => {
  const runtimeOf = () => {
    const timers: (() => void)[] = [];
    const clock = handClock();
    const setTimer = (task: () => void) => {
      timers.push(task);
      return { cancel: () => void timers.splice(timers.indexOf(task), 1) };
    };
    return { timers, clock, runtime: { ...clock.runtime, setTimer } };
  };

  test('takes a slice of each team in turn, until none has any left', async () => {
    const fake = fakeExecutor({ a: 3, b: 1 });
    const { runtime } = runtimeOf();
    new Repricer(runtime, fake as unknown as Executor).start();
    await vi.waitFor(() => expect(fake.done).toEqual(['a', 'b', 'a', 'a']), 15_000);
  });

  test('I9: goes on by itself after a failure, and says so once a time', async () => {
    const fake = fakeExecutor({ a: 1 });
    const { timers, clock, runtime } = runtimeOf();
    fake.failing = true;
    new Repricer(runtime, fake as unknown as Executor).start();
    await vi.waitFor(() => expect(timers).toHaveLength(1), 15_000);
    expect(clock.logged).toHaveLength(1);
    fake.failing = false;
    timers[0]?.();
    await vi.waitFor(() => expect(fake.done).toEqual(['a']), 15_000);
  });

  test('begins nothing after it was stopped, and leaves no timer', async () => {
    const fake = fakeExecutor({ a: 5 });
    const { timers, runtime } = runtimeOf();
    fake.failing = true;
    const repricer = new Repricer(runtime, fake as unknown as Executor);
    repricer.start();
    await vi.waitFor(() => expect(timers).toHaveLength(1), 15_000);
    repricer.stop();
    expect(timers).toHaveLength(0);
    fake.failing = false;
    repricer.start();
    await Promise.resolve();
    expect(fake.done).toEqual([]);
  });
});

describe('on PostgreSQL', () => {
  const server = usePostgres();

  test('what another process asked for and did not do is done by whoever turns the windows', async () => {
    const url = await server.createMigrated();
    const clock = handClock();
    const store = await openPostgresStore({ url, runtime: clock.runtime });
    try {
      const { id } = await store.createTeam('t');
      const own = (transactionId: string) => event(NOON, { transactionId, model: 'own', provider: 'Acme' });
      await store.setPrice(id, declared({ model: 'own' }, { request: 1_000_000_000_000n }));
      await store.recordEvents(id, [own('a')]);
      // As a process leaves it that ended between the price and the first slice.
      await runSql(
        url,
        `INSERT INTO price_entry VALUES
        ((SELECT id FROM usage_event WHERE transaction_id = 'a'), 2, 0, 'unknown', 'test', 'none', 0)`,
      );
      await runSql(
        url,
        `INSERT INTO reprice_run VALUES
        ('r1', '${id}', 'unknown', 'crashed', NULL, 0, 9000000000000, 0, '', 0, 0, 0, 0, 0, NULL)`,
      );
      expect(await pricesOf(store, id)).toEqual({ a: ['unknown', 0n] });
      await store.turnWindows();
      await repriced(store, id);
      expect(await pricesOf(store, id)).toEqual({ a: ['known', 1_000_000_000n] });
    } finally {
      await store.close();
    }
  });
});
