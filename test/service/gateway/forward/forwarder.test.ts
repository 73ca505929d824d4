/** Calls that go well, and the headers of them. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  answerOf,
  chunkedHead,
  chunkOf,
  jsonAnswer,
  LAST_CHUNK,
  type RawCallOptions,
  type RawUpstream,
  type Rig,
  type RigOptions,
  rawCall,
  startRawUpstream,
  startRig,
} from './support.js';

const CHAT = { model: 'gpt-4o', messages: [{ role: 'user', content: 'Hello there, how are you?' }] };
const ANSWER = {
  id: 'chatcmpl-1',
  model: 'gpt-4o-2024-08-06',
  choices: [{ index: 0, message: { role: 'assistant', content: 'Fine.' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 11, completion_tokens: 3, total_tokens: 14 },
};

let upstream: RawUpstream;
let rig: Rig | undefined;
beforeAll(async () => {
  upstream = await startRawUpstream();
});
afterEach(async () => {
  await rig?.close();
  rig = undefined;
});
afterAll(() => upstream.close());

/** One call through a gateway of its own; the upstream says `answer` and, told so, ends the connection. */
async function pass(answer: Buffer | string, options: Partial<RigOptions> = {}, call: RawCallOptions = {}) {
  rig = await startRig({ origin: upstream.origin, ...options });
  upstream.requests.length = 0;
  upstream.script = (socket) => socket.write(answer);
  const headers = { 'content-type': 'application/json', connection: 'close', ...call.headers };
  const caller = rawCall(rig.port, '/v1/chat/completions', CHAT, { ...call, headers });
  const closed = await caller.closed;
  const passage = rig.passages[0]!;
  await passage.done;
  expect(passage.ticket.ends).toBe(options.isFree === true ? 0 : 1);
  return { rig, passage, closed, answer: answerOf(caller.bytes()), raw: caller.bytes(), event: rig.events[0] };
}

describe('a forwarded call', () => {
  it('comes back as it was, is metered as reported, under the id of its attempt', async () => {
    const { answer, event, passage, rig } = await pass(jsonAnswer(ANSWER), {
      extraHeaders: ['fusewire-budget-limit', '5.00'],
    });
    expect(answer).toMatchObject({ status: 200, whole: true });
    expect(answer.body.toString()).toBe(JSON.stringify(ANSWER));
    expect(rig.events).toHaveLength(1);
    expect(event).toMatchObject({
      model: 'gpt-4o-2024-08-06',
      inputTokenCount: 11,
      outputTokenCount: 3,
      stopReason: 'END',
      attributes: { usageState: 'reported', providerResponseId: 'chatcmpl-1' },
    });
    expect(event!.transactionId).not.toBe('chatcmpl-1');
    expect(answer.head).toContain(`fusewire-transaction-id: ${event!.transactionId}`);
    expect(answer.head).toContain('fusewire-budget-limit: 5.00');
    expect(passage.ticket.settled).toEqual(rig.events);
    expect(passage.summary).toEqual({
      outcome: 'answered',
      status: 200,
      answerBytes: JSON.stringify(ANSWER).length,
      drained: false,
    });
    expect(rig.notes.size).toBe(0);
  });

  it('is noted before it leaves', async () => {
    rig = await startRig({ origin: upstream.origin });
    let noted = 0;
    const { notes, port } = rig;
    upstream.script = (socket) => {
      noted = notes.size;
      socket.write(jsonAnswer(ANSWER));
    };
    await rawCall(port, '/v1/chat/completions', CHAT, { headers: { connection: 'close' } }).closed;
    expect(noted).toBe(1);
    expect(notes.size).toBe(0);
  });

  it('goes out with its very bytes, and its length', async () => {
    const body = Buffer.from(
      `--x\r\ncontent-disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n--x\r\n\0\xff\r\n--x--`,
      'latin1',
    );
    rig = await startRig({ origin: upstream.origin });
    upstream.requests.length = 0;
    upstream.script = (socket) => socket.write(jsonAnswer({ text: 'hello' }));
    const headers = { 'content-type': 'multipart/form-data; boundary=x', connection: 'close' };
    await rawCall(rig.port, '/v1/audio/transcriptions', body, { headers }).closed;
    const [request] = upstream.requests;
    expect(request!.body.equals(body)).toBe(true);
    expect(request!.head).toContain('content-type: multipart/form-data; boundary=x');
    expect(request!.head).toContain(`content-length: ${body.length}`);
  });

  it('costs nothing and is not read where it is free', async () => {
    const { answer, rig } = await pass(jsonAnswer({ models: [] }), { isFree: true });
    expect(answer.body.toString()).toBe('{"models":[]}');
    expect(answer.head).not.toContain('fusewire-transaction-id');
    expect(rig.events).toEqual([]);
  });

  it('releases its ticket where the adapter says that such a request costs nothing', async () => {
    rig = await startRig({ origin: upstream.origin, protocol: 'ollama' });
    upstream.script = (socket) => socket.write(jsonAnswer({ details: {} }));
    await rawCall(rig.port, '/api/show', { model: 'llama3' }, { headers: { connection: 'close' } }).closed;
    expect(rig.passages[0]!.ticket).toMatchObject({ released: 1, settled: [] });
    expect(rig.events).toEqual([]);
  });
});

