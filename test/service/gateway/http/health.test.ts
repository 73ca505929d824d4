import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Log } from 'fusewire/internal';
import { afterEach, describe, expect, it } from 'vitest';
import { createHealth, type HealthAnswer, type HealthParts } from '../../../../service/gateway/http/health.js';
import { createOllamaProbe } from '../../../../service/gateway/http/ollama-probe.js';
import { createFakeClock } from '../../../../src/testing.js';
import { head, openFront, RawClient, statuses } from './front.js';

function healthOf(changes: Partial<HealthParts> = {}) {
  const clock = createFakeClock();
  const lines: { message: string; fields: unknown }[] = [];
  const add = (message: string, fields?: unknown) => void lines.push({ message, fields });
  const log: Log = { debug: add, info: add, warn: add, error: add, isDebug: () => true };
  const looks = { store: 0, ollama: 0 };
  const health = createHealth({
    runtime: clock,
    log,
    probeStore: async () => {
      looks.store += 1;
    },
    probeOllama: async () => {
      looks.ollama += 1;
    },
    trouble: () => undefined,
    deadLetters: () => 0,
    upstreams: ['ollama'],
    ...changes,
  });
  return { health, clock, looks, lines };
}

const bodyOf = ({ body }: HealthAnswer) => body as Record<string, Record<string, unknown>>;
const down = async () => {
  throw new Error('connect ECONNREFUSED 10.0.0.5:11434');
};
const never = () => new Promise<void>(() => undefined);

describe('/health', () => {
  it('says what it looked at', async () => {
    const { health } = healthOf({ upstreams: ['ollama', 'openai'] });
    const answer = await health('health');
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      status: 'healthy',
      service: 'gateway',
      checks: {
        store: { result: 'ok', checkedMsAgo: 0 },
        metering: { result: 'ok' },
        ollama: { result: 'ok', checkedMsAgo: 0 },
      },
      upstreams: ['ollama', 'openai'],
      timestamp: '2026-01-01T00:00:00.000Z',
    });
  });

  it('is degraded while usage events could not be recorded, and says so', async () => {
    let count = 2;
    const { health } = healthOf({ deadLetters: () => count });
    const answer = await health('health');
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({
      status: 'degraded',
      checks: { metering: { result: 'ok' }, recording: { result: 'dead letters' } },
    });
    count = 0;
    expect((await health('health')).body).toMatchObject({ status: 'healthy' });
  });

  it.each([
    ['unavailable', 503, { probeStore: down }],
    ['unavailable', 503, { trouble: () => 'the outbox in /var/lib/fusewire is full' }],
    ['unavailable', 503, { probeOllama: down }],
    ['unavailable', 503, { upstreams: [] }],
    ['degraded', 200, { probeOllama: down, upstreams: ['ollama', 'anthropic'] }],
    ['healthy', 200, { probeOllama: undefined, upstreams: ['openai'] }],
  ])('is %s, %i, with %o', async (status, code, changes) => {
    const { health } = healthOf(changes);
    const answer = await health('health');
    expect([answer.status, bodyOf(answer)['status']]).toEqual([code, status]);
    expect(JSON.stringify(answer.body)).not.toMatch(/10\.0\.0\.5|ECONN|\/var\/lib/);
  });

  it('tells the log what is wrong with metering, once for each reason', async () => {
    let reason: string | undefined = 'the outbox is full';
    const { health, lines } = healthOf({ trouble: () => reason });
    for (let i = 0; i < 3; i += 1) await health('health');
    expect(lines).toEqual([{ message: 'the gateway lets no calls through', fields: { reason } }]);
    reason = undefined;
    await health('health');
    reason = 'the outbox is full';
    await health('health.ready');
    expect(lines).toHaveLength(2);
  });

  it('does not wait for what does not answer', async () => {
    const { health, clock } = healthOf({ probeStore: never, probeOllama: never });
    const answer = health('health');
    await clock.advance(5_000);
    expect(bodyOf(await answer)['checks']).toMatchObject({ store: { result: 'late' }, ollama: { result: 'late' } });
  });

  it('looks once a second at most, good or bad, and once at a time', async () => {
    const { health, clock, looks } = healthOf();
    await Promise.all(Array.from({ length: 50 }, () => health('health')));
    for (let i = 0; i < 50; i += 1) await health('health');
    await health('health.ready');
    await health('health.ollama');
    expect(looks).toEqual({ store: 1, ollama: 1 });
    await clock.advance(400);
    expect(bodyOf(await health('health'))['checks']).toMatchObject({ store: { checkedMsAgo: 400 } });
    await clock.advance(600);
    await health('health');
    expect(looks).toEqual({ store: 2, ollama: 2 });
    let failures = 0;
    const broken = healthOf({
      probeOllama: async () => {
        failures += 1;
        throw new Error('no');
      },
    });
    for (let i = 0; i < 50; i += 1) expect((await broken.health('health.ollama')).status).toBe(503);
    expect(failures).toBe(1);
  });
});

