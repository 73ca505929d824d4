import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Ollama } from 'ollama';
import { Ollama as Ollama05 } from 'ollama05';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { instrumentOllama } from '../../src/instrument/ollama.js';
import { createRecordingPath } from '../helpers/recording-path.js';

const WORDS = ['The ', 'sky ', 'is ', 'blue. ', '空は青い。'];
const LINES = [
  ...WORDS.map((content) => ({ model: 'm', message: { role: 'assistant', content }, done: false })),
  {
    model: 'm',
    message: { role: 'assistant', content: '' },
    done: true,
    done_reason: 'stop',
    prompt_eval_count: 11,
    eval_count: 9,
  },
].map((line) => Buffer.from(`${JSON.stringify(line)}\n`));
const BODY = Buffer.concat(LINES);

/** Bytes that are sent before the connection breaks. */
let sent = 0;
const server = createServer((request, response) => {
  request.resume();
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  // The head goes out by itself, so that a cut before the first byte is a cut of the answer and not of the request.
  response.flushHeaders();
  setImmediate(() => {
    if (sent >= BODY.length) response.end(BODY);
    else if (sent === 0) response.destroy();
    else response.write(BODY.subarray(0, sent), () => setImmediate(() => response.destroy()));
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

/** Behind each line, and in the middle of each. */
const BOUNDARIES = LINES.flatMap((line, index) => {
  const before = LINES.slice(0, index).reduce((sum, one) => sum + one.length, 0);
  return [before, before + Math.floor(line.length / 2)];
});

describe.each([
  ['0.5', Ollama05 as unknown as typeof Ollama],
  ['0.6', Ollama],
])('ollama %s', (_version, Client) => {
  let recording: ReturnType<typeof createRecordingPath>;
  beforeEach(() => {
    recording = createRecordingPath();
  });
  const ask = async (leaveAfter = Number.POSITIVE_INFINITY) => {
    const client = instrumentOllama(new Client({ host: url }), recording.path, recording.runtime);
    let text = '';
    let chunks = 0;
    try {
      const stream = await client.chat({ model: 'm', messages: [{ role: 'user', content: 'Why?' }], stream: true });
      for await (const chunk of stream) {
        text += chunk.message.content;
        chunks += 1;
        if (chunks >= leaveAfter) break;
      }
    } catch {
      // The client's own error of a broken connection.
    }
    return text;
  };
  const onlyEvent = () => {
    expect(recording.events).toHaveLength(1);
    expect(recording.open.size).toBe(0);
    return recording.events[0]!;
  };

  it.each(BOUNDARIES)(
    'I4, I5: a stream that breaks after %i bytes is one event, marked as an estimate',
    async (bytes) => {
      sent = bytes;
      const text = await ask();
      const event = onlyEvent();
      expect(event.stopReason).toBe('ERROR');
      expect(event.attributes?.['usageState']).toBe(text === '' ? 'unknown' : 'estimated');
      if (text !== '') {
        expect(event.inputTokenCount).toBeGreaterThan(0);
        expect(event.outputTokenCount).toBe(Math.ceil(text.length / 4));
      }
    },
  );

  it('I4, I5: the whole stream is one event with the truth', async () => {
    sent = BODY.length;
    await ask();
    expect(onlyEvent()).toMatchObject({
      inputTokenCount: 11,
      outputTokenCount: 9,
      stopReason: 'END',
      attributes: { usageState: 'reported' },
    });
  });

  it.each(WORDS.map((_word, index) => index + 1))(
    'I4, I5: one that is left after %i chunks is one event',
    async (chunks) => {
      sent = BODY.length;
      const text = await ask(chunks);
      expect(onlyEvent()).toMatchObject({
        stopReason: 'CANCELLED',
        outputTokenCount: Math.ceil(text.length / 4),
        attributes: { usageState: 'estimated' },
      });
    },
  );
});
