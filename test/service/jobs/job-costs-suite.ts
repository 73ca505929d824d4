import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openServiceFixture, type ParsedJson, type ServiceFixture, usageEvent } from '../../helpers/service-fixture.js';
import type { TestStore } from '../../helpers/stores.js';

/** Runs on each of the stores. */
export function jobCostSuite(stores: readonly TestStore[]): void {
  describe.each(stores)('what jobs cost, $name', ({ open }) => {
    let service: ServiceFixture;
    beforeAll(async () => {
      service = await openServiceFixture(open);
    });
    afterAll(() => service.close());

    const meter = async (agenticJobId: string, changes: Record<string, unknown>) => {
      const json = usageEvent({ agenticJobId, transactionId: undefined, ...changes });
      expect((await service.ask({ path: '/meter/v2/ai/completions', json, key: service.keys.metering })).status).toBe(
        201,
      );
    };
    const get = async (path: string) => {
      const got = await service.ask({ path: `/v2/api/jobs/${path}`, key: service.keys.metering });
      expect((await service.ask({ path: `/profitstream/v2/api/jobs/${path}` })).text).toBe(got.text);
      return got;
    };
    const report = (job: string, outcome: object) =>
      service.ask({ path: `/v2/api/jobs/${job}/outcome`, json: { executionStatus: 'SUCCESS', ...outcome } });

    it('is the sum of the prices of their events, exactly', async () => {
      for (const totalCost of [0.1, 0.2, 0.000_000_001])
        await meter('sum', { totalCost, agenticJobName: 'Sum', agenticJobType: 'T' });
      await service.ask({
        path: '/meter/v2/tool/events',
        json: {
          toolId: 't',
          durationMs: 84,
          timestamp: new Date().toISOString(),
          agenticJobId: 'sum',
          costUsd: 0.7,
          success: false,
        },
      });
      expect((await get('sum/roi')).json).toMatchObject({
        totalCost: 1.000000001,
        roi: null,
        roiUnavailable: 'no outcome was reported yet',
        hasOutcome: false,
      });
      await report('sum', { outcomeType: 'CONVERTED', outcomeValue: 3.000000003 });
      expect((await get('sum/roi')).json).toEqual({
        agenticJobId: 'sum',
        agenticJobName: 'Sum',
        agenticJobType: 't',
        totalCost: 1.000000001,
        knownCost: 1.000000001,
        unknownPriceCount: 0,
        outcomeValue: 3.000000003,
        outcomeCurrency: 'USD',
        roi: 2,
        roiUnavailable: null,
        executionStatus: 'SUCCESS',
        outcomeType: 'CONVERTED',
        hasOutcome: true,
        transactionCount: 4,
        inputTokens: 3 * 412,
        outputTokens: 3 * 96,
        totalTokens: 3 * 508,
      });
    });

    it('I5: is unknown where one price is, and says how much is known', async () => {
      await meter('unknown', { totalCost: 0.25 });
      await meter('unknown', { model: 'nobody-knows', provider: 'nobody' });
      await report('unknown', { outcomeValue: 10 });
      expect((await get('unknown/roi')).json).toMatchObject({
        totalCost: null,
        knownCost: 0.25,
        unknownPriceCount: 1,
        roi: null,
        roiUnavailable: 'the price of 1 events is unknown',
        transactionCount: 2,
      });
      const { transactions } = (await get('unknown/transactions')).json;
      expect(transactions.map(({ cost }: ParsedJson) => cost).sort()).toEqual([0.25, null]);
    });

    it('has no return where there is no value, another currency, or nothing spent', async () => {
      await meter('worthless', { totalCost: 1 });
      await report('worthless', {});
      await meter('euro', { totalCost: 1 });
      await report('euro', { outcomeValue: 5, outcomeCurrency: 'EUR' });
      await service.ask({ path: '/v2/api/jobs', json: { agenticJobId: 'idle' } });
      await report('idle', { outcomeValue: 5 });
      const why = async (job: string) => {
        const { roi, roiUnavailable } = (await get(`${job}/roi`)).json;
        return [roi, roiUnavailable];
      };
      expect(await why('worthless')).toEqual([null, 'the outcome has no value']);
      expect(await why('euro')).toEqual([null, 'the value is not in US dollars, and the cost is']);
      expect(await why('idle')).toEqual([null, 'the job cost nothing']);
      expect((await get('idle/roi')).json).toMatchObject({ totalCost: 0, transactionCount: 0 });
      await meter('loss', { totalCost: 4 });
      await report('loss', { outcomeValue: 1 });
      expect((await get('loss/roi')).json.roi).toBe(-0.75);
    });

    it('is told event by event, newest first, in pages', async () => {
      const at = (ms: number) => new Date(Date.now() - ms).toISOString();
      await meter('told', { transactionId: 'old', totalCost: 0.5, requestTime: at(60_000), agent: 'triage' });
      await meter('told', { transactionId: 'new', stopReason: 'ERROR', totalCost: 0, requestTime: at(1_000) });
      await meter('other', { transactionId: 'not this', totalCost: 9 });
      const all = (await get('told/transactions')).json;
      expect(all.totalCount).toBe(2);
      expect(all.transactions.map(({ transactionId, status }: ParsedJson) => [transactionId, status])).toEqual([
        ['new', 'ERROR'],
        ['old', 'SUCCESS'],
      ]);
      expect(all.transactions[1]).toEqual({
        transactionId: 'old',
        kind: 'completion',
        timestamp: expect.any(String),
        agent: 'triage',
        model: 'gpt-4o-mini',
        provider: 'OPENAI',
        duration: 1180,
        cost: 0.5,
        inputTokens: 412,
        outputTokens: 96,
        totalTokens: 508,
        status: 'SUCCESS',
      });
      const second = (await get('told/transactions?size=1&page=1')).json;
      expect([second.totalCount, second.transactions.length, second.transactions[0].transactionId]).toEqual([
        2,
        1,
        'old',
      ]);
    });

    it('of an unknown job is 404', async () => {
      for (const path of ['nobody/roi', 'nobody/transactions']) expect((await get(path)).status).toBe(404);
    });
  });
}