describe('the other probes', () => {
  it('/healthz lives without looking at anything', async () => {
    const { health, looks } = healthOf({ probeStore: down, trouble: () => 'trouble' });
    expect(await health('health.alive')).toEqual({ status: 200, body: { status: 'ok' } });
    expect(await health('ping')).toEqual({ status: 200, body: 'Fusewire is running' });
    expect(looks).toEqual({ store: 0, ollama: 0 });
  });

  it('/readyz is ready while calls can be decided on and metered', async () => {
    expect((await healthOf().health('health.ready')).status).toBe(200);
    const store = await healthOf({ probeStore: down }).health('health.ready');
    expect([store.status, bodyOf(store)['store']]).toEqual([503, 'failed']);
    const metering = await healthOf({ trouble: () => 'full' }).health('health.ready');
    expect([metering.status, bodyOf(metering)['metering']]).toEqual([503, 'trouble']);
    // Other replicas have the same Ollama: taking this one out helps nobody.
    expect((await healthOf({ probeOllama: down }).health('health.ready')).status).toBe(200);
  });

  it('/health/ollama tells Ollama that answers, does not, and is not there', async () => {
    expect(bodyOf(await healthOf().health('health.ollama'))).toMatchObject({ status: 'healthy', service: 'ollama' });
    const broken = await healthOf({ probeOllama: down }).health('health.ollama');
    expect([broken.status, bodyOf(broken)['status']]).toEqual([503, 'unavailable']);
    const none = await healthOf({ probeOllama: undefined }).health('health.ollama');
    expect([none.status, bodyOf(none)['status']]).toEqual([503, 'not configured']);
  });
});

describe('asking Ollama', () => {
  let ollama: Server | undefined;
  afterEach(() => ollama?.close());

  const start = async (status: number, seen: string[]) => {
    ollama = createServer((request, response) => {
      seen.push(`${request.method} ${request.url} ${request.headers['x-a'] ?? ''}`);
      // Without an end: nobody must wait for it.
      response.writeHead(status).write('{"version":');
    });
    await new Promise<void>((resolve) => ollama!.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(ollama.address() as AddressInfo).port}`;
  };

  it('is content with the head of an answer', async () => {
    const seen: string[] = [];
    const origin = await start(200, seen);
    await createOllamaProbe({ origin, basePath: '/base', headers: [['x-a', 'b']] })();
    expect(seen).toEqual(['GET /base/api/version b']);
  });

  it('fails on any other status, and where nobody is', async () => {
    const origin = await start(500, []);
    await expect(createOllamaProbe({ origin, basePath: '', headers: [] })()).rejects.toThrow('500');
    ollama?.closeAllConnections();
    ollama?.close();
    await expect(createOllamaProbe({ origin, basePath: '', headers: [] })()).rejects.toThrow();
  });
});

describe('through the listener', () => {
  it('health needs no key, and HEAD gets no body', async () => {
    const front = await openFront({ health: { trouble: () => 'no' } });
    const ask = async (line: string) => {
      const raw = new RawClient(front.port);
      raw.write(`${line} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`);
      return raw.closed();
    };
    expect(await ask('GET /')).toContain('\r\n\r\nFusewire is running');
    const pinged = await ask('HEAD /');
    expect(pinged.endsWith('\r\n\r\n')).toBe(true);
    expect(pinged).toContain('content-length: 19');
    const health = await ask('GET /health?x=1');
    expect(statuses(health)).toEqual([503]);
    expect(health).toContain('cache-control: no-store');
    expect(health).toContain('retry-after: 2');
    expect(statuses(await ask('HEAD /readyz'))).toEqual([503]);
    expect(statuses(await ask('GET /healthz'))).toEqual([200]);
    expect(statuses(await ask('POST /health'))).toEqual([405]);
    const keyed = new RawClient(front.port).write(head('GET', '/healthz'));
    await keyed.until('ok');
    keyed.destroy();
    await front.close();
  });
});
