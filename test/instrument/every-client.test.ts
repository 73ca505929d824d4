/** What holds for every provider's client, at the lowest and the highest version: the same questions to all of them. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { answerInDialect } from '../../bench/dialects.js';
import { BudgetExceededError } from '../../enforcement/budget-exceeded-error.js';
import { createFusewireOn, type Fusewire } from '../../src/instance.js';
import { withUsageMetadata } from '../../src/metadata/scope.js';
import { type FakeService, startFakeService } from '../../src/testing.js';
import { EVERY_CLIENT } from '../helpers/every-client.js';

const requests: { url: string; body: string }[] = [];
const server = createServer((request, response) => {
  let body = '';
  request.on('data', (part) => {
    body += part;
  });
  request.on('end', () => {
    requests.push({ url: request.url ?? '', body });
    if (failing === 0) answerInDialect(request.url ?? '', body, response);
    else response.writeHead(failing, { 'content-type': 'application/json' }).end('{"error":{"message":"stub"}}');
  });
});
let failing = 0;
let url: string;
let service: FakeService;
let fusewire: Fusewire;

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});
beforeEach(async () => {
  requests.length = 0;
  failing = 0;
  service = await startFakeService();
  fusewire = createFusewireOn({}, { ...service.options, logLevel: 'CRITICAL' });
});
afterEach(async () => {
  await fusewire.close();
  await service.close();
});

const RULE = { ruleId: 1, name: 'Cap', breached: true, currentValue: 11, threshold: 10 };

async function drain(stream: AsyncIterable<unknown>): Promise<number> {
  let chunks = 0;
  for await (const _chunk of stream) chunks += 1;
  return chunks;
}

/** genai hands the headers on, and with them the time of the answer. */
function undated(answer: unknown): unknown {
  const headers: unknown = Reflect.get(Object(Reflect.get(Object(answer), 'sdkHttpResponse') ?? {}), 'headers');
  if (typeof headers === 'object' && headers !== null) Reflect.deleteProperty(headers, 'date');
  return answer;
}

async function errorOf(task: () => unknown): Promise<unknown> {
  try {
    await task();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

async function events(): Promise<readonly Readonly<Record<string, unknown>>[]> {
  expect(await fusewire.flush()).toBe(true);
  return service.events;
}

describe.each(EVERY_CLIENT)('$name', (client) => {
  const guarded = () => fusewire.guard(client.make(url));

  it('I1: refused means not sent: the error itself, no request, no event', async () => {
    service.setRules([RULE]);
    expect(await fusewire.ready()).toBe(true);
    const plain = await errorOf(() => client.plain(guarded()));
    expect(plain).toBeInstanceOf(BudgetExceededError);
    const streamed = await errorOf(async () => drain(await client.streamed(guarded())));
    expect(streamed).toBeInstanceOf(BudgetExceededError);
    expect(requests).toHaveLength(0);
    expect(await events()).toHaveLength(0);
    expect(fusewire.status().calls).toMatchObject({ refused: 2, attempts: 0, open: 0 });
  });

  it('I4, I5: an answer is one event with what the provider reported', async () => {
    await client.plain(guarded());
    const [event, ...more] = await events();
    expect(more).toEqual([]);
    expect(event).toMatchObject({ ...client.event, isStreamed: false, attributes: { usageState: 'reported' } });
  });

  it('I4, I5: a stream is one event, when it ended', async () => {
    const chunks = await drain(await client.streamed(guarded()));
    expect(chunks).toBeGreaterThan(0);
    const [event, ...more] = await events();
    expect(more).toEqual([]);
    expect(event).toMatchObject({ ...(client.streamedEvent ?? client.event), isStreamed: true });
    expect(event?.['stopReason']).toBe('END');
  });

  it('I3: what the caller gets is what it gets without us', async () => {
    const bare = client.make(url);
    expect(undated(await client.plain(guarded()))).toEqual(undated(await client.plain(bare)));
    const take = async (one: object) => {
      const chunks: unknown[] = [];
      for await (const chunk of await client.streamed(one)) chunks.push(undated(chunk));
      return chunks;
    };
    expect(await take(guarded())).toEqual(await take(bare));
    const [guardedBody, bareBody] = [requests[0], requests[1]];
    expect(guardedBody).toEqual(bareBody);
  });

  it('usage metadata of the call beats that of the scope, and never reaches the provider', async () => {
    const one = guarded();
    await withUsageMetadata({ agent: 'outer', taskType: 'classify' }, async () => {
      await client.plain(one, { agent: 'inner', subscriber: { id: 'u-88' } });
      await drain(await client.streamed(one, { agent: 'inner', subscriber: { id: 'u-88' } }));
    });
    expect(JSON.stringify(requests)).not.toMatch(/usage_?metadata|u-88|inner/i);
    for (const event of await events()) {
      expect(event).toMatchObject({ agent: 'inner', taskType: 'classify', subscriber: { id: 'u-88' } });
    }
    expect(service.events).toHaveLength(2);
  });

  it('I4: guarded twice is decided and metered once', async () => {
    const one = fusewire.guard(fusewire.guard(client.make(url)));
    await client.plain(one);
    expect(await events()).toHaveLength(1);
  });

  it('I4: a stream that is left early is one event, marked', async () => {
    for await (const _chunk of await client.streamed(guarded())) break;
    fusewire.status();
    await fusewire.close();
    expect(service.events).toHaveLength(1);
    expect(service.events[0]?.['isStreamed']).toBe(true);
  });

  it('I2: the provider’s own error passes, and is metered as one', async () => {
    failing = 400;
    const bare = await errorOf(() => client.plain(client.make(url)));
    const error = await errorOf(() => client.plain(guarded()));
    expect((error as Error).constructor).toBe((bare as Error).constructor);
    expect((error as Error).message).toBe((bare as Error).message);
    expect(await events()).toMatchObject([{ stopReason: 'ERROR', errorCode: 400 }]);
  });

  it('I2: a service that is not there costs no call', async () => {
    const alone = createFusewireOn(
      {},
      {
        ...service.options,
        meteringBaseUrl: 'http://127.0.0.1:9',
        enforcementBaseUrl: 'http://127.0.0.1:9',
        logLevel: 'CRITICAL',
        shutdownTimeoutSeconds: 0.01,
      },
    );
    const one = alone.guard(client.make(url));
    await client.plain(one);
    expect(await drain(await client.streamed(one))).toBeGreaterThan(0);
    await alone.close();
  });

  it('says that it is initialized', () => {
    expect(fusewire.isInitialized(client.provider)).toBe(false);
    guarded();
    expect(fusewire.isInitialized(client.provider)).toBe(true);
    expect(fusewire.isInitialized()).toBe(true);
  });
});
