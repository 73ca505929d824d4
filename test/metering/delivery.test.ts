import { describe, expect, it } from 'vitest';
import { createMemoryOutbox } from '../../src/metering/memory-outbox.js';
import { Secret } from '../../src/secret.js';
import { until } from '../cache/support/fake-runtime.js';
import { rigs } from './support/delivery-under-test.js';
import { sampleEvent, sampleToolEvent } from './support/events.js';
import { type Answer, startMeteringServer } from './support/metering-server.js';

const rig = rigs();

describe('delivery', () => {
  it('posts an event to the completions endpoint with key, type and idempotency key', async () => {
    const { server, outbox, delivery, advanceUntil } = await rig({ userAgent: 'fusewire/test' });
    const event = sampleEvent('t1', { subscriber: { credential: { name: 'svc', value: 'sk-raw' } } });
    outbox.append('a1', event);
    await advanceUntil(() => outbox.depth() === 0);
    expect(server.requests).toHaveLength(1);
    expect(server.requests[0]).toMatchObject({
      path: '/meter/v2/ai/completions',
      key: 'a1',
      event,
      headers: {
        'x-api-key': 'hak_test_0123456789',
        'content-type': 'application/json',
        'user-agent': 'fusewire/test',
      },
    });
    expect(delivery.status()).toMatchObject({ delivered: 1, failed: 0, queueDepth: 0, inFlight: 0, breaker: 'closed' });
    expect(delivery.status().lastSuccessAtMs).toBeTypeOf('number');
  });

  it('I12: captured prompts are in the request and not in the debug log', async () => {
    const { server, outbox, runtime, advanceUntil } = await rig();
    const said: string[] = [];
    const debug = (message: string, fields?: object) => void said.push(`${message} ${JSON.stringify(fields)}`);
    Object.assign(runtime.log, { isDebug: () => true, debug });
    const prompts = {
      systemPrompt: 'only-A',
      inputMessages: 'only-B',
      outputResponse: 'only-C',
      promptsTruncated: true,
    };
    outbox.append('a1', sampleEvent('t1', prompts));
    await advanceUntil(() => outbox.depth() === 0);
    expect(server.requests).toMatchObject([{ event: prompts }]);
    expect(said.join('\n')).toContain('"transactionId":"t1"');
    expect(said.join('\n')).not.toContain('only-');
  });

  it('posts a tool event to its own endpoint, with its credential', async () => {
    const { server, outbox, advanceUntil } = await rig();
    const event = sampleToolEvent('t1', { subscriberCredential: 'sk-raw' });
    outbox.append('a1', event);
    await advanceUntil(() => outbox.depth() === 0);
    expect(server.requests).toMatchObject([{ path: '/meter/v2/tool/events', key: 'a1', event }]);
  });

  it('sends nothing while the caller is still in its call', async () => {
    const { server, outbox, delivery } = await rig();
    outbox.append('a1', sampleEvent('t1'));
    expect(delivery.status().inFlight).toBe(0);
    await new Promise((resolve) => setTimeout(resolve, 20));
    // The fake clock stands: the wake-up is a timer.
    expect(server.requests).toHaveLength(0);
  });

  it('has several events on their way at once, and no more than it has workers', async () => {
    const { server, outbox, advanceUntil } = await rig({ settings: { workers: 4 } });
    const held: ((answer: Answer) => void)[] = [];
    server.answer = () => new Promise((resolve) => held.push(resolve));
    for (let i = 0; i < 20; i += 1) outbox.append(`a${i}`, sampleEvent(`t${i}`));
    await advanceUntil(() => held.length === 4);
    // Answered out of order: the second before the first.
    for (const index of [2, 1, 3, 0]) held[index]!({ status: 200 });
    server.answer = () => ({ status: 200 });
    await advanceUntil(() => outbox.depth() === 0);
    expect(server.taken.size).toBe(20);
    expect(server.requests).toHaveLength(20);
    expect(server.peak()).toBe(4);
  });

  it('tells the revision that an answer carries, and survives a listener that throws', async () => {
    const revisions: number[] = [];
    const { server, outbox, advanceUntil } = await rig({
      onRevision: (revision) => {
        revisions.push(revision);
        throw new Error('listener');
      },
    });
    const headers = ['17', 'nonsense', '18'];
    server.answer = (_, index) => ({ status: 201, headers: { 'fusewire-revision': headers[index]! } });
    for (let i = 0; i < 3; i += 1) {
      outbox.append(`a${i}`, sampleEvent(`t${i}`));
      await advanceUntil(() => outbox.depth() === 0);
    }
    expect(revisions).toEqual([17, 18]);
  });

  it('takes a 2xx whose body breaks off as taken', async () => {
    const { server, outbox, advanceUntil } = await rig();
    server.answer = () => ({ status: 200, headers: { 'content-length': '5000' }, body: 'short' });
    outbox.append('a1', sampleEvent('t1'));
    await advanceUntil(() => outbox.counters().acknowledged === 1);
    expect(server.requests).toHaveLength(1);
  });

  it('keeps the key and the body the same over all tries', async () => {
    const { server, outbox, advanceUntil } = await rig();
    const answers: Answer[] = [{ status: 500 }, 'reset', { status: 200 }];
    server.answer = (_, index) => answers[index]!;
    outbox.append('a1', sampleEvent('t1'));
    await advanceUntil(() => outbox.depth() === 0);
    expect(server.requests.map((request) => request.key)).toEqual(['a1', 'a1', 'a1']);
    expect(new Set(server.requests.map((request) => JSON.stringify(request.event))).size).toBe(1);
  });

  it('backs off 0.5 s and 1 s, less up to a quarter, then waits for the flush interval', async () => {
    const { server, outbox, clock, advanceUntil } = await rig();
    const at: number[] = [];
    server.answer = () => {
      at.push(clock.monotonicNow());
      return { status: at.length < 4 ? 503 : 200 };
    };
    outbox.append('a1', sampleEvent('t1'));
    await advanceUntil(() => outbox.depth() === 0);
    const gaps = at.slice(1).map((time, index) => time - at[index]!);
    expect(gaps[0]).toBeGreaterThan(400);
    expect(gaps[0]).toBeLessThan(900);
    expect(gaps[1]).toBeGreaterThan(850);
    expect(gaps[1]).toBeLessThan(1500);
    expect(gaps[2]).toBeGreaterThan(29_900);
    expect(gaps[2]).toBeLessThan(36_000);
  });

  it('gives up a request that is not answered in time, and tries again', async () => {
    const { server, outbox, delivery, advanceUntil } = await rig({ settings: { timeoutMs: 3_000 } });
    server.answer = (_, index) => (index === 0 ? 'hang' : { status: 200 });
    outbox.append('a1', sampleEvent('t1'));
    await advanceUntil(() => outbox.depth() === 0);
    expect(server.requests).toHaveLength(2);
    expect(delivery.status().lastError).toBe('no answer in time');
  });

  it('an event that the service can never store does not stop the others', async () => {
    const { server, outbox, advanceUntil } = await rig({ settings: { workers: 2 } });
    server.answer = (request) => ({ status: request.key === 'poison' ? 500 : 200 });
    outbox.append('poison', sampleEvent('poison'));
    for (let i = 0; i < 10; i += 1) outbox.append(`a${i}`, sampleEvent(`t${i}`));
    await advanceUntil(() => outbox.depth() === 1, 5_000);
    expect(server.taken.size).toBe(10);
  });

  it('I9: a service that is dead and comes back gets everything, once', async () => {
    const gone = await startMeteringServer();
    const { port } = gone;
    await gone.close();
    const { outbox, delivery, runtime, advanceUntil, clock } = await rig({ endpoint: () => gone.url });
    for (let i = 0; i < 40; i += 1) outbox.append(`a${i}`, sampleEvent(`t${i}`));
    await advanceUntil(() => delivery.status().breaker === 'open');
    await advanceUntil(() => delivery.status().failed > 7, 120_000);
    const back = await startMeteringServer(port);
    try {
      await advanceUntil(() => outbox.depth() === 0, 120_000);
      expect(back.taken.size).toBe(40);
      expect(back.requests).toHaveLength(40);
      expect(runtime.lines.filter((line) => line.includes('cannot be delivered'))).toHaveLength(1);
      expect(runtime.lines.filter((line) => line.includes('delivered again'))).toHaveLength(1);
    } finally {
      await delivery.stop();
      await back.close();
    }
    expect(clock.pending()).toBe(0);
  });

  it('I10: the breaker opens after 5 failures in a row, for 30 s, and tries with one request', async () => {
    const { server, outbox, delivery, clock, advanceUntil } = await rig({ settings: { workers: 3 } });
    server.answer = () => ({ status: 500 });
    for (let i = 0; i < 30; i += 1) outbox.append(`a${i}`, sampleEvent(`t${i}`));
    await advanceUntil(() => delivery.status().breaker === 'open' && delivery.status().inFlight === 0);
    const until5 = server.requests.length;
    expect(until5).toBeGreaterThanOrEqual(5);
    expect(until5).toBeLessThanOrEqual(7);
    expect(delivery.status().obstacle).toBe('breaker');
    await clock.advance(28_000);
    outbox.append('more', sampleEvent('more'));
    await clock.advance(100);
    expect(server.requests).toHaveLength(until5);
    await advanceUntil(() => server.requests.length === until5 + 1, 10_000);
    await advanceUntil(() => delivery.status().inFlight === 0);
    expect(delivery.status().breaker).toBe('open');
    expect(server.requests).toHaveLength(until5 + 1);
    server.answer = () => ({ status: 200 });
    await advanceUntil(() => outbox.depth() === 0, 60_000);
    expect(delivery.status().breaker).toBe('closed');
  });

  it('honours Retry-After for all events, 60 s at most', async () => {
    const { server, outbox, delivery, clock, advanceUntil } = await rig();
    const at: number[] = [];
    server.answer = () => {
      at.push(clock.monotonicNow());
      return at.length === 1 ? { status: 429, headers: { 'retry-after': '3600' } } : { status: 200 };
    };
    outbox.append('a1', sampleEvent('t1'));
    await advanceUntil(() => delivery.status().failed === 1);
    outbox.append('a2', sampleEvent('t2'));
    await advanceUntil(() => delivery.status().obstacle === 'retry-after');
    await advanceUntil(() => outbox.depth() === 0);
    expect(at[1]! - at[0]!).toBeGreaterThanOrEqual(59_000);
    expect(at[1]! - at[0]!).toBeLessThan(63_000);
  });
});

