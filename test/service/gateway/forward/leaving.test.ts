/** Callers that leave at every point, or do not read: what was begun is metered, and nothing goes on for them. */
import { connect } from 'node:net';
import type { UsageEvent } from 'fusewire/internal';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../../../helpers/until.js';
import { ANSWERS, STREAMS, type WireAnswer } from './answers.js';
import {
  answerOf,
  chunkedHead,
  chunkOf,
  type RawUpstream,
  type Rig,
  rawCall,
  startRawUpstream,
  startRig,
} from './support.js';

let upstream: RawUpstream;
let rig: Rig;
beforeAll(async () => {
  upstream = await startRawUpstream();
});
afterEach(async () => {
  await rig.close();
  for (const socket of upstream.sockets) socket.destroy();
});
afterAll(() => upstream.close());

const CLOSE = { 'content-type': 'application/json', connection: 'close' };
const STREAM = STREAMS[0]!;
const LINES = STREAMS[3]!;

/** Settled once, metered once, nothing noted any more, and told of once. */
function expectOneEnd(index = rig.passages.length - 1): void {
  const passage = rig.passages[index]!;
  expect([passage.ticket.settled.length, passage.ticket.released]).toEqual([1, 0]);
  expect(rig.events.filter((event) => event === passage.ticket.settled[0])).toHaveLength(1);
  expect(passage.summary).toBeDefined();
}

const lastEvent = () => rig.passages.at(-1)!.ticket.settled[0]! as UsageEvent;

/** Calls, and hangs up when the first `count` pieces of the answer have arrived; the upstream then waits. */
async function leaveAfter(answer: WireAnswer, count: number): Promise<void> {
  let asked = false;
  upstream.script = (socket) => {
    asked = true;
    for (const piece of answer.pieces.slice(0, count)) socket.write(piece);
  };
  const caller = rawCall(rig.port, answer.path, answer.request, { headers: CLOSE });
  await until(() => asked, 'the upstream is asked');
  if (count > 0) await caller.saw('\r\n\r\n');
  const body = answer.pieces.slice(1, count).reduce((sum, piece) => sum + piece.length, 0);
  if (body > 0) await until(() => rig.passages.length > 0 && caller.bytes().length > body, 'the pieces have come');
  caller.socket.destroy();
  await rig.passages.at(-1)!.done;
}

