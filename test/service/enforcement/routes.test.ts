import { createRuntime } from 'fusewire/internal';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openServiceFixture, type ServiceFixture } from '../../helpers/service-fixture.js';
import { STORES } from '../../helpers/stores.js';

const EVENTS = '/v2/api/ai/enforcement-events';
const NOW = Date.UTC(2026, 10, 20, 9, 14, 58);
const HOUR = 3_600_000;
const uuid = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;

describe.each(STORES)('what operators read and switch, $name', ({ open }) => {
  let service: ServiceFixture;
  let nowMs: number;
  beforeEach(async () => {
    nowMs = NOW;
    service = await openServiceFixture(open, { runtime: createRuntime({ now: () => nowMs }) });
  });
  afterEach(() => service.close());

  const list = (query: Record<string, string> = {}, path = EVENTS) =>
    service.ask({ path: `${path}?${new URLSearchParams({ teamId: service.team.id, ...query })}` });
  const report = (refusals: unknown, key = service.keys.metering) =>
    service.ask({ path: '/meter/v2/fusewire/refusals', json: { refusals }, key });
  const makeControl = async (fields: Record<string, unknown> = {}) =>
    (
      await service.ask({
        path: '/v2/api/ai/cost-controls',
        json: {
          ...{ teamId: service.team.id, name: 'Nightly batch cap', metricType: 'TOTAL_COST', windowType: 'DAILY' },
          ...{ hardLimit: 250, ...fields },
        },
      })
    ).json;
  const spend = (transactionId: string, totalCost: number, fields: Record<string, unknown> = {}) =>
    service.store.recordEvents(service.team.id, [
      { transactionId, receivedAtMs: nowMs, body: { transactionId, model: 'm', provider: 'P', totalCost, ...fields } },
    ]);

  describe('enforcement events', () => {
    it('are rows as the contract has them, the same under both path families', async () => {
      const control = await makeControl({ warnThreshold: 200 });
      await spend('chatcmpl-8', 210);
      await spend('chatcmpl-9x', 41.37, { subscriber: { email: 'rita@example.org' } });
      const got = await list();
      expect(got.json._embedded.objectList).toEqual([
        {
          ...{ id: expect.any(String), resourceType: 'enforcementEvent', kind: 'trip', ruleName: 'Nightly batch cap' },
          ...{ ruleId: control.id, feedRuleId: control.feedRuleId, ruleDeleted: false, action: 'BLOCK' },
          ...{ metricType: 'TOTAL_COST', currentValue: 251.37, threshold: 250, usagePercent: 100.55, level: 'HARD' },
          ...{
            isShadow: false,
            groupBy: null,
            groupValue: null,
            groupLabel: null,
            created: '2026-11-20T09:14:58.000Z',
          },
          ...{ transactionId: 'chatcmpl-9x', subscriberEmail: 'rita@example.org', outcome: 'BLOCKED', details: null },
          ...{ windowKey: 'DAILY:2026-11-20', windowStart: '2026-11-20T00:00:00.000Z', count: 1 },
          ...{ teamId: service.team.id, tenantId: service.team.id },
        },
      ]);
      expect(got.json.page).toEqual({ size: 20, totalElements: 1, totalPages: 1, number: 0 });
      expect((await list({}, `/profitstream${EVENTS}`)).json).toEqual(got.json);
      expect((await list({ level: 'WARN' })).json._embedded.objectList).toMatchObject([
        { outcome: 'WARNED', threshold: 200 },
      ]);
      const both = (await list({ level: 'ALL', sort: 'created,asc' })).json._embedded.objectList;
      expect(both.map((row: { outcome: string }) => row.outcome)).toEqual(['WARNED', 'BLOCKED']);
      for (const [query, total] of [
        [{ ruleId: control.id }, 1],
        [{ ruleId: 'nothing' }, 0],
        [{ transactionId: 'chatcmpl-9x' }, 1],
        [{ mode: 'SHADOW' }, 0],
        [{ query: 'RITA@' }, 1],
        [{ since: '2026-11-20T10:14:58+01:00', until: '2026-11-20T09:14:58Z' }, 1],
        [{ since: '2026-11-20T09:14:58.001Z' }, 0],
      ] as const) {
        expect([query, (await list(query)).json.page.totalElements]).toEqual([query, total]);
      }
    });

    it('cover the last 30 days unless they are asked for more, up to now', async () => {
      await makeControl({ hardLimit: 1 });
      await spend('old', 2);
      nowMs += 31 * 24 * HOUR;
      expect((await list()).json.page.totalElements).toBe(0);
      expect((await list({ since: '2026-01-01T00:00:00Z' })).json.page.totalElements).toBe(1);
      expect((await list({ until: '2026-12-01T00:00:00Z' })).json.page.totalElements).toBe(1);
    });

    it.each([
      [{ since: '2026-11-19' }, 422, 'since', /full ISO 8601 date-time/],
      [{ until: '2026-11-19T10:00:00' }, 422, 'until', /full ISO 8601 date-time/],
      [{ since: '2026-02-30T00:00:00Z' }, 422, 'since', /full ISO 8601 date-time/],
      [{ since: 'yesterday' }, 422, 'since', /full ISO 8601 date-time/],
      [{ since: '2026-11-20T00:00:00Z', until: '2026-11-19T00:00:00Z' }, 422, 'since', /after until/],
      [{ since: '2026-01-01T00:00:00Z', until: '2026-11-19T00:00:00Z' }, 422, 'since', /at most 30 days/],
      [{ ruleId: '17' }, 422, 'ruleId', /not the number/],
      [{ groupBy: 'AGENT' }, 422, 'groupValue', /come together/],
      [{ groupValue: 'x' }, 422, 'groupBy', /come together/],
      [{ level: 'SOFT' }, 400, 'level', "Value 'SOFT' is not valid. Allowed values: [HARD, WARN, ALL]"],
      [{ mode: 'DRY' }, 400, 'mode', "Value 'DRY' is not valid. Allowed values: [ENFORCED, SHADOW, ALL]"],
      [{ groupBy: 'COLOUR', groupValue: 'x' }, 400, 'groupBy', /^Value 'COLOUR' is not valid\. Allowed values: \[/],
      [{ sort: 'size,asc' }, 400, 'sort', "Value 'size' is not valid. Allowed values: [created]"],
      [{ sort: 'created,up' }, 400, 'sort', "Value 'up' is not valid. Allowed values: [asc, desc]"],
      [{ page: '-1' }, 400, 'page', 'page must be at least 0'],
      [{ teamId: '' }, 400, 'teamId', 'teamId is required'],
    ])('refuse %j with %i', async (query, status, field, problem) => {
      const got = await list(query);
      expect([got.status, got.json[field]]).toEqual([
        status,
        typeof problem === 'string' ? problem : expect.stringMatching(problem),
      ]);
    });

    it('are summed up whatever the level and mode, put into a history, and say whom they met', async () => {
      const control = await makeControl({ groupBy: 'SUBSCRIBER', hardLimit: 1, warnThreshold: 0.5 });
      await spend('a', 0.6, { subscriber: { id: 'rita' } });
      await spend('b', 0.6, { subscriber: { id: 'rita' } });
      const said = { ruleId: control.feedRuleId, groupValue: 'rita', at: '2026-11-19T23:30:00Z' };
      await report([{ id: uuid(1), ...said, count: 7 }]);
      const summary = (await list({ level: 'WARN', mode: 'SHADOW' }, `${EVENTS}/summary`)).json;
      expect(summary).toEqual({
        ...{ since: '2026-10-21T09:14:58.000Z', until: '2026-11-20T09:14:58.000Z', totalEvents: 3, refusedCalls: 7 },
        ...{ byOutcome: { BLOCKED: 2, WARNED: 1 }, byKind: { trip: 1, warn: 1, refusal: 1 } },
        ...{ byMode: { ENFORCED: 3, SHADOW: 0 }, totalRules: 1 },
        rules: [
          {
            ...{ ruleId: control.id, feedRuleId: control.feedRuleId, ruleName: 'Nightly batch cap', events: 3 },
            lastEvent: '2026-11-20T09:14:58.000Z',
          },
        ],
      });
      const utc = (await list({ level: 'ALL' }, `${EVENTS}/history`)).json;
      expect([utc.bucket, utc.zone, utc.buckets.map((one: { label: string }) => one.label)]).toEqual([
        'DAY',
        'UTC',
        ['2026-11-19', '2026-11-20'],
      ]);
      const vienna = (await list({ zone: 'europe/vienna' }, `${EVENTS}/history`)).json;
      expect(vienna).toMatchObject({
        zone: 'Europe/Vienna',
        buckets: [
          {
            ...{ start: '2026-11-19T23:00:00.000Z', end: '2026-11-20T23:00:00.000Z', label: '2026-11-20', events: 2 },
            ...{ byOutcome: { BLOCKED: 2 }, refusedCalls: 7 },
          },
        ],
      });
      const affected = (await list({ level: 'ALL', affectedSearch: 'RIT' }, `${EVENTS}/affected`)).json;
      expect([affected.total, affected.rows]).toMatchObject([
        1,
        [{ groupBy: 'SUBSCRIBER', groupValue: 'rita', events: 3, count: 9, firstEvent: '2026-11-19T23:30:00.000Z' }],
      ]);
      for (const [path, query, status, field] of [
        ['history', { zone: '+02:00' }, 422, 'zone'],
        ['history', { zone: 'UTC+2' }, 422, 'zone'],
        ['history', { zone: 'Mars/Olympus' }, 422, 'zone'],
        ['history', { bucket: 'MONTH' }, 400, 'bucket'],
        ['summary', { since: '2026-11-19' }, 422, 'since'],
        ['affected', { groupBy: 'AGENT' }, 422, 'groupValue'],
      ] as const) {
        const got = await list(query, `${EVENTS}/${path}`);
        expect([query, got.status, typeof got.json[field]]).toEqual([query, status, 'string']);
      }
      const foreign = `?teamId=${service.team.id}`;
      for (const path of ['', '/summary', '/history', '/affected']) {
        expect((await service.ask({ path: `${EVENTS}${path}${foreign}`, key: service.otherKeys.write })).status).toBe(
          403,
        );
        expect((await service.ask({ path: `${EVENTS}${path}${foreign}`, key: service.keys.metering })).status).toBe(
          403,
        );
      }
    });
  });

  describe('refusals', () => {
    it('I1: come in with a metering key, are announced, and are kept once', async () => {
      const got = await report([{ id: uuid(1), ruleId: 12, at: new Date(nowMs).toISOString(), count: 3 }]);
      expect([got.status, got.json]).toEqual([202, { accepted: 1 }]);
      expect(String(got.headers['fusewire-capabilities']).split(', ')).toEqual(
        expect.arrayContaining(['refusals', 'bypass']),
      );
      const again = await report([
        { id: uuid(1).toUpperCase(), ruleId: 99, at: new Date(nowMs).toISOString(), count: 1 },
        { id: uuid(2), at: '2026-11-20T10:00:00+01:00', code: 'uninitialized', currentValue: 1e-7, threshold: '0.5' },
      ]);
      expect(again.json).toEqual({ accepted: 1 });
      expect((await list()).json._embedded.objectList).toMatchObject([
        {
          kind: 'refusal',
          outcome: 'BLOCKED',
          feedRuleId: 12,
          ruleId: null,
          ruleDeleted: true,
          count: 3,
          usagePercent: null,
        },
        { created: '2026-11-20T09:00:00.000Z', currentValue: 1e-7, threshold: 0.5, details: 'code uninitialized' },
      ]);
      expect((await report([])).json).toEqual({ accepted: 0 });
    });

    const fine = { id: uuid(9), ruleId: 1, at: '2026-11-20T09:00:00Z' };
    it.each([
      [undefined, 'refusals', 'refusals must be an array'],
      [[{ ...fine, id: 'x' }], 'refusals.0.id', 'must be a UUID'],
      [[{ ...fine, at: '2026-11-20' }], 'refusals.0.at', 'must be a full ISO 8601 date-time'],
      [[fine, { ...fine, count: 0 }], 'refusals.1.count', expect.any(String)],
      [[{ ...fine, count: 1.5 }], 'refusals.0.count', 'must be a whole number'],
      [[{ ...fine, ruleId: 'a' }], 'refusals.0.ruleId', 'must be a whole number'],
      [[{ ...fine, threshold: -1 }], 'refusals.0.threshold', 'must not be negative'],
      [[{ ...fine, model: 7 }], 'refusals.0.model', 'must be text'],
      [Array.from({ length: 501 }, () => fine), 'refusals', 'must have at most 500 entries'],
    ])('refuse what is wrong, all of it, and keep none (%#)', async (refusals, field, problem) => {
      const got = await report(refusals);
      expect([got.status, got.json[field]]).toEqual([400, problem]);
      expect((await list()).json.page.totalElements).toBe(0);
    });
  });

  describe('the bypass', () => {
    const PATH = '/v2/api/fusewire/bypass';
    const off = () => ({ teamId: service.team.id, active: false, since: null, until: null, reason: null, by: null });

    it('is switched on and off by a write key, and read', async () => {
      expect((await service.ask({ path: PATH })).json).toEqual(off());
      const json = { until: '2026-11-20T12:00:00+01:00', reason: ' the provider bills twice ' };
      const on = await service.ask({ path: PATH, method: 'PUT', json });
      const hint = service.keys.write.slice(-4);
      expect([on.status, on.json]).toEqual([
        200,
        {
          ...{
            teamId: service.team.id,
            active: true,
            since: '2026-11-20T09:14:58.000Z',
            until: '2026-11-20T11:00:00.000Z',
          },
          ...{ reason: 'the provider bills twice', by: `test (…${hint})` },
        },
      ]);
      expect((await service.ask({ path: `/profitstream${PATH}` })).json).toEqual(on.json);
      expect((await service.ask({ path: PATH, key: service.otherKeys.write })).json.active).toBe(false);
      expect((await service.ask({ path: PATH, method: 'DELETE' })).status).toBe(204);
      expect((await service.ask({ path: PATH })).json).toEqual(off());
      expect((await service.ask({ path: PATH, method: 'DELETE' })).status).toBe(204);
      const audit = (await service.ask({ path: '/v2/api/fusewire/audit?subject=bypass' })).json._embedded.objectList;
      expect(audit.map((row: { action: string }) => row.action)).toEqual(['deleted', 'created']);
      expect(audit[1]).toMatchObject({
        actor: { hint, label: 'test' },
        before: null,
        after: { reason: json.reason.trim() },
      });
      expect(JSON.stringify(audit)).not.toContain(service.keys.write);
    });

    it.each([
      [{ reason: 'r' }, 'until', 'until is required'],
      [{ until: '2026-11-20', reason: 'r' }, 'until', 'must be a full ISO 8601 date-time'],
      [{ until: '2026-11-20T09:14:58Z', reason: 'r' }, 'until', 'must be in the future'],
      [{ until: '2026-11-27T09:14:59Z', reason: 'r' }, 'until', 'must be at most 7 days ahead'],
      [{ until: '2026-11-21T00:00:00Z' }, 'reason', 'reason is required'],
      [{ until: '2026-11-21T00:00:00Z', reason: '  ' }, 'reason', 'reason is required'],
    ])('refuses %j and stays off', async (json, field, problem) => {
      const got = await service.ask({ path: PATH, method: 'PUT', json });
      expect([got.status, got.json[field]]).toEqual([400, problem]);
      expect((await service.ask({ path: PATH })).json.active).toBe(false);
    });

    it('is not for metering keys', async () => {
      const json = { until: '2026-11-21T00:00:00Z', reason: 'r' };
      const got = await service.ask({ path: PATH, method: 'PUT', json, key: service.keys.metering });
      expect(got.status).toBe(403);
    });
  });

  describe('the audit', () => {
    it('tells of keys and prices too, and by whom; I12: of no key', async () => {
      const audit = async (subject: string) =>
        (await service.ask({ path: `/v2/api/fusewire/audit?subject=${subject}` })).json._embedded.objectList;
      const [write] = await audit('key');
      expect(write).toMatchObject({
        action: 'created',
        actor: { id: 'local:cli' },
        after: { scope: 'write', label: 'test' },
      });
      await service.store.revokeKey((await service.store.listKeys(service.team.id))[0]!.id);
      expect((await audit('key'))[0]).toMatchObject({ action: 'revoked', before: { scope: 'metering' }, after: null });
      const price = { provider: 'OLLAMA', model: 'llama3', kind: 'rates', inputPerMillion: 0.25 };
      expect((await service.ask({ path: '/v2/api/fusewire/prices', json: price })).status).toBe(201);
      const again = { ...price, kind: 'free', inputPerMillion: undefined };
      const { id } = (await service.ask({ path: '/v2/api/fusewire/prices', json: again })).json;
      expect(await audit('price')).toMatchObject([
        {
          ...{ action: 'declared', subjectId: id, actor: { hint: service.keys.write.slice(-4) } },
          ...{ before: { kind: 'rates', model: 'llama3' }, after: { kind: 'free', model: 'llama3' } },
        },
        { action: 'declared', before: null },
        { action: 'declared', actor: { id: 'service' } },
      ]);
      const whole = (await service.ask({ path: '/v2/api/fusewire/audit?size=500' })).text;
      for (const key of Object.values(service.keys)) expect(whole).not.toContain(key.slice(20));
    });

    it('names the key that changed a control, and what was before', async () => {
      const control = await makeControl();
      const path = `/v2/api/ai/cost-controls/${control.id}`;
      await service.ask({ path, method: 'PATCH', json: { hardLimit: 300 } });
      await service.ask({ path, method: 'DELETE' });
      const got = await service.ask({ path: `/v2/api/fusewire/audit?subject=control&subjectId=${control.id}&size=2` });
      expect(got.json.page).toEqual({ size: 2, totalElements: 3, totalPages: 2, number: 0 });
      expect(got.json._embedded.objectList).toMatchObject([
        { action: 'deleted', resourceType: 'auditEntry', after: null, actor: { hint: service.keys.write.slice(-4) } },
        { action: 'updated', subject: 'control', before: { hardLimit: '250' }, after: { hardLimit: '300' } },
      ]);
      for (const [query, status, field] of [
        ['subject=weather', 400, 'subject'],
        ['since=2026-11-20', 422, 'since'],
        ['since=2026-11-20T00:00:00Z&until=2026-11-19T00:00:00Z', 422, 'since'],
      ] as const) {
        const refused = await service.ask({ path: `/v2/api/fusewire/audit?${query}` });
        expect([query, refused.status, typeof refused.json[field]]).toEqual([query, status, 'string']);
      }
      const elsewhere = await service.ask({
        path: '/v2/api/fusewire/audit?subject=control',
        key: service.otherKeys.write,
      });
      expect(elsewhere.json.page.totalElements).toBe(0);
    });
  });
});
