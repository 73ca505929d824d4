/** What is on the disk before anything leaves: the note before the request, the event before the end of the answer (I4). */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
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

const CHAT = { model: 'gpt-4o', messages: [{ role: 'user', content: 'Hello' }] };
const ANSWER = {
  id: 'chatcmpl-1',
  model: 'gpt-4o',
  choices: [{ index: 0, message: { role: 'assistant', content: 'Fine.' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 11, completion_tokens: 3, total_tokens: 14 },
};

let upstream: RawUpstream;
let rig: Rig;
beforeAll(async () => {
  upstream = await startRawUpstream();
});
afterEach(() => rig.close());
afterAll(() => upstream.close());

/** A gateway whose disk takes nothing until it is told to. */
async function slowDisk() {
  rig = await startRig({ origin: upstream.origin });
  upstream.requests.length = 0;
  const waiting: (() => void)[] = [];
  Object.assign(rig.sink.outbox, { whenWritten: (task: () => void) => void waiting.push(task) });
  const caller = rawCall(rig.port, '/v1/chat/completions', CHAT, {
    headers: { 'content-type': 'application/json', connection: 'close' },
  });
  return {
    caller,
    waiting,
    write: () => {
      for (const task of waiting.splice(0)) task();
    },
  };
}

/** Long enough for bytes on this machine to arrive, were they sent. */
const aWhile = () => new Promise((resolve) => setTimeout(resolve, 50));

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 2));
}

it.each([
  ['one piece', (): Buffer[] => [Buffer.from(jsonAnswer(ANSWER))]],
  [
    'pieces',
    (): Buffer[] => [chunkedHead(), chunkOf(JSON.stringify(ANSWER)), LAST_CHUNK].map((one) => Buffer.from(one)),
  ],
])(
  'nothing is asked before the note is written, and an answer in %s does not end before its event is',
  async (_, bytes) => {
    const { caller, waiting, write } = await slowDisk();
    upstream.script = async (socket) => {
      for (const piece of bytes()) {
        socket.write(piece);
        await aWhile();
      }
    };
    await until(() => waiting.length === 1);
    expect(rig.notes.size).toBe(1);
    await aWhile();
    expect(upstream.requests).toEqual([]);
    write();
    await until(() => waiting.length === 1);
    expect(rig.events).toHaveLength(1);
    await aWhile();
    const early = caller.bytes();
    expect(early.length === 0 || !answerOf(early).whole).toBe(true);
    write();
    await caller.closed;
    expect(answerOf(caller.bytes())).toMatchObject({ status: 200, whole: true });
    expect(upstream.requests).toHaveLength(1);
  },
);

it('a caller that leaves before the note is written has asked nobody for anything', async () => {
  const { caller, waiting, write } = await slowDisk();
  await until(() => waiting.length === 1);
  caller.socket.destroy();
  await until(() => rig.events.length === 1);
  write();
  await aWhile();
  expect(upstream.requests).toEqual([]);
  expect(rig.events[0]).toMatchObject({ inputTokenCount: 0, outputTokenCount: 0 });
});
