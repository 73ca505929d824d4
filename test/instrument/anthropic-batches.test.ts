import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { instrumentAnthropic } from '../../src/instrument/anthropic.js';
import { type Client, VERSIONS } from '../helpers/anthropic-clients.js';
import { createRecordingPath, type RecordingPath } from '../helpers/recording-path.js';
import { openServiceFixture } from '../helpers/service-fixture.js';
import { openTestStore } from '../helpers/stores.js';
import { type StubAnthropic, startStubAnthropic } from '../helpers/stub-anthropic.js';
import { wholeMessage } from '../helpers/stub-anthropic-answers.js';

const PARAMS = { model: 'claude-x', max_tokens: 100, messages: [{ role: 'user' as const, content: 'hi there' }] };
const BATCH = { requests: ['a', 'b'].map((custom_id) => ({ custom_id, params: PARAMS })) };
const succeeded = (custom_id: string, id: string) => ({
  custom_id,
  result: { type: 'succeeded', message: wholeMessage(id, PARAMS) },
});
const RESULTS = [
  succeeded('a', 'msg_a'),
  { custom_id: 'b', result: { type: 'errored', error: { type: 'error', error: { type: 'e', message: 'bad' } } } },
  { custom_id: 'c', result: { type: 'canceled' } },
  { custom_id: 'd', result: { type: 'expired' } },
  { custom_id: 'e', result: { type: 'something new' } },
];

let stub: StubAnthropic;
let recording: RecordingPath;
beforeAll(async () => {
  stub = await startStubAnthropic();
});
afterAll(() => stub.close());
beforeEach(() => {
  stub.reset();
  stub.batchResults = RESULTS;
  recording = createRecordingPath();
});

async function drain(items: AsyncIterable<unknown>): Promise<unknown[]> {
  const seen: unknown[] = [];
  for await (const item of items) seen.push(item);
  return seen;
}

describe.each(VERSIONS)('@anthropic-ai/sdk $version', ({ Anthropic }) => {
  const guard = (path = recording) =>
    instrumentAnthropic(
      new Anthropic({ apiKey: 'k', baseURL: stub.url }),
      path.path,
      { uniqueIds: true },
      path.runtime,
    );

  it('a batch is decided on when it is made, and metered when its results are read: one event a result', async () => {
    const client = guard();
    const batch = await client.messages.batches.create({ ...BATCH, ...{ usageMetadata: { agent: 'maker' } } });
    expect(recording.decided).toMatchObject([{ model: 'claude-x', agent: 'maker', provider: 'ANTHROPIC' }]);
    expect(recording.events).toEqual([]);
    expect(await drain(await client.messages.batches.results(batch.id))).toEqual(RESULTS);
    expect(recording.events).toMatchObject([
      {
        transactionId: 'msg_a',
        model: 'claude-x-answered',
        pricingTier: 'BATCH',
        inputTokenCount: 21,
        outputTokenCount: 9,
        totalTokenCount: 42,
        stopReason: 'END',
        requestTime: '2026-11-20T08:00:00.000Z',
        responseTime: '2026-11-20T09:30:00.000Z',
        requestDuration: 90 * 60_000,
        attributes: { usageState: 'reported', batchId: batch.id, customId: 'a', endpoint: 'messages.batches' },
      },
      { transactionId: `${batch.id}:b`, stopReason: 'ERROR', errorReason: 'e: bad', totalTokenCount: 0 },
      { transactionId: `${batch.id}:c`, stopReason: 'CANCELLED', totalTokenCount: 0 },
      { transactionId: `${batch.id}:d`, stopReason: 'TIMEOUT', totalTokenCount: 0 },
      { transactionId: `${batch.id}:e`, attributes: { usageState: 'unknown' } },
    ]);
    // On behalf of whoever made the batch.
    expect(recording.events.every(({ agent }) => agent === 'maker')).toBe(true);
    expect(recording.open.size).toBe(0);
    expect(recording.refusals).toBe(0);
  });

  it.each<[string, (client: Client, url: string) => Promise<unknown>]>([
    ['the beta resource', async (c) => drain(await c.beta.messages.batches.results('msgbatch_9'))],
    ['asResponse().text()', async (c, url) => (await c.get(url).asResponse()).text()],
    ['asResponse().body', async (c, url) => drain((await c.get(url).asResponse()).body as never)],
  ])('results are metered through %s too', async (_way, read) => {
    await read(guard(), `${stub.url}/v1/messages/batches/msgbatch_9/results`);
    expect(recording.events.map(({ transactionId }) => transactionId)).toContain('msg_a');
    expect(recording.events).toHaveLength(RESULTS.length);
  });

  it.each(['application/octet-stream', 'binary/octet-stream', 'application/binary', 'text/plain'])(
    'results that are served as %s are metered',
    async (type) => {
      stub.batchResultsType = type;
      await drain(await guard().messages.batches.results('msgbatch_9'));
      expect(recording.events).toHaveLength(RESULTS.length);
    },
  );

  it('I4: however often they are read here, by whichever clone, each result is one event', async () => {
    const client = guard();
    for (const reader of [client, client.withOptions({ timeout: 9_000 }), client]) {
      await drain(await reader.messages.batches.results('msgbatch_9'));
    }
    expect(recording.events).toHaveLength(RESULTS.length);
  });

  it('results that are left in the middle are metered as far as they were read, and the rest when it is', async () => {
    const client = guard();
    stub.batchResults = Array.from({ length: 400 }, (_, at) => succeeded(`r${at}`, `msg_${at}`));
    for await (const _result of await client.messages.batches.results('msgbatch_9')) break;
    const first = recording.events.length;
    expect(first).toBeGreaterThan(0);
    await drain(await client.messages.batches.results('msgbatch_9'));
    expect(recording.events).toHaveLength(400);
    expect(new Set(recording.events.map(({ transactionId }) => transactionId)).size).toBe(400);
  });

  it('I4: read again in another process, the ledger counts nothing twice and sees no conflict', async () => {
    const service = await openServiceFixture(openTestStore);
    try {
      for (const path of [createRecordingPath(), createRecordingPath()]) {
        path.advance(recording.events.length * 1_000);
        await drain(await guard(path).messages.batches.results('msgbatch_9'));
        for (const json of path.events) {
          const answer = await service.ask({ path: '/meter/v2/ai/completions', key: service.keys.metering, json });
          expect(answer.status).toBe(201);
        }
        recording.events.push(...path.events);
      }
      expect(recording.events).toHaveLength(2 * RESULTS.length);
      expect(service.logged()).not.toContain('two different events');
      const conflicts = await service.ask({ path: '/v2/api/fusewire/conflicts' });
      expect(conflicts.json).toMatchObject({ page: { totalElements: 0 } });
      const events = await service.store.findEvents(service.team.id, { page: 0, size: 50 });
      expect(events.totalElements).toBe(RESULTS.length);
    } finally {
      await service.close();
    }
  });

  it('a batch that the provider refuses is a failed attempt', async () => {
    stub.faults.push({ status: 400, message: 'too many' });
    await expect(guard().messages.batches.create(BATCH)).rejects.toThrow('too many');
    expect(recording.events).toMatchObject([{ stopReason: 'ERROR', errorCode: 400, pricingTier: 'BATCH' }]);
  });
});