describe('a caller that hangs up', () => {
  it.each(ANSWERS)(
    'at any piece of an answer is metered once, its upstream is closed at once: $name',
    async (answer) => {
      rig = await startRig({ origin: upstream.origin, protocol: answer.protocol, onClientLeave: 'abort' });
      for (let count = 0; count < answer.pieces.length; count += 1) {
        await leaveAfter(answer, count);
        await until(() => upstream.asked.size === 0, 'the upstream is told');
        expectOneEnd();
        const event = lastEvent();
        expect(['estimated', 'reported']).toContain(event.attributes!['usageState']);
        if (answer.path !== '/v1/audio/speech') expect(event['inputTokenCount']).toBeGreaterThan(0);
        expect(rig.passages.at(-1)!.summary).toMatchObject({ outcome: 'left', drained: false });
      }
      expect(rig.notes.size).toBe(0);
      await until(async () => (await rig.connections()) === 0, 'no connection of a caller is left');
    },
  );

  it.each(ANSWERS)('at any piece of an answer that is read on is metered as the whole: $name', async (answer) => {
    rig = await startRig({ origin: upstream.origin, protocol: answer.protocol, onClientLeave: 'drain' });
    for (let count = 0; count < answer.pieces.length; count += 1) {
      await leaveAfter(answer, count);
      const passage = rig.passages.at(-1)!;
      await until(() => rig.forwarder.stats().draining === 1, 'it is read on');
      expect(passage.ticket.ends).toBe(0);
      expect(rig.notes.size).toBe(1);
      const [socket] = upstream.asked;
      for (const piece of answer.pieces.slice(count)) socket!.write(piece);
      await until(() => passage.ticket.ends === 1, 'it is metered');
      expectOneEnd();
      const event = lastEvent();
      expect([event['inputTokenCount'] ?? 0, event['outputTokenCount'] ?? 0]).toEqual(answer.tokens);
      expect(event).toMatchObject({ attributes: { usageState: 'reported' } });
      expect(passage.summary).toMatchObject({ outcome: 'left', drained: true });
      expect(rig.forwarder.stats().draining).toBe(0);
    }
    expect(rig.notes.size).toBe(0);
  });

  it('with the last byte, or just before it, is metered once either way', async () => {
    rig = await startRig({ origin: upstream.origin });
    for (let round = 0; round < 20; round += 1) {
      upstream.script = (socket) => socket.write(Buffer.concat(STREAM.pieces));
      const caller = rawCall(rig.port, STREAM.path, STREAM.request, { headers: CLOSE });
      await caller.saw('[DONE]');
      caller.socket.destroy();
      await rig.passages.at(-1)!.done;
      await until(() => rig.passages.at(-1)!.ticket.ends === 1, 'it is metered');
      expectOneEnd();
      expect(lastEvent()).toMatchObject({ inputTokenCount: 9, outputTokenCount: 4 });
    }
  });

  it('before a connection to the upstream is there is metered with nothing: nothing was sent', async () => {
    // It takes the connection and never says a word of TLS.
    rig = await startRig({ origin: upstream.origin.replace('http:', 'https:') });
    const caller = rawCall(rig.port, STREAM.path, STREAM.request, { headers: CLOSE });
    await until(() => rig.passages.length === 1 && upstream.sockets.size === 1, 'it waits for a connection');
    caller.socket.destroy();
    await rig.passages[0]!.done;
    expectOneEnd();
    expect(rig.passages[0]!.summary).toMatchObject({ outcome: 'left', status: undefined });
    expect(lastEvent()).toMatchObject({ inputTokenCount: 0, stopReason: 'ERROR', errorCode: 499 });
  });

  it('while it waits for a connection is never sent, and the next one has the connection', async () => {
    rig = await startRig({ origin: upstream.origin, limits: { callsMax: 1, drainsMax: 0 } });
    upstream.requests.length = 0;
    upstream.script = () => undefined;
    const [first, second] = [0, 1].map(() => rawCall(rig.port, STREAM.path, STREAM.request, { headers: CLOSE }));
    await until(() => rig.passages.length === 2 && upstream.requests.length === 1, 'one is sent, one waits');
    second!.socket.destroy();
    await until(() => rig.passages.some((passage) => passage.ticket.ends === 1), 'the one that left is over');
    const left = rig.passages.find((passage) => passage.ticket.ends === 1)!;
    expect(left.ticket.settled[0]).toMatchObject({ inputTokenCount: 0, errorCode: 499 });
    const [connection] = upstream.asked;
    upstream.script = (socket) => socket.write(Buffer.concat(STREAM.pieces));
    const third = rawCall(rig.port, STREAM.path, STREAM.request, { headers: CLOSE });
    await until(() => rig.passages.length === 3, 'another one waits');
    connection!.write(Buffer.concat(STREAM.pieces));
    for (const caller of [first!, third]) {
      await caller.closed;
      expect(answerOf(caller.bytes())).toMatchObject({ status: 200, whole: true });
    }
    expect(upstream.requests).toHaveLength(2);
    expect([...upstream.sockets]).toEqual([connection]);
    expect(rig.passages.map((passage) => passage.ticket.ends)).toEqual([1, 1, 1]);
  });

  it('before its turn on its own connection is seen to leave too', async () => {
    rig = await startRig({ origin: upstream.origin, onClientLeave: 'abort' });
    upstream.script = () => undefined;
    const body = JSON.stringify(STREAM.request);
    const head = `POST ${STREAM.path} HTTP/1.1\r\nhost: a\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n`;
    const socket = connect({ port: rig.port, host: '127.0.0.1' });
    socket.write(`${head}${body}${head}${body}`);
    await until(() => rig.passages.length === 2 && upstream.asked.size === 2, 'both are under way');
    socket.destroy();
    await Promise.all(rig.passages.map((passage) => passage.done));
    expectOneEnd(0);
    expectOneEnd(1);
    await until(() => upstream.asked.size === 0, 'both are closed');
  });

  it('counts what Ollama made: a piece of its stream is a token', async () => {
    rig = await startRig({ origin: upstream.origin, protocol: 'ollama' });
    const pieces = Array.from({ length: 30 }, (_, index) => {
      const message = { role: 'assistant', content: index % 2 === 0 ? 'a' : ' ' };
      return chunkOf(`${JSON.stringify({ model: 'llama3', message, done: false })}\n`);
    });
    const answer = { ...LINES, pieces: [Buffer.from(chunkedHead('application/x-ndjson')), ...pieces] };
    await leaveAfter(answer, answer.pieces.length);
    expect(lastEvent()).toMatchObject({
      outputTokenCount: 30,
      stopReason: 'CANCELLED',
      attributes: { usageState: 'estimated', end: 'cancelled' },
    });
  });
});

