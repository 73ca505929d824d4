// An upstream that answers whatever hurts: its caller gets what is sound of it, the gateway goes on, the call is metered.
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../../helpers/until.js';
import { openWhole, type Payer, type Whole } from '../whole/whole.js';
import {
  answerBytes,
  type ByteUpstream,
  exchangeBytes,
  SOUND,
  startByteUpstream,
  statusesIn,
  variablesOf,
} from './abuse-support.js';

const MIB = 1_048_576;
const BODY = JSON.stringify({ model: 'gpt-4o-mini', max_tokens: 50, messages: [{ role: 'user', content: 'hi' }] });
const head = (lines: readonly string[], status = '200 OK') =>
  `${[`HTTP/1.1 ${status}`, ...lines].join('\r\n')}\r\n\r\n`;

describe('a hostile upstream', () => {
  let upstream: ByteUpstream;
  let whole: Whole;
  let payer: Payer;
  let port: number;
  beforeAll(async () => {
    upstream = await startByteUpstream();
    const limits = { upstreamHeadersTimeoutMs: 1_000, upstreamIdleMs: 1_000, drainMs: 200 };
    whole = await openWhole({ env: variablesOf(upstream), config: { limits } });
    port = Number(new URL(whole.url).port);
  });
  beforeEach(async () => {
    upstream.forget();
    payer = await whole.payer();
  });
  afterAll(async () => {
    await whole.close();
    await upstream.close();
  });

  const ask = (idleMs = 4_000, body = BODY) => {
    const lines = ['POST /v1/chat/completions HTTP/1.1', 'Host: gateway', `Authorization: Bearer ${payer.key}`];
    const more = ['Content-Type: application/json', 'Connection: close', `Content-Length: ${body.length}`];
    return exchangeBytes(port, `${[...lines, ...more].join('\r\n')}\r\n\r\n${body}`, idleMs);
  };
  /** Answers calls with these bytes; lists are none of it. */
  const answers = (bytes: string | Buffer) => {
    upstream.answer = (request) => (request.startsWith('POST') ? bytes : answerBytes('{}'));
  };
  const isAlive = async () => {
    answers(SOUND);
    expect(statusesIn(await ask())).toEqual([200]);
  };

  it('puts no line and no connection of its own into an answer', async () => {
    const lines = [
      ...['set-cookie: session=1', 'location: http://evil/', 'server: evil', 'via: evil', 'alt-svc: h2="evil:443"'],
      ...[
        'connection: x-evil, keep-alive',
        'x-evil: 1',
        'access-control-allow-origin: *',
        'refresh: 0',
        'link: <evil>',
      ],
      ...['fusewire-budget-remaining: 9999', 'fusewire-transaction-id: evil', 'www-authenticate: Basic', 'trailer: x'],
      ...['openai-organization: org-operator', 'proxy-authenticate: Basic', 'content-security-policy: x', 'nel: {}'],
    ];
    answers(answerBytes('{}', lines));
    const answer = await ask();
    expect(statusesIn(answer)).toEqual([200]);
    expect(answer.slice(0, answer.indexOf('\r\n\r\n'))).not.toMatch(/evil|operator|cookie|9999|refresh|nel:|Basic/i);
  });

  const malformed: readonly (readonly [string, string | Buffer])[] = [
    ['a bare line feed in a header', answerBytes('{}', ['x-request-id: a\nx-evil: 1'])],
    ['a carriage return in a header', answerBytes('{}', ['x-request-id: a\rx-evil: 1'])],
    ['a NUL in a header', answerBytes('{}', ['x-request-id: a\0b'])],
    ['two lengths', answerBytes('{}', ['content-length: 5'])],
    ['a length and chunks', answerBytes('2\r\n{}\r\n0\r\n\r\n', ['transfer-encoding: chunked'])],
    ['two answers', SOUND + answerBytes('evil second')],
    ['an answer before and after', `${head(['content-length: 0'], '204 No Content')}${SOUND}`],
    ['status 000', answerBytes('{}', [], '000 Zero')],
    ['status 999', answerBytes('{}', [], '999 Nines')],
    ['status 99', answerBytes('{}', [], '99 Short')],
    [
      '101 without being asked',
      `${head(['upgrade: websocket', 'connection: upgrade'], '101 Switching Protocols')}evil`,
    ],
    ['early hints without end', head(['link: <evil>'], '103 Early Hints').repeat(2_000) + SOUND],
    ['a head of 1 MiB', answerBytes('{}', [`x-request-id: ${'a'.repeat(MIB)}`])],
    [
      'a hundred thousand headers',
      answerBytes(
        '{}',
        Array.from({ length: 100_000 }, (_, i) => `x-${i}: 1`),
      ),
    ],
    ['a length beyond all numbers', `${head(['content-length: 99999999999999999999'])}{}`],
    ['a negative length', `${head(['content-length: -5'])}{}`],
    ['a chunk beyond all numbers', `${head(['transfer-encoding: chunked'])}ffffffffffffffff\r\nx`],
    ['chunks of nonsense', `${head(['transfer-encoding: chunked'])}zz\r\nx\r\n0\r\n\r\n`],
    ['no HTTP', 'SSH-2.0-OpenSSH_9.0\r\n'],
    ['nothing but zeros', Buffer.alloc(100_000)],
    ['a body with 204', `${head(['content-length: 4'], '204 No Content')}evil`],
    ['a body with 304', `${head(['content-length: 4'], '304 Not Modified')}evil`],
  ];
  it.each(malformed)('%s: one answer at most, and the next call is served', async (_, bytes) => {
    answers(bytes);
    const answer = await ask();
    expect(statusesIn(answer).length).toBe(1);
    expect(answer.slice(0, answer.indexOf('\r\n\r\n'))).not.toMatch(/evil/);
    expect(answer).not.toContain('evil second');
    expect(answer).not.toMatch(/ECONN|HPE_|UND_ERR|127\.0\.0\.1/);
    await isAlive();
    await whole.settled(payer, 2);
  });

  const heavy: readonly (readonly [string, () => string | Buffer])[] = [
    ['deep JSON', () => answerBytes(`${'['.repeat(2 * MIB)}${']'.repeat(2 * MIB)}`)],
    ['a million lists', () => answerBytes(`{"choices":[${'[],'.repeat(MIB)}0]}`)],
    ['a gzip bomb', () => bomb('gzip', gzipSync(Buffer.alloc(256 * MIB)))],
    ['an event of 16 MiB', () => sse(`data: {"choices":[{"delta":{"content":"${'a'.repeat(16 * MIB)}"}}]}\n\n`)],
    ['a line without end', () => sse('a'.repeat(16 * MIB))],
    ['half a million events', () => sse('data: {}\n\n'.repeat(500_000))],
    ['deep events', () => sse(`data: ${'{"a":'.repeat(200_000)}\n\n`)],
    [
      'counts of nonsense',
      () => answerBytes('{"usage":{"prompt_tokens":-1e308,"completion_tokens":"9","total_tokens":null}}'),
    ],
    ['counts beyond all numbers', () => answerBytes('{"usage":{"prompt_tokens":1e999,"completion_tokens":9e99}}')],
    [
      'names of its own',
      () =>
        answerBytes(
          `{"model":"${'m'.repeat(MIB)}\\u001b[2J","id":"\\u0000","usage":{"prompt_tokens":1,"completion_tokens":1},"__proto__":{"x":1},"service_tier":{"a":1},"system_fingerprint":["\\ud800"]}`,
        ),
    ],
  ];
  it.each(heavy)(
    '%s: passes and is metered, in time',
    async (_, bytes) => {
      const sent = bytes();
      answers(sent);
      const since = process.cpuUsage();
      const answer = await ask(10_000, BODY.replace('{', '{"stream":true,'));
      expect(statusesIn(answer)[0]).toBe(200);
      expect(process.cpuUsage(since).user / 1_000).toBeLessThan(8_000);
      await isAlive();
      const [event] = await whole.settled(payer, 2);
      expect(event!.amountNanoUsd).toBeGreaterThanOrEqual(0n);
      expect(event!.priceState).toBe('known');
      expect(JSON.stringify(event!.body).length).toBeLessThan(20_000);
    },
    40_000,
  );

  it('that never ends is left when its caller leaves, and one that stalls is cut off', async () => {
    let isOpen = true;
    upstream.answer = (request, _, socket) => {
      if (!request.startsWith('POST')) return answerBytes('{}');
      socket.write(head(['content-type: text/event-stream', 'transfer-encoding: chunked']));
      const send = () => {
        if (socket.writable && isOpen) socket.write('a\r\ndata: {}\n\n\r\n', () => setImmediate(send));
      };
      send();
      socket.once('close', () => {
        isOpen = false;
      });
      return undefined;
    };
    const port2 = port;
    const lines = [
      'POST /v1/chat/completions HTTP/1.1',
      'Host: g',
      `Authorization: Bearer ${payer.key}`,
      'Content-Type: application/json',
    ];
    const body = BODY.replace('{', '{"stream":true,');
    const { connect } = await import('node:net');
    const socket = connect({ port: port2, host: '127.0.0.1' });
    socket.write(`${lines.join('\r\n')}\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    await new Promise((resolve) => socket.once('data', resolve));
    socket.destroy();
    await until(() => !isOpen, 'the end of the endless answer');
    answers(`${head(['content-type: application/json', 'content-length: 100'])}{"a":`);
    expect(await ask()).toMatch(/\{"a":$/);
    answers('');
    expect(statusesIn(await ask())).toEqual([504]);
    await isAlive();
    await whole.settled(payer, 4);
  });

  it('cannot put names of its own into lists, headers or metrics', async () => {
    const ids = [
      'gpt-4o-mini',
      '\u001b[2J',
      'a\r\nx-evil: 1',
      '../x',
      '=cmd()',
      '<script>',
      '__proto__',
      'a'.repeat(10_000),
      'ok-model',
    ];
    const models = ids.map((name) => ({ name, id: name, model: name, details: { family: '\u001b]0;x\u0007' } }));
    upstream.answer = () => answerBytes(JSON.stringify({ models, data: models }));
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    for (const path of ['/v1/models', '/api/models']) {
      const answer = await fetch(whole.url + path, { headers: { 'x-api-key': payer.key } });
      const text = await answer.text();
      expect([answer.status, text.includes('ok-model')]).toEqual([200, true]);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
      expect(text).not.toMatch(/[\x00-\x1f]|evil|<script|cmd|aaaaaaaaaa/);
    }
    const metrics = await fetch(`${whole.service.url}/metrics`, { headers: { 'x-api-key': whole.service.keys.write } });
    const lines = (await metrics.text()).split('\n').filter((line) => line.startsWith('fusewire_gateway'));
    expect(lines.length).toBeGreaterThan(10);
    expect(lines.length).toBeLessThan(200);
    expect(lines.join('\n')).not.toMatch(/gpt-4o|payer|gk_|cus_/);
  });
});

function sse(events: string): string {
  return `${head(['content-type: text/event-stream', `content-length: ${Buffer.byteLength(events)}`])}${events}`;
}

function bomb(encoding: string, bytes: Buffer): Buffer {
  const lines = ['content-type: application/json', `content-encoding: ${encoding}`, `content-length: ${bytes.length}`];
  return Buffer.concat([Buffer.from(head(lines)), bytes]);
}
