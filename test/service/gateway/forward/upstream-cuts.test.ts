/** An upstream that breaks at every point, or never comes: one end of the ticket, one event, and no faked end. */
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../../../helpers/until.js';
import { ANSWERS, STREAMS, type WireAnswer } from './answers.js';
import {
  answerOf,
  chunkedHead,
  chunkOf,
  jsonAnswer,
  LAST_CHUNK,
  type RawUpstream,
  type Rig,
  rawCall,
  startRawUpstream,
  startRig,
} from './support.js';

const CLOSE = { 'content-type': 'application/json', connection: 'close' };
const CHAT = ANSWERS[0]!;

let upstream: RawUpstream;
const rigs = new Map<string, Rig>();
beforeAll(async () => {
  upstream = await startRawUpstream();
  for (const protocol of ['openai', 'anthropic', 'ollama'] as const) {
    rigs.set(protocol, await startRig({ origin: upstream.origin, protocol }));
  }
});
afterAll(async () => {
  for (const rig of rigs.values()) await rig.close();
  await upstream.close();
});

async function callOnce(rig: Rig, answer: WireAnswer, headers: Readonly<Record<string, string>> = CLOSE) {
  const before = rig.events.length;
  const caller = rawCall(rig.port, answer.path, answer.request, { headers });
  const closed = await caller.closed;
  const passage = rig.passages.at(-1)!;
  await passage.done;
  expect(passage.ticket.settled).toEqual(rig.events.slice(before));
  expect([passage.ticket.ends, passage.ticket.settled.length]).toEqual([1, 1]);
  expect(rig.notes.size).toBe(0);
  return { closed, raw: caller.bytes(), event: rig.events.at(-1)!, passage };
}

const countsOf = (event: { inputTokenCount?: number; outputTokenCount?: number }) => [
  event.inputTokenCount ?? 0,
  event.outputTokenCount ?? 0,
];

describe('an upstream that hangs up', () => {
  it.each(ANSWERS)('at any byte of its answer: $name', async (answer) => {
    const rig = rigs.get(answer.protocol)!;
    const bytes = Buffer.concat(answer.pieces);
    const headEnd = answer.pieces[0]!.length;
    const step = Math.max(1, Math.floor(bytes.length / 60));
    for (let at = 0; at < bytes.length; at += step) {
      upstream.script = (socket) => socket.end(bytes.subarray(0, at));
      const { raw, event, passage } = await callOnce(rig, answer);
      const got = answerOf(raw);
      if (at < headEnd) {
        expect(got).toMatchObject({ status: 502, whole: true });
        expect(got.body.toString()).toContain('upstream_failed');
        expect(passage.summary!.outcome).toBe('failed');
      } else {
        expect(got.status).toBe(200);
        expect(got.whole, `cut at ${at}`).toBe(false);
        expect(answer.body.subarray(0, got.body.length).equals(got.body)).toBe(true);
        expect(passage.summary!.outcome).toBe('cut');
      }
      expect(event.stopReason).toBe('ERROR');
      expect(JSON.stringify(event)).not.toContain('127.0.0.1');
      const [input = 0, output = 0] = countsOf(event);
      // Ollama bills nobody for what never began; all others may have been billed.
      if (answer.protocol === 'ollama' && at < headEnd) expect([input, output]).toEqual([0, 0]);
      else if (answer.path !== '/v1/audio/speech') expect(input).toBeGreaterThan(0);
      expect(output).toBeLessThanOrEqual(500);
      expect(['reported', 'estimated']).toContain(event.attributes!['usageState']);
    }
  });

  it.each(STREAMS)('by a reset, at any piece of a stream: $name', async (answer) => {
    const rig = rigs.get(answer.protocol)!;
    for (let count = 0; count < answer.pieces.length; count += 1) {
      upstream.script = (socket) => {
        socket.write(Buffer.concat(answer.pieces.slice(0, count)));
        setTimeout(() => socket.resetAndDestroy(), 5);
      };
      const { raw, event } = await callOnce(rig, answer);
      const got = answerOf(raw);
      expect(got.whole).toBe(count === 0);
      expect(got.status).toBe(count === 0 ? 502 : 200);
      expect(event.stopReason).toBe('ERROR');
    }
  });

  it('gives what was seen of the answer to the caller and to the meter', async () => {
    const stream = STREAMS[3]!;
    upstream.script = (socket) => socket.end(Buffer.concat(stream.pieces.slice(0, 4)));
    const { raw, event } = await callOnce(rigs.get('ollama')!, stream);
    expect(answerOf(raw).body.toString()).toContain('世界');
    expect(event).toMatchObject({ outputTokenCount: 3, attributes: { usageState: 'estimated', end: 'failed' } });
  });

  it('is seen as a cut by a caller to whom only the end of the connection says that it is over', async () => {
    const parts = ['some words ', 'and more'];
    upstream.script = (socket) => {
      socket.write(`${chunkedHead('text/plain')}${chunkOf(parts[0]!)}`);
      setTimeout(() => socket.destroy(), 10);
    };
    const rig = rigs.get('openai')!;
    const caller = rawCall(rig.port, CHAT.path, CHAT.request, { version: '1.0', headers: {} });
    expect(await caller.closed).toBe('reset');
    expect(rig.passages.at(-1)!.ticket.ends).toBe(1);
  });
});

