import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decide } from '../../../enforcement/decide.js';
import { exhaustedFor } from '../../../enforcement/exhausted.js';
import { compileRuleSet } from '../../../enforcement/rule-set.js';
import type { CostControlInput, Store } from '../../../service/store/store.js';
import { parseFeed } from '../../../src/wire/feed-parse.js';
import type { TestStore } from '../../helpers/stores.js';
import { control, event, type HandClock, handClock, tempFolder } from '../store-support.js';

type Raw = Readonly<Record<string, unknown>>;

/** Fields that the rules of hard controls carry and no others. */
const OURS = ['enforcement', 'graded', 'exhausted'];

/** Runs the suite on a store. */
export function describeHardFeed({ name, open }: TestStore): void {
  describe(`the feed of hard controls, ${name}`, () => {
    let store: Store;
    let clock: HandClock;
    let folder: ReturnType<typeof tempFolder>;
    let teamId: string;
    beforeEach(async () => {
      folder = tempFolder();
      clock = handClock();
      store = await open({ file: `${folder.path}/fusewire.db`, runtime: clock.runtime, log: clock.runtime.log });
      teamId = (await store.createTeam('hard')).id;
    });
    afterEach(async () => {
      await store.close();
      folder.remove();
    });

    const make = (fields: Partial<CostControlInput> = {}) =>
      store.createControl(teamId, control({ hardLimit: '10', enforcement: 'HARD', ...fields }));
    const spend = (totalCost: number, fields: Record<string, unknown> = {}) =>
      store.recordEvents(teamId, [event(clock.nowMs, { totalCost, ...fields })]);
    const body = async () => JSON.parse((await store.feed(teamId)).body ?? '{}') as { rules: Raw[] } & Raw;
    const asked = async (call: Parameters<typeof decide>[1]) => {
      const parsed = parseFeed(String((await store.feed(teamId)).body));
      if (parsed.kind !== 'rules') throw new Error(parsed.kind);
      const set = compileRuleSet(parsed.feed);
      return {
        polled: decide(set, call, clock.nowMs).outcome,
        fallback: exhaustedFor(set, call, clock.nowMs)?.outcome,
        holding: set.holdingFor(call),
      };
    };

    it('says of a rule that it is hard, and refuses by it as by any other', async () => {
      await make();
      await spend(4);
      const state = { enforcement: 'HARD', graded: false };
      expect((await body()).rules[0]).toMatchObject({ ...state, breached: false, exhausted: false });
      expect(await asked({ model: 'gpt-4o-mini' })).toEqual({ polled: 'allow', fallback: undefined, holding: true });
      await spend(6);
      expect((await body()).rules[0]).toMatchObject({ ...state, breached: true, exhausted: true });
      expect((await asked({})).polled).toBe('refuse');
    });

    it('says nothing new of polled rules, byte by byte', async () => {
      const made = await make({ enforcement: 'POLLED', groupBy: 'SUBSCRIBER', warnThreshold: '5' });
      await spend(12, { subscriber: { id: 'lee' } });
      const before = JSON.stringify((await body()).rules);
      expect(OURS.filter((field) => before.includes(`"${field}"`))).toEqual([]);
      await store.updateControl(teamId, made.id, { enforcement: 'HARD', clampOutput: true });
      await store.updateControl(teamId, made.id, { enforcement: 'POLLED' });
      expect(JSON.stringify((await body()).rules)).toBe(before);
    });

    it('tells nobody who only polls to refuse where a control reacts first; what is used up stands beside it', async () => {
      for (const reaction of [{ clampOutput: true }, { downgradeTo: 'gpt-4o-mini' }, { throttleMs: 500 }]) {
        const made = await make({ warnThreshold: '8', ...reaction });
        await spend(12);
        expect((await body()).rules[0]).toMatchObject({
          breached: false,
          warnBreached: true,
          graded: true,
          exhausted: true,
        });
        expect(await asked({})).toEqual({ polled: 'allow', fallback: 'refuse', holding: true });
        await store.deleteControl(teamId, made.id);
      }
    });

    it('does so for groups: of subscribers in the breakdown, of others in rules of their own', async () => {
      await make({ groupBy: 'SUBSCRIBER', clampOutput: true });
      await make({ groupBy: 'MODEL', clampOutput: true });
      await spend(12, { subscriber: { id: 'lee' }, model: 'gpt-4o' });
      await spend(1, { subscriber: { id: 'kim' }, model: 'o3' });
      const { rules } = await body();
      expect(JSON.stringify(rules)).not.toContain('"breached":true');
      const [people, , perModel] = rules;
      expect(people).toMatchObject({ exhausted: false, groupBreakdown: [{ groupValue: 'lee', exhausted: true }] });
      expect(perModel).toMatchObject({ exhausted: true, graded: true, breached: false });
      expect((await asked({ subscriberId: 'lee', model: 'o3' })).fallback).toBe('refuse');
      expect((await asked({ subscriberId: 'kim', model: 'gpt-4o' })).fallback).toBe('refuse');
      expect((await asked({ subscriberId: 'kim', model: 'o3' })).fallback).toBeUndefined();
    });

    it('does so for departments: nobody is blocked by a map, and a warning stays one', async () => {
      const { id } = await store.createDepartment(teamId, { name: 'Research', parentId: null });
      await store.setMembers(teamId, id, ['rita@example.org']);
      const filters = [{ dimension: 'DEPARTMENT', operator: 'IS', value: String(id) }] as const;
      const made = await make({ filters, clampOutput: true, warnThreshold: '8' });
      await spend(12, { subscriber: { email: 'rita@example.org' } });
      expect(await body()).toMatchObject({
        departmentBudgetBlocks: {},
        departmentBudgetBlockBalances: {},
        departmentBudgetWarnings: { 'rita@example.org': made.ruleId },
      });
      expect((await asked({ subscriberEmail: 'rita@example.org' })).holding).toBe(true);
      await store.updateControl(teamId, made.id, { warnThreshold: null });
      expect((await body())['departmentBudgetWarnings']).toEqual({});
      await store.updateControl(teamId, made.id, { clampOutput: false });
      expect((await body())['departmentBudgetBlocks']).toEqual({ 'rita@example.org': made.ruleId });
    });

    it('is readable to the SDKs of the contract: every field that they read is there and of its type', async () => {
      await make({ warnThreshold: '8', clampOutput: true });
      await spend(12);
      const { rules, ...rest } = await body();
      const [{ filters, groupBreakdown, ...rule }] = rules as [Raw];
      const types = Object.fromEntries(Object.entries(rule).map(([field, value]) => [field, typeof value]));
      expect(types).toEqual({
        ...{ ruleId: 'number', key: 'string', teamId: 'number', name: 'string', metricType: 'string' },
        ...{ operatorType: 'string', threshold: 'number', warnThreshold: 'number', currentValue: 'number' },
        ...{ percentUsed: 'number', breached: 'boolean', warnBreached: 'boolean', shadowMode: 'boolean' },
        ...{ action: 'string', periodType: 'string', windowStart: 'number', windowEnd: 'number', windowKey: 'string' },
        ...{ resetsAt: 'string', groupBy: 'object', enforcement: 'string', graded: 'boolean', exhausted: 'boolean' },
      });
      expect([filters, groupBreakdown, rule['action'], rule['breached']]).toEqual([[], null, 'BLOCK', false]);
      expect(Object.keys(rest)).toEqual(expect.arrayContaining(['compiledAt', 'departmentBudgetBlocks']));
      // Who reads bodies of a bounded length gets the same verdict.
      const bounded = await store.feeds.answer(teamId, { form: 'bounded', difference: false });
      expect(bounded.kind).toBe('feed');
    });

    it('follows a raise: what was used up is not, and is again when it ends', async () => {
      const made = await make({ clampOutput: true });
      await spend(12);
      const untilMs = clock.nowMs + 60_000;
      await store.raiseControl(teamId, made.id, { amount: '5', untilMs, reason: 'launch' });
      expect((await body()).rules[0]).toMatchObject({ threshold: 15, exhausted: false, percentUsed: 80 });
      clock.advance(60_000);
      await store.turnWindows();
      expect((await body()).rules[0]).toMatchObject({ threshold: 10, exhausted: true });
    });
  });
}
