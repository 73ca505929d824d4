// Random histories against a naive oracle that keeps everything in lists and sums: the meaning of I6 in thirty lines.
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { VALUES_AGE_MAX_MS } from '../../service/compile/feed-cache.js';
import { windowOf } from '../../service/ledger/windows.js';
import { openSqliteStore } from '../../service/store/sqlite/open-sqlite-store.js';
import type { ControlFilter, CostControl, CostControlInput, IncomingEvent, Store } from '../../service/store/store.js';
import { control, DAY, event, type HandClock, handClock, NOON, rulesOf, tempFolder } from './store-support.js';

type Body = {
  model: string;
  provider: string;
  cents: number | null;
  id?: string;
  email?: string;
  agent?: string;
  tokens: number;
  failed: boolean;
  minutesAgo: number;
  repeat: 'no' | 'same' | 'other';
};
type Step =
  | { kind: 'events'; bodies: Body[] }
  | { kind: 'create'; input: CostControlInput }
  | { kind: 'change'; which: number; patch: Partial<CostControlInput> }
  | { kind: 'delete'; which: number }
  | { kind: 'pass'; hours: number; turn: boolean };

const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 2 });
const bodies: fc.Arbitrary<Body> = fc.record({
  model: fc.constantFrom('m1', 'm2', 'm2-mini'),
  provider: fc.constantFrom('OPENAI', 'openai', 'Acme'),
  cents: fc.option(fc.integer({ min: 0, max: 300 }), { freq: 8 }),
  id: maybe(fc.constantFrom('u1', 'u2', 'b@x', 'C@x')),
  email: maybe(fc.constantFrom('a@x', 'A@x', 'b@x', 'c@x', 'u1')),
  agent: maybe(fc.constantFrom('bot', 'Bot')),
  tokens: fc.integer({ min: 0, max: 5 }),
  failed: fc.boolean(),
  minutesAgo: fc.integer({ min: -4, max: 26 * 60 }),
  repeat: fc.constantFrom('no', 'no', 'no', 'same', 'other'),
}) as fc.Arbitrary<Body>;
const filters: fc.Arbitrary<ControlFilter[]> = fc.array(
  fc.oneof(
    fc.record({
      dimension: fc.constant('MODEL' as const),
      operator: fc.constantFrom('IS' as const, 'IS_NOT' as const, 'STARTS_WITH' as const),
      value: fc.constantFrom('m1', 'm2'),
    }),
    fc.constant({ dimension: 'PROVIDER' as const, operator: 'IS' as const, value: 'OpenAI' }),
    fc.constant({ dimension: 'AGENT' as const, operator: 'IN' as const, values: ['bot', 'x'] }),
    fc.constant({ dimension: 'SUBSCRIBER' as const, operator: 'IS' as const, value: 'u1' }),
  ),
  { maxLength: 2 },
);
const inputs: fc.Arbitrary<CostControlInput> = fc
  .record({
    metricType: fc.constantFrom('TOTAL_COST' as const, 'TOKEN_COUNT' as const, 'ERROR_COUNT' as const),
    windowType: fc.constantFrom('DAILY' as const, 'WEEKLY' as const, 'MONTHLY' as const),
    groupBy: fc.constantFrom(null, 'SUBSCRIBER' as const, 'MODEL' as const),
    hardLimit: fc.constantFrom('0', '1', '2.5', '8'),
    warnThreshold: fc.constantFrom(null, '0.5', '2'),
    shadowMode: fc.boolean(),
    enabled: fc.constantFrom(true, true, false),
    onUnknownPrice: fc.constantFrom('flag' as const, 'refuse' as const),
    filters,
  })
  .map((fields) => control(fields));
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('events' as const),
        bodies: fc.array(bodies, { minLength: 1, maxLength: 6 }),
      }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('create' as const), input: inputs }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('change' as const), which: fc.nat(5), patch: inputs }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const), which: fc.nat(5) }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('pass' as const),
        hours: fc.integer({ min: 1, max: 60 }),
        turn: fc.boolean(),
      }),
    },
  ),
  { minLength: 4, maxLength: 24 },
);

interface Seen {
  readonly body: Body;
  readonly atMs: number;
}

/** Everything that ever happened, and nothing else. */
class Oracle {
  readonly events: Seen[] = [];
  readonly aliases = new Map<string, string>();
  controls: CostControl[] = [];

