import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StoreError } from '../../../service/store/store-error.js';
import { openServiceFixture, type ParsedJson, type ServiceFixture, usageEvent } from '../../helpers/service-fixture.js';
import type { TestStore } from '../../helpers/stores.js';

const PATH = '/meter/v2/batch';
const LINES = 'application/x-ndjson';

/** Runs on each of the stores. */
export function batchSuite(stores: readonly TestStore[]): void {
  describe.each(stores)('batch ingest, $name', ({ open }) => {
    let service: ServiceFixture;
    beforeAll(async () => {
      service = await openServiceFixture(open);
    });
    afterAll(() => service.close());

    const item = (transactionId: string, changes: Record<string, unknown> = {}, more: object = {}) => ({
      type: 'ai/completions',
      event: usageEvent({ transactionId, ...changes }),
      ...more,
    });
    const send = (items: unknown, key = service.keys.metering) => service.ask({ path: PATH, json: items, key });
    const sendLines = (lines: readonly string[], end = '\n') =>
      service.ask({
        path: PATH,
        text: lines.join('\n') + end,
        headers: { 'content-type': LINES },
        key: service.keys.metering,
      });
    const countAll = async () => (await service.store.findEvents(service.team.id, { page: 0, size: 1 })).totalElements;
    const statuses = (json: ParsedJson): number[] => json.results.map(({ status }: { status: number }) => status);

    it('takes every kind of event, announces itself, and answers each in order', async () => {
      const at = new Date().toISOString();
      const common = { model: 'm', provider: 'p', requestTime: at, responseTime: at, requestDuration: 5 };
      const items = [
        item('b-1'),
        { type: 'ai/images', event: { ...common, transactionId: 'b-2', actualImageCount: 2 } },
        { type: 'ai/audio', event: { ...common, transactionId: 'b-3', characterCount: 3 } },
        { type: 'ai/video', event: { ...common, transactionId: 'b-4', durationSeconds: 3 } },
        { type: 'tool/events', event: { transactionId: 'b-5', toolId: 't', durationMs: 1, timestamp: at } },
        { type: 'events', event: { transactionId: 'b-6', payload: 'p' } },
      ];
      const got = await send(items);
      expect(got.status).toBe(200);
      expect(got.json.results.map(({ body }: ParsedJson) => body.label)).toEqual([
        'b-1',
        'b-2',
        'b-3',
        'b-4',
        'b-5',
        'b-6',
      ]);
      expect(statuses(got.json)).toEqual([201, 201, 201, 201, 201, 201]);
      expect(got.headers['fusewire-revision']).toMatch(/^\d+$/);
      expect(String(got.headers['fusewire-capabilities']).split(', ')).toContain('ingest-batch');
      const again = await service.ask({ path: '/v2/batch', json: items, key: service.keys.metering });
      expect(again.json).toEqual(got.json);
    });

    it('keeps what is right and says of each wrong item what a single request would have been told', async () => {
      const before = await countAll();
      const got = await send([
        item('p-1'),
        item('p-2', { operationType: 'AUX' }),
        { type: 'ai/nothing', event: usageEvent() },
        { event: usageEvent() },
        { type: 'ai/completions' },
        { type: 'ai/completions', event: [] },
        'no object',
        null,
        { type: 'ai/video', event: { model: 'm', provider: 'p', requestTime: new Date().toISOString() } },
        item('p-3', {}, { idempotencyKey: 'é' }),
        item('p-4', {}, { idempotencyKey: 7 }),
        item('p-5', { agenticJobId: 'types' }),
        item('p-6'),
      ]);
      expect(got.status).toBe(200);
      expect(statuses(got.json)).toEqual([201, 400, 400, 400, 400, 400, 400, 400, 422, 400, 400, 400, 201]);
      const bodies = got.json.results.map(({ body }: ParsedJson) => body);
      expect(bodies[1].operationType).toMatch(/^Value 'AUX' is not valid/);
      expect(bodies[2].type).toMatch(
        /^Value 'ai\/nothing' is not valid\. Allowed values: \[ai\/completions, ai\/images,/,
      );
      expect(bodies[3].type).toBe('type is required');
      expect(bodies[4].event).toBe('event is required');
      expect(bodies[5].event).toBe('must be an object: one event');
      expect(bodies[6].message).toContain('{type, event}');
      expect(bodies[8].durationSeconds).toBe('durationSeconds is required');
      expect(bodies[9].error).toBe('invalid_idempotency_key');
      expect(bodies[10].idempotencyKey).toBe('must be text');
      expect(await countAll()).toBe(before + 2);
      const single = await service.ask({
        path: '/meter/v2/ai/completions',
        json: usageEvent({ operationType: 'AUX' }),
      });
      expect(bodies[1]).toEqual(single.json);
    });

    it('I4: the same transaction twice in a batch is one event; another body under it is a conflict', async () => {
      const event = usageEvent({ transactionId: 'd-1' });
      const one = { type: 'ai/completions', event };
      const got = await send([one, one, { ...one, event: { ...event, outputTokenCount: 7 } }]);
      expect(statuses(got.json)).toEqual([201, 201, 201]);
      expect(new Set(got.json.results.map(({ body }: ParsedJson) => body.id)).size).toBe(1);
      const { items } = await service.store.findEvents(service.team.id, { transactionId: 'd-1', page: 0, size: 9 });
      expect(items.map(({ body }) => body['outputTokenCount'])).toEqual([96]);
    });

    it('settles keys within a batch, and shares them with single requests', async () => {
      const event = usageEvent({ transactionId: undefined });
      const keyed = { type: 'ai/completions', idempotencyKey: 'shared', event };
      const before = await countAll();
      const got = await send([
        keyed,
        keyed,
        { ...keyed, event: { ...event, agent: 'other' } },
        { ...keyed, type: 'events' },
      ]);
      expect(statuses(got.json)).toEqual([201, 201, 409, 400]);
      const [first, second, third] = got.json.results;
      expect([second.body, second.replayed, first.replayed]).toEqual([first.body, true, undefined]);
      expect(third.body.error).toBe('idempotency_key_mismatch');
      const single = await service.ask({
        path: '/meter/v2/ai/completions',
        json: event,
        key: service.keys.metering,
        headers: { 'idempotency-key': 'shared' },
      });
      expect([single.status, single.json, single.headers['idempotent-replayed']]).toEqual([201, first.body, 'true']);
      expect((await send([keyed])).json.results[0]).toEqual({ ...first, replayed: true });
      expect(await countAll()).toBe(before + 1);
    });

    it('reads one item a line, answers one result a line, and names the line that is not JSON', async () => {
      const before = await countAll();
      const lines = [
        JSON.stringify(item('l-1')),
        '{"type": "ai/completions", "event": {',
        '',
        `${'['.repeat(40)}${']'.repeat(40)}`,
        JSON.stringify(item('l-2', { model: '' })),
        `${JSON.stringify(item('l-3'))}\r`,
      ];
      const got = await sendLines(lines, '');
      expect([got.status, got.headers['content-type']]).toEqual([200, expect.stringContaining(LINES)]);
      expect(got.text.endsWith('\n')).toBe(true);
      const results = got.text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
      expect(results.map(({ status }) => status)).toEqual([201, 400, 400, 400, 201]);
      expect(results[1].body).toMatchObject({ error: 'malformed_json', details: { line: 2 } });
      expect(results[1].body.message).toMatch(/^line 2 is not valid JSON, column \d+/);
      expect(results[2].body).toMatchObject({ error: 'too_deep', details: { line: 4 } });
      expect(results[3].body.model).toBe('model is required');
      expect(await countAll()).toBe(before + 2);
    });

    it('refuses what is no batch at all, and keeps nothing of it', async () => {
      const before = await countAll();
      const ask = (text: string, type = 'application/json', path = PATH) =>
        service.ask({ path, text, headers: { 'content-type': type }, key: service.keys.metering });
      expect((await ask('{}')).json.message).toContain('JSON array');
      expect((await ask('[{')).json.error).toBe('malformed_json');
      expect((await ask('')).status).toBe(400);
      expect((await ask('[]', 'text/plain')).status).toBe(415);
      expect((await ask(JSON.stringify(usageEvent()), LINES, '/meter/v2/ai/completions')).status).toBe(415);
      expect((await ask('[]')).json).toEqual({ results: [] });
      expect((await send([item('x')], null as unknown as string)).status).toBe(401);
      expect((await service.ask({ path: `${PATH}?teamId=${service.other.id}`, json: [item('x')] })).status).toBe(403);
      expect(await countAll()).toBe(before);
    });

    it('says both limits where one is passed, as an array and as lines, and keeps nothing', async () => {
      const before = await countAll();
      const many = Array.from({ length: 1_001 }, (_, at) => item(`m-${at}`));
      const large = [item('large', { attributes: { blob: 'x'.repeat(8 * 1_048_576) } })];
      for (const got of [
        await send(many),
        await sendLines(many.map((one) => JSON.stringify(one))),
        await send(large),
        await sendLines(large.map((one) => JSON.stringify(one))),
      ]) {
        expect([got.status, got.json.error]).toEqual([413, 'batch_too_large']);
        expect(got.json.details).toEqual({ itemsMax: 1_000, bytesMax: 8 * 1_048_576 });
      }
      expect(await countAll()).toBe(before);
      const full = await send(many.slice(0, 1_000));
      expect([full.status, new Set(statuses(full.json)).size]).toEqual([200, 1]);
      expect(await countAll()).toBe(before + 1_000);
    });

    it('takes a batch that is larger than a single event may be', async () => {
      const got = await send([item('two', { attributes: { blob: 'x'.repeat(2 * 1_048_576) } })]);
      expect(statuses(got.json)).toEqual([201]);
      const single = await service.ask({
        path: '/meter/v2/ai/completions',
        json: item('three', { attributes: { blob: 'x'.repeat(2 * 1_048_576) } }).event,
      });
      expect([single.status, single.json.error]).toEqual([413, 'body_too_large']);
    });

    it('answers 503 with Retry-After for the whole when the store takes nothing, and leaves the keys free', async () => {
      const record = service.store.record.bind(service.store);
      service.store.record = () => Promise.reject(new StoreError('UNAVAILABLE', 'disk full at /secret/place'));
      const items = [item('u-1', {}, { idempotencyKey: 'u' }), item('u-2', { model: '' })];
      const failed = await send(items);
      expect([failed.status, failed.headers['retry-after'], failed.json.error]).toEqual([503, '5', 'unavailable']);
      expect(failed.text).not.toContain('/secret/place');
      service.store.record = record;
      expect(statuses((await send(items)).json)).toEqual([201, 400]);
    });

    it('equals the same events one by one, whatever they are', async () => {
      // A few names, so that transactions and keys meet.
      const event = fc.record({
        transactionId: fc.constantFrom('q-1', 'q-2', 'q-3'),
        outputTokenCount: fc.constantFrom(1, 2, -1, 'x'),
        agent: fc.constantFrom('a', null),
      });
      const oneItem = fc.record({
        key: fc.constantFrom(undefined, undefined, 'k-1', 'k-2', 'é'),
        type: fc.constantFrom('ai/completions', 'ai/completions', 'ai/audio'),
        event,
      });
      let run = 0;
      const fixed = usageEvent();
      await fc.assert(
        fc.asyncProperty(fc.array(oneItem, { maxLength: 8 }), async (drawn) => {
          run += 1;
          const items = drawn.map(({ key, type, event: changes }) => ({
            type,
            event: { ...fixed, ...changes, transactionId: `${run}-${changes.transactionId}` },
            ...(key === undefined ? {} : { idempotencyKey: `${run}-${key}` }),
          }));
          const batch = await send(items);
          const single: { status: number; label: unknown }[] = [];
          for (const { type, event: json, idempotencyKey } of items) {
            const headers: Record<string, string> =
              idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey };
            const got = await service.ask({
              path: `/meter/v2/${type}`,
              json,
              headers,
              key: service.otherKeys.metering,
            });
            single.push({ status: got.status, label: got.json.label ?? got.json.error });
          }
          const batched = batch.json.results.map(({ status, body }: ParsedJson) => ({
            status,
            label: body.label ?? body.error,
          }));
          expect(batched).toEqual(single);
          for (const name of ['q-1', 'q-2', 'q-3']) {
            const query = { transactionId: `${run}-${name}`, page: 0, size: 9 };
            const [ours, theirs] = await Promise.all([
              service.store.findEvents(service.team.id, query),
              service.store.findEvents(service.other.id, query),
            ]);
            expect(ours.totalElements).toBeLessThanOrEqual(1);
            expect(ours.items.map(({ body, kind }) => ({ body, kind }))).toEqual(
              theirs.items.map(({ body, kind }) => ({ body, kind })),
            );
          }
        }),
        { numRuns: 60 },
      );
      const conflictsOf = async (key: string) =>
        (await service.ask({ path: '/v2/api/fusewire/conflicts?size=500', key })).json._embedded.objectList
          .map(({ transactionId, times }: ParsedJson) => `${transactionId} ${times}`)
          .filter((line: string) => /^\d+-q-/.test(line))
          .sort();
      expect(await conflictsOf(service.keys.write)).toEqual(await conflictsOf(service.otherKeys.write));
    });
  });
}
