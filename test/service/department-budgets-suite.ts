import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decide } from '../../enforcement/decide.js';
import { compileRuleSet } from '../../enforcement/rule-set.js';
import type { ControlFilter, Store } from '../../service/store/store.js';
import { parseFeed } from '../../src/wire/feed-parse.js';
import type { TestStore } from '../helpers/stores.js';
import { control, DAY, event, type HandClock, handClock, tempFolder } from './store-support.js';

/** Runs the suite on a store. */
export function describeDepartmentBudgets({ name, open }: TestStore): void {
  describe(`department budgets, ${name}`, () => {
    let store: Store;
    let clock: HandClock;
    let folder: ReturnType<typeof tempFolder>;
    let teamId: string;
    let company: number;
    let research: number;
    let field: number;
    let sales: number;
    beforeEach(async () => {
      folder = tempFolder();
      clock = handClock();
      store = await open({ file: `${folder.path}/fusewire.db`, runtime: clock.runtime, log: clock.runtime.log });
      teamId = (await store.createTeam('departments')).id;
      const make = async (name: string, parentId: number | null) =>
        (await store.createDepartment(teamId, { name, parentId })).id;
      company = await make('Company', null);
      research = await make('Research', company);
      field = await make('Field', research);
      sales = await make('Sales', company);
      await store.setMembers(teamId, research, ['rita@example.org']);
      await store.setMembers(teamId, field, ['finn@example.org']);
      await store.setMembers(teamId, sales, ['sam@example.org', 'sue@example.org']);
      await store.setMembers(teamId, company, ['boss@example.org']);
    });
    afterEach(async () => {
      await store.close();
      folder.remove();
    });

    const below = (id: number, includeDescendants = true): ControlFilter => ({
      dimension: 'DEPARTMENT',
      operator: 'IS',
      value: String(id),
      ...(includeDescendants ? { includeDescendants } : {}),
    });
    const spend = (email: string, totalCost: number, model = 'gpt-4o-mini') =>
      store.recordEvents(teamId, [event(clock.nowMs, { totalCost, model, subscriber: { email } })]);
    /** Who is refused, by the guard on the real feed and by explain alike. */
    const refused = async (model = 'gpt-4o-mini') => {
      const parsed = parseFeed(String((await store.feed(teamId)).body ?? '{"rules":[]}'));
      if (parsed.kind !== 'rules') throw new Error(parsed.kind);
      const ruleSet = compileRuleSet(parsed.feed);
      const names: string[] = [];
      for (const name of ['boss', 'finn', 'nobody', 'rita', 'sam', 'sue']) {
        const call = { subscriberEmail: `${name}@example.org`, model, provider: 'OPENAI' };
        const { outcome } = decide(ruleSet, call, clock.nowMs);
        expect([name, (await store.explain(teamId, call)).verdict.outcome]).toEqual([name, outcome]);
        if (outcome === 'refuse') names.push(name);
      }
      expect((await store.verifyBalances()).wrong).toEqual([]);
      return names;
    };

    it('give each department its own budget, by the department of the person', async () => {
      await store.createControl(teamId, control({ hardLimit: '5', groupBy: 'DEPARTMENT' }));
      await spend('sam@example.org', 3);
      await spend('Rita@Example.org', 4.5);
      expect(await refused()).toEqual([]);
      await spend('sue@example.org', 2);
      expect(await refused()).toEqual(['sam', 'sue']);
      await spend('nobody@example.org', 50);
      expect(await refused()).toEqual(['sam', 'sue']);
      clock.advance(DAY);
      await store.turnWindows();
      expect(await refused()).toEqual([]);
    });

    it('below a parent give a budget to each direct child with all that lies below it', async () => {
      const made = await store.createControl(
        teamId,
        control({ hardLimit: '5', groupBy: 'DEPARTMENT', filters: [below(company)] }),
      );
      await spend('rita@example.org', 2);
      await spend('finn@example.org', 3);
      expect(await refused()).toEqual(['finn', 'rita']);
      const feed = JSON.parse(String((await store.feed(teamId)).body));
      expect(feed.departmentBudgetBlocks).toEqual({ 'finn@example.org': made.ruleId, 'rita@example.org': made.ruleId });
      expect(feed.departmentBudgetBlockBalances).toEqual({ 'finn@example.org': 5, 'rita@example.org': 5 });
      expect(feed.departmentBudgetBlockUnits).toEqual({ 'finn@example.org': research, 'rita@example.org': research });
      expect(feed.rules[0]).toMatchObject({
        groupBy: 'DEPARTMENT',
        departmentId: company,
        breached: false,
        filters: [],
      });
      await spend('boss@example.org', 9);
      expect(await refused()).toEqual(['boss', 'finn', 'rita']);
    });

    it('pool what lies below a department, and only its own members without that', async () => {
      const pool = await store.createControl(
        teamId,
        control({ hardLimit: '5', warnThreshold: '4', filters: [below(research)] }),
      );
      const own = await store.createControl(
        teamId,
        control({ hardLimit: '5', filters: [below(research, false)], enabled: false }),
      );
      await spend('finn@example.org', 4);
      expect(await refused()).toEqual([]);
      const warned = JSON.parse(String((await store.feed(teamId)).body)).departmentBudgetWarnings;
      expect(warned).toEqual({ 'finn@example.org': pool.ruleId, 'rita@example.org': pool.ruleId });
      await spend('finn@example.org', 2);
      expect(await refused()).toEqual(['finn', 'rita']);
      await store.updateControl(teamId, pool.id, { enabled: false });
      await store.updateControl(teamId, own.id, { enabled: true });
      expect(await refused()).toEqual([]);
      await spend('rita@example.org', 6);
      expect(await refused()).toEqual(['rita']);
    });

    it('with another filter refuse only what that covers', async () => {
      const model: ControlFilter = { dimension: 'MODEL', operator: 'IS', value: 'gpt-4o' };
      await store.createControl(teamId, control({ hardLimit: '1', filters: [below(sales), model] }));
      await spend('sam@example.org', 5, 'gpt-4o-mini');
      expect(await refused('gpt-4o')).toEqual([]);
      await spend('sam@example.org', 5, 'gpt-4o');
      expect(await refused('gpt-4o')).toEqual(['sam', 'sue']);
      expect(await refused('gpt-4o-mini')).toEqual([]);
    });

    it('can give each person of a department a budget of their own', async () => {
      await store.createControl(teamId, control({ hardLimit: '5', groupBy: 'SUBSCRIBER', filters: [below(sales)] }));
      await spend('sam@example.org', 6);
      await spend('rita@example.org', 6);
      expect(await refused()).toEqual(['sam']);
    });

    it('follow the directory: whoever joins is refused at once, what was spent stays where it was spent', async () => {
      await store.createControl(teamId, control({ hardLimit: '5', groupBy: 'DEPARTMENT' }));
      await spend('sam@example.org', 6);
      expect(await refused()).toEqual(['sam', 'sue']);
      await store.setMembers(teamId, sales, ['sue@example.org', 'rita@example.org']);
      expect(await refused()).toEqual(['rita', 'sue']);
      await store.setMembers(teamId, research, ['sam@example.org']);
      await spend('sam@example.org', 4);
      expect(await refused()).toEqual(['rita', 'sue']);
      await spend('sam@example.org', 1);
      expect(await refused()).toEqual(['rita', 'sam', 'sue']);
    });

    it('observe without refusing in shadow mode, and never hide one that refuses', async () => {
      await store.createControl(teamId, control({ hardLimit: '1', groupBy: 'DEPARTMENT', shadowMode: true }));
      await spend('sam@example.org', 3);
      expect(await refused()).toEqual([]);
      await store.createControl(teamId, control({ hardLimit: '2', groupBy: 'DEPARTMENT' }));
      expect(await refused()).toEqual(['sam', 'sue']);
    });

    it.each([
      [{ filters: [below(1_000_000)] }, 'filters'],
      [{ filters: [below(1), below(2)] }, 'groupBy'],
      [{ groupBy: 'MODEL' as const, filters: [below(1)] }, 'groupBy'],
    ])('refuse what cannot be said: %j', async (fields, field) => {
      await expect(store.createControl(teamId, control(fields))).rejects.toMatchObject({
        code: 'INVALID_CONTROL',
        problems: { [field]: expect.any(String) },
      });
    });
  });
}