describe('an upstream that answers nonsense', () => {
  it.each([
    ['nothing at all', Buffer.alloc(0), 0],
    ['no JSON', Buffer.from('<html>Bad gateway</html>'), 6],
    ['half of a JSON', Buffer.from('{"id":"c1","choices":[{"message":{"content":"Hel'), 12],
    ['JSON of another kind', Buffer.from('[1,2,3]'), 2],
    ['more of it than is bounded', Buffer.alloc(10_000, 'x'), 500],
  ])('under 200 is charged by an estimate, neither free nor unknown: %s', async (_, body, output) => {
    const head = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
    upstream.script = (socket) => socket.write(Buffer.concat([Buffer.from(head), body]));
    const { raw, event } = await callOnce(rigs.get('openai')!, CHAT);
    expect(answerOf(raw)).toMatchObject({ status: 200, whole: true });
    expect(answerOf(raw).body.equals(body)).toBe(true);
    expect(event.attributes!['usageState']).toBe('estimated');
    expect(event.outputTokenCount).toBe(output);
    expect(event.inputTokenCount).toBeGreaterThan(0);
  });

  it.each(STREAMS)('as a stream likewise: $name', async (answer) => {
    const body = 'no event of anything\n\n';
    upstream.script = (socket) =>
      socket.write(`${answer.pieces[0]!.toString()}${chunkOf(body).toString()}${LAST_CHUNK}`);
    const { raw, event } = await callOnce(rigs.get(answer.protocol)!, answer);
    expect(answerOf(raw).body.toString()).toBe(body);
    expect(event.attributes!['usageState']).toBe('estimated');
    expect(event.inputTokenCount).toBeGreaterThan(0);
  });

  it('that is no HTTP is told as a failure, without its words', async () => {
    upstream.script = (socket) => socket.end('SSH-2.0-secret-host_8.9\r\n');
    const { raw } = await callOnce(rigs.get('openai')!, CHAT);
    expect(answerOf(raw).status).toBe(502);
    expect(raw.toString()).not.toContain('secret');
  });

  it('with a broken transfer coding is cut where it broke', async () => {
    upstream.script = (socket) => socket.write(`${chunkedHead('application/json')}${chunkOf('{"a":')}zz\r\n`);
    const { raw, event } = await callOnce(rigs.get('openai')!, CHAT);
    expect(answerOf(raw)).toMatchObject({ status: 200, whole: false });
    expect(event).toMatchObject({ stopReason: 'ERROR', attributes: { usageState: 'estimated' } });
  });

  it('that takes a work for the background is charged with all that it can make', async () => {
    const body = { id: 'resp_1', object: 'response', status: 'queued', background: true, model: 'gpt-4o', output: [] };
    upstream.script = (socket) => socket.write(jsonAnswer(body));
    const request = { model: 'gpt-4o', input: 'Tell me a long story.', background: true };
    const answer = { ...CHAT, path: '/v1/responses', request };
    const { event } = await callOnce(rigs.get('openai')!, answer);
    expect(event).toMatchObject({ outputTokenCount: 500, attributes: { usageState: 'estimated' } });
  });

  it('longer than what is kept of an answer streams on, and is estimated', async () => {
    const mebibyte = Buffer.alloc(1024 * 1024, 'a');
    const size = 33 * mebibyte.length;
    upstream.script = async (socket) => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${size}\r\n\r\n`);
      for (let sent = 0; sent < size; sent += mebibyte.length) {
        if (!socket.write(mebibyte)) await new Promise<void>((resolve) => socket.once('drain', () => resolve()));
      }
    };
    const rig = rigs.get('openai')!;
    const caller = rawCall(rig.port, CHAT.path, CHAT.request, { headers: CLOSE, reads: false });
    let bytes = 0;
    caller.socket.on('data', (chunk) => {
      bytes += chunk.length;
    });
    await caller.closed;
    expect(bytes).toBeGreaterThan(size);
    expect(rig.passages.at(-1)!.summary).toMatchObject({ outcome: 'answered', answerBytes: size });
    expect(rig.events.at(-1)).toMatchObject({ outputTokenCount: 500, attributes: { usageState: 'estimated' } });
  });
});

describe('an upstream that is not there', () => {
  it.each(['openai', 'anthropic', 'ollama'] as const)(
    'costs nothing and is told in the dialect of %s',
    async (protocol) => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as { port: number };
      await new Promise((resolve) => server.close(resolve));
      const rig = await startRig({ origin: `http://127.0.0.1:${port}`, protocol });
      const answer = ANSWERS.find((one) => one.protocol === protocol)!;
      for (let count = 0; count < 3; count += 1) {
        const { raw, event, passage } = await callOnce(rig, answer);
        const got = answerOf(raw);
        expect(got).toMatchObject({ status: 502, whole: true });
        expect(got.body.toString()).toContain('upstream_unreachable');
        expect(got.body.toString()).not.toMatch(/127\.0\.0\.1|ECONN/);
        expect(got.head).toContain(`fusewire-transaction-id: ${event.transactionId}`);
        expect(event).toMatchObject({ inputTokenCount: 0, outputTokenCount: 0, stopReason: 'ERROR', errorCode: 502 });
        expect(event.attributes!['usageState']).toBe('reported');
        expect(passage.summary).toMatchObject({ outcome: 'unreachable', status: undefined });
      }
      // One line when it begins, however many calls fail.
      expect(rig.logged.filter((line) => line.includes('cannot be reached'))).toHaveLength(1);
      await rig.close();
    },
  );

  it('behind TLS that is never spoken costs nothing either, and is given up in time', async () => {
    const rig = await startRig({
      origin: upstream.origin.replace('http:', 'https:'),
      pools: { connectTimeoutMs: 200 },
    });
    const { raw, event } = await callOnce(rig, CHAT);
    expect(answerOf(raw).status).toBe(502);
    expect(answerOf(raw).body.toString()).toContain('upstream_unreachable');
    expect(event).toMatchObject({ inputTokenCount: 0, errorCode: 502 });
    await rig.close();
  });

  it('by its name costs nothing either', async () => {
    const rig = await startRig({ origin: 'http://no-such-host.invalid' });
    const { raw, event } = await callOnce(rig, CHAT);
    expect(answerOf(raw).status).toBe(502);
    expect(event).toMatchObject({ inputTokenCount: 0, errorCode: 502 });
    await rig.close();
  });

  it('is told of in the log, and once more when it answers again', async () => {
    const rig = await startRig({ origin: upstream.origin });
    upstream.script = (socket) => socket.destroy();
    await callOnce(rig, CHAT);
    await callOnce(rig, CHAT);
    upstream.script = (socket) => socket.write(Buffer.concat(CHAT.pieces));
    await callOnce(rig, CHAT);
    await callOnce(rig, CHAT);
    expect(rig.logged.filter((line) => line.includes('the upstream test'))).toEqual([
      expect.stringContaining('broke off'),
      expect.stringMatching(/answers again.*"failedCalls":2/),
    ]);
    await rig.close();
  });

  it('in time is told as 504: charged where a provider may have worked on it, not for Ollama', async () => {
    const limits = { upstreamHeadersTimeoutMs: 300 };
    upstream.script = () => undefined;
    for (const protocol of ['openai', 'ollama'] as const) {
      const rig = await startRig({ origin: upstream.origin, protocol, limits });
      const answer = ANSWERS.find((one) => one.protocol === protocol)!;
      const { raw, event, passage } = await callOnce(rig, answer);
      expect(answerOf(raw).status).toBe(504);
      expect(answerOf(raw).body.toString()).toContain('upstream_timeout');
      expect(passage.summary!.outcome).toBe('timeout');
      if (protocol === 'ollama') expect(event).toMatchObject({ inputTokenCount: 0, errorCode: 504 });
      else expect(event.inputTokenCount).toBeGreaterThan(0);
      await until(() => upstream.asked.size === 0, 'the connection that was waited on is closed');
      await rig.close();
    }
  });

  it('any more in the middle of an answer cuts it', async () => {
    const rig = await startRig({ origin: upstream.origin, limits: { upstreamIdleMs: 300 } });
    const stream = STREAMS[0]!;
    upstream.script = (socket) => socket.write(Buffer.concat(stream.pieces.slice(0, 3)));
    const { raw, event } = await callOnce(rig, stream);
    expect(answerOf(raw)).toMatchObject({ status: 200, whole: false });
    expect(event).toMatchObject({ stopReason: 'ERROR', attributes: { usageState: 'estimated' } });
    await rig.close();
  });
});
