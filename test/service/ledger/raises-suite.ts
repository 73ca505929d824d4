import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CostControl, CostControlInput, Store } from '../../../service/store/store.js';
import { StoreError } from '../../../service/store/store-error.js';
import type { TestStore } from '../../helpers/stores.js';
import { control, DAY, event, type HandClock, HOUR, handClock, NOON, tempFolder } from '../store-support.js';

const ACTOR = { id: 'key-1', hint: 'abcd', label: 'ops' };
const MIDNIGHT = Date.UTC(2026, 7, 20);

/** Runs the suite on a store. */
export function describeRaises({ name, open }: TestStore): void {
  describe(`raises of limits, ${name}`, () => {
    let store: Store;
    let clock: HandClock;
    let folder: ReturnType<typeof tempFolder>;
    let teamId: string;
    beforeEach(async () => {
      folder = tempFolder();
      clock = handClock();
      store = await open({ file: `${folder.path}/fusewire.db`, runtime: clock.runtime, log: clock.runtime.log });
      teamId = (await store.createTeam('raises')).id;
    });
    afterEach(async () => {
      await store.close();
      folder.remove();
    });

    const make = (fields: Partial<CostControlInput> = {}) =>
      store.createControl(teamId, control({ hardLimit: '10', ...fields }));
    const raise = (id: string, amount: string, untilMs: number, reason = 'launch day') =>
      store.raiseControl(teamId, id, { amount, untilMs, reason }, ACTOR);
    const spend = (totalCost: number, fields: Record<string, unknown> = {}) =>
      store.recordEvents(teamId, [event(clock.nowMs, { totalCost, ...fields })]);
    const ruleOf = async ({ ruleId }: CostControl) => {
      const { body } = await store.feed(teamId);
      const rules = (JSON.parse(body ?? '{"rules":[]}') as { rules: Record<string, unknown>[] }).rules;
      return rules.find((rule) => rule['ruleId'] === ruleId && !String(rule['key']).includes(':'));
    };
    const seen = async (control: CostControl) => {
      const rule = await ruleOf(control);
      return [rule?.['breached'], rule?.['threshold']];
    };
    const kinds = async () =>
      (await store.listEnforcementEvents(teamId, { page: 0, size: 100 })).items.map(({ kind }) => kind).reverse();
    const problemOf = (asked: Promise<unknown>) =>
      asked.then(
        () => undefined,
        (error: unknown) => (error instanceof StoreError ? error.code : error),
      );
    const to = async (atMs: number) => {
      clock.advance(atMs - clock.nowMs);
      await store.turnWindows();
    };

    it('hold at once and end by themselves, for verdicts, feeds and the revision alike', async () => {
      const made = await make();
      await spend(12);
      expect(await seen(made)).toEqual([true, 10]);
      const before = (await store.feed(teamId)).revision;
      const raised = await raise(made.id, '5', NOON + HOUR);
      expect(raised).toMatchObject({ amount: '5', untilMs: NOON + HOUR, by: 'ops (…abcd)', endedAtMs: null });
      expect(await seen(made)).toEqual([false, 15]);
      expect((await store.feed(teamId)).revision).toBeGreaterThan(before);
      expect(await store.getControl(teamId, made.id)).toMatchObject({ raised: '5', raisedUntilMs: NOON + HOUR });
      await to(NOON + HOUR - 1);
      expect(await seen(made)).toEqual([false, 15]);
      expect(await store.turnWindows()).toBe(NOON + HOUR);
      await to(NOON + HOUR);
      expect(await seen(made)).toEqual([true, 10]);
      expect(await kinds()).toEqual(['trip', 'reset', 'trip']);
      const after = await store.getControl(teamId, made.id);
      expect([after?.raised, after?.raisedUntilMs]).toEqual([undefined, undefined]);
      const [ended] = await store.listRaises(teamId, made.id);
      expect(ended).toMatchObject({ id: raised?.id, endedAtMs: NOON + HOUR, endedBy: 'service' });
    });

    it('say who made them, and what the limit was, in the audit and in enforcement events', async () => {
      const made = await make();
      await raise(made.id, '2.5', NOON + HOUR, 'incident 7');
      await spend(12.5);
      const [trip] = (await store.listEnforcementEvents(teamId, { page: 0, size: 1 })).items;
      expect(trip).toMatchObject({ kind: 'trip', threshold: '12.5' });
      const [raised] = (await store.listAudit(teamId, { page: 0, size: 1 })).items;
      expect(raised).toMatchObject({
        ...{ action: 'raised', subject: 'control', subjectId: made.id, actor: { id: 'key-1', label: 'ops' } },
        before: { limit: '10' },
        after: { limit: '12.5', amount: '2.5', until: new Date(NOON + HOUR).toISOString(), reason: 'incident 7' },
      });
      await to(NOON + HOUR);
      const [ended] = (await store.listAudit(teamId, { page: 0, size: 1 })).items;
      expect(ended).toMatchObject({ action: 'raise-ended', subjectId: made.id, actor: { id: 'service' } });
    });

    it('add up, and each ends for itself', async () => {
      const made = await make();
      await raise(made.id, '5', NOON + 2 * HOUR);
      await raise(made.id, '0.000000001', NOON + HOUR);
      expect(await store.getControl(teamId, made.id)).toMatchObject({
        raised: '5.000000001',
        raisedUntilMs: NOON + HOUR,
      });
      await spend(15);
      expect((await seen(made))[0]).toBe(false);
      await to(NOON + HOUR);
      expect(await seen(made)).toEqual([true, 15]);
      expect(await store.getControl(teamId, made.id)).toMatchObject({ raised: '5', raisedUntilMs: NOON + 2 * HOUR });
      await to(NOON + 2 * HOUR);
      expect(await seen(made)).toEqual([true, 10]);
    });

    it('are ended by hand once, by who may, and only under their own control', async () => {
      const [made, other] = [await make(), await make()];
      const raised = await raise(made.id, '5', NOON + HOUR);
      const id = raised?.id ?? '';
      expect(await store.endRaise(teamId, id, ACTOR, other.id)).toBeUndefined();
      const stranger = await store.createTeam('strangers');
      expect(await store.endRaise(stranger.id, id, ACTOR)).toBeUndefined();
      expect(await seen(made)).toEqual([false, 15]);
      expect(await store.endRaise(teamId, id, ACTOR)).toMatchObject({ endedAtMs: NOON, endedBy: 'ops (…abcd)' });
      expect(await seen(made)).toEqual([false, 10]);
      expect(await store.endRaise(teamId, id, ACTOR)).toBeUndefined();
      expect(await store.endRaise(teamId, 'no-such-raise', ACTOR)).toBeUndefined();
      expect(await store.listRaises(stranger.id, made.id)).toEqual([]);
    });

    it('are refused where they mean nothing', async () => {
      const [made, counted] = [await make(), await make({ metricType: 'TOKEN_COUNT' })];
      for (const amount of ['0', '-1', 'much', '', '1e99', '0.0000000001', '9000000000']) {
        expect([amount, await problemOf(raise(made.id, amount, NOON + HOUR))]).toEqual([amount, 'INVALID']);
      }
      expect(await problemOf(raise(counted.id, '1.5', NOON + HOUR))).toBe('INVALID');
      for (const untilMs of [NOON, NOON - 1, Number.NaN, NOON + 367 * DAY, Number.POSITIVE_INFINITY]) {
        expect(await problemOf(raise(made.id, '1', untilMs))).toBe('INVALID');
      }
      expect(await problemOf(raise(made.id, '1', NOON + HOUR, '  '))).toBe('INVALID');
      expect(
        await problemOf(store.raiseControl('nobody', made.id, { amount: '1', untilMs: NOON + 1, reason: 'x' })),
      ).toBe('UNKNOWN_TEAM');
      expect(await raise('no-such-control', '1', NOON + HOUR)).toBeUndefined();
      expect(await store.listRaises(teamId, made.id)).toEqual([]);
      for (let i = 0; i < 100; i += 1) await raise(made.id, '1', NOON + HOUR);
      expect(await problemOf(raise(made.id, '1', NOON + HOUR))).toBe('INVALID');
    });

    it('end with the control, and with the unit that they were in', async () => {
      const [gone, turned] = [await make(), await make()];
      await raise(gone.id, '5', NOON + HOUR);
      await raise(turned.id, '5', NOON + HOUR);
      await store.deleteControl(teamId, gone.id, ACTOR);
      expect(await raise(gone.id, '5', NOON + HOUR)).toBeUndefined();
      const [ended] = await store.listRaises(teamId, gone.id);
      expect(ended).toMatchObject({ endedAtMs: NOON, endedBy: 'ops (…abcd)' });
      const after = await store.updateControl(teamId, turned.id, { metricType: 'TOKEN_COUNT' }, ACTOR);
      expect([after?.raised, (await seen(turned))[1]]).toEqual([undefined, 10]);
      await to(NOON + HOUR);
      expect((await store.listRaises(teamId, turned.id)).map(({ endedAtMs }) => endedAtMs)).toEqual([NOON]);
    });

    it('outlive a change of the limit, and work on a limit of 0', async () => {
      const made = await make({ hardLimit: '0' });
      expect((await seen(made))[0]).toBe(true);
      await raise(made.id, '5', NOON + HOUR);
      expect(await seen(made)).toEqual([false, 5]);
      await store.updateControl(teamId, made.id, { hardLimit: '1' }, ACTOR);
      expect(await seen(made)).toEqual([false, 6]);
      await to(NOON + HOUR);
      expect(await seen(made)).toEqual([false, 1]);
    });

    it('leave warnings where they were', async () => {
      const made = await make({ warnThreshold: '8' });
      await spend(11);
      await raise(made.id, '5', NOON + HOUR);
      expect(await ruleOf(made)).toMatchObject({ breached: false, warnBreached: true, warnThreshold: 8 });
      expect((await ruleOf(made))?.['percentUsed']).toBeCloseTo(73.33, 2);
    });

    it('free the groups that they cover, and those alone that fit', async () => {
      const made = await make({ groupBy: 'SUBSCRIBER' });
      await spend(12, { subscriber: { id: 'lee' } });
      await spend(20, { subscriber: { id: 'kim' } });
      const groups = async () => {
        const rule = await ruleOf(made);
        const entries = rule?.['groupBreakdown'] as { groupValue: string; breached: boolean; usagePercent: number }[];
        return entries.map(({ groupValue, breached, usagePercent }) => [groupValue, breached, usagePercent]);
      };
      await raise(made.id, '5', NOON + HOUR);
      expect(await groups()).toEqual([['kim', true, 1.3333]]);
      await to(NOON + HOUR);
      expect(await groups()).toEqual([
        ['kim', true, 2],
        ['lee', true, 1.2],
      ]);
    });

    it('hold for rolling windows', async () => {
      const made = await make({ windowType: 'ROLLING', windowDuration: 'PT24H' });
      await spend(12);
      expect((await seen(made))[0]).toBe(true);
      await raise(made.id, '5', NOON + HOUR);
      expect(await seen(made)).toEqual([false, 15]);
      await to(NOON + HOUR);
      expect(await seen(made)).toEqual([true, 10]);
    });

    it('I13: that end at the instant of a window turn trip nothing, before it or after it', async () => {
      const made = await make();
      await spend(12);
      await raise(made.id, '5', MIDNIGHT);
      await to(MIDNIGHT);
      expect(await seen(made)).toEqual([false, 10]);
      expect(await kinds()).toEqual(['trip', 'reset']);
      await spend(10);
      expect(await seen(made)).toEqual([true, 10]);
    });

    it('I9: end when the clock jumps ahead, and stay ended when it jumps back', async () => {
      const made = await make({ windowType: 'LIFETIME' });
      await spend(12);
      await raise(made.id, '5', NOON + HOUR);
      await to(NOON + 3 * DAY);
      expect(await seen(made)).toEqual([true, 10]);
      await to(NOON + 60_000);
      expect(await seen(made)).toEqual([true, 10]);
      await raise(made.id, '5', NOON + HOUR);
      expect(await seen(made)).toEqual([false, 15]);
    });

    it('are ended once by any number of processes, and before whatever decides', async () => {
      const made = await make();
      await raise(made.id, '5', NOON + HOUR);
      clock.advance(HOUR);
      const moved = await Promise.all([1, 2, 3, 4].map(() => store.expireRaises(teamId)));
      expect(moved.filter(Boolean)).toHaveLength(1);
      expect((await store.getControl(teamId, made.id))?.raised).toBeUndefined();
      const ends = (await store.listAudit(teamId, { page: 0, size: 50 })).items.filter(
        ({ action }) => action === 'raise-ended',
      );
      expect(ends).toHaveLength(1);
    });

    it('come to what is open, whatever is raised, ended, spent and waited for', async () => {
      const step = fc.oneof(
        fc.record({ do: fc.constant('raise' as const), cents: fc.integer({ min: 1, max: 900 }), hours: hours(30) }),
        fc.record({ do: fc.constant('spend' as const), cents: fc.integer({ min: 1, max: 700 }) }),
        fc.record({ do: fc.constant('end' as const), which: fc.nat({ max: 5 }) }),
        fc.record({ do: fc.constant('wait' as const), hours: hours(20) }),
      );
      await fc.assert(
        fc.asyncProperty(
          fc.array(step, { minLength: 1, maxLength: 12 }),
          fc.constantFrom('DAILY' as const, 'LIFETIME' as const),
          async (steps, windowType) => {
            // What others spent before is nobody's here.
            teamId = (await store.createTeam('once more')).id;
            const made = await make({ windowType });
            const model = {
              raises: [] as { id: string; cents: number; untilMs: number }[],
              spent: 0,
              day: dayOf(clock),
            };
            for (const one of steps) {
              if (one.do === 'raise') {
                const untilMs = clock.nowMs + one.hours * HOUR;
                const made1 = await raise(made.id, String(one.cents / 100), untilMs);
                model.raises.push({ id: made1?.id ?? '', cents: one.cents, untilMs });
              } else if (one.do === 'end') {
                const target = model.raises[one.which];
                if (target !== undefined) await store.endRaise(teamId, target.id, ACTOR);
                model.raises = model.raises.filter((raise) => raise !== target);
              } else if (one.do === 'spend') {
                await spend(one.cents / 100);
                model.spent += one.cents;
              } else await to(clock.nowMs + one.hours * HOUR);
              model.raises = model.raises.filter(({ untilMs }) => untilMs > clock.nowMs);
              if (windowType === 'DAILY' && dayOf(clock) !== model.day) model.spent = 0;
              model.day = dayOf(clock);
              const limit = 1_000 + model.raises.reduce((sum, { cents }) => sum + cents, 0);
              expect(await seen(made)).toEqual([model.spent >= limit, limit / 100]);
            }
            await store.deleteControl(teamId, made.id);
          },
        ),
        { numRuns: 15 },
      );
      expect((await store.verifyBalances()).wrong).toEqual([]);
    });
  });
}

const hours = (max: number) => fc.integer({ min: 1, max });
const dayOf = ({ nowMs }: HandClock) => Math.floor(nowMs / DAY);