describe('what is read on after its caller left', () => {
  it('is given up after its time, and metered by what was seen', async () => {
    rig = await startRig({ origin: upstream.origin, limits: { drainMs: 50 } });
    await leaveAfter(STREAM, 3);
    expect(rig.forwarder.stats().draining).toBe(1);
    await until(() => rig.passages[0]!.ticket.ends === 1, 'it is given up');
    expectOneEnd();
    expect(lastEvent()).toMatchObject({ stopReason: 'CANCELLED', attributes: { usageState: 'estimated' } });
    expect(lastEvent()['outputTokenCount']).toBeGreaterThan(0);
    await until(() => upstream.asked.size === 0, 'its connection is closed');
  });

  it('is bounded in number: who leaves beyond it is aborted at once', async () => {
    rig = await startRig({ origin: upstream.origin, limits: { drainsMax: 2 } });
    for (let count = 0; count < 5; count += 1) {
      await leaveAfter(STREAM, 2);
      expect(rig.forwarder.stats().draining).toBe(Math.min(count + 1, 2));
    }
    expect(rig.passages.map((passage) => passage.ticket.ends)).toEqual([0, 0, 1, 1, 1]);
    await until(() => upstream.asked.size === 2, 'the others are closed');
    await rig.forwarder.close();
    expect(rig.passages.map((passage) => passage.ticket.ends)).toEqual([1, 1, 1, 1, 1]);
    expect(rig.events).toHaveLength(5);
  });

  it('may break, and is metered then', async () => {
    rig = await startRig({ origin: upstream.origin });
    for (const count of [0, 2]) {
      await leaveAfter(STREAM, count);
      const [socket] = upstream.asked;
      socket!.resetAndDestroy();
      await until(() => rig.passages.at(-1)!.ticket.ends === 1, 'it is metered');
      expectOneEnd();
      expect(lastEvent()['inputTokenCount']).toBeGreaterThan(0);
      expect(rig.forwarder.stats().draining).toBe(0);
    }
  });
});

describe('callers that open and hang up in a loop', () => {
  it.each(['abort', 'drain'] as const)('burn nothing: %s', async (onClientLeave) => {
    rig = await startRig({
      origin: upstream.origin,
      protocol: onClientLeave === 'abort' ? 'ollama' : 'openai',
      onClientLeave,
      limits: { drainsMax: 4, drainMs: 30 },
    });
    const answer = onClientLeave === 'abort' ? LINES : STREAM;
    let working = 0;
    let most = 0;
    upstream.script = (socket) => {
      working += 1;
      most = Math.max(most, working);
      socket.once('close', () => {
        working -= 1;
      });
      socket.write(answer.pieces[0]!);
      const work = setInterval(() => socket.write(answer.pieces[1]!), 1);
      socket.once('close', () => clearInterval(work));
    };
    let drainsMost = 0;
    for (let round = 0; round < 30; round += 1) {
      const callers = Array.from({ length: 4 }, () =>
        rawCall(rig.port, answer.path, answer.request, { headers: CLOSE }),
      );
      await until(() => rig.passages.length === (round + 1) * 4, 'they are taken');
      for (const caller of callers) caller.socket.destroy();
      await Promise.all(rig.passages.map((passage) => passage.done));
      drainsMost = Math.max(drainsMost, rig.forwarder.stats().draining);
    }
    await until(() => rig.events.length === 120, 'all are metered');
    await until(() => working === 0 && upstream.asked.size === 0, 'nothing works for them any more');
    expect(drainsMost).toBeLessThanOrEqual(onClientLeave === 'abort' ? 0 : 4);
    expect(most).toBeLessThanOrEqual(8);
    for (let index = 0; index < 120; index += 1) expectOneEnd(index);
    // Those that were taken back before they were sent cost nothing; all others at least what they asked.
    for (const event of rig.events) if (event.errorCode !== 499) expect(event.inputTokenCount).toBeGreaterThan(0);
    expect(rig.notes.size).toBe(0);
  });
});

