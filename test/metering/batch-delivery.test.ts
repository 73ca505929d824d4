import { describe, expect, it } from 'vitest';
import type { UsageEvent } from '../../src/wire/usage-event.js';
import { rigs } from './support/delivery-under-test.js';
import { sampleEvent, sampleToolEvent } from './support/events.js';
import type { Answer, Received } from './support/metering-server.js';

const rig = rigs();
const ANNOUNCED = { 'fusewire-capabilities': 'feed-revision, ingest-batch' };

interface Item {
  readonly type: string;
  readonly idempotencyKey: string;
  readonly event: UsageEvent;
}

const itemsOf = (request: Received) => request.event as unknown as readonly Item[];
const isBatch = (request: Received) => request.path === '/meter/v2/batch';

/** A service that takes batches; `judge` gives the status of one item. */
async function batchRig(judge: (item: Item) => { status: number; body?: unknown } = () => ({ status: 201 })) {
  const made = await rig();
  const taken = new Map<string, UsageEvent>();
  const whole: { answer: Answer | undefined } = { answer: undefined };
  made.server.answer = (request) => {
    if (!isBatch(request)) {
      const { status, body } = judge({ type: '', idempotencyKey: request.key, event: request.event });
      if (status < 300) taken.set(request.key, request.event);
      return { status, headers: ANNOUNCED, body: JSON.stringify(body ?? {}) };
    }
    if (whole.answer !== undefined) return whole.answer;
    const results = itemsOf(request).map((item) => {
      const result = judge(item);
      if (result.status < 300) taken.set(item.idempotencyKey, item.event);
      return result;
    });
    return { status: 200, headers: { ...ANNOUNCED, 'fusewire-revision': '12' }, body: JSON.stringify({ results }) };
  };
  const append = (count: number, name = 'a', overrides: Partial<UsageEvent> = {}) => {
    for (let i = 0; i < count; i += 1) made.outbox.append(`${name}${i}`, sampleEvent(`t-${name}${i}`, overrides));
  };
  /** One event alone, from whose answer the announcement is learnt. */
  const learn = async () => {
    made.outbox.append('first', sampleEvent('t-first'));
    await made.advanceUntil(() => made.outbox.depth() === 0);
    made.server.requests.length = 0;
  };
  const batches = () => made.server.requests.filter(isBatch);
  return { ...made, taken, whole, append, learn, batches };
}

