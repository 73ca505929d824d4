import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ListedCustomer } from '../../../service/ledger/customers.js';
import type { CostControlInput } from '../../../service/store/store.js';
import { openServiceFixture, type ServiceFixture } from '../../helpers/service-fixture.js';
import type { TestStore } from '../../helpers/stores.js';
import { control, type HandClock, HOUR, handClock, NOON } from '../store-support.js';
import { recordMany, usageOf } from './usage-support.js';

/** Every cost control that concerns a customer. */
export function describeBudgets({ name, open }: TestStore): void {
  describe(`the budgets of a customer, ${name}`, () => {
    let clock: HandClock;
    let service: ServiceFixture;
    let ann: ListedCustomer;
    beforeEach(async () => {
      clock = handClock();
      service = await openServiceFixture(open, { runtime: clock.runtime });
      const budget = { amount: '10', timeZone: 'Europe/Berlin' };
      ann = await service.store.createCustomer(service.team.id, { name: 'Ann', email: 'ann@example.com', budget });
    });
    afterEach(() => service.close());

    const make = (fields: Partial<CostControlInput>) => service.store.createControl(service.team.id, control(fields));
    const record = (...events: ReturnType<typeof usageOf>[]) => recordMany(service.store, service.team.id, events);
    const check = async () => (await service.ask({ path: `/v2/api/customers/${ann.number}/budget` })).json;
    const key = async (label: string, hash: string) => {
      clock.advance(1);
      return (await service.store.createGatewayKey(
        service.team.id,
        ann.id,
        { label, dimensions: { productName: 'shop' } },
        { hash: hash.repeat(64), hint: 'abcd' },
      ))!.id;
    };
    const byName = async () => {
      const { budgets } = await check();
      return Object.fromEntries(budgets.map((row: { name: string }) => [row.name, row]));
    };

    it("begins with the customer's own: limit, spend, what is left, percentage and reset, exactly", async () => {
      await record(usageOf(ann.id, NOON, { totalCost: 3.333333333 }));
      const answer = await check();
      expect(answer).toMatchObject({ state: 'ok', hasOwnBudget: true, omitted: 0, dependsOnCall: [] });
      expect(answer.budgets).toHaveLength(1);
      expect(answer.budgets[0]).toMatchObject({
        ...{ controlId: ann.budgetControlId, isOwn: true, onlyFor: [], group: null, metricType: 'TOTAL_COST' },
        ...{ limit: '10', spend: '3.333333333', remaining: '6.666666667', percentUsed: 33.33, state: 'ok' },
        ...{ refuses: false, unknownPrices: 0, resetsAt: '2026-08-31T22:00:00.000Z', timeZone: 'Europe/Berlin' },
      });
      await record(usageOf(ann.id, NOON, { totalCost: 5 }));
      expect(await check()).toMatchObject({ state: 'warning', budgets: [{ state: 'warning', percentUsed: 83.33 }] });
      await record(usageOf(ann.id, NOON, { totalCost: 5 }));
      const over = { state: 'exceeded', refuses: true, remaining: '0', percentUsed: 133.33 };
      expect(await check()).toMatchObject({ state: 'exceeded', budgets: [over] });
      clock.advance(14 * 24 * HOUR);
      expect(await check()).toMatchObject({ state: 'ok', budgets: [{ spend: '0', remaining: '10' }] });
    });

    it('a budget of 0 is exceeded before anything was spent, and an unknown price is counted', async () => {
      await record(usageOf(ann.id, NOON, { model: 'never-heard-of' }));
      const first = await check();
      expect(first).toMatchObject({ state: 'exceeded', budgets: [{ unknownPrices: 1, spend: '0', refuses: true }] });
      await service.store.updateCustomer(service.team.id, ann.id, { budget: { amount: '0' } });
      expect((await check()).budgets[0]).toMatchObject({ limit: '0', remaining: '0', percentUsed: 100 });
    });

    it('has those that meet all of its calls, those of its keys and models, and none of anybody else', async () => {
      const [laptop, phone] = [await key('laptop', 'a'), await key('phone', 'b')];
      const filter = (dimension: string, value: string, operator = 'IS') =>
        [{ dimension, operator, value }] as CostControlInput['filters'];
      await make({ name: 'team', hardLimit: '100' });
      await make({ name: 'off', enabled: false });
      await make({ name: 'watched', hardLimit: '1', shadowMode: true });
      await make({ name: 'other', filters: filter('SUBSCRIBER', 'cus_other') });
      await make({ name: 'each', groupBy: 'SUBSCRIBER', hardLimit: '50' });
      await make({ name: 'phone', filters: filter('CREDENTIAL', phone), hardLimit: '2' });
      await make({ name: 'foreign key', filters: filter('CREDENTIAL', 'gk_other') });
      await make({ name: 'every key', groupBy: 'CREDENTIAL', hardLimit: '2' });
      await make({ name: 'shop', filters: filter('PRODUCT', 'shop'), hardLimit: '2' });
      await make({
        name: 'b alone',
        filters: filter('MODEL', 'b'),
        hardLimit: '2',
        windowType: 'ROLLING',
        windowDuration: 'PT24H',
      });
      await make({ name: 'not a', filters: filter('MODEL', 'a', 'IS_NOT'), hardLimit: '2' });
      await make({ name: 'by model', groupBy: 'MODEL', hardLimit: '2' });
      await make({ name: 'by agent', groupBy: 'AGENT' });
      await record(
        usageOf(ann.id, NOON, { totalCost: 1.5, model: 'b', key: phone, productName: 'shop' }),
        usageOf(ann.id, NOON, { totalCost: 0.25, model: 'a', key: laptop }),
        usageOf('cus_other', NOON, { totalCost: 20, model: 'a', key: 'gk_other' }),
      );
      const found = (await check()) as { budgets: Record<string, unknown>[]; dependsOnCall: unknown[]; state: string };
      const seen = found.budgets.map((row) => [row['name'], row['group'], row['onlyFor'], row['spend'], row['state']]);
      expect(seen).toEqual([
        [`Budget of Ann (${ann.id})`, null, [], '1.75', 'ok'],
        ['team', null, [], '21.75', 'ok'],
        ['watched', null, [], '21.75', 'exceeded'],
        ['each', ann.id, [], '1.75', 'ok'],
        ['phone', null, [`CREDENTIAL IS ${phone}`], '1.5', 'ok'],
        ['every key', laptop, [`CREDENTIAL IS ${laptop}`], '0.25', 'ok'],
        ['every key', phone, [`CREDENTIAL IS ${phone}`], '1.5', 'ok'],
        ['shop', null, ['PRODUCT IS shop'], '1.5', 'ok'],
        ['b alone', null, ['MODEL IS b'], '1.5', 'ok'],
        ['not a', null, ['MODEL IS_NOT a'], '1.5', 'ok'],
        ['by model', 'a', ['MODEL IS a'], '20.25', 'exceeded'],
        ['by model', 'b', ['MODEL IS b'], '1.5', 'ok'],
      ]);
      expect(found.dependsOnCall).toMatchObject([{ name: 'by agent', groupBy: 'AGENT' }]);
      expect(found.state).toBe('exceeded');
    });

    it('knows nothing of a revoked key, and of a deleted customer only what meets all', async () => {
      const phone = await key('phone', 'b');
      const filters = [{ dimension: 'CREDENTIAL', operator: 'IS', value: phone }] as const;
      await make({ name: 'phone', filters });
      await make({ name: 'team' });
      expect(Object.keys(await byName())).toEqual([`Budget of Ann (${ann.id})`, 'phone', 'team']);
      await service.store.revokeGatewayKey(service.team.id, phone);
      expect(Object.keys(await byName())).toEqual([`Budget of Ann (${ann.id})`, 'team']);
      await service.store.deleteCustomer(service.team.id, ann.id);
      const answer = await check();
      expect([answer.hasOwnBudget, answer.customer.deleted === null]).toEqual([false, false]);
      expect(Object.keys(await byName())).toEqual(['team']);
    });
  });
}
