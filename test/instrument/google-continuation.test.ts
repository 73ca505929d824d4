/** Interactions that the client continues by itself: each hop is decided; a refusal between two of them. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BudgetExceededError } from '../../enforcement/budget-exceeded-error.js';
import { instrumentGoogle } from '../../src/instrument/google.js';
import { MAJORS, optionsFor } from '../helpers/google-clients.js';
import { createRecordingPath, type RecordingPath } from '../helpers/recording-path.js';

const USAGE = { total_input_tokens: 9, total_output_tokens: 4, total_tokens: 13 };
let recording: RecordingPath;
let hops: number;
let refuseAfterFirst: boolean;
const server = createServer((request, response) => {
  request.resume();
  request.on('end', () => {
    hops += 1;
    if (refuseAfterFirst) recording.refuse();
    const goesOn = hops === 1 ? { status: 'requires_continuation', continuation_token: 't' } : { status: 'completed' };
    const steps = [{ type: 'model_output', content: [{ type: 'text', text: 'hi' }] }];
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ id: `int-${hops}`, model: 'm', usage: USAGE, steps, ...goesOn }));
  });
});
let url: string;
beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});
beforeEach(() => {
  recording = createRecordingPath();
  hops = 0;
  refuseAfterFirst = false;
});

describe.each(MAJORS)('an interaction of @google/genai $major that needs to be continued', (major) => {
  const guarded = () => instrumentGoogle(new major.Esm(optionsFor(url, false)), recording.path, recording.runtime);
  const ask = () => guarded().interactions.create({ model: 'm', input: 'hi' });

  it('I4: each hop that the client makes is decided and metered on its own', async () => {
    await ask();
    expect(hops).toBe(major.major === 1 ? 1 : 2);
    expect(recording.decided).toHaveLength(hops);
    expect(recording.events.map(({ transactionId }) => transactionId)).toEqual(
      Array.from({ length: hops }, (_, at) => `int-${at + 1}`),
    );
  });

  it('I1: refused in between, the next hop is not sent; what was answered is not lost, and the refusal is the cause', async () => {
    refuseAfterFirst = true;
    const outcome: unknown = await Promise.resolve(ask()).catch((error: unknown) => error);
    expect(hops).toBe(1);
    expect(recording.events).toHaveLength(1);
    // The first version continues nothing by itself.
    if (major.major === 1) return;
    expect(outcome).toMatchObject({ name: 'ContinuationInterruptedError', continuationToken: 't' });
    expect(Reflect.get(Object(outcome), 'cause')).toBeInstanceOf(BudgetExceededError);
    expect(BudgetExceededError.is(outcome)).toBe(true);
  });
});
