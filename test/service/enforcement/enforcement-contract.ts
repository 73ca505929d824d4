/** What every store must do about enforcement events, refusals, audit and bypass. */
import type { Runtime } from 'fusewire/internal';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { endBypasses } from '../../../service/admin/bypass-timer.js';
import { BUCKETS, historyOf } from '../../../service/admin/enforcement-history.js';
import type { EnforcementFilter } from '../../../service/ledger/enforcement-reading.js';
import type { ReportedRefusal } from '../../../service/ledger/refusals.js';
import type { EnforcementEvent, Store } from '../../../service/store/store.js';
import { control, DAY, event, type HandClock, HOUR, handClock, kindsOf, NOON, tempFolder } from '../store-support.js';
import { expectedHistory, ZONES } from './history-oracle.js';

/** Opens a store; the same place is the same database. */
export type OpenStore = (place: string, runtime: Runtime) => Promise<Store>;

const ACTOR = { id: 'key-1', hint: 'abcd', label: 'ops' };
let ids = 0;

/** A report of a client. */
export function refusal(atMs: number, fields: Partial<ReportedRefusal> = {}): ReportedRefusal {
  ids += 1;
  return { id: `00000000-0000-4000-8000-${String(ids).padStart(12, '0')}`, atMs, count: 1, ...fields };
}