describe('the headers', () => {
  it('of a caller pass by a list: its credentials and what speaks of it do not', async () => {
    const sent = {
      authorization: 'Bearer sk_caller',
      'x-api-key': 'sk_caller',
      cookie: 'a=b',
      'x-forwarded-for': '10.0.0.9',
      forwarded: 'for=10.0.0.9',
      'x-revenium-agent': 'bot',
      'x-stainless-os': 'Linux',
      'user-agent': 'caller/1',
      'openai-organization': 'org-caller',
      'openai-project': 'proj-caller',
      'idempotency-key': 'same-for-all',
      'accept-encoding': 'gzip, br',
      te: 'trailers',
      accept: 'application/json',
      'anthropic-version': '2023-06-01',
      'anthropic-beta': 'tools-1',
      'openai-beta': 'x=1',
    };
    await pass(
      jsonAnswer(ANSWER),
      { upstreamHeaders: [['Authorization', 'Bearer of-the-operator']] },
      { headers: sent },
    );
    const lines = upstream.requests[0]!.head.split('\r\n').slice(1).sort();
    expect(lines).toEqual([
      'Authorization: Bearer of-the-operator',
      'accept-encoding: identity',
      'accept: application/json',
      'anthropic-beta: tools-1',
      'anthropic-version: 2023-06-01',
      'connection: keep-alive',
      `content-length: ${JSON.stringify(CHAT).length}`,
      'content-type: application/json',
      `host: ${new URL(upstream.origin).host}`,
      'openai-beta: x=1',
      expect.stringMatching(/^user-agent: fusewire\//),
    ]);
  });

  it('of the upstream itself win over those of the caller', async () => {
    const own = [
      ['Anthropic-Version', 'of-the-operator'],
      ['user-agent', 'operator/1'],
    ] as const;
    await pass(jsonAnswer(ANSWER), { upstreamHeaders: own }, { headers: { 'anthropic-version': 'of-the-caller' } });
    const { head } = upstream.requests[0]!;
    expect(head.match(/anthropic-version: .*/gi)).toEqual(['Anthropic-Version: of-the-operator']);
    expect(head.match(/user-agent: .*/gi)).toEqual(['user-agent: operator/1']);
  });

  it('of an answer pass by a list: what speaks of the operator or of the connection does not', async () => {
    const extra = [
      'retry-after: 7',
      'retry-after-ms: 7000',
      'x-should-retry: false',
      'x-ratelimit-remaining-tokens: 10',
      'anthropic-ratelimit-requests-limit: 5',
      'request-id: req_1',
      'X-Request-Id: req_2',
      'openai-processing-ms: 3',
      'cache-control: no-store',
      'set-cookie: a=b',
      'server: cloudflare',
      'via: 1.1 proxy',
      'alt-svc: h3=":443"',
      'openai-organization: org-operator',
      'anthropic-organization-id: org-operator',
      'location: http://10.0.0.1/inside',
      'access-control-allow-origin: *',
      'strict-transport-security: max-age=1',
      'keep-alive: timeout=60',
    ];
    const { answer } = await pass(jsonAnswer(ANSWER, '200 OK', `${extra.join('\r\n')}\r\n`), {
      extraHeaders: ['x-request-id', 'ours', 'fusewire-budget-spend', '1.5'],
    });
    const lines = answer.head.split('\r\n').slice(1).sort();
    expect(lines).toEqual([
      'Connection: close',
      expect.stringMatching(/^Date: /),
      'anthropic-ratelimit-requests-limit: 5',
      'cache-control: no-store',
      `content-length: ${JSON.stringify(ANSWER).length}`,
      'content-type: application/json',
      'fusewire-budget-spend: 1.5',
      expect.stringMatching(/^fusewire-transaction-id: /),
      'openai-processing-ms: 3',
      'request-id: req_1',
      'retry-after-ms: 7000',
      'retry-after: 7',
      'x-ratelimit-remaining-tokens: 10',
      'x-request-id: req_2',
      'x-should-retry: false',
    ]);
  });

  it('that cannot stand in an answer are left out of it', async () => {
    const { answer } = await pass(jsonAnswer(ANSWER), {
      extraHeaders: ['x-note', 'a\r\nset-cookie: b=c', 'x-name', 'Zoë \u4e16', 'x-fine', 'yes'],
    });
    expect(answer).toMatchObject({ status: 200, whole: true });
    expect(answer.head).not.toMatch(/x-note|x-name|set-cookie/);
    expect(answer.head).toContain('x-fine: yes');
  });

  it('of an answer that no HTTP allows make it none', async () => {
    const { answer, event } = await pass(jsonAnswer(ANSWER, '200 OK', 'retry-after: a\x01b\r\n'));
    expect(answer.status).toBe(502);
    expect(answer.body.toString()).toContain('upstream_failed');
    expect(event).toMatchObject({ attributes: { usageState: 'estimated' } });
  });
});

describe('an answer that is no success', () => {
  it.each([
    ['429 Too Many Requests', 429],
    ['500 Internal Server Error', 500],
    ['400 Bad Request', 400],
    ['401 Unauthorized', 401],
  ])('keeps its status, its body and its Retry-After, and costs nothing: %s', async (line, status) => {
    const body = { error: { message: 'slow down', type: 'x' } };
    const { answer, event } = await pass(jsonAnswer(body, line, 'retry-after: 3\r\n'));
    expect(answer).toMatchObject({ status, whole: true });
    expect(answer.body.toString()).toBe(JSON.stringify(body));
    expect(answer.head).toContain('retry-after: 3');
    expect(event).toMatchObject({
      inputTokenCount: 0,
      outputTokenCount: 0,
      stopReason: 'ERROR',
      errorCode: status,
      // Its words can quote what was asked, and that is not stored.
      errorReason: `HTTP ${status}`,
      attributes: { usageState: 'reported', end: 'failed' },
    });
  });

  it('is not followed where it leads elsewhere, and leads nobody around the gateway', async () => {
    const redirect = 'HTTP/1.1 307 Temporary Redirect\r\nlocation: http://10.0.0.1/\r\ncontent-length: 4\r\n\r\ngone';
    const { answer, event } = await pass(redirect);
    expect(answer).toMatchObject({ status: 307, whole: true });
    expect(answer.body.toString()).toBe('gone');
    expect(answer.head).not.toMatch(/location/i);
    expect(event).toMatchObject({ inputTokenCount: 0, errorCode: 307, stopReason: 'ERROR' });
  });

  it('inside a 200 stream is charged as far as it went', async () => {
    const part = { id: 'c', model: 'm', choices: [{ index: 0, delta: { content: 'twelve chars' } }] };
    const frames = `data: ${JSON.stringify(part)}\n\ndata: {"error":{"message":"overloaded"}}\n\n`;
    const { event } = await pass(`${chunkedHead()}${chunkOf(frames)}${LAST_CHUNK}`);
    expect(event).toMatchObject({ outputTokenCount: 3, stopReason: 'ERROR', errorReason: 'overloaded' });
    expect(event!.inputTokenCount).toBeGreaterThan(0);
  });

  it('inside a 200 answer, before anything else, costs nothing', async () => {
    const frames = 'data: {"error":{"message":"overloaded"}}\n\n';
    const { event } = await pass(`${chunkedHead()}${chunkOf(frames)}${LAST_CHUNK}`);
    expect(event).toMatchObject({
      inputTokenCount: 0,
      outputTokenCount: 0,
      stopReason: 'ERROR',
      attributes: { usageState: 'reported' },
    });
  });
});

describe('an answer of an odd form', () => {
  it('is taken behind any number of interim ones', async () => {
    const early = 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'.repeat(3);
    const { answer, event } = await pass(Buffer.concat([Buffer.from(early), jsonAnswer(ANSWER)]));
    expect(answer).toMatchObject({ status: 200, whole: true });
    expect(event).toMatchObject({ inputTokenCount: 11 });
  });

  it('without a body passes without one', async () => {
    const { answer } = await pass('HTTP/1.1 204 No Content\r\nx-request-id: 1\r\n\r\n');
    expect(answer).toMatchObject({ status: 204 });
    expect(answer.body).toHaveLength(0);
  });

  it('may have trailers, which end with it', async () => {
    const text = `${chunkedHead('application/json')}${chunkOf(JSON.stringify(ANSWER))}0\r\nx-trailer: a\r\n\r\n`;
    const { answer, event } = await pass(text);
    expect(answer.whole).toBe(true);
    expect(answer.body.toString()).toBe(JSON.stringify(ANSWER));
    expect(event).toMatchObject({ inputTokenCount: 11 });
  });

  it('that is longer than it says ends where it said', async () => {
    const { answer, event } = await pass(Buffer.concat([jsonAnswer(ANSWER), Buffer.from('and more')]));
    expect(answer.whole).toBe(true);
    expect(answer.body.toString()).toBe(JSON.stringify(ANSWER));
    expect(event).toMatchObject({ inputTokenCount: 11 });
  });

  it('that only its connection ends passes whole, and is read', async () => {
    rig = await startRig({ origin: upstream.origin });
    const body = JSON.stringify(ANSWER);
    upstream.script = (socket) => socket.end(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n${body}`);
    const caller = rawCall(rig.port, '/v1/chat/completions', CHAT, { headers: { connection: 'close' } });
    await caller.closed;
    expect(answerOf(caller.bytes())).toMatchObject({ status: 200, whole: true, body: Buffer.from(body) });
    expect(rig.events[0]).toMatchObject({ inputTokenCount: 11 });
  });

  it('with a head without measure is refused, and taken as billed', async () => {
    const { answer, event } = await pass(`HTTP/1.1 200 OK\r\nx-big: ${'a'.repeat(100_000)}\r\n\r\n`);
    expect(answer.status).toBe(502);
    expect(event).toMatchObject({ stopReason: 'ERROR', attributes: { usageState: 'estimated' } });
    expect(event!.inputTokenCount).toBeGreaterThan(0);
  });
});
