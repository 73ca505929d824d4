import { once } from 'node:events';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BudgetExceededError } from '../../enforcement/budget-exceeded-error.js';
import { instrumentGoogle } from '../../src/instrument/google.js';
import { MAJORS, optionsFor } from '../helpers/google-clients.js';
import { createRecordingPath, type RecordingPath } from '../helpers/recording-path.js';
import { INTERACTION_USAGE, type StubGoogle, startStubGoogle } from '../helpers/stub-google.js';
import { until } from '../helpers/until.js';

const ASK = { model: 'gemini-2.5-flash', input: 'hi' };
const COUNTS = { inputTokenCount: 9, outputTokenCount: 4, reasoningTokenCount: 2, totalTokenCount: 15 };

let stub: StubGoogle;
let recording: RecordingPath;
beforeAll(async () => {
  stub = await startStubGoogle();
});
afterAll(() => stub.close());
beforeEach(() => {
  recording = createRecordingPath();
  stub.reset();
});

describe.each(MAJORS)('interactions of @google/genai $major', (major) => {
  const guarded = () => instrumentGoogle(new major.Esm(optionsFor(stub.url, false)), recording.path, recording.runtime);
  const only = () => {
    expect(recording.events).toHaveLength(1);
    expect(recording.open.size).toBe(0);
    return recording.events[0]!;
  };

  it('I4: an interaction is metered once; our metadata is not sent', async () => {
    const answer = await guarded().interactions.create({ ...ASK, usageMetadata: { agent: 'a' } } as never);
    expect(answer).toMatchObject({ id: 'int-1', usage: INTERACTION_USAGE });
    expect(only()).toMatchObject({
      ...COUNTS,
      provider: 'Google',
      modelSource: 'GOOGLE',
      model: 'gemini-2.5-flash',
      transactionId: 'int-1',
      agent: 'a',
      stopReason: 'END',
      attributes: { usageState: 'reported', endpoint: 'interactions' },
    });
    expect(stub.requests[0]!.text).not.toContain('usageMetadata');
  });

  it('I4: a streamed one too', async () => {
    const stream = await guarded().interactions.create({ ...ASK, stream: true });
    let events = 0;
    for await (const event of stream) events += event === undefined ? 0 : 1;
    expect(events).toBeGreaterThan(2);
    expect(only()).toMatchObject({ ...COUNTS, isStreamed: true, stopReason: 'END' });
  });

  it('I4: who leaves the stream is metered at once, as an estimate', async () => {
    for await (const event of await guarded().interactions.create({ ...ASK, stream: true })) {
      expect(event).toBeDefined();
      break;
    }
    await until(() => recording.events.length === 1, 'the event');
    expect(only().attributes?.['usageState']).toBe('estimated');
  });

  it('I4: one in the background is metered when its end is read, once, on behalf of who asked for it', async () => {
    const client = guarded();
    await client.interactions.create({ ...ASK, background: true, usageMetadata: { agent: 'a' } } as never);
    expect(recording.decided).toHaveLength(1);
    expect(recording.events).toHaveLength(0);
    for (let poll = 0; poll < 3; poll += 1) await client.interactions.get('int-1');
    expect(only()).toMatchObject({ ...COUNTS, agent: 'a', transactionId: 'int-1' });
  });

  it('I4: every attempt of the client’s retries is metered, and a refused one is the error itself', async () => {
    stub.faults.push({ status: 503 });
    const pending = Promise.resolve(guarded().interactions.create(ASK)).catch((error: unknown) => error);
    await until(() => stub.requests.length === 1, 'the request');
    recording.refuse();
    expect(await pending).toBeInstanceOf(BudgetExceededError);
    expect(only()).toMatchObject({ errorCode: 503, totalTokenCount: 0 });
    expect(stub.requests).toHaveLength(1);
  });

  it('webhooks are free', async () => {
    recording.refuse();
    await guarded().webhooks.list();
    expect(stub.requests).toHaveLength(1);
    expect(recording.events).toHaveLength(0);
  });
});

interface Socket {
  send(text: string): void;
  close(): void;
  on(event: 'message', listener: () => void): void;
}
interface SocketServer {
  on(event: 'connection', listener: (socket: Socket) => void): void;
  once(event: string, listener: () => void): void;
  address(): AddressInfo;
  close(done: () => void): void;
}

describe.each(MAJORS)('live sessions of @google/genai $major', (major) => {
  it('I1, I4: a session passes, flagged, and is metered with the sum of its turns when it closes', async () => {
    const { WebSocketServer } = createRequire(createRequire(import.meta.url).resolve('@google/genai'))('ws') as {
      WebSocketServer: new (options: object) => SocketServer;
    };
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
    await once(server as never, 'listening');
    const usageMetadata = { promptTokenCount: 10, responseTokenCount: 5, totalTokenCount: 15 };
    server.on('connection', (socket) => {
      let asked = 0;
      socket.on('message', () => {
        socket.send(
          JSON.stringify(
            asked === 0 ? { setupComplete: {} } : { serverContent: { turnComplete: true }, usageMetadata },
          ),
        );
        asked += 1;
        if (asked === 3) socket.close();
      });
    });
    recording.refuse();
    const client = new major.Esm(optionsFor(`http://127.0.0.1:${server.address().port}`, false));
    instrumentGoogle(client, recording.path, recording.runtime);
    const received: unknown[] = [];
    let closed = 0;
    const onclose = () => {
      closed += 1;
    };
    const callbacks = {
      onmessage: (message: unknown) => void received.push(message),
      onclose,
    };
    const params = { model: 'gemini-live-2.5-flash', callbacks, usageMetadata: { agent: 'a' } };
    const session = await client.live.connect(params as never);
    session.sendClientContent({ turns: 'hi' });
    session.sendClientContent({ turns: 'again' });
    await until(() => closed === 1, 'the close');
    await new Promise<void>((resolve) => server.close(resolve));
    expect(received).toHaveLength(3);
    expect(recording.events).toHaveLength(1);
    expect(recording.events[0]).toMatchObject({
      inputTokenCount: 20,
      outputTokenCount: 10,
      agent: 'a',
      model: 'gemini-live-2.5-flash',
      attributes: { unknownEndpoint: true, endpoint: 'live', usageState: 'reported' },
    });
  });
});
