import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openServiceFixture, type ParsedJson, type ServiceFixture, usageEvent } from '../../helpers/service-fixture.js';
import type { TestStore } from '../../helpers/stores.js';

/** Runs on each of the stores. */
export function readBackSuite(stores: readonly TestStore[]): void {
  describe.each(stores)('reading metered events back, $name', ({ open }) => {
    let service: ServiceFixture;
    const at = (msAgo: number) => new Date(Date.now() - msAgo).toISOString();
    const OLD = at(3_600_000);
    beforeAll(async () => {
      service = await openServiceFixture(open);
      const media = {
        model: 'm-1',
        provider: 'p',
        requestTime: at(5_000),
        responseTime: at(4_000),
        requestDuration: 5,
      };
      const events: readonly (readonly [string, object])[] = [
        ['ai/completions', usageEvent({ transactionId: 'c-1', requestTime: OLD, traceId: 'conv-1', totalCost: 0.5 })],
        [
          'ai/completions',
          usageEvent({
            transactionId: 'c-2',
            model: 'gpt-4o-2024-08-06',
            attributes: { requestedModel: 'gpt-4o' },
            subscriber: { id: 'u-88', email: 'Rita@example.org' },
            systemPrompt: 'be kind',
            inputMessages: '[]',
            promptsTruncated: true,
          }),
        ],
        ['ai/images', { ...media, transactionId: 'i-1', actualImageCount: 1, traceId: 'conv-1' }],
        ['ai/audio', { ...media, transactionId: 'a-1', characterCount: 1 }],
        ['ai/video', { ...media, transactionId: 'v-1', durationSeconds: 1 }],
        [
          'tool/events',
          { transactionId: 't-1', toolId: 'crm', durationMs: 1, timestamp: at(3_000), traceId: 'conv-1' },
        ],
        ['events', { transactionId: 'e-1', payload: 'p' }],
      ];
      for (const [type, json] of events) {
        expect((await service.ask({ path: `/meter/v2/${type}`, json })).status).toBe(201);
      }
    });
    afterAll(() => service.close());

    const get = async (path: string, key = service.keys.metering) => {
      const got = await service.ask({ path: `/v2/api/sources/metrics/${path}`, key });
      const other = await service.ask({ path: `/profitstream/v2/api/sources/metrics/${path}`, key });
      expect(other.text).toBe(got.text);
      return got;
    };
    const list = async (path: string): Promise<ParsedJson[]> => {
      const got = await get(path);
      expect(got.status, path).toBe(200);
      return Object.values(got.json._embedded)[0] as ParsedJson[];
    };
    const ids = async (path: string) => (await list(path)).map(({ transactionId }) => transactionId);

    it('lists each kind by itself', async () => {
      expect(await ids('ai/completions')).toEqual(['c-2', 'c-1']);
      expect(await ids('ai/images')).toEqual(['i-1']);
      expect(await ids('ai/audio')).toEqual(['a-1']);
      expect(await ids('ai/video')).toEqual(['v-1']);
      expect(await ids('tool/events')).toEqual(['t-1']);
      expect(Object.keys((await get('ai/images')).json._embedded)).toEqual(['aIImageMetricResourceList']);
      const [tool] = await list('tool/events');
      expect(tool).toMatchObject({ resourceType: 'toolEventMetric', toolId: 'crm', totalCost: 0, priceState: 'known' });
    });

    it('narrows by transaction, trace, model, subscriber and time', async () => {
      expect(await ids('ai/completions?transactionId=c-1')).toEqual(['c-1']);
      expect(await ids('ai/completions?transactionId=i-1')).toEqual([]);
      expect(await ids('ai/completions?traceId=conv-1')).toEqual(['c-1']);
      expect(await ids('tool/events?traceId=conv-1')).toEqual(['t-1']);
      expect(await ids('ai/completions?traceId=conv-2')).toEqual([]);
      expect(await ids('ai/completions?model=gpt-4o')).toEqual(['c-2']);
      expect(await ids('ai/completions?model=gpt-4o-2024-08-06')).toEqual(['c-2']);
      expect(await ids('ai/completions?subscriber=u-88')).toEqual(['c-2']);
      expect(await ids('ai/completions?subscriber=rita@EXAMPLE.org')).toEqual(['c-2']);
      expect(await ids(`ai/completions?to=${OLD}`)).toEqual(['c-1']);
      expect(await ids(`ai/completions?from=${at(60_000)}`)).toEqual(['c-2']);
      expect(await ids(`ai/completions?from=${OLD}&to=${OLD}&model=gpt-4o-mini&traceId=conv-1`)).toEqual(['c-1']);
      expect(await ids(`ai/images?from=${at(1)}`)).toEqual([]);
      const page = (await get('ai/completions?size=1&page=1')).json;
      expect(page.page).toEqual({ size: 1, totalElements: 2, totalPages: 2, number: 1 });
      for (const query of ['from=yesterday', 'to=2026-11-20']) {
        const got = await get(`ai/completions?${query}`);
        expect([got.status, typeof got.json[query.split('=')[0]!]]).toEqual([400, 'string']);
      }
    });

    it('reads one, by its id or its transaction id', async () => {
      const [image] = await list('ai/images');
      expect((await get(`ai/images/${image.id}`)).json).toEqual(image);
      expect((await get('ai/images/i-1')).json).toEqual(image);
      expect((await get('ai/completions/c-1')).json).toMatchObject({ transactionId: 'c-1', totalCost: 0.5 });
      for (const path of ['ai/completions/i-1', 'ai/completions/nothing', 'ai/video/a-1']) {
        expect((await get(path)).status).toBe(404);
      }
      expect((await get(`ai/images/${image.id}`, service.otherKeys.write)).status).toBe(404);
    });

    it('reads prompts where they were captured', async () => {
      expect((await get('ai/completions/c-2/prompts')).json).toEqual({
        id: expect.any(String),
        transactionId: 'c-2',
        systemPrompt: 'be kind',
        inputMessages: '[]',
        outputResponse: null,
        promptsTruncated: true,
      });
      expect((await get('ai/completions/c-1/prompts')).json).toMatchObject({
        systemPrompt: null,
        promptsTruncated: false,
      });
      expect((await get('ai/completions/i-1/prompts')).status).toBe(404);
    });

    it('offers what fields can hold, and what the team metered', async () => {
      const { json } = await get('ai/completions/reference-data');
      expect(json.operationTypes).toHaveLength(17);
      expect(json.stopReasons).toHaveLength(8);
      expect(json.models).toEqual(expect.arrayContaining(['gpt-4o-mini', 'gpt-4o-2024-08-06', 'm-1', 'tool:crm']));
      expect((await get('ai/completions/reference-data', service.otherKeys.metering)).json.models).toEqual([]);
    });
  });
}