/** A small generator whose numbers are the same in every run. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

/** Runs the suite. */
export function enforcementContract(name: string, open: OpenStore): void {
  let folder: ReturnType<typeof tempFolder>;
  let clock: HandClock;
  let store: Store;
  let teamId: string;
  beforeEach(async () => {
    folder = tempFolder();
    clock = handClock();
    store = await open(folder.path, clock.runtime);
    teamId = (await store.createTeam('t')).id;
  });
  afterEach(async () => {
    await store.close();
    folder.remove();
  });
  const all = async (filter: EnforcementFilter = {}) =>
    (await store.listEnforcementEvents(teamId, { ...filter, page: 0, size: 5_000 })).items;

  describe(`enforcement events, ${name}`, () => {
    it('keep what the control was when it acted, whatever it is called later', async () => {
      const made = await store.createControl(
        teamId,
        control({ name: 'Cap für Änne', groupBy: 'SUBSCRIBER', warnThreshold: '0.5' }),
      );
      const subscriber = { subscriber: { id: 'rita', email: 'Rita@Example.org' } };
      await store.recordEvents(teamId, [event(clock.nowMs, { ...subscriber, totalCost: 0.75, transactionId: 'w' })]);
      await store.recordEvents(teamId, [event(clock.nowMs, { ...subscriber, totalCost: 0.5, transactionId: 'x' })]);
      await store.updateControl(teamId, made.id, { name: 'Renamed', hardLimit: '9', shadowMode: true });
      const [trip] = await all({ transactionId: 'x' });
      expect(trip).toMatchObject({
        ...{ controlId: made.id, ruleId: made.ruleId, ruleName: 'Cap für Änne', ruleDeleted: false, kind: 'trip' },
        ...{ level: 'HARD', outcome: 'BLOCKED', isShadow: false, action: 'BLOCK', metricType: 'TOTAL_COST' },
        ...{ groupBy: 'SUBSCRIBER', groupValue: 'rita', currentValue: '1.25', threshold: '1', count: 1 },
        ...{ windowKey: 'DAILY:2026-08-19', windowStartMs: NOON - 12 * HOUR, subscriberEmail: 'Rita@Example.org' },
      });
      const [warned] = await all({ transactionId: 'w' });
      expect(warned).toMatchObject({ kind: 'warn', level: 'WARN', outcome: 'WARNED', threshold: '0.5' });
      await store.deleteControl(teamId, made.id);
      expect((await all({ transactionId: 'x' }))[0]).toMatchObject({ ruleDeleted: true, ruleName: 'Cap für Änne' });
      expect((await all({ text: 'ÄNNE' })).length).toBeGreaterThanOrEqual(2);
    });

    it('of every filter and page agree with a naive look at all of them', async () => {
      await manyEvents();
      const everything = await all();
      expect(everything.length).toBeGreaterThan(300);
      const random = seeded(7);
      for (let round = 0; round < 80; round += 1) {
        const { filter, matches } = randomFilter(random, everything);
        const size = 1 + Math.floor(random() * 40);
        const page = Math.floor(random() * 4);
        const direction = random() < 0.5 ? ('asc' as const) : ('desc' as const);
        const found = await store.listEnforcementEvents(teamId, { ...filter, page, size, direction });
        const expected = everything.filter(matches);
        if (direction === 'asc') expected.reverse();
        const label = JSON.stringify({ filter, page, size, direction });
        expect(found.totalElements, label).toBe(expected.length);
        expect(found.items, label).toEqual(expected.slice(page * size, (page + 1) * size));
      }
    });

    it('are summed up, and by whom they met, as a naive sum does', async () => {
      await manyEvents();
      const everything = await all();
      const { counts, rules } = await store.summarizeEnforcement(teamId, {}, 2);
      for (const { kind, isShadow, events, times } of counts) {
        const same = everything.filter((one) => one.kind === kind && one.isShadow === isShadow);
        expect([kind, events, times]).toEqual([kind, same.length, same.reduce((sum, { count }) => sum + count, 0)]);
      }
      expect(counts.reduce((sum, { events }) => sum + events, 0)).toBe(everything.length);
      expect(rules.items).toHaveLength(2);
      expect(rules.totalElements).toBe(new Set(everything.map(({ controlId }) => controlId)).size);
      const who = (one: EnforcementEvent) =>
        one.groupValue === null
          ? `SUBSCRIBER ${one.subscriberEmail}`
          : `${one.groupBy ?? 'SUBSCRIBER'} ${one.groupValue}`;
      const met = everything.filter((one) => one.groupValue !== null || one.subscriberEmail !== null);
      const whole = await store.affectedByEnforcement(teamId, {}, 100);
      const seen = new Map(whole.items.map((row) => [`${row.groupBy} ${row.groupValue}`, [row.events, row.times]]));
      const wanted = new Map<string, number[]>();
      for (const one of met) {
        const [events = 0, times = 0] = wanted.get(who(one)) ?? [];
        wanted.set(who(one), [events + 1, times + one.count]);
      }
      expect(seen).toEqual(wanted);
      const capped = await store.affectedByEnforcement(teamId, {}, 3);
      expect([capped.items.length, capped.totalElements]).toEqual([3, wanted.size]);
      const searched = await store.affectedByEnforcement(teamId, { affected: 'G_1' }, 100);
      expect(new Set(searched.items.map((row) => row.groupValue))).toEqual(new Set(['g_1']));
    });

    it('over time fall into the hours, days and weeks of any zone, over changes of its clocks', async () => {
      for (const [startMs, days] of [
        [Date.UTC(2026, 2, 6), 33],
        [Date.UTC(2026, 9, 23), 12],
      ] as const) {
        const times: number[] = [];
        for (let dayMs = startMs; dayMs < startMs + days * DAY; dayMs += DAY) {
          // Reported at the end of each day, as a client may that was out of reach.
          clock.nowMs = dayMs + DAY;
          const first = (times.at(-1) ?? startMs) + 47 * 60_000;
          const today = Array.from({ length: 40 }, (_, i) => first + i * 47 * 60_000).filter((at) => at < clock.nowMs);
          times.push(...today);
          await store.recordRefusals(
            teamId,
            today.map((atMs) => refusal(atMs, { count: 2 })),
          );
        }
        const slots = await store.enforcementSlots(teamId, { sinceMs: startMs, untilMs: clock.nowMs });
        for (const zone of ZONES) {
          for (const bucket of BUCKETS) {
            const seen = historyOf(slots, bucket, zone);
            const label = `${bucket} ${zone}`;
            expect(
              seen.map(({ start, events }) => [start, events]),
              label,
            ).toEqual(expectedHistory(times, bucket, zone));
            expect(
              seen.every((one) => one.refusedCalls === 2 * one.events && one.byOutcome['BLOCKED'] === one.events),
            ).toBe(true);
          }
        }
      }
    });
  });

  describe(`refusals, ${name}`, () => {
    it('I1: are kept once by their id, whoever sends them how often at the same time', async () => {
      const made = await store.createControl(teamId, control({ groupBy: 'SUBSCRIBER', hardLimit: '3' }));
      const one = refusal(clock.nowMs - HOUR, { ruleId: made.ruleId, groupValue: 'rita', count: 5, model: 'gpt-4o' });
      const sent = await Promise.all([1, 2, 3, 4].map(() => store.recordRefusals(teamId, [one, one])));
      expect(sent.reduce((sum, kept) => sum + kept, 0)).toBe(1);
      expect(await all()).toMatchObject([
        {
          ...{ kind: 'refusal', outcome: 'BLOCKED', level: 'HARD', count: 5, controlId: made.id, ruleName: 'cap' },
          ...{
            groupBy: 'SUBSCRIBER',
            groupValue: 'rita',
            threshold: '3',
            currentValue: null,
            atMs: clock.nowMs - HOUR,
          },
          ...{ windowKey: 'DAILY:2026-08-19', details: 'model gpt-4o' },
        },
      ]);
      const other = (await store.createTeam('other')).id;
      expect(await store.recordRefusals(other, [one])).toBe(1);
      expect((await store.listEnforcementEvents(other, { page: 0, size: 9 })).items).toMatchObject([
        { controlId: null, ruleName: null, ruleId: made.ruleId, groupValue: 'rita' },
      ]);
    });

    it('of an unknown rule and of a clock that is wrong are kept with what the client said', async () => {
      const said = {
        ruleId: 4_711,
        currentValue: '1.5',
        threshold: '1',
        code: 'rule_breached',
        key: '4711:x',
        revision: 8,
      };
      await store.recordRefusals(teamId, [refusal(clock.nowMs - 26 * HOUR, said), refusal(clock.nowMs + HOUR)]);
      const events = await all();
      expect(events.map(({ atMs }) => atMs)).toEqual([clock.nowMs, clock.nowMs]);
      const wrong = new Date(clock.nowMs - 26 * HOUR).toISOString();
      expect(events.find(({ ruleId }) => ruleId === 4_711)).toMatchObject({
        ...{ ruleName: null, controlId: null, ruleDeleted: true, currentValue: '1.5', threshold: '1' },
        details: `code rule_breached, rule 4711:x, revision 8, client clock ${wrong}`,
      });
    });

    it('move neither a balance nor the revision', async () => {
      const made = await store.createControl(teamId, control());
      const before = await store.feed(teamId);
      await store.recordRefusals(teamId, [refusal(clock.nowMs, { ruleId: made.ruleId, count: 1_000 })]);
      expect((await store.feed(teamId)).etag).toBe(before.etag);
      expect((await store.verifyBalances()).wrong).toEqual([]);
    });
  });

  describe(`the bypass, ${name}`, () => {
    it('is on until its time, ends by itself, once, and moves the revision each time', async () => {
      const revision = async () => (await store.feed(teamId)).revision;
      const start = await revision();
      const untilMs = clock.nowMs + HOUR;
      const on = await store.setBypass(teamId, { untilMs, reason: 'incident 7' }, ACTOR);
      expect(on).toEqual({ sinceMs: clock.nowMs, untilMs, reason: 'incident 7', by: 'ops (…abcd)' });
      expect(await store.getBypass(teamId)).toEqual(on);
      const switchedOn = await revision();
      expect(switchedOn).toBeGreaterThan(start);
      clock.advance(HOUR / 2);
      expect(await endBypasses(store)).toBe(untilMs);
      const longer = await store.setBypass(teamId, { untilMs: untilMs + HOUR, reason: 'still' }, ACTOR);
      expect(longer).toMatchObject({ sinceMs: on.sinceMs, reason: 'still' });
      clock.advance(HOUR);
      expect(await endBypasses(store)).toBe(untilMs + HOUR);
      clock.advance(HOUR / 2);
      expect(await store.getBypass(teamId)).toBeUndefined();
      const prolonged = await revision();
      await Promise.all([endBypasses(store), endBypasses(store)]);
      expect(await revision()).toBeGreaterThan(prolonged);
      expect(await store.endBypass(teamId, ACTOR)).toBe(false);
      const { items } = await store.listAudit(teamId, { page: 0, size: 9, subject: 'bypass' });
      expect(items.map(({ action, actor }) => `${action} ${actor.id}`)).toEqual([
        'ended service',
        'updated key-1',
        'created key-1',
      ]);
      expect(items[1]).toMatchObject({
        before: { reason: 'incident 7' },
        after: { reason: 'still' },
        subjectId: teamId,
      });
    });

    it('is of one team, and can be switched off', async () => {
      const other = (await store.createTeam('other')).id;
      await store.setBypass(teamId, { untilMs: clock.nowMs + HOUR, reason: 'r' }, ACTOR);
      expect(await store.getBypass(other)).toBeUndefined();
      expect(await store.endBypass(teamId, ACTOR)).toBe(true);
      expect(await store.getBypass(teamId)).toBeUndefined();
      expect(await endBypasses(store)).toBeUndefined();
    });
  });

  describe(`the audit, ${name}`, () => {
    it('says who changed a control from what to what; I12: never a secret', async () => {
      const made = await store.createControl(teamId, control({ name: 'a' }), ACTOR);
      clock.advance(1_000);
      await store.updateControl(teamId, made.id, { hardLimit: '7' }, ACTOR);
      clock.advance(1_000);
      await store.deleteControl(teamId, made.id, ACTOR);
      const { items } = await store.listAudit(teamId, { page: 0, size: 9, subjectId: made.id });
      expect(items.map(({ action }) => action)).toEqual(['deleted', 'updated', 'created']);
      expect(items[1]).toMatchObject({
        subject: 'control',
        actor: ACTOR,
        before: { hardLimit: '1' },
        after: { hardLimit: '7' },
      });
      const early = { page: 0, size: 9, sinceMs: NOON + 1_000, untilMs: NOON + 1_000, subject: 'control' };
      expect((await store.listAudit(teamId, early)).items.map(({ action }) => action)).toEqual(['updated']);
      const secret = { sealed: 'v1.SEALED', hint: 'wxyz' };
      const input = {
        name: 'hook',
        url: 'https://example.org/x',
        events: ['costControl.reset' as const],
        enabled: true,
      };
      const hook = await store.createWebhook(teamId, input, secret, ACTOR);
      await store.rotateWebhook(teamId, hook!.id, { sealed: 'v1.OTHER', hint: 'qrst' }, ACTOR);
      const whole = JSON.stringify(await store.listAudit(teamId, { page: 0, size: 100 }));
      expect(whole).toContain('rotated');
      expect(whole).not.toMatch(/SEALED|OTHER/);
      const other = (await store.createTeam('other')).id;
      expect((await store.listAudit(other, { page: 0, size: 9, subject: 'webhook' })).totalElements).toBe(0);
    });
  });

  it(`${name}: a trip is told once, however many events cross the limit at once`, async () => {
    await store.createControl(teamId, control({ warnThreshold: '0.5' }));
    const events = Array.from({ length: 60 }, () => event(clock.nowMs, { totalCost: 0.05 }));
    await Promise.all(events.map((one) => store.recordEvents(teamId, [one])));
    expect(await kindsOf(store, teamId)).toEqual(['warn', 'trip']);
  });

  /** Some hundreds of events of all kinds over forty days. */
  async function manyEvents(): Promise<void> {
    const random = seeded(42);
    const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!;
    clock.nowMs = NOON - 40 * DAY;
    const controls = [
      await store.createControl(teamId, control({ name: 'Plain 100%', hardLimit: '0', warnThreshold: null })),
      await store.createControl(teamId, control({ name: 'Shadow', hardLimit: '0.5', shadowMode: true })),
      await store.createControl(
        teamId,
        control({ name: 'Grouped', groupBy: 'AGENT', hardLimit: '0.5', warnThreshold: '0.1' }),
      ),
    ];
    for (let round = 0; round < 120; round += 1) {
      const reports = Array.from({ length: 1 + Math.floor(random() * 4) }, () =>
        refusal(clock.nowMs - Math.floor(random() * HOUR), {
          ruleId: pick([...controls.map(({ ruleId }) => ruleId), 999_999]),
          ...(random() < 0.5 ? { groupValue: pick(['g_1', 'g21', 'gx1', '%']) } : {}),
          ...(random() < 0.5 ? { subscriberEmail: pick(['a@x.org', 'B@x.org']) } : {}),
          count: 1 + Math.floor(random() * 9),
          model: pick(['gpt-4o', 'o_3']),
        }),
      );
      await store.recordRefusals(teamId, reports);
      const usage = { totalCost: random() * 0.2, agent: pick(['g_1', 'other']), transactionId: `many-${round}` };
      await store.recordEvents(teamId, [event(clock.nowMs, usage)]);
      clock.advance(8 * HOUR);
      await store.turnWindows();
    }
    await store.deleteControl(teamId, controls[1]!.id);
  }
}