describe('a caller that does not read', () => {
  const CHUNK = chunkOf(Buffer.alloc(64 * 1024, 'a'));
  const flood = () => {
    let written = 0;
    upstream.script = (socket) => {
      socket.write(chunkedHead());
      const more = () => {
        while (!socket.destroyed && socket.write(CHUNK)) written += CHUNK.length;
        written += CHUNK.length;
      };
      socket.on('drain', more);
      more();
    };
    return () => written;
  };

  it('stops the upstream from sending, and has left after a while', async () => {
    rig = await startRig({ origin: upstream.origin, onClientLeave: 'abort', limits: { slowReaderMs: 300 } });
    const written = flood();
    const caller = rawCall(rig.port, STREAM.path, STREAM.request, { headers: CLOSE, reads: false });
    caller.socket.pause();
    await until(() => rig.forwarder.stats().blocked === 1, 'it is held back');
    await rig.passages[0]!.done;
    // What the kernel keeps of two connections, and no more.
    expect(written()).toBeLessThan(32 * 1024 * 1024);
    expectOneEnd();
    expect(rig.forwarder.stats()).toEqual({ blocked: 0, draining: 0 });
    await until(() => upstream.asked.size === 0, 'the upstream is closed');
    caller.socket.destroy();
  });

  it('and one that reads slowly gets everything, with flat memory', async () => {
    rig = await startRig({ origin: upstream.origin });
    const size = 128 * 1024 * 1024;
    const body = Buffer.alloc(size, 'b');
    upstream.script = (socket) => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: ${size}\r\n\r\n`);
      socket.write(body);
    };
    const caller = rawCall(rig.port, STREAM.path, STREAM.request, { headers: CLOSE, reads: false });
    let bytes = 0;
    let most = 0;
    // The upstream's own copy is there before; what the gateway held of it would come on top.
    const before = process.memoryUsage().arrayBuffers;
    caller.socket.on('data', (chunk) => {
      bytes += chunk.length;
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
      if (bytes % 7 === 0) return;
      caller.socket.pause();
      setImmediate(() => caller.socket.resume());
    });
    await caller.closed;
    await rig.passages[0]!.done;
    expect(bytes).toBeGreaterThan(size);
    expect(rig.passages[0]!.summary).toMatchObject({ outcome: 'answered', answerBytes: size });
    expectOneEnd();
    expect(most).toBeLessThan(40 * 1024 * 1024);
  });

  it('the end of an answer has left too, though its upstream is done', async () => {
    rig = await startRig({ origin: upstream.origin, limits: { slowReaderMs: 200 } });
    const size = 16 * 1024 * 1024;
    upstream.script = (socket) => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${size}\r\n\r\n`);
      socket.write(Buffer.alloc(size, 'a'));
    };
    const caller = rawCall(rig.port, STREAM.path, STREAM.request, { headers: CLOSE, reads: false });
    caller.socket.pause();
    await until(() => rig.passages.length === 1, 'it is forwarded');
    await rig.passages[0]!.done;
    await until(() => rig.passages[0]!.ticket.ends === 1, 'it is metered');
    expectOneEnd();
    caller.socket.destroy();
  });
});

describe('the end of the forwarding itself', () => {
  it('breaks what is under way, meters it, and leaves nothing open', async () => {
    rig = await startRig({ origin: upstream.origin });
    upstream.script = (socket) => socket.write(Buffer.concat(STREAM.pieces.slice(0, 3)));
    const callers = Array.from({ length: 5 }, () => rawCall(rig.port, STREAM.path, STREAM.request, { headers: CLOSE }));
    await Promise.all(callers.map((caller) => caller.saw('\r\n\r\n')));
    await until(() => upstream.asked.size === 5, 'all are under way');
    await rig.forwarder.close();
    await until(() => upstream.sockets.size === 0, 'no connection is left');
    for (let index = 0; index < 5; index += 1) expectOneEnd(index);
    await Promise.all(callers.map((caller) => caller.closed));
    for (const caller of callers) expect(answerOf(caller.bytes()).whole).toBe(false);
    await until(() => upstream.asked.size === 0, 'nothing is open');
    expect(rig.forwarder.stats()).toEqual({ blocked: 0, draining: 0 });
  });

  it('is the end of calls that come later: they are told so, and cost nothing', async () => {
    rig = await startRig({ origin: upstream.origin });
    await rig.forwarder.close();
    upstream.script = (socket) => socket.write(Buffer.concat(STREAM.pieces));
    const caller = rawCall(rig.port, STREAM.path, STREAM.request, { headers: CLOSE });
    await caller.closed;
    expect(rig.passages[0]!.ticket.ends).toBe(1);
  });
});
