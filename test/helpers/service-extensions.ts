/** What every service that announces our extensions must do with them, the fake one of `fusewire/testing` included. */
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { ServiceUnderTest } from './service-contract.js';

/** A service under test whose feed can be made to change. */
export interface ExtendedService extends ServiceUnderTest {
  /** Lets the tripped rule of {@link ServiceUnderTest.trip} go again. */
  release(): Promise<void>;
}

const EVENT = {
  model: 'gpt-4o-mini',
  provider: 'OPENAI',
  costType: 'AI',
  operationType: 'CHAT',
  stopReason: 'END',
  isStreamed: false,
  inputTokenCount: 412,
  outputTokenCount: 96,
  totalTokenCount: 508,
  requestDuration: 1180,
  middlewareSource: 'test',
};
const WHOLE = { 'fusewire-capabilities': 'feed-whole' };

interface Result {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

function eventOf(transactionId: string): object {
  const time = new Date().toISOString();
  return { ...EVENT, transactionId, requestTime: time, responseTime: time, completionStartTime: time };
}

const itemOf = (transactionId: string, idempotencyKey?: string) => ({
  type: 'ai/completions',
  ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
  event: eventOf(transactionId),
});

/** Runs the suite against what `start` starts. */
export function describeServiceExtensions(name: string, start: () => Promise<ExtendedService>): void {
  describe(`the extensions of ${name}`, () => {
    const using = async (task: (service: ExtendedService) => Promise<void>) => {
      const service = await start();
      try {
        await task(service);
      } finally {
        await service.close();
      }
    };
    const feed = (service: ExtendedService, headers: Record<string, string> = {}, query = '') =>
      fetch(`${service.url}/v2/api/ai/enforcement-rules/${service.teamId}${query}`, {
        headers: { 'x-api-key': service.apiKey, ...headers },
      });
    const post = (service: ExtendedService, path: string, body: string, contentType = 'application/json') =>
      fetch(`${service.url}${path}`, {
        method: 'POST',
        headers: { 'x-api-key': service.apiKey, 'content-type': contentType },
        body,
      });
    const batch = (service: ExtendedService, items: readonly unknown[]) =>
      post(service, '/meter/v2/batch', JSON.stringify(items));

    it('announces them in every answer', () =>
      using(async (service) => {
        const announced = (await feed(service)).headers.get('fusewire-capabilities') ?? '';
        for (const one of ['feed-wait', 'feed-delta', 'feed-whole', 'ingest-batch', 'refusals', 'bypass', 'holds']) {
          expect(announced.split(/,\s*/)).toContain(one);
        }
      }));

    it('ingest-batch: answers each item on its own, in order, and takes what is good', () =>
      using(async (service) => {
        const answer = await batch(service, [itemOf('t-1', 'a'), { type: 'ai/completions', event: {} }, itemOf('t-2')]);
        expect(answer.status).toBe(200);
        expect(Number(answer.headers.get('fusewire-revision'))).toBeGreaterThanOrEqual(0);
        const { results } = (await answer.json()) as { results: Result[] };
        expect(results.map(({ status }) => status)).toEqual([201, 400, 201]);
        expect(results[0]!.body).toMatchObject({ label: 't-1', resourceType: 'metering' });
        expect(await service.stored()).toEqual(['t-1', 't-2']);
      }));

    it('I4: ingest-batch and single events share their keys and transaction ids', () =>
      using(async (service) => {
        const first = itemOf('t-1', 'a');
        const other = itemOf('t-2', 'a');
        const { results } = (await (await batch(service, [first, first, other])).json()) as { results: Result[] };
        expect(results.map(({ status }) => status)).toEqual([201, 201, 409]);
        expect(JSON.stringify(results[2]!.body)).toContain('idempotency_key_mismatch');
        await batch(service, [first, itemOf('t-1')]);
        expect(await service.stored()).toEqual(['t-1']);
      }));

    it('ingest-batch: takes one item a line', () =>
      using(async (service) => {
        const lines = [itemOf('t-1'), itemOf('t-2')].map((item) => JSON.stringify(item)).join('\n');
        const answer = await post(service, '/meter/v2/batch', `${lines}\n`, 'application/x-ndjson');
        expect(answer.status).toBe(200);
        const results = (await answer.text()).trim().split('\n');
        expect(results.map((line) => (JSON.parse(line) as Result).status)).toEqual([201, 201]);
        expect(await service.stored()).toEqual(['t-1', 't-2']);
      }));

    it('ingest-batch: refuses what is no batch, and a thousand and one', () =>
      using(async (service) => {
        for (const body of ['{', '{}', '"text"']) {
          expect((await post(service, '/meter/v2/batch', body)).status).toBe(400);
        }
        expect((await batch(service, Array(1_001).fill(itemOf('t-1')))).status).toBe(413);
        expect(await service.stored()).toEqual([]);
      }));

    it('feed-whole: gives each rule a key, compressed or not, under an ETag of its own', () =>
      using(async (service) => {
        await service.trip();
        const bounded = await feed(service);
        const whole = await feed(service, { ...WHOLE, 'accept-encoding': 'gzip' });
        const { rules } = (await whole.json()) as { rules: Record<string, unknown>[] };
        expect(rules[0]!['key']).toBe(String(rules[0]!['ruleId']));
        expect(whole.headers.get('etag')).toBeTruthy();
        expect((await feed(service, { ...WHOLE, 'if-none-match': String(whole.headers.get('etag')) })).status).toBe(
          304,
        );
        expect(bounded.status).toBe(200);
      }));

    it('feed-wait: answers as soon as the feed differs, and 304 when the time is over', () =>
      using(async (service) => {
        await service.trip();
        const etag = String((await feed(service, WHOLE)).headers.get('etag'));
        const over = await feed(service, { ...WHOLE, 'if-none-match': etag }, '?wait=1');
        expect(over.status).toBe(304);
        const began = performance.now();
        const waiting = feed(service, { ...WHOLE, 'if-none-match': etag }, '?wait=50');
        await service.release();
        const answer = await waiting;
        expect(answer.status).toBe(200);
        expect(performance.now() - began).toBeLessThan(20_000);
        const { rules } = (await answer.json()) as { rules: { breached: boolean }[] };
        expect(rules[0]!.breached).toBe(false);
      }));

    it('feed-delta: answers with the difference to the named feed, or with the whole one', () =>
      using(async (service) => {
        await service.trip();
        const first = await feed(service, WHOLE);
        const etag = String(first.headers.get('etag'));
        const { rules } = (await first.json()) as { rules: { key: string }[] };
        await service.release();
        const answer = await feed(service, { ...WHOLE, 'if-none-match': etag, 'a-im': 'fusewire-feed' });
        expect(answer.status).toBe(226);
        expect(answer.headers.get('im')).toBe('fusewire-feed');
        expect(answer.headers.get('delta-base')).toBe(etag);
        expect(answer.headers.get('etag')).not.toBe(etag);
        const { revision, steps } = (await answer.json()) as {
          revision: number;
          steps: { rules?: { key: string }[] }[];
        };
        expect(revision).toBeGreaterThan(0);
        expect(steps.flatMap((step) => step.rules ?? []).map(({ key }) => key)).toContain(rules[0]!.key);
        const unknown = await feed(service, { ...WHOLE, 'if-none-match': '"1-none"', 'a-im': 'fusewire-feed' });
        expect(unknown.status).toBe(200);
      }));

    it('refusals: takes reports once each, and refuses what is none', () =>
      using(async (service) => {
        await service.trip();
        const { rules } = (await (await feed(service)).json()) as { rules: { ruleId: number }[] };
        const report = { id: randomUUID(), ruleId: rules[0]!.ruleId, at: new Date().toISOString(), count: 3 };
        const path = '/meter/v2/fusewire/refusals';
        for (let i = 0; i < 2; i += 1) {
          expect((await post(service, path, JSON.stringify({ refusals: [report] }))).status).toBe(202);
        }
        for (const body of ['{', '[]', '{"refusals":[{}]}', '{"refusals":"none"}']) {
          expect((await post(service, path, body)).status).toBe(400);
        }
      }));
  });
}