function randomFilter(
  random: () => number,
  events: readonly EnforcementEvent[],
): { filter: EnforcementFilter; matches: (one: EnforcementEvent) => boolean } {
  const some = events[Math.floor(random() * events.length)]!;
  const filter: { -readonly [K in keyof EnforcementFilter]: EnforcementFilter[K] } = {};
  const tests: ((one: EnforcementEvent) => boolean)[] = [];
  const maybe = (chance: number, add: () => void) => random() < chance && add();
  maybe(0.4, () => {
    filter.sinceMs = some.atMs;
    tests.push((one) => one.atMs >= some.atMs);
  });
  maybe(0.3, () => {
    const untilMs = some.atMs + 5 * DAY;
    filter.untilMs = untilMs;
    tests.push((one) => one.atMs <= untilMs);
  });
  maybe(0.3, () => {
    if (some.controlId === null) return;
    filter.controlId = some.controlId;
    tests.push((one) => one.controlId === some.controlId);
  });
  maybe(0.4, () => {
    filter.level = some.level;
    tests.push((one) => one.level === some.level);
  });
  maybe(0.3, () => {
    filter.isShadow = some.isShadow;
    tests.push((one) => one.isShadow === some.isShadow);
  });
  maybe(0.2, () => {
    if (some.groupBy === null || some.groupValue === null) return;
    filter.group = { by: some.groupBy, value: some.groupValue };
    tests.push((one) => one.groupBy === some.groupBy && one.groupValue === some.groupValue);
  });
  maybe(0.2, () => {
    if (some.transactionId === null) return;
    filter.transactionId = some.transactionId;
    tests.push((one) => one.transactionId === some.transactionId);
  });
  maybe(0.4, () => {
    const text = ['%', 'O_3', 'g_1', 'PLAIN', 'b@X', 'no such thing', 'many-1'][Math.floor(random() * 7)]!;
    filter.text = text;
    tests.push((one) =>
      [one.ruleName, one.groupValue, one.groupLabel, one.subscriberEmail, one.transactionId, one.details].some((word) =>
        word?.toLowerCase().includes(text.toLowerCase()),
      ),
    );
  });
  return { filter, matches: (one) => tests.every((test) => test(one)) };
}
