/** The API of holds over HTTP: single operations, refusals, who may do what, and what operators see. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openServiceFixture, type ServiceFixture, usageEvent } from '../../helpers/service-fixture.js';
import type { TestStore } from '../../helpers/stores.js';
import { needOf, suiteCall, take } from '../../holds/desk-contract.js';
import { hardControl } from '../../holds/service-desk.js';

/** Runs the suite on a store. */
export function describeHoldsApi({ name, open }: TestStore): void {
  describe(`the API of holds ${name}`, () => {
    let service: ServiceFixture;
    let controlId: string;
    beforeAll(async () => {
      service = await openServiceFixture(open);
    });
    afterAll(() => service.close());
    beforeEach(async () => {
      const { store, team } = service;
      for (const { id } of (await store.listControls(team.id, { page: 0, size: 100 })).items) {
        await store.deleteControl(team.id, id);
      }
      controlId = (await store.createControl(team.id, hardControl('Cap', { limit: 1_000 }))).id;
    });

    const path = '/v2/api/holds';
    const post = (end: string, json: unknown, key = service.keys.metering) =>
      service.ask({ method: 'POST', path: `${path}${end}`, key, json });
    const bodyOf = (tokens: number, changes: object = {}) => {
      const { op: _op, ...body } = take(tokens);
      return { ...body, ...changes };
    };
    const held = async (tokens: number, changes: object = {}) => {
      const answer = await post('', bodyOf(tokens, changes));
      expect(answer.status).toBe(200);
      return answer.json.hold;
    };

    it('takes, extends, renews and gives back, each on its own path, with a metering key', async () => {
      const body = bodyOf(100);
      const taken = await post('', body);
      expect(taken.status).toBe(200);
      expect(taken.headers['fusewire-capabilities']).toContain('holds');
      expect(taken.json).toMatchObject({ outcome: 'held', hold: { id: body.id, state: 'open', sequence: 0 } });
      expect(taken.json.rates).toBeDefined();
      const twice = await post('', { ...body, id: body.id.toUpperCase() });
      expect(twice.json.hold).toMatchObject({ id: body.id, parts: [{ controlId, amount: '100' }] });
      const extension = { sequence: 1, call: suiteCall(), need: needOf(50), missing: { [controlId]: '50' } };
      const extended = await post(`/${body.id}/extend`, extension);
      expect(extended.json.hold).toMatchObject({ sequence: 1, parts: [{ amount: '150' }] });
      expect((await post(`/${body.id}/renew`, { sequence: 2 })).json.hold).toMatchObject({ sequence: 2 });
      const back = await post(`/${body.id}/give-back`, { sequence: 3, keep: { [controlId]: '40' } });
      expect(back.json.hold.parts).toMatchObject([{ amount: '40' }]);
      const other = await service.ask({
        path: `/profitstream${path}/${body.id}/give-back`,
        key: service.keys.metering,
        json: { sequence: 4, keep: {} },
      });
      expect(other.json.hold).toMatchObject({ state: 'closed' });
    });

    it('answers a refusal with 402, the whole arithmetic, and that trying again is no use', async () => {
      await held(700);
      const refused = await post('', bodyOf(400));
      expect(refused.status).toBe(402);
      expect(refused.headers['x-should-retry']).toBe('false');
      expect(refused.headers['retry-after']).toBeUndefined();
      expect(refused.json).toMatchObject({ error: 'budget_exceeded', message: expect.stringContaining('Cap') });
      expect(refused.json.details).toMatchObject({
        rule: { id: controlId, name: 'Cap' },
        scope: { kind: 'everybody', value: null },
        ...{ metric: 'TOKEN_COUNT', unit: 'count', limit: '1000', raised: '0', spend: '0', held: '700', asked: '400' },
        ...{ remaining: '300', resets_at: null, held_by_others: true },
        refusal: { code: 'BUDGET_EXCEEDED', controlId },
      });
      const { id } = await held(300);
      const more = { sequence: 1, call: suiteCall(), need: needOf(10), missing: { [controlId]: '10' } };
      const unextended = await post(`/${id}/extend`, more);
      expect(unextended.status).toBe(402);
      expect(unextended.json.details.hold).toMatchObject({ id, parts: [{ amount: '300' }] });
    });

    it('answers a batch with an outcome for each, refused or not', async () => {
      const operations = [take(600), take(600), { op: 'renew', id: randomUUID(), sequence: 1 }, take(100)];
      const answer = await post('/batch', { operations });
      expect(answer.status).toBe(200);
      const { outcomes } = answer.json as { outcomes: { outcome: string }[] };
      expect(outcomes.map(({ outcome }) => outcome)).toEqual(['held', 'refused', 'gone', 'held']);
    });

    it('says what is wrong, with its place, and does nothing', async () => {
      const bad = await post('/batch', { operations: [take(10), { ...take(10), owner: '' }] });
      expect(bad.status).toBe(400);
      expect(bad.json['operations.1.owner']).toBe('owner is required');
      expect((await post('', { ...bodyOf(10), id: 'x' })).json).toMatchObject({ id: 'must be a UUID' });
      expect((await post(`/${randomUUID()}/renew`, { sequence: 'one' })).status).toBe(400);
      expect((await post('/not-a-uuid/renew', { sequence: 1 })).status).toBe(400);
      for (const text of ['', '[]', 'null', '{', '{"operations":null}']) {
        const answer = await service.ask({
          ...{ method: 'POST', path: `${path}/batch`, key: service.keys.metering, text },
          headers: { 'content-type': 'application/json' },
        });
        expect(answer.status).toBe(400);
      }
      const gone = await post(`/${randomUUID()}/renew`, { sequence: 1 });
      expect([gone.status, gone.json.error]).toEqual([404, 'hold_gone']);
      const { id } = await held(10);
      expect((await post('', bodyOf(10, { id, owner: 'another process' }))).status).toBe(409);
    });

    it('is blind to the holds of other teams', async () => {
      const { id } = await held(100);
      const { otherKeys, team } = service;
      expect((await post(`/${id}/renew`, { sequence: 5 }, otherKeys.metering)).status).toBe(404);
      const list = await service.ask({ path, key: otherKeys.write });
      expect(list.json._embedded.objectList).toEqual([]);
      expect((await service.ask({ path: `${path}/${id}`, key: otherKeys.write })).status).toBe(404);
      expect((await service.ask({ method: 'DELETE', path: `${path}/${id}`, key: otherKeys.write })).status).toBe(404);
      const named = await service.ask({ path: `${path}?teamId=${team.id}`, key: otherKeys.write });
      expect(named.status).toBe(403);
      // The same id of another team is another hold.
      expect((await post('', bodyOf(100, { id }), otherKeys.metering)).json).toMatchObject({ outcome: 'free' });
      const own = await service.ask({ path: `${path}/${id}` });
      expect(own.json).toMatchObject({ state: 'open', sequence: 0 });
    });

    it('lists and releases with a write key only', async () => {
      const { id } = await held(100);
      for (const method of ['GET', 'DELETE'] as const) {
        expect((await service.ask({ method, path: `${path}/${id}`, key: service.keys.metering })).status).toBe(403);
        expect((await service.ask({ method, path: `${path}/${id}`, key: null })).status).toBe(401);
      }
      expect((await service.ask({ path, key: service.keys.metering })).status).toBe(403);
      expect((await post('', bodyOf(1), 'rev_mk_nobody_0123456789')).status).toBe(401);
    });

    it('shows operators who holds what, and by which filters they find it', async () => {
      const credential = `sk-live-${randomUUID()}`;
      const call = suiteCall({ agent: 'scribe', credential });
      const { id } = await held(100, { owner: 'host-a:1', call });
      await held(50, { owner: 'host-b:2' });
      const event = usageEvent({ transactionId: randomUUID(), holdId: id, totalTokenCount: 30, agent: 'scribe' });
      await service.ask({ path: '/meter/v2/ai/completions', key: service.keys.metering, json: event });
      const listOf = async (query: string) =>
        (await service.ask({ path: `${path}?${query}` })).json._embedded.objectList as Record<string, unknown>[];
      const [row, ...rest] = await listOf('owner=host-a:1&state=open');
      expect(rest).toEqual([]);
      expect(row).toMatchObject({ id, resourceType: 'hold', owner: 'host-a:1', state: 'open', ended: null });
      expect(row!['parts']).toMatchObject([
        { controlId, name: 'Cap', metric: 'TOKEN_COUNT', amount: '100', drawn: '30', left: '70', windowEnd: null },
      ]);
      expect(JSON.stringify(row)).not.toContain(credential);
      expect(JSON.stringify(row)).toContain('hmac_');
      expect((await listOf(`controlId=${controlId}`)).map(({ owner }) => owner)).toEqual(['host-b:2', 'host-a:1']);
      expect(await listOf('state=expired')).toEqual([]);
      const page = await service.ask({ path: `${path}?controlId=${controlId}&size=1&page=1` });
      expect(page.json.page).toMatchObject({ size: 1, totalElements: 2, totalPages: 2, number: 1 });
      expect(page.json._embedded.objectList).toMatchObject([{ id }]);
      expect((await service.ask({ path: `${path}?state=shut` })).status).toBe(400);
    });

    it('lets an operator end a hold, once, and says so in the audit', async () => {
      const { id } = await held(900);
      expect((await post('', bodyOf(900))).status).toBe(402);
      const released = await service.ask({ method: 'DELETE', path: `${path}/${id}` });
      expect([released.status, released.json.outcome]).toEqual([200, 'given-back']);
      expect(released.json.hold).toMatchObject({ id, state: 'closed', parts: [{ left: '0' }] });
      await held(900);
      const again = await service.ask({ method: 'DELETE', path: `${path}/${id}` });
      expect([again.status, again.json.outcome]).toEqual([200, 'nothing']);
      const missing = await service.ask({ method: 'DELETE', path: `${path}/${randomUUID()}` });
      expect(missing.status).toBe(404);
      const audit = await service.ask({ path: '/v2/api/fusewire/audit' });
      expect(audit.text).toContain(id);
    });

    it('counts at /metrics by metric and reason, without teams, owners or controls', async () => {
      await held(700);
      await post('', bodyOf(400));
      const { text } = await service.ask({ path: '/metrics' });
      expect(text).toMatch(/^fusewire_holds_held\{metric="TOKEN_COUNT"\} \d+$/m);
      expect(text).toMatch(/^fusewire_holds_drawn\{metric="TOKEN_COUNT"\} \d+$/m);
      expect(text).toMatch(/^fusewire_holds_refused_total\{code="BUDGET_EXCEEDED"\} [1-9]/m);
      expect(text).toMatch(/^fusewire_holds_stranded_ratio\{metric="TOKEN_COUNT"\} 0\.7$/m);
      expect(text).toMatch(/^# TYPE fusewire_holds_idle_ratio gauge$/m);
      expect(text).toMatch(/^fusewire_holds_open [1-9]/m);
      expect(text).toMatch(/^fusewire_holds_expired \d+$/m);
      for (const secret of [controlId, service.team.id, 'suite-1']) expect(text).not.toContain(secret);
    });
  });
}
