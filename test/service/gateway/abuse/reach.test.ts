// Whatever a caller writes into a request, nothing but the configured upstreams and the paths of the table is reached.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openWhole, type Payer, type Whole } from '../whole/whole.js';
import {
  answerBytes,
  type ByteUpstream,
  exchangeBytes,
  requestsIn,
  startByteUpstream,
  statusesIn,
  variablesOf,
} from './abuse-support.js';

const CHAT = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hi' }] };

describe('what a caller can reach', () => {
  let upstream: ByteUpstream;
  /** Where nobody may ever come. */
  let inside: ByteUpstream;
  let whole: Whole;
  let payer: Payer;
  let port: number;
  beforeAll(async () => {
    upstream = await startByteUpstream();
    inside = await startByteUpstream();
    const config = { aliases: { fast: { model: 'gpt-4o-mini', upstream: 'openai' } }, models: { 'x-*': 'openai' } };
    whole = await openWhole({ env: variablesOf(upstream), config });
    payer = await whole.payer();
    port = Number(new URL(whole.url).port);
  });
  beforeEach(() => {
    upstream.forget();
    upstream.answer = () => answerBytes('{}');
  });
  afterAll(async () => {
    expect(inside.streams()).toEqual([]);
    await whole.close();
    await inside.close();
    await upstream.close();
  });

  const raw = (line: string, lines: readonly string[] = [], body = JSON.stringify(CHAT)) => {
    const close = lines.some((text) => text.startsWith('Connection:')) ? [] : ['Connection: close'];
    const head = [
      line,
      'Host: gateway',
      ...close,
      `Authorization: Bearer ${payer.key}`,
      'Content-Type: application/json',
    ];
    return `${[...head, `Content-Length: ${Buffer.byteLength(body)}`, ...lines].join('\r\n')}\r\n\r\n${body}`;
  };
  const calls = () =>
    upstream
      .streams()
      .flatMap(requestsIn)
      .filter(({ line }) => !/^GET \/(api\/tags|v1\/models)/.test(line));
  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    fetch(whole.url + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${payer.key}`, 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
      redirect: 'manual',
    });

  it('no other host by an absolute address, a Host header or a forwarding header', async () => {
    const host = new URL(inside.origin).host;
    const lines = [
      `POST ${inside.origin}/v1/chat/completions HTTP/1.1`,
      `POST http://gateway/v1/chat/completions HTTP/1.1`,
      `POST //${host}/v1/chat/completions HTTP/1.1`,
      `POST /\\${host}/v1/chat/completions HTTP/1.1`,
      `CONNECT ${host} HTTP/1.1`,
      `GET ${host} HTTP/1.1`,
      'OPTIONS * HTTP/1.1',
      'TRACE /v1/chat/completions HTTP/1.1',
      'TRACE / HTTP/1.1',
    ];
    for (const line of lines) {
      const answer = await exchangeBytes(port, raw(line), 200);
      expect(statusesIn(answer)[0], line).toBeGreaterThanOrEqual(400);
      expect(answer, line).not.toContain(payer.key);
    }
    expect(calls()).toEqual([]);
    const tricks = [`X-Forwarded-Host: ${host}`, `Forwarded: host=${host}`, `X-Original-URL: /api/pull`];
    const rewrites = ['X-HTTP-Method-Override: DELETE', 'X-Rewrite-URL: /api/delete', `X-Forwarded-Server: ${host}`];
    await exchangeBytes(port, raw('POST /v1/chat/completions HTTP/1.1', [...tricks, ...rewrites]));
    expect(calls().map(({ line }) => line)).toEqual(['POST /v1/chat/completions HTTP/1.1']);
  });

  it('no management of Ollama, and no other path of a provider, in no spelling and with no method', async () => {
    const managed = [
      'pull',
      'push',
      'create',
      'copy',
      'delete',
      'blobs/sha256:00',
      'signin',
      'signout',
      'me',
      'experimental',
    ];
    const paths = [
      ...managed.map((name) => `/api/${name}`),
      ...[
        '/v1/files',
        '/v1/batches',
        '/v1/fine_tuning/jobs',
        '/v1/assistants',
        '/v1/threads',
        '/v1/organization/costs',
      ],
      ...['/v1/responses/resp_1', '/v1/responses/resp_1/cancel', '/v1/messages/batches', '/v1/realtime', '/v1/uploads'],
      ...['/v1/chat/completions/x', '/v1/models/../files', '/v1/models/%2e%2e/files', '/v1/models/..%2ffiles'],
      ...[
        '/api/chat/../pull',
        '/api/./pull',
        '/api//pull',
        '/api/%70ull',
        '/API/pull',
        '/api/pull/',
        '/api/chat%2f..%2fpull',
      ],
      ...[
        '/api/chat;/../pull',
        '/api/chat%00',
        '/api/chat%23',
        '/api\\pull',
        '/v2/api/customers',
        '/%76%32/api/customers',
      ],
      ...[
        '/v1/..;/v2/api/customers',
        '/metrics',
        '/local/admin',
        '/console',
        '/openapi.json',
        '/meter/v2/ai/completions',
      ],
    ];
    for (const path of paths) {
      for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS', 'PROPFIND']) {
        const answer = await exchangeBytes(port, raw(`${method} ${path} HTTP/1.1`, ['Connection: close'], ''), 2_000);
        const [status] = statusesIn(answer);
        expect([400, 404], `${method} ${path}`).toContain(status);
      }
    }
    expect(calls()).toEqual([]);
  }, 60_000);

  it('no server, path or header by the name of a model', async () => {
    const names: unknown[] = [
      ...[`${inside.origin}/x`, '//inside/x', '../../files', 'a/../../b', 'gpt-4o-mini?x=1', 'gpt-4o-mini#x', 'a b'],
      ...[
        'gpt-4o-mini\r\nx-evil: 1',
        'gpt-4o-mini\n',
        'gpt-4o\0',
        '%2e%2e%2ffiles',
        'a\\..\\b',
        '\u202egpt',
        'gpt-4o-mini\u200b',
      ],
      ...['', ' ', 'a'.repeat(257), '__proto__', '.', '..', '-', 'fast\0', 'x-\r\nhost: a', 'x-$' + '{jndi:ldap://a}'],
      ...[null, 1, true, [], ['gpt-4o-mini'], { toString: 'x' }],
    ];
    for (const model of names) {
      for (const path of ['/v1/chat/completions', '/api/chat', '/v1/messages', '/api/show']) {
        const answer = await post(path, { ...CHAT, model, max_tokens: 5 });
        expect(answer.status, `${path} ${JSON.stringify(model)}`).toBe(400);
        const text = await answer.text();
        expect(text).not.toMatch(/jndi|evil|inside/);
      }
    }
    expect(calls()).toEqual([]);
  });

  it('puts no part of a name into the path, whoever answers', async () => {
    for (const model of ['fast', 'x-a/b', 'constructor', 'hf.co/user/model:tag', 'toString', 'gpt-oss:20b']) {
      expect((await post('/v1/chat/completions', { ...CHAT, model })).status, model).toBe(200);
    }
    expect(new Set(calls().map(({ line }) => line))).toEqual(new Set(['POST /v1/chat/completions HTTP/1.1']));
    expect(calls().map(({ body }) => JSON.parse(body).model)).toEqual([
      ...['gpt-4o-mini', 'x-a/b', 'constructor', 'hf.co/user/model:tag', 'toString', 'gpt-oss:20b'],
    ]);
  });

  it('hands no query to Ollama and none that is not sound to others', async () => {
    expect((await post('/api/chat?stream=false&host=x', { ...CHAT, model: 'llama3' })).status).toBe(200);
    expect((await post('/v1/chat/completions?a=b%20c', CHAT)).status).toBe(200);
    for (const query of ['%', '%zz', 'a"b', 'a|b', '<x>', 'a\x7f', 'a'.repeat(1_025)]) {
      const answer = await exchangeBytes(port, raw(`POST /v1/chat/completions?${query} HTTP/1.1`), 2_000);
      expect(statusesIn(answer), query).toEqual([400]);
    }
    expect(calls().map(({ line }) => line)).toEqual([
      'POST /api/chat HTTP/1.1',
      'POST /v1/chat/completions?a=b%20c HTTP/1.1',
    ]);
  });

  it('follows no redirect and tells no caller where it would lead', async () => {
    for (const status of ['301 Moved', '302 Found', '307 Temporary Redirect', '308 Permanent Redirect']) {
      upstream.answer = () =>
        answerBytes('{}', [`location: ${inside.origin}/`, `refresh: 0;url=${inside.origin}`], status);
      const answer = await post('/v1/chat/completions', CHAT);
      expect([answer.status, answer.headers.get('location'), answer.headers.get('refresh')]).toEqual([
        Number(status.slice(0, 3)),
        null,
        null,
      ]);
      const list = await fetch(`${whole.url}/v1/models`, { headers: { 'x-api-key': payer.key } });
      expect(list.status).toBe(200);
    }
  });

  it('asks no upstream for what a hostile id of a model names', async () => {
    const ids = [
      '%2e%2e',
      '..',
      '.',
      'a%2f..%2fb',
      '%00',
      '%0d%0ax-evil:1',
      'a%5cb',
      '%',
      '%ff',
      'a?x',
      'a'.repeat(1_000),
    ];
    const more = ['http:%2f%2finside%2f', '__proto__', 'constructor', '%e2%80%ae', '%1b[2J', 'a;b', '%2f', ''];
    for (const id of [...ids, ...more]) {
      for (const version of [[], ['anthropic-version: 2023-06-01']]) {
        const answer = await exchangeBytes(port, raw(`GET /v1/models/${id} HTTP/1.1`, version, ''), 2_000);
        expect(statusesIn(answer), id).toEqual([id === 'a?x' || id.length < 400 ? expect.any(Number) : 404]);
        expect([400, 404]).toContain(statusesIn(answer)[0]);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be echoed
        expect(answer.replaceAll('\r\n', '')).not.toMatch(/[\x00-\x1f\x7f]|^x-evil/m);
      }
    }
    expect(calls()).toEqual([]);
  });

  it('opens no WebSocket and no tunnel', async () => {
    const lines = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: AA=='];
    for (const path of ['/v1/realtime', '/v1/chat/completions', '/v1/responses', '/', '/healthz', '/api/chat']) {
      const answer = await exchangeBytes(port, raw(`GET ${path} HTTP/1.1`, lines, ''), 600);
      expect(statusesIn(answer)[0], path).not.toBe(101);
      expect(statusesIn(answer).length).toBe(1);
    }
    expect(calls()).toEqual([]);
  });

  it('answers HTTP/1.0 with an end that it understands, and HEAD without a body', async () => {
    upstream.answer = () => answerBytes('{"a":1}');
    const old = await exchangeBytes(port, raw('POST /v1/chat/completions HTTP/1.0'), 5_000);
    expect(old).toMatch(/\r\n\r\n\{"a":1\}$/);
    const head = await exchangeBytes(port, raw('HEAD /health HTTP/1.1', ['Connection: close'], ''), 5_000);
    expect(head).toMatch(/\r\n\r\n$/);
  });
});