describe('a key that is refused or missing', () => {
  for (const status of [401, 403]) {
    it(`I9: ${status} keeps the events, slows down, says so once, and heals by itself`, async () => {
      const { server, outbox, delivery, runtime, clock, advanceUntil } = await rig();
      server.answer = () => ({ status });
      for (let i = 0; i < 12; i += 1) outbox.append(`a${i}`, sampleEvent(`t${i}`));
      await advanceUntil(() => delivery.status().obstacle === 'unauthorized' && delivery.status().inFlight === 0);
      const first = server.requests.length;
      await clock.advance(20_000);
      expect(server.requests).toHaveLength(first);
      for (let minutes = 0; minutes < 20; minutes += 1) {
        await clock.advance(60_000);
        await until(() => delivery.status().inFlight === 0);
      }
      // After 0.5, 1, 2, 4, 5, 5 … minutes.
      expect(server.requests.length - first).toBeLessThanOrEqual(8);
      expect(server.requests.length - first).toBeGreaterThanOrEqual(5);
      expect(outbox.depth()).toBe(12);
      expect(outbox.counters().rejected).toBe(0);
      server.answer = () => ({ status: 200 });
      await advanceUntil(() => outbox.depth() === 0);
      expect(server.taken.size).toBe(12);
      expect(runtime.lines.filter((line) => line.includes('refuses the metering key'))).toHaveLength(1);
      expect(runtime.lines.filter((line) => line.includes('takes the metering key again'))).toHaveLength(1);
    });
  }

  it('I9: a rotated key is tried at once', async () => {
    let key = 'hak_old_0000000000';
    const { server, outbox, delivery, advanceUntil } = await rig({
      credentials: () => ({ apiKey: new Secret(key) }),
    });
    server.answer = (request) => ({ status: request.headers['x-api-key'] === 'hak_new_0000000000' ? 200 : 401 });
    outbox.append('a1', sampleEvent('t1'));
    await advanceUntil(() => delivery.status().obstacle === 'unauthorized');
    key = 'hak_new_0000000000';
    outbox.append('a2', sampleEvent('t2'));
    await advanceUntil(() => server.taken.has('a2'), 1_000);
    await advanceUntil(() => outbox.depth() === 0);
    expect(server.taken.size).toBe(2);
  });

  it('I9: events wait for a key and for an address that come late', async () => {
    let key: string | undefined;
    let endpoint: URL | undefined;
    const server = await startMeteringServer();
    const { outbox, delivery, runtime, advanceUntil } = await rig({
      server,
      endpoint: () => endpoint,
      credentials: () => (key === undefined ? undefined : { apiKey: new Secret(key) }),
    });
    outbox.append('a1', sampleEvent('t1'));
    await advanceUntil(() => delivery.status().obstacle === 'no-endpoint');
    endpoint = server.url;
    await advanceUntil(() => delivery.status().obstacle === 'no-key', 10_000);
    expect(runtime.lines.filter((line) => line.includes('no metering key'))).toHaveLength(1);
    key = 'hak_late_0000000000';
    await advanceUntil(() => outbox.depth() === 0, 10_000);
    expect(server.taken.size).toBe(1);
  });

  it('a key of a self-hosted service is not sent to the hosted one, and that is said once', async () => {
    let base = 'https://api.revenium.ai';
    const secret = '0f3c7be1d2A'.repeat(4).slice(0, 43);
    const server = await startMeteringServer();
    const { outbox, delivery, runtime, advanceUntil, clock } = await rig({
      server,
      endpoint: () => new URL(base),
      credentials: () => ({ apiKey: new Secret(`rev_mk_fwk7PqWz_${secret}`), teamId: 'fwk7PqWz' }),
    });
    outbox.append('a1', sampleEvent('t1'));
    await advanceUntil(() => delivery.status().obstacle === 'foreign-key');
    await clock.advance(60_000);
    expect(delivery.status().failed).toBe(0);
    expect(runtime.lines.filter((line) => line.includes('self-hosted'))).toHaveLength(1);
    expect(runtime.lines.join('\n')).not.toContain(secret);
    base = server.url.href;
    await advanceUntil(() => outbox.depth() === 0);
    expect(server.taken.size).toBe(1);
  });
});

