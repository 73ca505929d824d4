/** I3: what a caller gets through the gateway is what it would have got without. */
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { stripInjectedUsage } from 'fusewire/internal';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ANSWERS, STREAMS, type WireAnswer, withInjectedUsage } from './answers.js';
import {
  answerOf,
  chunkedHead,
  chunkOf,
  LAST_CHUNK,
  type RawUpstream,
  type Rig,
  type RigOptions,
  rawCall,
  startRawUpstream,
  startRig,
} from './support.js';

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

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Asks for it through `rig`; the upstream writes the packets one by one, a turn of the event loop apart. */
async function fetched(rig: Rig, answer: WireAnswer, packets: readonly Buffer[]) {
  upstream.script = async (socket) => {
    for (const packet of packets) {
      socket.write(packet);
      await turn();
    }
  };
  const before = rig.events.length;
  const headers = { 'content-type': 'application/json', connection: 'close' };
  const caller = rawCall(rig.port, answer.path, answer.request, { headers });
  expect(await caller.closed).toBe('end');
  await rig.passages.at(-1)!.done;
  expect(rig.passages.at(-1)!.ticket.ends).toBe(1);
  expect(rig.events).toHaveLength(before + 1);
  return { got: answerOf(caller.bytes()), event: rig.events.at(-1)! };
}

/** The same bytes in packets that end at the given shares of them. */
function split(pieces: readonly Buffer[], shares: readonly number[]): Buffer[] {
  const all = Buffer.concat(pieces);
  const at = [...new Set(shares.map((share) => Math.floor(share * all.length)))].sort((a, b) => a - b);
  return [0, ...at].map((start, index) => all.subarray(start, at[index] ?? all.length));
}

describe('I3: the bytes of an answer', () => {
  it.each(ANSWERS)('are the same as without the gateway: $name', async (answer) => {
    const { got, event } = await fetched(rigs.get(answer.protocol)!, answer, answer.pieces);
    expect(got.whole).toBe(true);
    expect(got.body.equals(answer.body)).toBe(true);
    expect([event['inputTokenCount'] ?? 0, event['outputTokenCount'] ?? 0]).toEqual(answer.tokens);
    expect(event.attributes!['usageState']).toBe('reported');
  });

  it.each(ANSWERS)('are the same one byte a packet: $name', async (answer) => {
    const bytes = Buffer.concat(answer.pieces);
    const packets = Array.from({ length: bytes.length }, (_, at) => bytes.subarray(at, at + 1));
    const { got, event } = await fetched(rigs.get(answer.protocol)!, answer, packets);
    expect(got.whole).toBe(true);
    expect(got.body.equals(answer.body)).toBe(true);
    expect([event['inputTokenCount'] ?? 0, event['outputTokenCount'] ?? 0]).toEqual(answer.tokens);
  });

  it('are the same wherever packets end, multi-byte characters included', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...STREAMS),
        fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { maxLength: 12 }),
        async (answer, shares) => {
          const { got, event } = await fetched(rigs.get(answer.protocol)!, answer, split(answer.pieces, shares));
          expect(got.whole).toBe(true);
          expect(got.body.equals(answer.body)).toBe(true);
          expect([event['inputTokenCount'], event['outputTokenCount']]).toEqual(answer.tokens);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('come as they come: each piece is with the caller before the next one is made', async () => {
    for (const answer of STREAMS) {
      const rig = rigs.get(answer.protocol)!;
      let go: () => void = () => undefined;
      upstream.script = async (socket) => {
        for (const piece of answer.pieces) {
          socket.write(piece);
          await new Promise<void>((resolve) => {
            go = resolve;
          });
        }
      };
      const headers = { 'content-type': 'application/json', connection: 'close' };
      const caller = rawCall(rig.port, answer.path, answer.request, { headers });
      // The head comes without a body.
      await caller.saw('\r\n\r\n');
      let length = 0;
      for (const piece of answer.pieces.slice(1, -1)) {
        go();
        const text = piece.subarray(piece.indexOf('\r\n') + 2, -2);
        length += text.length;
        await caller.saw(text.toString('latin1').slice(0, 20));
        while (answerOf(caller.bytes()).body.length < length) await turn();
      }
      go();
      await caller.closed;
      expect(answerOf(caller.bytes()).body.equals(answer.body)).toBe(true);
    }
  });
});

describe('I3: the one exception', () => {
  const options: Omit<RigOptions, 'origin'> = { rewrite: stripInjectedUsage };

  it('is that the traces of an injected include_usage go again, wherever packets end', async () => {
    const { sent, expected } = withInjectedUsage();
    const rig = await startRig({ origin: upstream.origin, ...options });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { maxLength: 8 }), async (shares) => {
        const { got, event } = await fetched(rig, sent, split(sent.pieces, shares));
        expect(got.whole).toBe(true);
        expect(got.body.toString()).toBe(expected.toString());
        expect([event['inputTokenCount'], event['outputTokenCount']]).toEqual([9, 4]);
      }),
      { numRuns: 40 },
    );
    await rig.close();
  });

  it('takes a length with it, which is not known then', async () => {
    const { sent, expected } = withInjectedUsage();
    const head = `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: ${sent.body.length}\r\n\r\n`;
    const rig = await startRig({ origin: upstream.origin, ...options });
    const { got } = await fetched(rig, sent, [Buffer.from(head), sent.body]);
    expect(got.whole).toBe(true);
    expect(got.body.toString()).toBe(expected.toString());
    await rig.close();
  });
});

describe('a compressed answer that nobody asked for', () => {
  it.each(ANSWERS.slice(0, 5))('passes as it is, and is read: $name', async (answer) => {
    const packed = gzipSync(answer.body);
    const type = /content-type: ([^\r]+)/.exec(answer.pieces[0]!.toString())![1]!;
    const head = chunkedHead(`${type}\r\ncontent-encoding: gzip`);
    const pieces = [
      Buffer.from(head),
      chunkOf(packed.subarray(0, 30)),
      chunkOf(packed.subarray(30)),
      Buffer.from(LAST_CHUNK),
    ];
    const { got, event } = await fetched(rigs.get(answer.protocol)!, answer, pieces);
    expect(got.head).toContain('content-encoding: gzip');
    expect(got.body.equals(packed)).toBe(true);
    expect([event['inputTokenCount'], event['outputTokenCount']]).toEqual(answer.tokens);
    expect(event.attributes!['usageState']).toBe('reported');
  });

  it('is estimated where its coding is not known', async () => {
    const answer = ANSWERS[0]!;
    const body = Buffer.alloc(100, 7);
    const head = chunkedHead('application/json\r\ncontent-encoding: zstd');
    const { got, event } = await fetched(rigs.get('openai')!, answer, [
      Buffer.from(head),
      chunkOf(body),
      Buffer.from(LAST_CHUNK),
    ]);
    expect(got.body.equals(body)).toBe(true);
    expect(event).toMatchObject({ outputTokenCount: 25, attributes: { usageState: 'estimated' } });
    expect(event['inputTokenCount']).toBeGreaterThan(0);
  });
});
