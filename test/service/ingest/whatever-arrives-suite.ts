import { connect } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openServiceFixture, type ParsedJson, type ServiceFixture, usageEvent } from '../../helpers/service-fixture.js';
import type { TestStore } from '../../helpers/stores.js';

const odd = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom(null, '', ' ', '\u0000', '\ud800', '__proto__', 'IMAGE', 'END', 'PER_IMAGE', 'tts', 'types', '1e999'),
  fc.constantFrom<unknown>(0, -1, 1.5, 1e308, 2 ** 60, true, [], {}, { value: null }, 'x'.repeat(3_000)),
);
const AT = new Date().toISOString();
const MEDIA = { model: 'm', provider: 'p', requestTime: AT, responseTime: AT, requestDuration: 5 };
const GOOD: Readonly<Record<string, Record<string, unknown>>> = {
  'ai/completions': usageEvent(),
  'ai/images': { ...MEDIA, actualImageCount: 2, billingUnit: 'PER_IMAGE', operationSubtype: 'edit' },
  'ai/audio': { ...MEDIA, characterCount: 3, durationSeconds: 2.5, operationSubtype: 'tts', speed: 1.5 },
  'ai/video': { ...MEDIA, durationSeconds: 3, creditsConsumed: 2.5, completionStatus: 'SUCCESS', fps: 24 },
  'tool/events': { toolId: 't', durationMs: 1, timestamp: AT, costUsd: 0.5, usageMetadata: {}, subscriptionId: 's' },
  events: { payload: 'p', sourceType: 'AI', sourceId: 'x' },
};
const TYPES = Object.keys(GOOD);
const EXTRA = [
  'transactionId',
  'subscriber',
  'subscriberId',
  'agenticJobId',
  'attributes',
  'totalCost',
  'agent',
  'traceId',
];

/** An event of a kind with some of its fields replaced by something odd, under one of a few transaction ids. */
const arrival = fc.constantFrom(...TYPES).chain((type) =>
  fc.record({
    type: fc.constant(type),
    changes: fc.dictionary(fc.constantFrom(...Object.keys(GOOD[type] ?? {}), ...EXTRA), odd, { maxKeys: 4 }),
    transactionId: fc.constantFrom(undefined, 'w-1', 'w-2', 'w-3', 'w-\u0000'),
    key: fc.constantFrom(undefined, undefined, 'key-1', 'key-2'),
    batched: fc.boolean(),
  }),
);

/** Runs on each of the stores. */
export function whateverArrivesSuite(stores: readonly TestStore[]): void {
  describe.each(stores)('whatever arrives, $name', ({ open }) => {
    let service: ServiceFixture;
    beforeAll(async () => {
      service = await openServiceFixture(open);
    });
    afterAll(() => service.close());

    const countAll = async () => (await service.store.findEvents(service.team.id, { page: 0, size: 1 })).totalElements;

    it('I4: there is one event for each transaction id, balances equal the sum, and nothing is a 500', async () => {
      for (const metricType of ['TOTAL_COST', 'IMAGE_COUNT', 'CREDITS_CONSUMED', 'CHARACTER_COUNT']) {
        const json = {
          teamId: service.team.id,
          name: metricType,
          metricType,
          windowType: 'DAILY',
          hardLimit: 1e6,
          shadowMode: false,
        };
        expect((await service.ask({ path: '/v2/api/ai/cost-controls', json })).status).toBe(201);
      }
      const acknowledged = new Map<string, string>();
      await fc.assert(
        fc.asyncProperty(fc.array(arrival, { minLength: 1, maxLength: 5 }), async (arrivals) => {
          const answers = await Promise.all(
            arrivals.map(async ({ type, changes, transactionId, key, batched }) => {
              const event = { ...GOOD[type], ...changes, ...(transactionId === undefined ? {} : { transactionId }) };
              if (batched) {
                const items = [{ type, event, ...(key === undefined ? {} : { idempotencyKey: key }) }];
                const got = await service.ask({ path: '/meter/v2/batch', json: items });
                expect(got.status).toBe(200);
                return got.json.results[0] as { status: number; body: ParsedJson };
              }
              const headers: Record<string, string> = key === undefined ? {} : { 'idempotency-key': key };
              const got = await service.ask({ path: `/meter/v2/${type}`, json: event, headers });
              return { status: got.status, body: got.json };
            }),
          );
          for (const { status, body } of answers) {
            expect([201, 400, 409, 422]).toContain(status);
            if (status !== 201) expect([typeof body.message, typeof body.error]).toEqual(['string', 'string']);
            else {
              expect(acknowledged.get(body.label) ?? body.id, body.label).toBe(body.id);
              acknowledged.set(body.label, body.id);
            }
          }
        }),
        { numRuns: 150 },
      );
      expect(await countAll()).toBe(acknowledged.size);
      expect((await service.store.verifyBalances()).wrong).toEqual([]);
      for (const path of ['ai/completions', 'ai/images', 'ai/audio', 'ai/video', 'tool/events']) {
        expect((await service.ask({ path: `/v2/api/sources/metrics/${path}?size=500` })).status).toBe(200);
      }
      expect((await service.ask({ path: '/v2/api/jobs' })).status).toBe(200);
    });

    const PATHS = [...TYPES.map((type) => `/meter/v2/${type}`), '/meter/v2/batch', '/v2/api/jobs'];
    it.each(PATHS)(
      '%s refuses other types, broken JSON, deep JSON and large bodies, and changes nothing',
      async (path) => {
        const before = await countAll();
        const ask = (text: string, type: string | null = 'application/json') =>
          service.ask({ path, text, headers: type === null ? {} : { 'content-type': type } });
        expect((await ask('x', 'text/plain')).status).toBe(415);
        expect((await ask('a=1', 'application/x-www-form-urlencoded')).status).toBe(415);
        expect([(await ask('{"model": ')).status, (await ask('{"model": ')).json.error]).toEqual([
          400,
          'malformed_json',
        ]);
        expect((await ask('')).status).toBe(400);
        expect((await ask('"text"')).status).toBe(400);
        const deep = `{"attributes":${'{"a":'.repeat(40)}1${'}'.repeat(40)}}`;
        expect((await ask(path.endsWith('batch') ? `[${deep}]` : deep)).json.error).toBe('too_deep');
        expect((await ask(`{"model":"${'x'.repeat(9 * 1_048_576)}"}`)).status).toBe(413);
        expect(await countAll()).toBe(before);
      },
    );

    it.each(PATHS)('%s keeps nothing of a body that ends half-way', async (path) => {
      const before = await countAll();
      const body = JSON.stringify(
        path.endsWith('batch') ? [{ type: 'events', event: { payload: 'p' } }] : GOOD['ai/images'],
      );
      const { hostname, port } = new URL(service.url);
      await new Promise<void>((resolve, reject) => {
        const socket = connect(Number(port), hostname, () => {
          socket.write(
            `POST ${path} HTTP/1.1\r\nhost: x\r\nx-api-key: ${service.keys.write}\r\ncontent-type: application/json\r\n` +
              `content-length: ${body.length}\r\n\r\n${body.slice(0, -5)}`,
            () => socket.end(),
          );
        });
        socket.on('error', reject);
        socket.on('close', () => resolve());
        socket.resume();
      });
      expect(await countAll()).toBe(before);
    });
  });
}
