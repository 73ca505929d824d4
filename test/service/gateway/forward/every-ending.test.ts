/** Whatever upstreams and callers do: one end of each ticket, one event of each attempt, nothing left open. */
import type { Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../../../helpers/until.js';
import { ANSWERS } from './answers.js';
import { jsonAnswer, type RawUpstream, type Rig, rawCall, startRawUpstream, startRig } from './support.js';

let upstream: RawUpstream;
beforeAll(async () => {
  upstream = await startRawUpstream();
});
afterAll(() => upstream.close());

const turns = async (count: number) => {
  for (let at = 0; at < count; at += 1) await new Promise<void>((resolve) => setImmediate(resolve));
};

/** What an upstream does after so many of an answer's pieces. */
const FATES = ['end', 'reset', 'hang', 'garbage', 'whole', 'error'] as const;
/** What a caller does after so many turns of the event loop. */
const CALLERS = ['stays', 'leaves', 'resets', 'ends'] as const;

const scenario = fc.record({
  answer: fc.constantFrom(...ANSWERS),
  pieces: fc.nat({ max: 8 }),
  fate: fc.constantFrom(...FATES),
  caller: fc.constantFrom(...CALLERS),
  patience: fc.nat({ max: 12 }),
  policy: fc.constantFrom('abort' as const, 'drain' as const),
  pause: fc.nat({ max: 2 }),
});
type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;

async function play(rig: Rig, { answer, pieces, fate, caller, patience, pause }: Scenario) {
  let asked: Socket | undefined;
  upstream.script = async (socket) => {
    if (fate === 'error') {
      socket.write(jsonAnswer({ error: { message: 'no' } }, '503 Service Unavailable'));
      return;
    }
    const count = fate === 'whole' ? answer.pieces.length : Math.min(pieces, answer.pieces.length);
    if (count < answer.pieces.length) asked = socket;
    for (const piece of answer.pieces.slice(0, count)) {
      socket.write(piece);
      await turns(pause);
    }
    if (fate === 'end') socket.end();
    else if (fate === 'reset') socket.resetAndDestroy();
    else if (fate === 'garbage') socket.write('\x00\x01 garbage \r\n\r\n');
  };
  const raw = rawCall(rig.port, answer.path, answer.request, { headers: { connection: 'close' } });
  // Nobody waits for ever for an upstream that hangs.
  const stays = caller === 'stays' && fate !== 'hang' && fate !== 'garbage';
  if (!stays) {
    await turns(patience);
    if (caller === 'resets') raw.socket.resetAndDestroy();
    else if (caller === 'ends') raw.socket.end();
    else raw.socket.destroy();
  }
  // Half-closed, it waits for its answer still.
  const giveUp = setTimeout(() => raw.socket.destroy(), 100);
  await raw.closed;
  clearTimeout(giveUp);
  return asked;
}

describe('I4: every ending', () => {
  it('ends its ticket once, with the event that was metered or with none, and leaves nothing open', async () => {
    const rigs = new Map<string, Rig>();
    for (const policy of ['abort', 'drain'] as const) {
      for (const protocol of ['openai', 'anthropic', 'ollama'] as const) {
        const limits = { drainMs: 20, drainsMax: 3 };
        rigs.set(
          `${policy} ${protocol}`,
          await startRig({ origin: upstream.origin, protocol, onClientLeave: policy, limits }),
        );
      }
    }
    await fc.assert(
      fc.asyncProperty(scenario, async (one) => {
        const rig = rigs.get(`${one.policy} ${one.answer.protocol}`)!;
        const before = rig.passages.length;
        const asked = await play(rig, one);
        await until(async () => (await rig.connections()) === 0, 'the caller is seen to be gone');
        for (const passage of rig.passages.slice(before)) {
          await passage.done;
          await until(() => passage.ticket.ends === 1, 'it is settled');
          expect(passage.ticket.released).toBe(0);
          const [event] = passage.ticket.settled;
          expect(rig.events.filter((metered) => metered === event)).toHaveLength(1);
          expect(['reported', 'estimated']).toContain((event as (typeof rig.events)[0]).attributes!['usageState']);
          expect(passage.summary).toBeDefined();
        }
        expect(rig.events).toHaveLength(rig.passages.length);
        expect(rig.notes.size).toBe(0);
        // Only a connection on which all was said is kept.
        if (asked !== undefined) await until(() => asked.destroyed, 'the upstream is closed');
      }),
      { numRuns: 250, endOnFailure: true },
    );
    for (const rig of rigs.values()) {
      expect(rig.forwarder.stats()).toEqual({ draining: 0, blocked: 0 });
      expect(rig.sink.open.size).toBe(0);
      await rig.close();
    }
    await until(() => upstream.sockets.size === 0, 'every connection is closed');
  }, 60_000);

  it('leaves no memory behind, over thousands of calls that are answered, cut and left', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const rig = await startRig({ origin: upstream.origin, protocol: 'ollama' });
    const answer = ANSWERS[4]!;
    let round = 0;
    upstream.script = (socket) => {
      round += 1;
      const count = round % 3 === 0 ? answer.pieces.length : 4;
      socket.write(Buffer.concat(answer.pieces.slice(0, count)));
      if (round % 3 === 1) socket.end();
    };
    const calls = async (count: number) => {
      for (let at = 0; at < count; at += 20) {
        await Promise.all(
          Array.from({ length: 20 }, async () => {
            const caller = rawCall(rig.port, answer.path, answer.request, { headers: { connection: 'close' } });
            await caller.saw('世界');
            caller.socket.destroy();
            await caller.closed;
          }),
        );
        await until(() => rig.passages.every((passage) => passage.ticket.ends === 1), 'all are settled');
        // What the test itself keeps is not what is measured.
        rig.passages.length = 0;
        rig.events.length = 0;
        upstream.requests.length = 0;
        rig.logged.length = 0;
      }
    };
    const used = async () => {
      await turns(5);
      collect();
      await turns(5);
      collect();
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      return heapUsed + arrayBuffers;
    };
    await calls(400);
    const before = await used();
    await calls(1_200);
    const grown = (await used()) - before;
    expect(grown).toBeLessThan(2_000_000);
    expect(rig.notes.size).toBe(0);
    await rig.close();
  }, 60_000);
});
