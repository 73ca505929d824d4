/** `globalThis.fetch = fusewire.guardFetch()`: with every client, guarded or not, a request is decided and metered once. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createFalClient } from '@fal-ai/client';
import OpenAI from 'openai';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { answerInDialect } from '../../bench/dialects.js';
import { createFusewireOn, type Fusewire } from '../../src/instance.js';
import { type FakeService, startFakeService } from '../../src/testing.js';
import { EVERY_CLIENT } from '../helpers/every-client.js';

const requests: string[] = [];
const server = createServer((request, response) => {
  let body = '';
  request.on('data', (part) => {
    body += part;
  });
  request.on('end', () => {
    requests.push(request.url ?? '');
    answerInDialect(request.url ?? '', body, response);
  });
});
const native = globalThis.fetch;
let host: string;
let service: FakeService;
let fusewire: Fusewire;

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});
beforeEach(async () => {
  requests.length = 0;
  service = await startFakeService();
  // Metering and the feed keep to the real fetch.
  fusewire = createFusewireOn({}, { ...service.options, logLevel: 'CRITICAL' });
});
afterEach(async () => {
  globalThis.fetch = native;
  await fusewire.close();
  await service.close();
});

const CHAT = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"model":"m","messages":[]}' };

describe('a guarded fetch in place of the global one', () => {
  it('I2: leads to the real one, and not to itself', async () => {
    globalThis.fetch = fusewire.guardFetch() as typeof fetch;
    expect((await fetch(`http://${host}/v1/chat/completions`, CHAT)).status).toBe(200);
    expect(requests).toHaveLength(1);
  });

  it.each<[string, (guarded: typeof fetch) => typeof fetch]>([
    ['as it is', (guarded) => guarded],
    ['inside a function of the program', (guarded) => (input, init) => guarded(input, init)],
    ['inside one that copies what it is given', (guarded) => async (input, init) => guarded(input, { ...init })],
  ])('I4: %s, is decided and metered once', async (_name, wrap) => {
    const options = { hosts: { [host]: 'openai' } } as const;
    globalThis.fetch = wrap(fusewire.guardFetch(undefined, options) as typeof fetch);
    const own = fusewire.guardFetch(undefined, options);
    await (await fetch(`http://${host}/v1/chat/completions`, CHAT)).json();
    await (await own(`http://${host}/v1/chat/completions`, CHAT)).json();
    await fusewire.flush();
    expect(requests).toHaveLength(2);
    expect(service.events).toHaveLength(2);
    expect(fusewire.status().calls.attempts).toBe(2);
  });
});

// Those of fal are led to the stub by a fetch of their own.
describe.each(EVERY_CLIENT.filter(({ provider }) => provider !== 'fal'))('$name', (client) => {
  const hosts = () => ({ hosts: { [host]: client.provider as 'openai' } });

  it('I4: guarded, over a guarded global fetch, is decided and metered once', async () => {
    globalThis.fetch = fusewire.guardFetch(native as never, hosts()) as typeof fetch;
    const guarded = fusewire.guard(client.make(`http://${host}`));
    await client.plain(guarded);
    for await (const _chunk of await client.streamed(guarded));
    await fusewire.flush();
    expect(requests).toHaveLength(2);
    expect(service.events).toHaveLength(2);
    expect(fusewire.status().calls.attempts).toBe(2);
  });

  it('I4: made before the global fetch was replaced too', async () => {
    const guarded = fusewire.guard(client.make(`http://${host}`));
    globalThis.fetch = fusewire.guardFetch(undefined, hosts()) as typeof fetch;
    await client.plain(guarded);
    for await (const _chunk of await client.streamed(guarded));
    await fusewire.flush();
    expect(requests).toHaveLength(2);
    expect(service.events).toHaveLength(2);
    expect(fusewire.status().calls.attempts).toBe(2);
  });
});

describe('fal', () => {
  it.each([true, false])(
    'I4: over a guarded global fetch is decided and metered once (guarded: %s)',
    async (isGuarded) => {
      const lead = (input: string | URL | Request, init?: RequestInit) =>
        native(`http://${host}${new URL(String(input)).pathname}`, init);
      globalThis.fetch = fusewire.guardFetch(lead as never) as typeof fetch;
      const made = createFalClient({ credentials: 'k' });
      const client = isGuarded ? fusewire.guard(made) : made;
      await client.run('fal-ai/flux/dev', { input: { prompt: 'a' } });
      await fusewire.flush();
      expect(requests).toHaveLength(1);
      expect(service.events).toHaveLength(1);
      expect(fusewire.status().calls.attempts).toBe(1);
    },
  );
});

describe('a fetch of the program that leads to the global one', () => {
  it('I4: openai: is decided and metered once', async () => {
    globalThis.fetch = fusewire.guardFetch(undefined, { hosts: { [host]: 'openai' } }) as typeof fetch;
    const send: typeof fetch = (input, init) => fetch(input, init);
    const client = fusewire.guard(new OpenAI({ apiKey: 'k', baseURL: `http://${host}/v1`, fetch: send }));
    await client.chat.completions.create({ model: 'm', messages: [] });
    await fusewire.flush();
    expect(service.events).toHaveLength(1);
    expect(fusewire.status().calls.attempts).toBe(1);
  });
});
