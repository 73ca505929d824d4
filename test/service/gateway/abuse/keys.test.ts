// What somebody with no key, a dead key or another's business learns and can do.
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../../../helpers/until.js';
import { rawCall } from '../forward/support.js';
import { openWhole, type Payer, type Whole } from '../whole/whole.js';
import { exchangeBytes, statusesIn } from './abuse-support.js';

const CHAT = { model: 'gpt-4o-mini', max_tokens: 20, messages: [{ role: 'user', content: 'hi' }] };

describe('keys', () => {
  let whole: Whole;
  let port: number;
  beforeAll(async () => {
    whole = await openWhole({ config: { limits: { drainsMax: 2, drainMs: 300, keyConcurrencyMax: 4 } } });
    port = Number(new URL(whole.url).port);
  });
  afterEach(() => whole.standIn.reset());
  afterAll(() => whole.close());

  const ask = (headers: Record<string, string>, body: object = CHAT) =>
    fetch(`${whole.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  const withKey = (key: string) => ({ authorization: `Bearer ${key}` });
  const codeOf = async (answer: Response) => ((await answer.json()) as { error: { code: string } }).error.code;

  it('answers unknown keys alike, however near they are to one that works, and repeats none', async () => {
    const { key } = await whole.payer();
    const last = key.at(-1) === 'a' ? 'b' : 'a';
    const near = [`${key.slice(0, -1)}${last}`, key.slice(0, -1), `${key}a`, key.toUpperCase(), key.toLowerCase()];
    const texts = new Set<string>();
    for (const wrong of [...near, `sk_${'0'.repeat(43)}`].filter((text) => text !== key && text.startsWith('sk_'))) {
      const answer = await ask({ ...withKey(wrong), 'x-request-id': 'same' });
      const text = await answer.text();
      texts.add(`${answer.status} ${text}`);
      expect(text).not.toContain(wrong);
    }
    expect(texts.size).toBe(1);
    expect([...texts][0]).toMatch(/^401 .*unknown_api_key/);
    const odd = [
      ` ${key} `,
      `${key},${key}`,
      `${key}\t`,
      `sk_' OR 1=1 --aaaaaaaaaaaaa`,
      `${key}%00`,
      key.replace('_', '-'),
    ];
    for (const wrong of odd) {
      const { status } = await ask({ authorization: `Bearer ${wrong}` });
      expect(status === 401 || wrong.trim() === key, wrong).toBe(true);
    }
    for (const scheme of ['Basic', 'bearer:', 'Token', 'Bearer Bearer', '']) {
      expect((await ask({ authorization: `${scheme} ${key}`.trim() })).status).toBe(401);
    }
    expect(whole.standIn.seen.filter(({ method }) => method === 'POST').length).toBeLessThanOrEqual(2);
  });

  it('looks a key up neither in the query, nor in cookies, nor in the body, nor twice', async () => {
    const one = await whole.payer();
    const two = await whole.payer();
    expect((await ask({ cookie: `key=${one.key}` })).status).toBe(401);
    const answer = await fetch(`${whole.url}/v1/chat/completions?api_key=${one.key}&key=${one.key}`, {
      method: 'POST',
      body: JSON.stringify({ ...CHAT, api_key: one.key }),
    });
    expect(answer.status).toBe(401);
    expect(await codeOf(await ask({ ...withKey(one.key), 'x-api-key': two.key }))).toBe('ambiguous_api_key');
    const twice = `POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nConnection: close\r\nX-Api-Key: ${one.key}\r\nX-Api-Key: ${two.key}\r\nContent-Length: 2\r\n\r\n{}`;
    expect(statusesIn(await exchangeBytes(port, twice))).toEqual([401]);
    for (const key of [whole.service.keys.write, whole.service.keys.metering]) {
      expect((await ask(withKey(key))).status).toBe(401);
    }
    expect((await fetch(`${whole.service.url}/v2/api/customers`, { headers: { 'x-api-key': one.key } })).status).toBe(
      401,
    );
  });

  it('cannot make itself another customer, another key or another call by headers', async () => {
    const ann = await whole.payer({ budget: '1' });
    const bob = await whole
      .payer({ budget: '0.5', key: { dimensions: { organizationName: 'Bob Ltd' } } })
      .catch(() => whole.payer({ budget: '0.5' }));
    const forged = {
      ...{
        'x-revenium-subscriber-id': ann.id,
        'x-revenium-subscriber-email': ann.email,
        'x-revenium-subscriber': ann.id,
      },
      ...{ 'x-revenium-credential-name': ann.keyId, 'x-revenium-subscriber-credential': ann.key },
      ...{
        'x-revenium-subscriber-credential-name': ann.keyId,
        'x-revenium-transaction-id': 'mine',
        'x-revenium-cost': '0',
      },
      ...{
        'x-revenium-total-cost': '0',
        'x-revenium-model': 'free',
        'x-revenium-provider': 'NONE',
        'x-revenium-is-free': 'true',
      },
      ...{
        'fusewire-transaction-id': 'mine',
        'x-revenium-team-id': 'fw0',
        'x-revenium-usage-metadata': `{"subscriber":{"id":"${ann.id}"}}`,
      },
      ...{ 'x-revenium-agent': '=HYPERLINK("http://evil")', 'x-revenium-trace-id': 'a'.repeat(5_000) },
    };
    const answer = await ask({ ...withKey(bob.key), ...forged });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('fusewire-budget-limit')).toBe('0.5');
    const [event] = await whole.settled(bob, 1);
    expect(await whole.events(ann)).toEqual([]);
    expect(event!.transactionId).toBe(answer.headers.get('fusewire-transaction-id'));
    expect(event!.body).toMatchObject({
      model: expect.stringMatching(/^gpt-4o-mini/),
      provider: 'OPENAI',
      subscriber: { id: bob.id, email: bob.email, credential: { name: bob.keyId } },
    });
    expect(event!.amountNanoUsd).toBeGreaterThan(0n);
    expect(JSON.stringify(event!.body)).not.toContain(ann.id);
  });

  const open = async (payer: Payer) => {
    whole.standIn.plan = ({ method }) => (method === 'POST' ? 'hold' : undefined);
    const headers = { ...withKey(payer.key), 'content-type': 'application/json' };
    const caller = rawCall(port, '/v1/chat/completions', { ...CHAT, stream: true }, { headers });
    await caller.saw('data:');
    return caller;
  };

  it.each([
    [
      'revoked',
      (payer: Payer) => whole.made(`/v2/api/gateway-keys/${payer.keyId}`, undefined, 'DELETE'),
      'revoked_api_key',
    ],
    [
      'its customer is deleted',
      (payer: Payer) => whole.made(`/v2/api/customers/${payer.id}`, undefined, 'DELETE'),
      /revoked_api_key|inactive_customer|unknown_api_key/,
    ],
    [
      'its customer is inactive',
      (payer: Payer) => whole.made(`/v2/api/customers/${payer.id}`, { active: false }, 'PATCH'),
      'inactive_customer',
    ],
  ] as const)(
    'while its stream runs, %s: the stream ends whole and is billed, the next call is refused',
    async (_, end, code) => {
      const payer = await whole.payer({ budget: '1' });
      const caller = await open(payer);
      await end(payer);
      await until(async () => (await ask(withKey(payer.key))).status === 401, 'the end of the key');
      expect(await codeOf(await ask(withKey(payer.key)))).toMatch(code);
      whole.standIn.releaseAll();
      await caller.saw('[DONE]');
      caller.socket.destroy();
      const [event] = await whole.settled(payer, 1);
      expect(event!.body).toMatchObject({ subscriber: { id: payer.id }, attributes: { usageState: 'reported' } });
      expect(event!.amountNanoUsd).toBeGreaterThan(0n);
    },
  );

  it('of one customer cannot take the places of others, however many streams it opens and leaves', async () => {
    const greedy = await whole.payer();
    const other = await whole.payer();
    const streams = await Promise.all([open(greedy), open(greedy), open(greedy), open(greedy)]);
    const fifth = await ask(withKey(greedy.key));
    expect([fifth.status, await codeOf(fifth), fifth.headers.get('retry-after')]).toEqual([
      429,
      'too_many_concurrent_requests',
      '1',
    ]);
    whole.standIn.plan = undefined;
    expect((await ask(withKey(other.key))).status).toBe(200);
    for (const { socket } of streams) socket.destroy();
    await until(async () => (await ask(withKey(greedy.key))).status === 200, 'places that are given back');
    // Two are read on for a while, the others are cut at once: all are billed.
    const events = await whole.settled(greedy, 5);
    for (const { amountNanoUsd } of events) expect(amountNanoUsd).toBeGreaterThan(0n);
  });

  it('are not held up by ten thousand connections that say nothing, nor by slow ones', async () => {
    const payer = await whole.payer();
    const before = process.memoryUsage().rss;
    const sockets = Array.from({ length: 2_000 }, (_, index) => {
      const socket = connect({ port, host: '127.0.0.1' });
      socket.on('error', () => undefined);
      if (index % 2 === 0) socket.write(`POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nX-A: ${'a'.repeat(index)}`);
      return socket;
    });
    try {
      await Promise.all(
        sockets.map(
          (socket) =>
            new Promise((resolve) =>
              socket.connecting ? socket.once('connect', resolve).once('error', resolve) : resolve(0),
            ),
        ),
      );
      expect((await ask(withKey(payer.key))).status).toBe(200);
      // Both ends of each connection are in this process.
      expect(process.memoryUsage().rss - before).toBeLessThan(400 * 1_048_576);
    } finally {
      for (const socket of sockets) socket.destroy();
    }
    const huge = `GET /v1/models HTTP/1.1\r\nHost: g\r\n${`X-A: ${'a'.repeat(1_000)}\r\n`.repeat(18)}\r\n`;
    expect(statusesIn(await exchangeBytes(port, huge, 3_000))).toEqual([431]);
    const many = `GET /v1/models HTTP/1.1\r\nHost: g\r\n${'a:b\r\n'.repeat(9_000)}\r\n`;
    expect(statusesIn(await exchangeBytes(port, many, 3_000))).toEqual([431]);
  });
});