  add(body: Body, atMs: number): void {
    this.events.push({ body, atMs });
    const { id } = body;
    if (id === undefined) return;
    const own = id.toLowerCase();
    if (own.includes('@') && !this.aliases.has(own)) this.aliases.set(own, id);
    const email = body.email?.toLowerCase();
    if (email?.includes('@') && !this.aliases.has(email)) this.aliases.set(email, this.aliases.get(own) ?? id);
  }

  group(rule: CostControl, { body }: Seen): string | undefined {
    if (rule.groupBy === 'MODEL') return body.model;
    if (body.id !== undefined) return this.aliases.get(body.id.toLowerCase()) ?? body.id;
    const email = body.email?.toLowerCase();
    return email === undefined ? undefined : (this.aliases.get(email) ?? email);
  }

  /** Value and unknown prices of what matches `rule` in the window of `nowMs`, of one group or of all. */
  sum(rule: CostControl, nowMs: number, group?: string): { value: number; unknown: number; any: boolean } {
    const window = windowOf(rule.windowType, nowMs);
    const inside = this.events.filter(
      (seen) =>
        seen.atMs >= window.startMs &&
        seen.atMs < window.endMs &&
        rule.filters.every((filter) => holds(filter, seen.body)) &&
        (group === undefined || this.group(rule, seen) === group),
    );
    const value = inside.reduce((sum, { body }) => sum + contribution(rule, body), 0);
    const unknown = rule.metricType === 'TOTAL_COST' ? inside.filter(({ body }) => body.cents === null).length : 0;
    return { value, unknown, any: inside.length > 0 };
  }

  breached(rule: CostControl, sum: { value: number; unknown: number }): boolean {
    const scale = rule.metricType === 'TOTAL_COST' ? 100 : 1;
    return sum.value >= Number(rule.hardLimit) * scale || (rule.onUnknownPrice === 'refuse' && sum.unknown > 0);
  }

  groups(rule: CostControl): Set<string> {
    return new Set(this.events.map((seen) => this.group(rule, seen)).filter((group) => group !== undefined));
  }
}

/** Cents, or a count. */
function contribution(rule: CostControl, body: Body): number {
  if (rule.metricType === 'TOTAL_COST') return body.cents ?? 0;
  if (rule.metricType === 'TOKEN_COUNT') return body.tokens;
  return body.failed ? 1 : 0;
}

function holds(filter: ControlFilter, body: Body): boolean {
  if (filter.dimension === 'MODEL') {
    if (filter.operator === 'IS') return body.model === filter.value;
    if (filter.operator === 'IS_NOT') return body.model !== filter.value;
    return body.model.startsWith(filter.value ?? '');
  }
  if (filter.dimension === 'PROVIDER') return body.provider.toLowerCase() === 'openai';
  if (filter.dimension === 'AGENT') return body.agent === 'bot';
  return body.id === 'u1' || body.email === 'u1';
}

function toEvent(body: Body, transactionId: string, nowMs: number): IncomingEvent {
  const subscriber = { ...(body.id && { id: body.id }), ...(body.email && { email: body.email }) };
  return event(
    nowMs - body.minutesAgo * 60_000,
    {
      transactionId,
      model: body.model,
      provider: body.provider,
      totalTokenCount: body.tokens,
      // Something was consumed, so that a failure has no price by itself where the price is unknown.
      inputTokenCount: 1,
      stopReason: body.failed ? 'ERROR' : 'END',
      ...(body.cents === null ? {} : { totalCost: body.cents / 100 }),
      ...(body.agent && { agent: body.agent }),
      ...(Object.keys(subscriber).length > 0 && { subscriber }),
    },
    nowMs,
  );
}

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
    clock.advance(step.hours * 3_600_000);
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

test('I6: after any history the feed is what a naive sum says, and balances verify clean', {
  timeout: 120_000,
}, async () => {
  const folder = tempFolder();
  const clock = handClock();
  // One database for all histories, each with a team of its own: making one costs more than a history.
  const store = await openSqliteStore({
    file: join(folder.path, 'x.db'),
    runtime: clock.runtime,
    inProcess: true,
    fillSlice: 3,
  });
  try {
    await fc.assert(
      fc.asyncProperty(steps, (history) => live(history, store, clock)),
      { numRuns: 50, interruptAfterTimeLimit: 60_000 },
    );
  } finally {
    await store.close();
    folder.remove();
  }
});

async function live(history: readonly Step[], store: Store, clock: HandClock): Promise<void> {
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
    if (kind === 'trip') open.set(controlId, (open.get(controlId) ?? 0) + 1);
    if (kind !== 'reset') continue;
    const left = (open.get(controlId) ?? 0) - 1;
    expect(left).toBeGreaterThanOrEqual(0);
    open.set(controlId, left);
  }
}
