/**
 * Whatever happens: the feed that was changed bit by bit is the feed that is compiled anew, and the differences that a
 * client is told make exactly that of whatever version it has.
 */
import fc from 'fast-check';
import { expect } from 'vitest';
import { FeedCache } from '../../../service/compile/feed-cache.js';
import type { CostControlInput, FeedAnswer, Store, Team } from '../../../service/store/store.js';
import { control, DAY, event, type HandClock, HOUR, handClock, NOON } from '../store-support.js';

type Json = ReturnType<typeof JSON.parse>;

interface World {
  readonly store: Store;
  readonly clock: HandClock;
  readonly team: Team;
  /** Ids of controls that were made. */
  readonly made: string[];
  /** A cache of its own, so that nothing but the store connects the two. */
  readonly replica: FeedCache;
}

type Act = (world: World) => Promise<unknown>;

/** As a counterexample shows it: of a function it would print the text. */
const shown = (what: string, input: unknown, act: Act): Act =>
  Object.assign(act, { [fc.toStringMethod]: () => `${what} ${fc.stringify(input)}` });

const PEOPLE = ['u1', 'u2', 'u3', undefined] as const;
const ADDRESSES = ['a@x.org', 'A@X.org', 'b@x.org', 'u2', undefined] as const;
const MODELS = ['gpt-4o', 'gpt-4o-mini', 'o1'] as const;

const fields: fc.Arbitrary<Partial<CostControlInput>> = fc.record(
  {
    name: fc.constantFrom('cap', 'other'),
    groupBy: fc.constantFrom(null, 'SUBSCRIBER', 'SUBSCRIBER', 'MODEL'),
    hardLimit: fc.constantFrom('0', '1', '3', '8'),
    windowType: fc.constantFrom('DAILY', 'HOURLY', 'LIFETIME'),
    enabled: fc.boolean(),
    shadowMode: fc.boolean(),
  },
  { requiredKeys: [] },
);
const rolling: fc.Arbitrary<Partial<CostControlInput>> = fc.record({
  windowType: fc.constant('ROLLING' as const),
  windowDuration: fc.constant('PT1H'),
  groupBy: fc.constantFrom(null, 'SUBSCRIBER'),
  hardLimit: fc.constantFrom('1', '4'),
});

const create: fc.Arbitrary<Act> = fc.oneof({ arbitrary: fields, weight: 4 }, rolling).map((changes) =>
  shown('create', changes, async ({ store, team, made }) => {
    made.push((await store.createControl(team.id, control({ enabled: true, ...changes }))).id);
  }),
);
const change = fc.tuple(fc.nat(9), fields).map((input) =>
  shown('change', input, async ({ store, team, made }) => {
    const [index, changes] = input;
    const id = made[index % Math.max(1, made.length)];
    const known = id === undefined ? undefined : await store.getControl(team.id, id);
    if (known === undefined || (known.windowType === 'ROLLING' && changes.windowType !== undefined)) return;
    await store.updateControl(team.id, known.id, changes);
  }),
);
const remove = fc.nat(9).map((index) =>
  shown('remove', index, async ({ store, team, made }) => {
    const id = made[index % Math.max(1, made.length)];
    if (id !== undefined) await store.deleteControl(team.id, id);
  }),
);
const spend = fc
  .array(
    fc.record({
      id: fc.constantFrom(...PEOPLE),
      email: fc.constantFrom(...ADDRESSES),
      model: fc.constantFrom(...MODELS),
      totalCost: fc.constantFrom(0, 0.4, 1, 2.5),
    }),
    { minLength: 1, maxLength: 4 },
  )
  .map((events) =>
    shown('spend', events, async ({ store, team, clock }) => {
      await store.recordEvents(
        team.id,
        events.map(({ id, email, ...rest }) =>
          event(clock.nowMs, { ...rest, subscriber: { ...(id && { id }), ...(email && { email }) } }),
        ),
      );
    }),
  );
const pass = fc.constantFrom(1_000, 60_000, 20 * 60_000, HOUR, DAY).map((ms) =>
  shown('pass', ms, async ({ store, clock }) => {
    clock.advance(ms);
    await store.turnWindows();
  }),
);
const bypass = fc.boolean().map((on) =>
  shown('bypass', on, async ({ store, team, clock }) => {
    const actor = { id: 'test' };
    if (on) await store.setBypass(team.id, { untilMs: clock.nowMs + HOUR, reason: 'a test' }, actor);
    else await store.endBypass(team.id, actor);
  }),
);
/** When a history begins: at any time of a week, and just before an hour or a day is over. */
const start = fc.oneof(
  fc.nat(7 * DAY),
  fc.tuple(fc.integer({ min: 1, max: 7 * 24 }), fc.nat(90_000)).map(([hours, before]) => hours * HOUR - before),
);
const act = fc.oneof(
  { arbitrary: create, weight: 3 },
  { arbitrary: change, weight: 2 },
  remove,
  { arbitrary: spend, weight: 8 },
  { arbitrary: pass, weight: 2 },
  bypass,
);

const whole = (feeds: Pick<FeedCache, 'answer'>, teamId: string, ifNoneMatch?: string) =>
  feeds.answer(teamId, { form: 'whole', difference: ifNoneMatch !== undefined, ifNoneMatch });

