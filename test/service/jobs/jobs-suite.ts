import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openServiceFixture, type ParsedJson, type ServiceFixture, usageEvent } from '../../helpers/service-fixture.js';
import type { TestStore } from '../../helpers/stores.js';

/** Runs on each of the stores. */
export function jobSuite(stores: readonly TestStore[]): void {
  describe.each(stores)('jobs, $name', ({ open }) => {
    let service: ServiceFixture;
    beforeAll(async () => {
      service = await openServiceFixture(open);
    });
    afterAll(() => service.close());

    const meter = async (changes: Record<string, unknown>) => {
      const got = await service.ask({
        path: '/meter/v2/ai/completions',
        json: usageEvent(changes),
        key: service.keys.metering,
      });
      expect(got.status).toBe(201);
    };
    const get = (path: string, key = service.keys.metering) => service.ask({ path: `/v2/api/jobs${path}`, key });
    const create = (json: object, headers: Record<string, string> = {}) =>
      service.ask({
        path: `/profitstream/v2/api/jobs?teamId=${service.team.id}`,
        json,
        headers,
        key: service.keys.metering,
      });
    const names = (json: ParsedJson): string[] =>
      json._embedded.jobResourceList.map(({ agenticJobId }: ParsedJson) => agenticJobId);

    it('appear with the first event that names them, and learn what later events say', async () => {
      expect((await get('/implicit-1')).status).toBe(404);
      await meter({ transactionId: 'i-1', agenticJobId: 'implicit-1' });
      const first = await get('/implicit-1');
      expect(first.json).toMatchObject({
        agenticJobId: 'implicit-1',
        label: 'implicit-1',
        resourceType: 'job',
        source: 'EVENT',
        name: null,
        type: null,
        hasOutcome: false,
        executionStatus: null,
        outcomeAmendmentCount: 0,
        entityVersion: 0,
      });
      await meter({
        transactionId: 'i-2',
        agenticJobId: 'implicit-1',
        agenticJobName: 'Invoices',
        agenticJobType: 'Billing',
      });
      await meter({
        transactionId: 'i-3',
        agenticJobId: 'implicit-1',
        agenticJobName: 'Other',
        agenticJobVersion: 'v2',
      });
      const later = (await get('/implicit-1')).json;
      expect(later).toMatchObject({ name: 'Invoices', type: 'billing', version: 'v2', id: first.json.id });
      expect((await get(`/${first.json.id}`)).json).toEqual(later);
      expect((await service.ask({ path: '/profitstream/v2/api/jobs/implicit-1' })).json).toEqual(later);
    });

    it('appear with tool events, media and batches as well', async () => {
      const at = new Date().toISOString();
      const items = [
        { type: 'tool/events', event: { toolId: 't', durationMs: 1, timestamp: at, agenticJobId: 'by-tool' } },
        { type: 'ai/audio', event: { model: 'm', provider: 'p', requestTime: at, agenticJobId: 'by-audio' } },
        {
          type: 'ai/completions',
          event: usageEvent({ transactionId: 'x-1', agenticJobId: 'by-audio', agenticJobType: 'T' }),
        },
      ];
      await service.ask({ path: '/meter/v2/batch', json: items, key: service.keys.metering });
      expect((await get('/by-tool')).status).toBe(200);
      expect((await get('/by-audio')).json).toMatchObject({ type: 't' });
    });

    it('an event with a malformed job makes none, and is refused as a whole', async () => {
      const json = usageEvent({ transactionId: 'bad', agenticJobId: 'no spaces' });
      expect((await service.ask({ path: '/meter/v2/ai/completions', json })).status).toBe(400);
      expect(
        (await service.store.findEvents(service.team.id, { transactionId: 'bad', page: 0, size: 1 })).items,
      ).toEqual([]);
    });

    it('are declared once: 201, then 409 with the job in it', async () => {
      const job = { agenticJobId: 'declared-1', name: 'Nightly', type: 'Report', version: 3, environment: 'staging' };
      const made = await create({ ...job, teamId: service.team.id, tenantId: 'any' });
      expect(made.status).toBe(201);
      expect(made.json).toMatchObject({ ...job, type: 'report', version: '3', source: 'API' });
      const again = await create({ ...job, name: 'Changed' });
      expect([again.status, again.json.error, again.headers['x-should-retry']]).toEqual([409, 'job_exists', 'false']);
      expect(again.json).toMatchObject({ agenticJobId: 'declared-1', name: 'Nightly', message: expect.any(String) });
      expect((await get('/declared-1')).json.name).toBe('Nightly');
    });

    it('that only events named so far are declared by POST, and keep what they have', async () => {
      await meter({ transactionId: 'e-1', agenticJobId: 'both', agenticJobType: 'kept' });
      const made = await create({ agenticJobId: 'both', name: 'Now named' });
      expect([made.status, made.json.name, made.json.type, made.json.source]).toEqual([
        201,
        'Now named',
        'kept',
        'API',
      ]);
      expect((await create({ agenticJobId: 'both' })).status).toBe(409);
    });

    it('are declared once for an Idempotency-Key', async () => {
      const headers = { 'idempotency-key': 'job-key' };
      const job = { agenticJobId: 'keyed-1' };
      const first = await create(job, headers);
      const again = await create(job, headers);
      expect([again.status, again.text, again.headers['idempotent-replayed']]).toEqual([201, first.text, 'true']);
      const other = await create({ agenticJobId: 'keyed-2' }, headers);
      expect([other.status, other.json.error]).toEqual([409, 'idempotency_key_mismatch']);
      expect((await get('/keyed-2')).status).toBe(404);
      expect((await create(job, { 'idempotency-key': '' })).json.error).toBe('invalid_idempotency_key');
    });

    it.each([
      [{}, 'agenticJobId', 'agenticJobId is required'],
      [{ agenticJobId: 7 }, 'agenticJobId', 'must be text'],
      [{ agenticJobId: 'types' }, 'agenticJobId', /^must begin/],
      [{ agenticJobId: 'conversion-funnel' }, 'agenticJobId', /^must begin/],
      [{ agenticJobId: `a${'b'.repeat(255)}` }, 'agenticJobId', /^must begin/],
      [{ agenticJobId: '.hidden' }, 'agenticJobId', /^must begin/],
      [{ agenticJobId: 'ok', name: {} }, 'name', 'must be text'],
    ])('refuses to declare %j', async (json, field, problem) => {
      const got = await create(json);
      expect(got.status).toBe(400);
      expect(got.json[field as string]).toEqual(
        typeof problem === 'string' ? problem : expect.stringMatching(problem as RegExp),
      );
    });

    it('stay within their team', async () => {
      await create({ agenticJobId: 'ours' });
      expect((await get('/ours', service.otherKeys.write)).status).toBe(404);
      expect((await service.ask({ path: `/v2/api/jobs?teamId=${service.other.id}` })).status).toBe(403);
      expect(names((await get('', service.otherKeys.metering)).json)).toEqual([]);
      expect((await service.ask({ path: '/v2/api/jobs', key: null })).status).toBe(401);
      expect((await get('/-malformed')).status).toBe(400);
    });
  });

  describe.each(stores)('lists of jobs, $name', ({ open }) => {
    let service: ServiceFixture;
    beforeAll(async () => {
      service = await openServiceFixture(open);
      for (const [agenticJobId, type, name] of [
        ['j-1', 'Alpha', 'zebra'],
        ['j-2', 'beta', 'ant'],
        ['j-3', 'alpha', 'mole'],
      ]) {
        await service.ask({ path: '/v2/api/jobs', json: { agenticJobId, type, name } });
      }
      const outcome = { executionStatus: 'SUCCESS', outcomeType: 'CONVERTED', outcomeValue: 5 };
      await service.ask({ path: '/v2/api/jobs/j-1/outcome', json: outcome });
      await service.ask({
        path: '/v2/api/jobs/j-2/outcome',
        json: { executionStatus: 'SUCCESS', outcomeType: 'ESCALATED' },
      });
    });
    afterAll(() => service.close());

    const list = async (query: string) => {
      const got = await service.ask({ path: `/v2/api/jobs?${query}` });
      expect(got.status, query).toBe(200);
      return got.json._embedded.jobResourceList.map(({ agenticJobId }: ParsedJson) => agenticJobId);
    };

    it('are filtered', async () => {
      expect(await list('type=ALPHA')).toEqual(['j-3', 'j-1']);
      expect(await list('executionStatus=SUCCESS')).toEqual(['j-2', 'j-1']);
      expect(await list('executionStatus=SUCCESS&outcomeType=CONVERTED')).toEqual(['j-1']);
      expect(await list('executionStatus=&outcomeType=&type=')).toHaveLength(3);
      const today = new Date().toISOString().slice(0, 10);
      expect(await list(`startDate=${today}T00:00:00Z&endDate=2999-01-01`)).toHaveLength(3);
      expect(await list('startDate=2999-01-01')).toEqual([]);
      expect(await list('endDate=2020-01-01')).toEqual([]);
    });

    it('are paged and sorted', async () => {
      expect(await list('sort=name')).toEqual(['j-2', 'j-3', 'j-1']);
      expect(await list('sort=name,desc')).toEqual(['j-1', 'j-3', 'j-2']);
      expect(await list('sort=created,asc')).toEqual(['j-1', 'j-2', 'j-3']);
      expect(await list('sort=agenticJobId,DESC')).toEqual(['j-3', 'j-2', 'j-1']);
      expect((await list('sort=updated,asc'))[0]).toBe('j-3');
      expect(await list('sort=type,asc&size=2')).toHaveLength(2);
      const page = (await service.ask({ path: '/v2/api/jobs?size=2&page=1' })).json;
      expect(page.page).toEqual({ size: 2, totalElements: 3, totalPages: 2, number: 1 });
      expect(page._embedded.jobResourceList).toHaveLength(1);
    });

    it.each([
      'sort=colour',
      'sort=name,up',
      'executionStatus=DONE',
      'outcomeType=WON',
      'startDate=yesterday',
      'endDate=2026-13-01',
      'page=-1',
    ])('refuse %s and name the field', async (query) => {
      const got = await service.ask({ path: `/v2/api/jobs?${query}` });
      expect(got.status).toBe(400);
      expect(got.json[query.split('=')[0]!]).toEqual(expect.any(String));
    });

    it('know their types and how many got how far', async () => {
      expect((await service.ask({ path: '/v2/api/jobs/types' })).json).toEqual(['alpha', 'beta']);
      const funnel = async (query = '') => (await service.ask({ path: `/v2/api/jobs/conversion-funnel${query}` })).json;
      expect(await funnel()).toEqual({
        totalJobs: 3,
        successfulJobs: 2,
        convertedJobs: 1,
        successRate: 2 / 3,
        conversionRate: 1 / 3,
      });
      expect(await funnel('?jobType=Beta')).toMatchObject({ totalJobs: 1, successfulJobs: 1, convertedJobs: 0 });
      expect(await funnel('?startDate=2999-01-01')).toEqual({
        totalJobs: 0,
        successfulJobs: 0,
        convertedJobs: 0,
        successRate: 0,
        conversionRate: 0,
      });
      expect((await service.ask({ path: '/v2/api/jobs/conversion-funnel?endDate=x' })).status).toBe(400);
    });
  });
}
