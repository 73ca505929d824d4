/** Perplexity behind the openai client: told by its host, metered with the cost that it names itself. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { instrumentOpenAI } from '../../src/instrument/openai.js';
import { MAJORS } from '../helpers/openai-clients.js';
import { createRecordingPath, type RecordingPath } from '../helpers/recording-path.js';
import { type ScriptedServer, startScriptedServer } from '../helpers/scripted-server.js';
import { chatEvents, perplexityScript } from '../helpers/stub-perplexity.js';

const HOST = 'https://api.perplexity.ai';
const CHAT = { model: 'sonar-pro', messages: [{ role: 'user' as const, content: 'how big?' }] };
const EVENT = {
  ...{ provider: 'PERPLEXITY', modelSource: 'PERPLEXITY', model: 'sonar-pro' },
  ...{ inputTokenCount: 33, outputTokenCount: 60, totalTokenCount: 93, totalCost: 0.1373 },
};

let server: ScriptedServer;
let recording: RecordingPath;
beforeAll(async () => {
  server = await startScriptedServer(perplexityScript());
});
afterAll(() => server.close());
beforeEach(() => {
  recording = createRecordingPath();
  server.next.length = 0;
});

const only = () => {
  expect(recording.events).toHaveLength(1);
  expect(recording.open.size).toBe(0);
  return recording.events[0]!;
};

describe.each([MAJORS[0]!, MAJORS[2]!])('openai $major', ({ OpenAI }) => {
  const client = () => {
    const replayed: typeof fetch = (input, init) => fetch(String(input).replace(HOST, server.url), init);
    const options = { apiKey: 'k', baseURL: HOST, maxRetries: 0, fetch: replayed, logLevel: 'off' };
    return instrumentOpenAI(new OpenAI(options), recording.path, {}, recording.runtime);
  };
  const read = async () => {
    for await (const _chunk of await client().chat.completions.create({ ...CHAT, stream: true }));
  };

  it('I4: a whole answer and a stream, with their cost, by their own id', async () => {
    const answer = await client().chat.completions.create(CHAT);
    await read();
    expect(recording.events).toHaveLength(2);
    for (const event of recording.events) expect(event).toMatchObject(EVENT);
    expect(recording.events[0]?.transactionId).toBe(answer.id);
    expect(recording.events[1]).toMatchObject({ reasoningTokenCount: 740, attributes: { citationTokens: 20_016 } });
    expect(recording.events[1]?.attributes).toMatchObject({ numSearchQueries: 18, reasoningInside: false });
  });

  it.each([0, 1, 2, 3])(
    'I5: a stream that is cut after %i events says that its counts are no last ones',
    async (cutAfter) => {
      server.next.push({ events: chatEvents('aced166e-1', 'sonar-pro'), cutAfter });
      await read().catch(() => undefined);
      expect(only().totalCost).toBeUndefined();
      expect(only().attributes?.['usageState']).toBe(cutAfter === 0 ? 'unknown' : 'estimated');
    },
  );
});