function parsed(answer: FeedAnswer): Json {
  if (answer.kind === 'empty') return { revision: answer.revision, rules: [] };
  if (!('body' in answer)) throw new Error(`there is no body: ${answer.kind}`);
  return JSON.parse(answer.body.bytes.toString());
}

/** The bounds of a ROLLING window move with every bucket; where nobody is refused by them they are shown a while later. */
function isMoving(rule: Json): boolean {
  return rule.periodType === 'ROLLING' && !(rule.groupBy === null && rule.breached);
}

function settled(feed: Json): Json {
  const still = ({ windowStart: _s, windowEnd: _e, resetsAt: _r, ...rule }: Json) => rule;
  return { ...feed, rules: feed.rules.map((rule: Json) => (isMoving(rule) ? still(rule) : rule)) };
}

/** A client that keeps what it was told, and applies the wire's differences by the book. */
class Client {
  feed: Json;
  etag = '';
  differences = 0;

  async poll(feeds: Pick<FeedCache, 'answer'>, teamId: string): Promise<void> {
    const answer = await whole(feeds, teamId, this.etag);
    if (answer.kind === 'same') return;
    if (answer.kind === 'difference') {
      expect(answer.base).toBe(this.etag);
      this.differences += 1;
      this.#apply(parsed(answer));
    } else this.feed = parsed(answer);
    this.etag = answer.etag;
  }

  #apply({ revision, compiledAt, steps }: Json): void {
    const feed = structuredClone(this.feed);
    const rules = new Map<string, Json>(feed.rules.map((rule: Json) => [rule.key, rule]));
    for (const step of steps) {
      for (const rule of step.rules ?? []) rules.set(rule.key, rule);
      for (const key of step.removed ?? []) expect(rules.delete(key)).toBe(true);
      for (const { rule, set, removed } of step.groups ?? []) {
        const target = rules.get(rule);
        const groups = new Map<string, Json>(target.groupBreakdown.map((entry: Json) => [entry.groupValue, entry]));
        for (const entry of set) groups.set(entry.groupValue, entry);
        for (const name of removed) expect(groups.delete(name)).toBe(true);
        target.groupBreakdown = [...groups.values()].sort((a, b) => (a.groupValue < b.groupValue ? -1 : 1));
      }
      for (const { rule, ...values } of step.values ?? []) Object.assign(rules.get(rule), values);
      if (step.bypass === null) delete feed.bypass;
      else if (step.bypass !== undefined) feed.bypass = step.bypass;
    }
    feed.rules = [...rules.values()].sort((a, b) => a.ruleId - b.ruleId || (a.key < b.key ? -1 : 1));
    this.feed = { ...feed, revision, compiledAt };
  }
}

/** Runs it on the store that `open` opens. */
export async function differencesHold(open: (clock: HandClock) => Promise<Store>, numRuns: number): Promise<void> {
  const clock = handClock();
  const store = await open(clock);
  let told = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(act, { minLength: 3, maxLength: 30 }),
      fc.nat(4),
      start,
      async (acts, laziness, afterMs) => {
        // The same time of the same weekday whatever was before; the clock never goes back.
        clock.advance(28 * DAY - ((clock.nowMs - NOON) % (28 * DAY)) + afterMs);
        const team = await store.createTeam('team');
        const replica = new FeedCache(clock.runtime, store);
        const world: World = { store, clock, team, made: [], replica };
        const eager = new Client();
        const lazy = new Client();
        const elsewhere = new Client();
        for (const [i, one] of acts.entries()) {
          await one(world);
          await eager.poll(store.feeds, team.id);
          if (i % (laziness + 2) === 0) await lazy.poll(store.feeds, team.id);
          if (i % 5 === 4) {
            // Another process, which was told nothing but that the revision moved, and that values did.
            replica.moved(team.id, (await store.feedTeam(team.id)).revision);
            replica.touched(team.id);
            await elsewhere.poll(replica, team.id);
          }
        }
        // Values alone are shown at most every ten seconds.
        clock.advance(10_000);
        for (const feeds of [store.feeds as FeedCache, replica]) feeds.touched(team.id);
        const anew = new FeedCache(clock.runtime, store);
        const expected = await whole(anew, team.id);
        replica.moved(team.id, expected.revision);
        await Promise.all([eager, lazy].map((client) => client.poll(store.feeds, team.id)));
        await elsewhere.poll(replica, team.id);
        for (const client of [eager, lazy, elsewhere]) {
          const { compiledAt: _then, ...feed } = settled(client.feed);
          const { compiledAt: _now, ...fresh } = settled(parsed(expected));
          if (expected.kind === 'empty') expect(feed.rules).toEqual([]);
          else expect(feed).toEqual(fresh);
          if (!fresh.rules.some(isMoving)) expect(client.etag).toBe(expected.etag);
          told += client.differences;
        }
        for (const feeds of [anew, replica]) feeds.close();
      },
    ),
    { numRuns },
  );
  // Few histories have none at all.
  expect(told).toBeGreaterThan(numRuns / 4);
  await store.close();
}