describe('flush', () => {
  it('resolves at once where nothing waits, and to true where everything was delivered', async () => {
    const { server, outbox, delivery } = await rig();
    expect(await delivery.flush(1000)).toBe(true);
    for (let i = 0; i < 30; i += 1) outbox.append(`a${i}`, sampleEvent(`t${i}`));
    const flushed = await delivery.flush(5000);
    expect(flushed).toBe(true);
    expect(server.taken.size).toBe(30);
  });

  it('also delivers what waits for a retry, though the breaker is open', async () => {
    const { server, outbox, delivery, advanceUntil } = await rig();
    server.answer = () => ({ status: 503 });
    for (let i = 0; i < 10; i += 1) outbox.append(`a${i}`, sampleEvent(`t${i}`));
    await advanceUntil(() => delivery.status().breaker === 'open' && delivery.status().inFlight === 0);
    server.answer = () => ({ status: 200 });
    expect(await delivery.flush(5000)).toBe(true);
    expect(server.taken.size).toBe(10);
  });

  it('gives up at its time limit where the service hangs', async () => {
    const { server, outbox, delivery, clock } = await rig();
    server.answer = () => 'hang';
    outbox.append('a1', sampleEvent('t1'));
    const flushed = delivery.flush(2000);
    await clock.advance(1999);
    await until(() => server.requests.length === 1);
    await clock.advance(1);
    expect(await flushed).toBe(false);
    expect(outbox.depth()).toBe(1);
  });

  it('gives up early where the service is down, the key refused, or none there', async () => {
    const down = await startMeteringServer();
    await down.close();
    const dead = await rig({ endpoint: () => down.url });
    dead.outbox.append('a1', sampleEvent('t1'));
    const start = dead.clock.monotonicNow();
    let result: boolean | undefined;
    void dead.delivery.flush(60_000).then((flushed) => {
      result = flushed;
    });
    await dead.advanceUntil(() => result !== undefined);
    expect(result).toBe(false);
    expect(dead.clock.monotonicNow() - start).toBeLessThan(8_000);

    const refused = await rig();
    refused.server.answer = () => ({ status: 401 });
    refused.outbox.append('a1', sampleEvent('t1'));
    expect(await refused.delivery.flush(5000)).toBe(false);

    const keyless = await rig({ credentials: () => undefined });
    keyless.outbox.append('a1', sampleEvent('t1'));
    expect(await keyless.delivery.flush(5000)).toBe(false);
  });
});