describe('delivery in batches', () => {
  it('puts tool events and usage events of every kind into one request, each under its own type', async () => {
    const { outbox, learn, batches, advanceUntil } = await batchRig();
    await learn();
    outbox.append('a1', sampleEvent('t1'));
    outbox.append('a2', sampleToolEvent('t2'));
    outbox.append('a3', sampleEvent('t3', { operationType: 'IMAGE' }));
    await advanceUntil(() => outbox.depth() === 0);
    expect(batches()).toHaveLength(1);
    const items = itemsOf(batches()[0]!);
    expect(items.map((item) => [item.type, item.idempotencyKey])).toEqual([
      ['ai/completions', 'a1'],
      ['tool/events', 'a2'],
      ['ai/images', 'a3'],
    ]);
    expect(items[1]?.event).toEqual(sampleToolEvent('t2'));
  });

  it('sends one by one until the service announced that it takes batches, then together', async () => {
    const { server, outbox, delivery, taken, append, batches, advanceUntil } = await batchRig();
    append(1, 'first');
    await advanceUntil(() => outbox.depth() === 0);
    expect(server.requests.map((request) => request.path)).toEqual(['/meter/v2/ai/completions']);
    append(1, 'alone');
    await advanceUntil(() => outbox.depth() === 0);
    expect(batches()).toHaveLength(0);
    append(30);
    await advanceUntil(() => outbox.depth() === 0);
    expect(batches()).toHaveLength(1);
    const [batch] = batches();
    expect(batch!.headers['content-type']).toBe('application/json');
    expect(batch!.headers['x-api-key']).toBe('hak_test_0123456789');
    expect(batch!.headers['idempotency-key']).toBeUndefined();
    expect(itemsOf(batch!)).toHaveLength(30);
    expect(itemsOf(batch!)[3]).toEqual({ type: 'ai/completions', idempotencyKey: 'a3', event: sampleEvent('t-a3') });
    expect(taken.size).toBe(32);
    expect(delivery.status()).toMatchObject({ delivered: 32, failed: 0, batches: 1, queueDepth: 0 });
  });

  it('never sends a batch to a host that does not announce it, however many events wait', async () => {
    const { server, outbox, append, taken, advanceUntil } = await batchRig();
    const answer = server.answer;
    server.answer = async (request, index) => {
      const given = await answer(request, index);
      return typeof given === 'string' ? given : { ...given, headers: {} };
    };
    append(60);
    await advanceUntil(() => outbox.depth() === 0);
    expect(server.requests).toHaveLength(60);
    expect(server.requests.some(isBatch)).toBe(false);
    expect(taken.size).toBe(60);
  });

  it('names the route of each event by its operation type', async () => {
    const { outbox, append, batches, learn, advanceUntil } = await batchRig();
    await learn();
    append(1, 'i', { operationType: 'IMAGE' });
    append(1, 'v', { operationType: 'VIDEO' });
    append(1, 'e', { operationType: 'EMBED' });
    await advanceUntil(() => outbox.depth() === 0);
    expect(itemsOf(batches()[0]!).map((item) => item.type)).toEqual(['ai/images', 'ai/video', 'ai/completions']);
  });

  it('bounds a batch in number and in size, and leaves nothing behind', async () => {
    const { outbox, append, batches, taken, learn, advanceUntil } = await batchRig();
    await learn();
    append(250);
    append(30, 'large', { attributes: { prompt: 'x'.repeat(150_000) } });
    await advanceUntil(() => outbox.depth() === 0);
    expect(taken.size).toBe(281);
    for (const batch of batches()) {
      expect(itemsOf(batch).length).toBeLessThanOrEqual(100);
      expect(JSON.stringify(batch.event).length).toBeLessThan(1_300_000);
    }
  });

  it('settles each event as its own answer says: taken, refused for good, tried again', async () => {
    let isBusy = true;
    const { outbox, runtime, append, batches, taken, learn, advanceUntil } = await batchRig(({ idempotencyKey }) => {
      if (idempotencyKey === 'a1') return { status: 400, body: { message: 'model is required' } };
      if (idempotencyKey === 'a2') return { status: 409, body: { error: 'idempotency_key_mismatch' } };
      if (idempotencyKey === 'a3' && isBusy) return { status: 503 };
      return { status: 201, body: { resourceType: 'metering' } };
    });
    await learn();
    append(6);
    await advanceUntil(() => outbox.depth() === 1);
    expect([...taken.keys()].sort()).toEqual(['a0', 'a4', 'a5', 'first']);
    expect(outbox.counters()).toMatchObject({ acknowledged: 4, rejected: 2 });
    expect(runtime.lines.some((line) => line.includes('model is required') || line.includes('refused'))).toBe(true);
    isBusy = false;
    await advanceUntil(() => outbox.depth() === 0);
    expect(taken.has('a3')).toBe(true);
    // The one that was left over went alone.
    expect(batches()).toHaveLength(1);
  });

  it('413 halves the batch until the service takes it', async () => {
    const { server, outbox, append, batches, taken, learn, advanceUntil } = await batchRig();
    await learn();
    const answer = server.answer;
    server.answer = (request, index) =>
      isBatch(request) && itemsOf(request).length > 7 ? { status: 413, headers: ANNOUNCED } : answer(request, index);
    append(60);
    await advanceUntil(() => outbox.depth() === 0);
    expect(taken.size).toBe(61);
    expect(batches().at(-1)!.event as unknown as Item[]).not.toHaveLength(0);
    expect(batches().filter((batch) => itemsOf(batch).length > 7).length).toBeLessThan(10);
  });

  it('a 503 keeps everything, and honours Retry-After', async () => {
    const { outbox, delivery, append, taken, whole, learn, clock, advanceUntil } = await batchRig();
    await learn();
    whole.answer = { status: 503, headers: { ...ANNOUNCED, 'retry-after': '20' } };
    append(40);
    await advanceUntil(() => delivery.status().obstacle === 'retry-after' && delivery.status().inFlight === 0);
    expect(outbox.depth()).toBe(40);
    expect(outbox.counters().rejected).toBe(0);
    const at = clock.monotonicNow();
    whole.answer = undefined;
    await advanceUntil(() => outbox.depth() === 0);
    expect(clock.monotonicNow() - at).toBeGreaterThan(15_000);
    expect(taken.size).toBe(41);
  });

  for (const [what, answer] of [
    ['404', { status: 404, headers: ANNOUNCED }],
    ['405', { status: 405, headers: ANNOUNCED }],
    ['415', { status: 415, headers: ANNOUNCED }],
    ['400 for the whole batch', { status: 400, headers: ANNOUNCED, body: '{"message":"not an event"}' }],
    ['409 for the whole batch', { status: 409, headers: ANNOUNCED }],
    ['an answer that is no list of results', { status: 200, headers: ANNOUNCED, body: '{"resourceType":"metering"}' }],
    ['a list that is too short', { status: 200, headers: ANNOUNCED, body: '{"results":[{"status":201}]}' }],
    ['no JSON at all', { status: 200, headers: ANNOUNCED, body: 'ok' }],
  ] as const) {
    it(`I9: falls back to single events by itself after ${what}, and loses none`, async () => {
      const { outbox, append, batches, taken, whole, learn, clock, advanceUntil } = await batchRig();
      await learn();
      whole.answer = answer;
      append(20);
      await advanceUntil(() => outbox.depth() === 0);
      expect(taken.size).toBe(21);
      expect(outbox.counters().rejected).toBe(0);
      expect(batches()).toHaveLength(1);
      // Later it is tried once more: the proxy that was in the way may be gone.
      whole.answer = undefined;
      await clock.advance(10 * 60_000);
      append(20, 'later');
      await advanceUntil(() => outbox.depth() === 0);
      expect(batches()).toHaveLength(2);
      expect(taken.size).toBe(41);
    });
  }

  it('I9: a service that was replaced by one without batches is sent single events from its first answer on', async () => {
    const { server, outbox, append, batches, taken, learn, advanceUntil } = await batchRig();
    await learn();
    const answer = server.answer;
    server.answer = async (request, index) => {
      if (isBatch(request)) return { status: 404 };
      const given = await answer(request, index);
      return typeof given === 'string' ? given : { ...given, headers: {} };
    };
    append(10);
    await advanceUntil(() => outbox.depth() === 0);
    append(10, 'b');
    await advanceUntil(() => outbox.depth() === 0);
    expect(batches()).toHaveLength(1);
    expect(taken.size).toBe(21);
  });

  it('a connection that breaks in the middle of an answer loses nothing: the events go again under the same keys', async () => {
    const { server, outbox, append, batches, taken, learn, advanceUntil } = await batchRig();
    await learn();
    const answer = server.answer;
    let broken = 0;
    server.answer = async (request, index) => {
      const given = await answer(request, index);
      if (!isBatch(request) || broken > 0 || typeof given === 'string') return given;
      broken += 1;
      return { ...given, headers: { ...given.headers, 'content-length': '100000' } };
    };
    append(10);
    await advanceUntil(() => outbox.depth() === 0);
    expect(taken.size).toBe(11);
    expect(batches().length).toBeGreaterThan(1);
    expect(itemsOf(batches()[1]!).map((item) => item.idempotencyKey)).toEqual(
      itemsOf(batches()[0]!).map((item) => item.idempotencyKey),
    );
  });
});
