/** What the books guarantee on any store. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Admission, GatewayBooks } from '../../../../service/gateway/types.js';
import { SERVICE_ACTOR } from '../../../../service/ledger/audit.js';
import type { Store } from '../../../../service/store/store.js';
import type { TestStore } from '../../../helpers/stores.js';
import { until } from '../../../helpers/until.js';
import { declared } from '../../pricing-support.js';
import { event, tempFolder } from '../../store-support.js';
import { admitted, begin, callOf, control, finish, openBooks, quietRuntime } from './books-support.js';

/** A cent, in pico-dollars. */
const CENT = 10_000_000_000n;
const ACTOR = SERVICE_ACTOR;

export function describeBooks({ name, open }: TestStore): void {
  describe(`the one choke point ${name}`, () => {
    const runtime = quietRuntime();
    let folder: ReturnType<typeof tempFolder>;
    let store: Store;
    let books: GatewayBooks;
    let teamId: string;

    beforeEach(async () => {
      folder = tempFolder();
      store = await open({ file: `${folder.path}/db`, runtime, log: runtime.log });
      teamId = (await store.createTeam('t')).id;
      books = openBooks(store, folder.path, runtime);
    });

    afterEach(async () => {
      await books.close();
      await store.close();
      folder.remove();
    });

    const flat = (cents = 1n, model = '*') => store.setPrice(teamId, declared({ model }, { request: cents * CENT }));
    const cap = (fields: Parameters<typeof control>[0] = {}) =>
      store.createControl(teamId, control({ windowType: 'MONTHLY', ...fields }));
    const recorded = (events: number) =>
      until(async () => {
        const { totalElements } = await store.findEvents(teamId, { page: 0, size: 1 });
        return totalElements >= events;
      }, `${events} events are recorded`);
    const refusalOf = async (call = callOf(teamId)) => {
      const admission: Admission = await books.admit(call);
      expect(admission.outcome).toBe('refuse');
      if (admission.outcome !== 'refuse') throw new Error(admission.outcome);
      return admission.refusal;
    };

    it('admits exactly 100 of 1,000 parallel calls on a budget for 100, priced by the request', async () => {
      await flat();
      await cap({ hardLimit: '1' });
      const calls = Array.from({ length: 1_000 }, () => callOf(teamId));
      const admissions = await Promise.all(calls.map((call) => books.admit(call)));
      const passed = admitted(admissions);
      expect(passed).toHaveLength(100);
      expect(admissions.filter(({ outcome }) => outcome === 'refuse')).toHaveLength(900);
      const refusal = await refusalOf();
      expect(refusal).toMatchObject({ code: 'BUDGET_EXCEEDED', asked: '0.01', scope: { kind: 'team', value: null } });
      expect(refusal.budget).toMatchObject({ limit: '1', spend: '0', held: '1', remaining: '0' });
      expect(refusal.message).toMatch(
        /\$0\.00 spent \+ \$1\.00 held for calls under way \+ up to \$0\.01 for this call/,
      );
      for (const { ticket } of passed) finish(books, calls[0]!, ticket);
      await recorded(100);
      expect((await refusalOf()).budget).toMatchObject({ spend: '1', held: '0' });
    });

    it('admits exactly as many parallel calls as fit, priced by tokens, as one after the other would', async () => {
      await store.setPrice(teamId, declared({}, { input: 2_500_000n, output: 10_000_000n }));
      await cap({ hardLimit: '0.4' });
      const sizes = Array.from({ length: 1_000 }, (_, i) => ({
        inputTokensMax: (i * 37) % 200,
        outputTokensMax: (i * 11) % 90,
      }));
      const admissions = await Promise.all(sizes.map((bound) => books.admit(callOf(teamId, { bound }))));
      let left = 400_000_000;
      const expected = sizes.map(({ inputTokensMax, outputTokensMax }) => {
        const nanoUsd = inputTokensMax * 2_500 + outputTokensMax * 10_000;
        if (nanoUsd > left) return 'refuse';
        left -= nanoUsd;
        return 'admit';
      });
      expect(expected.filter((outcome) => outcome === 'admit').length).toBeGreaterThan(500);
      expect(admissions.map(({ outcome }) => outcome)).toEqual(expected);
    });

    it('gives back what a call did not use, and nothing is left when all have ended', async () => {
      await store.setPrice(teamId, declared({}, { input: 1_000_000n, output: 1_000_000n }));
      await cap({ hardLimit: '0.0004' });
      const call = callOf(teamId);
      const first = admitted([await books.admit(call)])[0]!;
      const second = admitted([await books.admit(call)])[0]!;
      expect(await refusalOf()).toMatchObject({ budget: { spend: '0', held: '0.0004' } });
      finish(books, call, first.ticket, { input: 10, output: 10 });
      second.ticket.release();
      second.ticket.release();
      const third = admitted([await books.admit(call)])[0]!;
      expect(third.budget).toMatchObject({ spend: '0.00002', held: '0.0002', remaining: '0.00018' });
      third.ticket.release();
      third.ticket.settle({} as never);
      await recorded(1);
      const fourth = admitted([await books.admit(call)])[0]!;
      expect(fourth.budget).toMatchObject({ spend: '0.00002', held: '0.0002' });
      fourth.ticket.release();
    });

    it('a budget of 0 lets nothing pass, and what is free passes one that has room', async () => {
      await store.setPrice(teamId, declared({ model: 'local', kind: 'free' }));
      await flat(1n, 'paid');
      const { id } = await cap({ hardLimit: '0' });
      expect((await refusalOf(callOf(teamId, { model: 'local' }))).code).toMatch(/BUDGET_EXCEEDED|RULE_TRIPPED/);
      await store.updateControl(teamId, id, { hardLimit: '0.01' });
      await until(async () => (await books.admit(callOf(teamId, { model: 'local' }))).outcome === 'admit', 'it passes');
      const paid = callOf(teamId, { model: 'paid' });
      finish(books, paid, admitted([await books.admit(paid)])[0]!.ticket);
      expect((await refusalOf(paid)).budget).toMatchObject({ spend: '0.01' });
      await refusalOf(callOf(teamId, { model: 'local' }));
    });

    it('a price that nobody knows: refused, assumed or flagged, as the control says', async () => {
      const { id } = await cap({ hardLimit: '1', onUnknownPrice: 'refuse' });
      const refusal = await refusalOf();
      expect(refusal).toMatchObject({ code: 'UNKNOWN_PRICE', rule: { id } });
      expect(refusal.message).toMatch(/nobody knows what a call of m at OPENAI costs.*prices set/);
      await store.updateControl(teamId, id, { onUnknownPrice: 'assume', assumedPricePerRequest: '0.4' });
      await until(async () => {
        const admission = await books.admit(callOf(teamId));
        if (admission.outcome === 'admit') admission.ticket.release();
        return admission.outcome === 'admit';
      }, 'the assumed price is known');
      const outcomes = [
        await books.admit(callOf(teamId)),
        await books.admit(callOf(teamId)),
        await books.admit(callOf(teamId)),
      ];
      expect(outcomes.map(({ outcome }) => outcome)).toEqual(['admit', 'admit', 'refuse']);
      for (const { ticket } of admitted(outcomes)) ticket.release();
      await store.updateControl(teamId, id, { onUnknownPrice: 'flag', assumedPricePerRequest: null });
      await until(async () => admitted([await books.admit(callOf(teamId))])[0]?.budget?.held === '0', 'it is flagged');
    });

    it('counts each customer, key and model on its own budget, and shows the one that is nearest to its end', async () => {
      await flat();
      await cap({
        name: 'c1',
        hardLimit: '0.02',
        filters: [{ dimension: 'SUBSCRIBER', operator: 'IS', value: 'cus_1' }],
      });
      await cap({
        name: 'k2',
        hardLimit: '0.03',
        filters: [{ dimension: 'CREDENTIAL', operator: 'IS', value: 'gk_2' }],
      });
      await cap({ name: 'each', hardLimit: '0.04', groupBy: 'SUBSCRIBER' });
      const ask = async (customer: string, key: string): Promise<string> => {
        const call = callOf(teamId, { customer, key });
        const admission = await books.admit(call);
        if (admission.outcome !== 'admit') return admission.outcome === 'refuse' ? `no ${admission.budget?.name}` : '?';
        finish(books, call, admission.ticket);
        return `${admission.budget?.name} ${admission.budget?.remaining}`;
      };
      expect(await ask('cus_1', 'gk_1')).toBe('c1 0.01');
      expect(await ask('cus_1', 'gk_1')).toBe('c1 0');
      expect(await ask('cus_1', 'gk_1')).toBe('no c1');
      expect(await ask('cus_2', 'gk_2')).toBe('k2 0.02');
      for (let i = 0; i < 2; i += 1) await ask('cus_2', 'gk_2');
      expect(await ask('cus_2', 'gk_2')).toBe('no k2');
      expect(await ask('cus_2', 'gk_3')).toBe('each 0');
      expect(await ask('cus_2', 'gk_3')).toBe('no each');
      expect(await refusalOf(callOf(teamId, { customer: 'cus_2', key: 'gk_3' }))).toMatchObject({
        scope: { kind: 'customer', value: 'cus_2' },
        budget: { group: 'cus_2' },
      });
    });

    it('two teams do not feel each other', async () => {
      await flat();
      await cap({ hardLimit: '0.01' });
      const other = (await store.createTeam('other')).id;
      await store.setPrice(other, declared({}, { request: CENT }));
      await store.createControl(other, control({ hardLimit: '0.01' }));
      const mine = callOf(teamId);
      finish(books, mine, admitted([await books.admit(mine)])[0]!.ticket);
      expect((await books.admit(callOf(other))).outcome).toBe('admit');
      await recorded(1);
      expect((await store.findEvents(other, { page: 0, size: 1 })).totalElements).toBe(0);
      await refusalOf();
    });

    it('feels what is spent elsewhere', async () => {
      await cap({ hardLimit: '1' });
      const call = callOf(teamId, { bound: { inputTokensMax: 0, outputTokensMax: 0 } });
      await store.setPrice(teamId, declared({ kind: 'free' }));
      expect((await books.admit(call)).outcome).toBe('admit');
      await store.recordEvents(teamId, [event(runtime.now(), { totalCost: 0.7 })]);
      await until(async () => admitted([await books.admit(call)])[0]?.budget?.spend === '0.7', 'it is felt');
      await store.recordEvents(teamId, [event(runtime.now(), { totalCost: 0.7 })]);
      await until(async () => (await books.admit(call)).outcome === 'refuse', 'it is refused');
    });

    it('a bypass lets everything pass, marked, and what it costs counts', async () => {
      await flat();
      await cap({ hardLimit: '0' });
      await refusalOf();
      await store.setBypass(teamId, { untilMs: runtime.now() + 60_000, reason: 'incident' }, ACTOR);
      await until(async () => (await books.admit(callOf(teamId))).outcome === 'admit', 'the bypass is known');
      const call = callOf(teamId);
      const [one] = admitted([await books.admit(call)]);
      expect(one).toMatchObject({ bypassed: true, decision: { code: 'BYPASSED' } });
      finish(books, call, one!.ticket);
      await recorded(1);
      await store.endBypass(teamId, ACTOR);
      await until(async () => (await books.admit(callOf(teamId))).outcome === 'refuse', 'the bypass is over');
      expect((await refusalOf()).budget).toMatchObject({ spend: '0.01' });
    });

    it('a control in shadow mode refuses nobody; refusals are kept, counted', async () => {
      await flat();
      await cap({ name: 'shadow', hardLimit: '0', shadowMode: true });
      expect((await books.admit(callOf(teamId))).outcome).toBe('admit');
      await cap({ name: 'real', hardLimit: '0' });
      await until(async () => (await books.admit(callOf(teamId))).outcome === 'refuse', 'the control is known');
      for (let i = 0; i < 20; i += 1) await refusalOf(callOf(teamId, { customer: 'cus_7' }));
      await until(async () => {
        const { items } = await store.listEnforcementEvents(teamId, { page: 0, size: 50 });
        const kept = items.filter(({ kind, details }) => kind === 'refusal' && details?.includes('cus_7') === true);
        return kept.reduce((sum, { count }) => sum + count, 0) === 20 && kept.length <= 4;
      }, 'the refusals are kept');
    });

    it('says what the controls of a call say of callers that leave, and to read on wins', async () => {
      const { id } = await cap({ hardLimit: '9', onClientLeave: 'abort' });
      expect(admitted([await books.admit(callOf(teamId))])[0]?.onClientLeave).toBe('abort');
      await cap({ hardLimit: '9', onClientLeave: 'drain' });
      await until(async () => admitted([await books.admit(callOf(teamId))])[0]?.onClientLeave === 'drain', 'drain');
      await store.deleteControl(teamId, id);
    });

    it('a call that failed and was not billed costs nothing', async () => {
      await flat();
      await cap({ hardLimit: '0.01' });
      const call = callOf(teamId);
      const [one] = admitted([await books.admit(call)]);
      begin(books, call).fail(one!.ticket, 500);
      await recorded(1);
      expect(admitted([await books.admit(call)])[0]?.budget).toMatchObject({ spend: '0' });
    });
  });
}
