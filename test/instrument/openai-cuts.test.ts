/** I4, I5: a stream that is cut at every chunk boundary in turn is metered once, with the truth or a marked estimate. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { instrumentOpenAI } from '../../src/instrument/openai.js';
import { type Client, MAJORS } from '../helpers/openai-clients.js';
import { createRecordingPath } from '../helpers/recording-path.js';
import { chatChunks, completionChunks, type Fields, responseEvents } from '../helpers/stub-provider-answers.js';
import { mediaAnswer } from '../helpers/stub-provider-media.js';
import { until } from '../helpers/until.js';

const ASKED = { model: 'm', stream_options: { include_usage: true } };
const MESSAGES = [{ role: 'user' as const, content: 'why do budgets fail?' }];
const file = () => new File([Buffer.from('RIFF')], 'a.wav');
const eventsOf = (endpoint: string, fields: Fields) => {
  const answer = mediaAnswer(endpoint, fields, 1);
  return answer?.kind === 'events' ? answer.events : [];
};

interface Kind {
  readonly events: readonly Fields[];
  readonly open: (client: Client) => PromiseLike<AsyncIterable<unknown>>;
  /** What the event says once the last word came. */
  readonly truth: object;
}

const CHAT_TRUTH = { inputTokenCount: 21, outputTokenCount: 9, totalTokenCount: 30 };
const KINDS: Readonly<Record<string, Kind>> = {
  chat: {
    events: chatChunks('chatcmpl-1', ASKED, false),
    open: (c) => c.chat.completions.create({ model: 'm', messages: MESSAGES, stream: true }),
    truth: { ...CHAT_TRUTH, cacheReadTokenCount: 8, reasoningTokenCount: 3 },
  },
  'chat that calls a tool': {
    events: chatChunks('chatcmpl-1', { ...ASKED, tools: [{}] }, false),
    open: (c) => c.chat.completions.create({ model: 'm', messages: MESSAGES, stream: true }),
    truth: CHAT_TRUTH,
  },
  responses: {
    events: responseEvents('resp_1', { model: 'm' }),
    open: (c) => c.responses.create({ model: 'm', input: 'why?', stream: true }),
    truth: CHAT_TRUTH,
  },
  completions: {
    events: completionChunks('cmpl-1', ASKED),
    open: (c) => c.completions.create({ model: 'm', prompt: 'why?', stream: true }),
    truth: CHAT_TRUTH,
  },
  images: {
    events: eventsOf('/images/generations', { model: 'gpt-image-1', stream: true, partial_images: 3, n: 2 }),
    open: (c) =>
      c.images.generate({ model: 'gpt-image-1', prompt: 'a cat', stream: true, partial_images: 3, n: 2 } as const),
    truth: { actualImageCount: 2, totalTokenCount: 2_532, billingUnit: 'PER_TOKEN' },
  },
  transcription: {
    events: eventsOf('/audio/transcriptions', { model: 'gpt-4o-transcribe', stream: 'true' }),
    open: (c) => c.audio.transcriptions.create({ model: 'gpt-4o-transcribe', file: file(), stream: true }),
    truth: { totalTokenCount: 49, inputAudioTokenCount: 35 },
  },
};

/** How a stream ends early. */
type Cut = 'the connection breaks' | 'the server ends' | 'the program leaves' | 'the program aborts';

/** Sends so many events, then does as told. */
let plan: { events: readonly Fields[]; count: number; cut: Cut };
let server: Server;
let url: string;
beforeAll(async () => {
  server = createServer((request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
    const lines = plan.events.slice(0, plan.count).map((event) => {
      const name = typeof event['type'] === 'string' ? `event: ${event['type']}\n` : '';
      return `${name}data: ${JSON.stringify(event)}\n\n`;
    });
    response.write(lines.join(''), () => {
      if (plan.cut === 'the connection breaks') setImmediate(() => response.destroy());
      if (plan.cut === 'the server ends') response.end();
    });
    // Else the stream stays open, and the program leaves it.
    if (lines.length === 0 && plan.cut === 'the connection breaks') setImmediate(() => response.destroy());
    if (lines.length === 0 && plan.cut === 'the server ends') response.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

/** Reads `count` chunks and leaves as the cut says. What the client itself throws is its own. */
async function read(client: Client, kind: Kind, count: number, cut: Cut): Promise<void> {
  try {
    const stream = await kind.open(client);
    if (cut === 'the program aborts' && count === 0) (stream as { controller?: AbortController }).controller?.abort();
    let seen = 0;
    for await (const _ of stream) {
      seen += 1;
      if (seen < count || !cut.startsWith('the program')) continue;
      if (cut === 'the program leaves') break;
      (stream as { controller?: AbortController }).controller?.abort();
    }
  } catch {
    // A broken connection.
  }
}

const CUTS: readonly Cut[] = ['the connection breaks', 'the server ends', 'the program leaves', 'the program aborts'];

describe.each(MAJORS)('openai $major', ({ OpenAI }) => {
  describe.each(Object.keys(KINDS))('%s', (name) => {
    const kind = KINDS[name]!;
    it.each(CUTS)('where %s, after every number of events', async (cut) => {
      // A program that leaves has read something.
      for (let count = cut === 'the program leaves' ? 1 : 0; count <= kind.events.length; count += 1) {
        plan = { events: kind.events, count, cut };
        const recording = createRecordingPath();
        const client = new OpenAI({ apiKey: 'k', baseURL: `${url}/v1`, maxRetries: 0 });
        instrumentOpenAI(client, recording.path, { injectUsage: false }, recording.runtime);
        await read(client, kind, count, cut);
        await until(() => recording.events.length > 0, `an event after ${count}`);
        expect(recording.events, `after ${count}`).toHaveLength(1);
        expect(recording.open.size, `after ${count}`).toBe(0);
        const event = recording.events[0]!;
        const state = event.attributes?.['usageState'];
        if (count === kind.events.length) {
          expect(event, `after ${count}`).toMatchObject({ ...kind.truth, attributes: { usageState: 'reported' } });
        } else expect(['estimated', 'unknown'], `after ${count}: ${String(state)}`).toContain(state);
        if (count < kind.events.length - 2) {
          expect(event.stopReason).toBe(
            { 'the connection breaks': 'ERROR', 'the server ends': 'END' }[cut as string] ?? 'CANCELLED',
          );
        }
      }
    });
  });
});
