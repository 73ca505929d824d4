/** Random histories against the naive oracle, on any store. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { VALUES_AGE_MAX_MS } from '../../service/compile/feed-cache.js';
import type { IncomingEvent, Store } from '../../service/store/store.js';
import { type Step, steps, toEvent } from './store-oracle-history.js';
import { Oracle } from './store-oracle-model.js';
import { DAY, type HandClock, handClock, NOON, rulesOf } from './store-support.js';

let transactions = 0;

async function take(step: Step, store: Store, teamId: string, oracle: Oracle, clock: HandClock): Promise<void> {
  const target = (which: number) => oracle.controls[which % Math.max(1, oracle.controls.length)];
  if (step.kind === 'events') {
    const incoming: IncomingEvent[] = [];
    for (const body of step.bodies) {
      transactions += 1;
      const one = toEvent(body, `o-${transactions}`, clock.nowMs);
      incoming.push(one);
      if (body.repeat === 'same') incoming.push(one);
      if (body.repeat === 'other') incoming.push({ ...one, body: { ...one.body, totalCost: 77, region: 'x' } });
      const ageMs = body.minutesAgo * 60_000;
      oracle.add(body, ageMs <= 25 * 3_600_000 ? clock.nowMs - ageMs : clock.nowMs);
    }
    await store.recordEvents(teamId, incoming);
  } else if (step.kind === 'create') {
    oracle.controls.push(await store.createControl(teamId, step.input));
  } else if (step.kind === 'pass') {
    clock.advance(step.minutes * 60_000);
    if (step.turn) await store.turnWindows();
  } else {
    const { id } = target(step.which) ?? { id: 'none' };
    if (step.kind === 'delete') {
      await store.deleteControl(teamId, id);
      oracle.controls = oracle.controls.filter((kept) => kept.id !== id);
    } else {
      const changed = await store.updateControl(teamId, id, step.patch);
      oracle.controls = oracle.controls.map((kept) => (kept.id === id && changed !== undefined ? changed : kept));
    }
  }
}

async function compare(store: Store, teamId: string, oracle: Oracle, clock: HandClock): Promise<void> {
  clock.advance(VALUES_AGE_MAX_MS);
  const rules = await rulesOf(store, teamId);
  const enabled = oracle.controls.filter((kept) => kept.enabled);
  expect(new Set(rules.map(({ ruleId }) => ruleId))).toEqual(new Set(enabled.map(({ ruleId }) => ruleId)));
  for (const kept of enabled) {
    const own = rules.filter(({ ruleId }) => ruleId === kept.ruleId);
    const total = oracle.sum(kept, clock.nowMs);
    const unit = kept.metricType === 'TOTAL_COST' ? 100 : 1;
    expect(Math.round((own[0]?.currentValue ?? -1) * unit)).toBe(total.value);
    if (kept.groupBy === null) {
      expect(own.map(({ breached }) => breached)).toEqual([oracle.breached(kept, total)]);
      continue;
    }
    expect(own[0]?.breached).toBe(false);
    const expected = [...oracle.groups(kept)].filter((group) => {
      const sum = oracle.sum(kept, clock.nowMs, group);
      return sum.any && oracle.breached(kept, sum);
    });
    if (kept.groupBy === 'MODEL') {
      const refusing = own.slice(1).map((rule) => rule.filters.at(-1)?.value);
      expect(new Set(refusing)).toEqual(new Set(expected));
      continue;
    }
    const entries = new Map(own[0]?.groupBreakdown?.map((entry) => [entry.groupValue, entry.breached]));
    for (const group of oracle.groups(kept))
      expect([group, entries.get(group) ?? false]).toEqual([group, expected.includes(group)]);
    for (const { body } of oracle.events) {
      // A caller that gives its address alone is refused with the one that the address stands for.
      const key = body.email?.toLowerCase();
      if (body.email === undefined || key === undefined) continue;
      const group = oracle.aliases.get(key) ?? key;
      expect([body.email, entries.get(body.email) ?? false]).toEqual([body.email, expected.includes(group)]);
    }
  }
}

/** Opens a store whose fills take three events a slice. */
export type OpenSliced = (clock: HandClock) => Promise<Store>;

/** The property on a store; `histories` of them. */
export function oracleTest(name: string, open: OpenSliced, histories: number): void {
  test(`I6: after any history the feed is what a naive sum says, and balances verify clean, ${name}`, {
    timeout: 180_000,
  }, async () => {
    const clock = handClock();
    // One database for all histories, each with a team of its own: making one costs more than a history.
    const store = await open(clock);
    try {
      await fc.assert(
        fc.asyncProperty(steps, (history) => live(history, store, clock)),
        { numRuns: histories, interruptAfterTimeLimit: 90_000 },
      );
    } finally {
      await store.close();
    }
  });
}

export async function live(history: readonly Step[], store: Store, clock: HandClock): Promise<void> {
  // The same weekday and hour for each history; the clock never goes back.
  clock.advance(28 * DAY - ((clock.nowMs - NOON) % (28 * DAY)));
  const { id } = await store.createTeam('t');
  const oracle = new Oracle();
  try {
    for (const [position, step] of history.entries()) {
      await take(step, store, id, oracle, clock);
      if (position % 4 === 3) await compare(store, id, oracle, clock);
    }
    await compare(store, id, oracle, clock);
    expect((await store.verifyBalances()).wrong).toEqual([]);
    await store.turnWindows();
    expect((await store.verifyBalances()).wrong).toEqual([]);
  } finally {
    for (const { id: controlId } of oracle.controls) await store.deleteControl(id, controlId);
  }
  await tripsHaveResets(store, id);
}

/** Every trip that was told ends with a reset, and no reset comes without a trip. Merged groups trip under one name. */
async function tripsHaveResets(store: Store, teamId: string): Promise<void> {
  const { items } = await store.listEnforcementEvents(teamId, { page: 0, size: 10_000 });
  const open = new Map<string, number>();
  for (const { controlId, kind } of [...items].reverse()) {
    if (controlId === null) continue;
    if (kind === 'trip') open.set(controlId, (open.get(controlId) ?? 0) + 1);
    if (kind !== 'reset') continue;
    const left = (open.get(controlId) ?? 0) - 1;
    expect(left).toBeGreaterThanOrEqual(0);
    open.set(controlId, left);
  }
}
