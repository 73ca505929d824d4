/**
 * Replays recorded chats of OpenAI's protocol and of Ollama's through LangChain's own models, with random cuts: what the
 * handler meters of them is what the provider reported, as far as LangChain hands it on.
 */
import { ChatOllama } from '@langchain/ollama';
import { ChatOpenAI } from '@langchain/openai';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { chatStopReason } from '../../src/providers/openai-stop-reason.js';
import { type Bench, startBench } from '../helpers/langchain-model.js';
import {
  type Recording,
  type ReplayServer,
  randomCut,
  readRecordings,
  startReplayServer,
} from '../helpers/replay-server.js';

const directory = process.env['RECORDINGS_DIR'];
const recordings = directory === undefined ? [] : readRecordings(directory, /^(openai-chat|ollama-chat)/);

describe.skipIf(directory === undefined)('recorded chats through LangChain’s models (RECORDINGS_DIR)', () => {
  let server: ReplayServer;
  let bench: Bench;
  beforeAll(async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {});
    [server, bench] = await Promise.all([startReplayServer(), startBench()]);
  });
  afterAll(async () => {
    vi.restoreAllMocks();
    await Promise.all([server.close(), bench.close()]);
    expect(bench.lines).toEqual([]);
  });

  it('are there', () => expect(recordings.length).toBeGreaterThan(100));

  it.each(recordings.map((recording) => [recording.id, recording] as const))(
    'I4: %s is one event, with the counts that LangChain hands on',
    async (_id, recording) => {
      server.play(recording, randomCut(7));
      bench.events.length = 0;
      const given = { callbacks: [bench.handler()], model: String(recording.request.body?.['model'] ?? 'm') };
      const error = await ask(recording, given, server.url);
      expect(bench.events).toHaveLength(1);
      check(recording, bench.events[0] as never, error);
    },
  );
});

async function ask(recording: Recording, given: object, url: string): Promise<unknown> {
  const model = recording.api.startsWith('ollama')
    ? new ChatOllama({ ...given, baseUrl: url, maxRetries: 0 } as never)
    : new ChatOpenAI({ ...given, apiKey: 'k', maxRetries: 0, configuration: { baseURL: `${url}/v1` } });
  try {
    if (!recording.streaming) await model.invoke('hi');
    else for await (const _ of await model.stream('hi'));
    return undefined;
  } catch (error) {
    return error;
  }
}

function check(recording: Recording, event: Record<string, unknown> & { attributes: Fields }, error: unknown): void {
  const { expected, response } = recording;
  if (response.status >= 400) {
    expect(event).toMatchObject({ stopReason: 'ERROR', errorCode: response.status, totalTokenCount: 0 });
    return;
  }
  if (error !== undefined) {
    // LangChain's own reader gave up on the answer, or an error stood inside: estimated or unknown, never free.
    expect(['ERROR', 'CANCELLED', 'TIMEOUT']).toContain(event['stopReason']);
    return;
  }
  if (event.attributes['usageState'] === 'reported') {
    expect(event).toMatchObject({
      inputTokenCount: expected.input_tokens,
      outputTokenCount: expected.output_tokens ?? 0,
    });
    if (expected.total_tokens !== null) expect(event['totalTokenCount']).toBe(expected.total_tokens);
    expect(event['reasoningTokenCount'] ?? expected.reasoning_tokens).toBe(expected.reasoning_tokens);
    expect(event['cacheReadTokenCount'] ?? expected.cache_read_tokens).toBe(expected.cache_read_tokens);
  } else {
    expect(`${recording.id}: ${lostBy(recording)}`).not.toContain('nobody');
    expect(event.attributes['usageState']).toBe('estimated');
  }
  if (expected.stop_reason !== null && recording.api.startsWith('openai')) {
    expect(event['stopReason']).toBe(chatStopReason(expected.stop_reason));
  }
}

type Fields = Record<string, unknown>;

/** Why the provider's counts did not arrive, where they did not. */
function lostBy(recording: Recording): string {
  if (!recording.expected.usage_present) return 'the provider, which sent none';
  // `ChatOpenAI` does not know Groq's own place for it; LangChain's class for Groq does.
  if (recording.response.body_text?.includes('"x_groq":{"id"') === true) return 'ChatOpenAI';
  return 'nobody';
}
