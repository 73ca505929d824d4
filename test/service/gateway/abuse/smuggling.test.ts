// What the upstream gets, byte for byte, whatever a caller sends: whole requests, to paths of the table, with headers of
// the list, and no more of them than the gateway answered for.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openWhole, type Payer, type Whole } from '../whole/whole.js';
import {
  type ByteUpstream,
  exchangeBytes,
  requestsIn,
  startByteUpstream,
  statusesIn,
  variablesOf,
} from './abuse-support.js';

const BODY = JSON.stringify({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hi' }] });
const SECOND = 'POST /v1/files HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n';
const ALLOWED = new Set([
  ...['host', 'connection', 'content-length', 'accept-encoding', 'user-agent', 'authorization', 'x-api-key'],
  ...['content-type', 'accept', 'anthropic-version', 'anthropic-beta', 'openai-beta'],
]);
const LINES =
  /^(GET \/(api\/tags|v1\/models)(\?limit=1000)?|POST \/(v1\/chat\/completions|api\/chat|v1\/messages)(\?[!-~]*)?) HTTP\/1\.1$/;

describe('request smuggling', () => {
  let upstream: ByteUpstream;
  let whole: Whole;
  let payer: Payer;
  let port: number;
  beforeAll(async () => {
    upstream = await startByteUpstream();
    whole = await openWhole({ env: variablesOf(upstream), config: { limits: { headersTimeoutMs: 1_500 } } });
    payer = await whole.payer();
    port = Number(new URL(whole.url).port);
  });
  beforeEach(() => upstream.forget());
  afterAll(async () => {
    await whole.close();
    await upstream.close();
  });

  /** Calls that reached the upstream; its own questions for lists left out. */
  const callsSeen = () => {
    const requests = upstream.streams().flatMap(requestsIn);
    for (const { line, headers } of requests) {
      expect(line).toMatch(LINES);
      for (const [name, value] of headers) {
        expect(ALLOWED.has(name), `${name}: ${value}`).toBe(true);
        expect(value).not.toContain(payer.key);
      }
      const names = headers.map(([name]) => name);
      expect(new Set(names).size).toBe(names.length);
      expect(headers.find(([name]) => name === 'host')?.[1]).toBe(new URL(upstream.origin).host);
    }
    return requests.filter(({ line }) => line.startsWith('POST'));
  };
  const head = (lines: readonly string[], path = '/v1/chat/completions', version = '1.1') =>
    `${[`POST ${path} HTTP/${version}`, 'Host: gateway', `Authorization: Bearer ${payer.key}`, 'Content-Type: application/json', ...lines].join('\r\n')}\r\n\r\n`;
  const length = (count: number) => `Content-Length: ${count}`;
  const chunked = `${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`;

  it('passes a sound request, and one in chunks as one with its length', async () => {
    const answers = await exchangeBytes(port, [head([length(BODY.length)]) + BODY]);
    expect(statusesIn(answers)).toEqual([200]);
    expect(statusesIn(await exchangeBytes(port, head(['Transfer-Encoding: chunked']) + chunked))).toEqual([200]);
    const seen = callsSeen();
    expect(seen.map(({ body }) => body)).toEqual([BODY, BODY]);
  });

  // Bytes whose end two servers could find in different places.
  const ambiguous: readonly (readonly [string, () => string])[] = [
    ['a length and chunks', () => head([length(4), 'Transfer-Encoding: chunked']) + chunked + SECOND],
    ['chunks and a length', () => head(['Transfer-Encoding: chunked', length(4)]) + chunked + SECOND],
    ['two lengths', () => head([length(BODY.length), length(0)]) + BODY + SECOND],
    ['two lengths in one', () => head([`Content-Length: ${BODY.length}, 0`]) + BODY + SECOND],
    ['a length with a sign', () => head([`Content-Length: +${BODY.length}`]) + BODY + SECOND],
    ['a negative length', () => head([length(-1)]) + BODY + SECOND],
    ['a length in hex', () => head(['Content-Length: 0x10']) + BODY + SECOND],
    ['a length beyond all numbers', () => head(['Content-Length: 99999999999999999999']) + BODY + SECOND],
    ['a space before the colon', () => head([length(BODY.length), 'Transfer-Encoding : chunked']) + BODY + SECOND],
    ['a folded header', () => head([length(BODY.length), 'X-A: b\r\n Transfer-Encoding: chunked']) + BODY + SECOND],
    ['a tab in a coding', () => head(['Transfer-Encoding:\x0bchunked']) + chunked + SECOND],
    ['a coding of two', () => head(['Transfer-Encoding: chunked, identity']) + chunked + SECOND],
    ['an unknown coding', () => head(['Transfer-Encoding: xchunked']) + chunked + SECOND],
    ['line feeds alone', () => head([length(BODY.length)]).replaceAll('\r\n', '\n') + BODY + SECOND],
    ['a carriage return alone', () => head([length(BODY.length), 'X-A: b\rTransfer-Encoding: chunked']) + BODY],
    ['a NUL in a header', () => head([length(BODY.length), 'X-A: b\0c']) + BODY + SECOND],
    ['chunk sizes with a sign', () => `${head(['Transfer-Encoding: chunked'])}+5\r\nabcde\r\n0\r\n\r\n${SECOND}`],
    ['a chunk size of 0x', () => `${head(['Transfer-Encoding: chunked'])}0x5\r\nabcde\r\n0\r\n\r\n${SECOND}`],
    ['a chunk that is longer than it says', () => `${head(['Transfer-Encoding: chunked'])}2\r\nabcde\r\n0\r\n\r\n`],
    ['a chunk size beyond all numbers', () => `${head(['Transfer-Encoding: chunked'])}ffffffffffffffffff\r\nabc`],
    ['chunks in HTTP/1.0', () => head(['Transfer-Encoding: chunked'], undefined, '1.0') + chunked + SECOND],
    ['HTTP/2 without TLS', () => `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${SECOND}`],
    ['HTTP/9.9', () => head([length(BODY.length)], undefined, '9.9') + BODY],
    ['HTTP/0.9', () => 'POST /v1/chat/completions\r\n'],
    ['a space in the path', () => head([length(BODY.length)], '/v1/chat/completions HTTP/1.1\r\nX: y /v1') + BODY],
  ];
  it.each(ambiguous)('%s: nothing but whole requests, and no second one', async (_, bytes) => {
    const answers = await exchangeBytes(port, bytes());
    const calls = callsSeen();
    const passed = statusesIn(answers).filter((status) => status === 200).length;
    expect(calls.length).toBeLessThanOrEqual(Math.min(1, passed));
    for (const { body } of calls) expect(body).toBe(BODY);
    expect(answers).not.toContain(payer.key);
  });

  it('keeps pipelined requests apart, each with its own answer', async () => {
    const one = (text: string) => {
      const body = BODY.replace('hi', text);
      return head([length(Buffer.byteLength(body))]) + body;
    };
    const answers = await exchangeBytes(port, one('one') + one('two') + SECOND + one('three'), 800);
    expect(statusesIn(answers)).toEqual([200, 200, 404, 200]);
    expect(callsSeen().map(({ body }) => JSON.parse(body).messages[0].content)).toEqual(['one', 'two', 'three']);
  });

  it('forwards nothing of trailers, of upgrades and of what stands behind them', async () => {
    const trailers = head(['Transfer-Encoding: chunked', 'Trailer: authorization']);
    const withTrailers = trailers + chunked.replace(/\r\n$/, `Authorization: Bearer x\r\nX-Evil: 1\r\n\r\n`);
    await exchangeBytes(port, withTrailers);
    const upgrades = [
      'Connection: Upgrade, content-length',
      'Upgrade: websocket',
      'Sec-WebSocket-Key: AA==',
      'Keep-Alive: 9',
    ];
    const answers = await exchangeBytes(port, head([...upgrades, length(BODY.length)]) + BODY + SECOND, 800);
    expect(answers).not.toContain('101 ');
    const h2c = ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk'];
    expect(await exchangeBytes(port, head([...h2c, length(BODY.length)]) + BODY)).not.toContain('101 ');
    for (const { body } of callsSeen()) expect(body).toBe(BODY);
  });

  it('passes headers of the list as one line each, whatever is in them', async () => {
    const lines = [
      'anthropic-beta: a',
      'anthropic-beta: b',
      'openai-beta: \xff\xfe',
      'accept: a\tb',
      'anthropic-version: x',
    ];
    const forged = ['openai-organization: org-1', 'x-revenium-agent: a', 'cookie: a=b', 'x-forwarded-for: 1.2.3.4'];
    const more = [
      'Host2: x',
      'proxy-authorization: Basic YTpi',
      'via: x',
      'te: trailers',
      'x-api-key2: 1',
      'origin: http://x',
    ];
    await exchangeBytes(port, head([...lines, ...forged, ...more, length(BODY.length)]) + BODY);
    const [call] = callsSeen();
    const own = call?.headers.filter(([name]) => /beta|accept$|version/.test(name));
    expect(own).toEqual([
      ['accept', 'a\tb'],
      ['anthropic-version', 'x'],
      ['anthropic-beta', 'a, b'],
      ['openai-beta', '\xff\xfe'],
    ]);
  });
});
