/** Calls that go well, and the headers and bytes of them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  answerOf,
  chunkedHead,
  chunkOf,
  jsonAnswer,
  LAST_CHUNK,
  type RawUpstream,
  rawCall,
  startRawUpstream,
  startRig,
  until,
} from './support.js';

const CHAT = { model: 'gpt-4o', messages: [{ role: 'user', content: 'Hello there, how are you?' }] };
const ANSWER = {
  id: 'chatcmpl-1',
  model: 'gpt-4o-2024-08-06',
  choices: [{ index: 0, message: { role: 'assistant', content: 'Fine.' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 11, completion_tokens: 3, total_tokens: 14 },
};

let upstream: RawUpstream;
beforeAll(async () => {
  upstream = await startRawUpstream();
});
afterAll(() => upstream.close());

describe('a forwarded call', () => {
  it('comes back as it was, is metered as reported, under the id of its attempt', async () => {
    const rig = await startRig({ origin: upstream.origin, extraHeaders: ['fusewire-budget-limit', '5.00'] });
    upstream.script = (socket) => socket.write(jsonAnswer(ANSWER));
    const caller = rawCall(rig.port, '/v1/chat/completions', CHAT);
    await caller.saw(JSON.stringify(ANSWER));
    const answer = answerOf(caller.bytes());
    expect(answer.status).toBe(200);
    expect(answer.body.toString()).toBe(JSON.stringify(ANSWER));
    await rig.passages[0]!.done;
    expect(rig.events).toHaveLength(1);
    expect(rig.events[0]).toMatchObject({
      model: 'gpt-4o-2024-08-06',
      inputTokenCount: 11,
      outputTokenCount: 3,
      stopReason: 'END',
      attributes: { usageState: 'reported', providerResponseId: 'chatcmpl-1' },
    });
    expect(rig.events[0]!.transactionId).not.toBe('chatcmpl-1');
    expect(answer.head).toContain(`fusewire-transaction-id: ${rig.events[0]!.transactionId}`);
    expect(answer.head).toContain('fusewire-budget-limit: 5.00');
    expect(rig.passages[0]!.ticket.settled).toEqual(rig.events);
    expect(rig.passages[0]!.ticket.released).toBe(0);
    expect(rig.passages[0]!.summary).toMatchObject({ outcome: 'answered', status: 200, drained: false });
    expect(rig.notes.size).toBe(0);
    caller.socket.destroy();
    await rig.close();
  });
});
