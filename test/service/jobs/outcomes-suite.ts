import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openServiceFixture, type ParsedJson, type ServiceFixture } from '../../helpers/service-fixture.js';
import type { TestStore } from '../../helpers/stores.js';

const OUTCOME = {
  executionStatus: 'SUCCESS',
  outcomeType: 'CONVERTED',
  outcomeValue: 49.9,
  outcomeCurrency: 'EUR',
  metadata: '{"seats":3}',
  reportedBy: 'billing-bot',
  outcomeReason: 'paid',
};

/** Runs on each of the stores. */
export function outcomeSuite(stores: readonly TestStore[]): void {
  describe.each(stores)('outcomes of jobs, $name', ({ open }) => {
    let service: ServiceFixture;
    let next = 0;
    beforeAll(async () => {
      service = await openServiceFixture(open);
    });
    afterAll(() => service.close());

    const newJob = async (more: object = {}) => {
      next += 1;
      const agenticJobId = `job-${next}`;
      await service.ask({ path: '/v2/api/jobs', json: { agenticJobId, ...more } });
      return agenticJobId;
    };
    const ask = (
      job: string,
      path: string,
      json?: unknown,
      more: { method?: 'POST' | 'PATCH'; key?: string; headers?: Record<string, string> } = {},
    ) =>
      service.ask({
        path: `/profitstream/v2/api/jobs/${job}/outcome${path}?teamId=${service.team.id}`,
        ...(json === undefined ? {} : { json }),
        ...more,
      });
    const report = (job: string, json: unknown, headers: Record<string, string> = {}) =>
      ask(job, '', json, { headers });
    const amend = (job: string, json: unknown, headers: Record<string, string> = {}) =>
      ask(job, '', json, { method: 'PATCH', headers });
    const read = async (job: string) => (await service.ask({ path: `/v2/api/jobs/${job}` })).json;
    const history = async (job: string): Promise<ParsedJson[]> => (await ask(job, '/history')).json;

    it('are reported, and the job carries them', async () => {
      const job = await newJob({ name: 'n' });
      const got = await report(job, OUTCOME);
      expect(got.status).toBe(200);
      expect(got.json).toMatchObject({
        agenticJobId: job,
        name: 'n',
        executionStatus: 'SUCCESS',
        outcomeType: 'CONVERTED',
        outcomeValue: 49.9,
        outcomeCurrency: 'EUR',
        outcomeMetadata: '{"seats":3}',
        outcomeReportedBy: 'billing-bot',
        hasOutcome: true,
        outcomeAmendmentCount: 0,
        outcomeUpdatedAt: null,
        entityVersion: 1,
      });
      expect(await read(job)).toEqual(got.json);
      const bare = await newJob();
      expect((await report(bare, { executionStatus: 'FAILED' })).json).toMatchObject({
        executionStatus: 'FAILED',
        outcomeType: null,
        outcomeValue: null,
        outcomeCurrency: null,
      });
      expect((await report(await newJob(), { executionStatus: 'SUCCESS', outcomeValue: 0 })).json).toMatchObject({
        outcomeValue: 0,
        outcomeCurrency: 'USD',
      });
    });

    it('are reported once: the second report finds what it looks for in the 409, in every shape', async () => {
      const job = await newJob();
      const first = (await report(job, OUTCOME)).json;
      await amend(job, { outcomeValue: 1, reason: 'refund' });
      const got = await report(job, { ...OUTCOME, executionStatus: 'FAILED' });
      const current = await read(job);
      expect([got.status, got.headers['x-should-retry']]).toEqual([409, 'false']);
      expect(got.json).toEqual({
        ...current,
        message: expect.stringContaining('already been reported'),
        error: 'outcome_already_reported',
        guidance: expect.stringContaining('PATCH'),
        reportedAt: first.outcomeReportedAt,
        amendmentCount: 1,
        details: { guidance: got.json.guidance, reportedAt: first.outcomeReportedAt, updateCount: '1' },
      });
      expect(current).toMatchObject({ executionStatus: 'SUCCESS', outcomeValue: 1 });
    });

    it('are amended with a reason, and every version stays', async () => {
      const job = await newJob();
      await report(job, OUTCOME);
      const first = await amend(job, {
        outcomeValue: 20,
        reason: 'part was returned',
        reportedBy: 'rita',
        expectedEntityVersion: 1,
      });
      expect(first.json).toMatchObject({
        executionStatus: 'SUCCESS',
        outcomeType: 'CONVERTED',
        outcomeValue: 20,
        outcomeCurrency: 'EUR',
        outcomeReportedBy: 'billing-bot',
        outcomeAmendmentCount: 1,
        outcomeUpdatedBy: 'rita',
        outcomeUpdatedAt: expect.any(String),
        entityVersion: 2,
      });
      await amend(job, {
        executionStatus: 'CANCELLED',
        outcomeType: 'UNSUCCESSFUL',
        reason: 'fraud',
        outcomeValue: null,
      });
      const versions = await history(job);
      expect(
        versions.map(({ amendmentSequence, executionStatus, outcomeValue, reason, reportedBy }) => [
          amendmentSequence,
          executionStatus,
          outcomeValue,
          reason,
          reportedBy,
        ]),
      ).toEqual([
        [0, 'SUCCESS', 49.9, 'paid', 'billing-bot'],
        [1, 'SUCCESS', 20, 'part was returned', 'rita'],
        [2, 'CANCELLED', 20, 'fraud', null],
      ]);
      expect(versions.map(({ outcomeMetadata }) => outcomeMetadata)).toEqual(Array(3).fill('{"seats":3}'));
      expect(await history(await newJob())).toEqual([]);
    });

    it('are not amended where somebody else was first', async () => {
      const job = await newJob();
      await report(job, OUTCOME);
      await amend(job, { outcomeValue: 1, reason: 'one' });
      const got = await amend(job, { outcomeValue: 2, reason: 'two', expectedEntityVersion: 1 });
      expect([got.status, got.json.error]).toEqual([409, 'outcome_changed']);
      expect(got.json.message).toMatch(/^Outcome has changed since entity version 1; current version is 2\. /);
      expect((await read(job)).outcomeValue).toBe(1);
      expect(await history(job)).toHaveLength(2);
    });

    it('answer 422 where there is nothing to amend', async () => {
      const job = await newJob();
      expect((await amend(job, { outcomeValue: 1, reason: 'x' })).status).toBe(422);
      await report(job, OUTCOME);
      for (const body of [{ reason: 'x' }, { reason: 'x', outcomeValue: null, reportedBy: 'me' }]) {
        const got = await amend(job, body);
        expect([got.status, got.json.error]).toEqual([422, 'nothing_to_amend']);
      }
      expect(await history(job)).toHaveLength(1);
    });

    it('are written once for an Idempotency-Key', async () => {
      const job = await newJob();
      const key = (name: string) => ({ 'idempotency-key': `${job} ${name}` });
      const first = await report(job, OUTCOME, key('report'));
      const again = await report(job, OUTCOME, key('report'));
      expect([again.status, again.text, again.headers['idempotent-replayed']]).toEqual([200, first.text, 'true']);
      expect((await report(job, { ...OUTCOME, outcomeValue: 1 }, key('report'))).json.error).toBe(
        'idempotency_key_mismatch',
      );
      expect((await report(job, OUTCOME)).status).toBe(409);
      const change = { outcomeValue: 2, reason: 'r' };
      expect((await amend(job, change, key('amend'))).json.entityVersion).toBe(2);
      expect((await amend(job, change, key('amend'))).json.entityVersion).toBe(2);
      expect((await history(job)).length).toBe(2);
      // A refusal leaves the key free.
      const unknown = await report('not-yet', OUTCOME, key('late'));
      expect(unknown.status).toBe(404);
      await service.ask({ path: '/v2/api/jobs', json: { agenticJobId: 'not-yet' } });
      expect((await report('not-yet', OUTCOME, key('late'))).status).toBe(200);
    });

    it('need a write key to be written, and any key to be read', async () => {
      const job = await newJob();
      const metering = { key: service.keys.metering };
      const refused = [
        await ask(job, '', OUTCOME, metering),
        await ask(job, '', { outcomeValue: 1, reason: 'x' }, { ...metering, method: 'PATCH' }),
        await ask(job, '/metrics', [{ key: 'csat', value: 1, provenance: 'MEASURED' }], metering),
      ];
      for (const got of refused)
        expect([got.status, got.json.message]).toEqual([403, expect.stringContaining('rev_sk_')]);
      expect((await read(job)).hasOutcome).toBe(false);
      expect((await ask(job, '/history', undefined, metering)).status).toBe(200);
      expect((await ask(job, '/metrics', undefined, metering)).json).toEqual([]);
    });

    it('of an unknown job are 404, everywhere', async () => {
      const answers = [
        await report('nobody', OUTCOME),
        await amend('nobody', { outcomeValue: 1, reason: 'x' }),
        await ask('nobody', '/history'),
        await ask('nobody', '/metrics'),
        await ask('nobody', '/metrics', [{ key: 'k', value: 1, provenance: 'MEASURED' }]),
      ];
      for (const got of answers) expect([got.status, got.json.error]).toEqual([404, 'unknown_job']);
      const job = await newJob();
      const foreign = await service.ask({
        path: `/v2/api/jobs/${job}/outcome`,
        json: OUTCOME,
        key: service.otherKeys.write,
      });
      expect(foreign.status).toBe(404);
    });

    it.each([
      [{ executionStatus: undefined }, 'executionStatus', 'executionStatus is required'],
      [
        { executionStatus: 'DONE' },
        'executionStatus',
        "Value 'DONE' is not valid. Allowed values: [SUCCESS, FAILED, CANCELLED]",
      ],
      [{ outcomeType: 'WON' }, 'outcomeType', /\[CONVERTED, ESCALATED, DEFLECTED, UNSUCCESSFUL, CUSTOM\]$/],
      [{ outcomeValue: '49' }, 'outcomeValue', 'must be a number'],
      [{ outcomeValue: 1e13 }, 'outcomeValue', /^must be at most/],
      [{ outcomeCurrency: 'euro' }, 'outcomeCurrency', /three capital letters/],
      [{ metadata: { seats: 3 } }, 'metadata', 'must be text that holds JSON'],
      [{ metadata: '{seats' }, 'metadata', 'must be text that holds JSON'],
      [{ metadata: `"${'x'.repeat(65_536)}"` }, 'metadata', /^must have at most/],
      [{ reportedBy: 7 }, 'reportedBy', 'must be text'],
      [{ metrics: 'none' }, 'metrics', 'must be a list of metrics'],
      [{ metrics: [{ key: 'a', value: 'x', provenance: 'MEASURED' }] }, 'metrics.0.value', 'must be a number'],
    ])('refuse a report with %j and change nothing', async (changes, field, problem) => {
      const job = await newJob();
      const got = await report(job, { ...OUTCOME, ...changes });
      expect(got.status).toBe(400);
      expect(got.json[field as string]).toEqual(
        typeof problem === 'string' ? problem : expect.stringMatching(problem as RegExp),
      );
      expect((await read(job)).hasOutcome).toBe(false);
    });

    it('refuse an amendment without a reason, or of the wrong kind', async () => {
      const job = await newJob();
      await report(job, OUTCOME);
      for (const [body, field] of [
        [{ outcomeValue: 1 }, 'reason'],
        [{ outcomeValue: 1, reason: '' }, 'reason'],
        [{ outcomeValue: 'x', reason: 'r' }, 'outcomeValue'],
        [{ executionStatus: 'DONE', reason: 'r' }, 'executionStatus'],
        [{ outcomeValue: 1, reason: 'r', expectedEntityVersion: '1' }, 'expectedEntityVersion'],
      ] as const) {
        const got = await amend(job, body);
        expect([got.status, typeof got.json[field]]).toEqual([400, 'string']);
      }
      expect((await read(job)).entityVersion).toBe(1);
    });

    const metric = (changes: object = {}) => ({ key: 'csat', value: 4.5, provenance: 'MEASURED', ...changes });

    it('carry measured values: 201, each key once for a provenance and a source', async () => {
      const job = await newJob();
      const recordedAt = '2026-11-20T09:15:00.000Z';
      const got = await ask(job, '/metrics', [
        metric({ recordedBy: 'survey', source: 'form', reason: 'asked', recordedAt }),
        metric({ provenance: 'DERIVED' }),
      ]);
      expect(got.status).toBe(201);
      expect(got.json[0]).toMatchObject({
        ...metric(),
        recordedBy: 'survey',
        source: 'form',
        reason: 'asked',
        recordedAt,
      });
      const listed = (await ask(job, '/metrics')).json;
      expect(listed).toEqual(got.json);
      const twice = await ask(job, '/metrics', [metric({ key: 'new' }), metric({ source: 'form', value: 1 })]);
      expect([twice.status, twice.json.error]).toEqual([409, 'duplicate_metric']);
      expect(twice.json.message).toContain('1');
      const inside = await ask(job, '/metrics', [metric({ key: 'same' }), metric({ key: 'same', value: 9 })]);
      expect(inside.status).toBe(409);
      expect((await ask(job, '/metrics')).json).toEqual(listed);
      await report(job, { ...OUTCOME, metrics: [metric({ key: 'with-report', provenance: 'ATTESTED' })] });
      expect((await ask(job, '/metrics')).json.map(({ key }: ParsedJson) => key)).toContain('with-report');
    });

    it('refuse a quality rate outside 0 to 1 and a key that the type does not declare, all or nothing', async () => {
      const declared = { metrics: [{ key: 'resolution', kind: 'RATE' }, { key: 'turns' }] };
      const types = '/v2/api/fusewire/job-types/Support/metrics';
      const put = await service.ask({ method: 'PUT', path: types, json: declared });
      expect(put.json).toEqual({
        metrics: [
          { key: 'resolution', kind: 'RATE' },
          { key: 'turns', kind: 'NUMBER' },
        ],
      });
      const job = await newJob({ type: 'support' });
      const undeclared = await ask(job, '/metrics', [metric({ key: 'turns' }), metric()]);
      expect([undeclared.status, undeclared.json['1.key']]).toEqual([
        400,
        'is not declared for this type of job; declared: [resolution, turns]',
      ]);
      const outside = await ask(job, '/metrics', [metric({ key: 'resolution', value: 1.01 })]);
      expect([outside.status, outside.json['0.value']]).toEqual([400, expect.stringContaining('between 0 and 1')]);
      expect((await ask(job, '/metrics')).json).toEqual([]);
      const reported = await report(job, { ...OUTCOME, metrics: [metric()] });
      expect([reported.status, reported.json['metrics.0.key']]).toEqual([400, expect.stringContaining('not declared')]);
      expect((await read(job)).hasOutcome).toBe(false);
      const free = await newJob();
      expect((await ask(free, '/metrics', [metric({ key: 'qualityRate', value: -0.1 })])).status).toBe(400);
      expect((await ask(free, '/metrics', [metric({ key: 'quality_rate', value: 0.99 }), metric()])).status).toBe(201);
      await service.ask({ method: 'PUT', path: types, json: { metrics: [] } });
      expect((await ask(job, '/metrics', [metric()])).status).toBe(201);
      expect((await service.ask({ path: types, key: service.keys.metering })).json).toEqual({ metrics: [] });
    });

    it.each([
      [{}, 'message'],
      [[], 'message'],
      [[7], '0'],
      [[metric({ key: '' })], '0.key'],
      [[metric({ key: undefined })], '0.key'],
      [[metric({ value: undefined })], '0.value'],
      [[metric({ value: '1' })], '0.value'],
      [[metric({ provenance: 'GUESSED' })], '0.provenance'],
      [[metric({ provenance: undefined })], '0.provenance'],
      [[metric({ recordedAt: 'today' })], '0.recordedAt'],
      [Array.from({ length: 101 }, (_, at) => metric({ key: `k${at}` })), 'message'],
    ])('refuse metrics like %j', async (json, field) => {
      const job = await newJob();
      const got = await ask(job, '/metrics', json);
      expect([got.status, typeof got.json[field]]).toEqual([400, 'string']);
      expect((await ask(job, '/metrics')).json).toEqual([]);
    });
  });
}