describe('stop', () => {
  it('gives requests under way up, releases their events, and leaves no timer', async () => {
    const { server, outbox, delivery, clock, advanceUntil } = await rig();
    server.answer = () => 'hang';
    for (let i = 0; i < 3; i += 1) outbox.append(`a${i}`, sampleEvent(`t${i}`));
    await advanceUntil(() => server.requests.length === 3);
    await Promise.all([delivery.stop(), delivery.stop()]);
    expect(outbox.claim(9)).toHaveLength(3);
    expect(clock.pending()).toBe(0);
    outbox.append('late', sampleEvent('late'));
    expect(clock.pending()).toBe(0);
    expect(await delivery.flush(1000)).toBe(false);
  });

  it('what a stopped delivery left is taken up by the next', async () => {
    const first = await rig();
    first.server.answer = () => 'hang';
    first.outbox.append('a1', sampleEvent('t1'));
    await first.advanceUntil(() => first.server.requests.length === 1);
    await first.delivery.stop();
    const second = await rig({ outbox: first.outbox });
    await second.advanceUntil(() => second.outbox.depth() === 0);
    expect(second.server.taken.size).toBe(1);
  });
});

describe('two deliveries in one process (I11)', () => {
  it('do not see each other', async () => {
    const one = await rig();
    const two = await rig({ outbox: createMemoryOutbox({ runtime: one.runtime }) });
    one.outbox.append('a1', sampleEvent('t1'));
    await one.advanceUntil(() => one.outbox.depth() === 0);
    await two.clock.advance(60_000);
    expect(one.server.requests).toHaveLength(1);
    expect(two.server.requests).toHaveLength(0);
  });
});
