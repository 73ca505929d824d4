/**
 * Replays recorded exchanges of OpenAI, Azure OpenAI and Ollama's OpenAI endpoint over real HTTP through the real clients.
 * The recordings are no part of the project: they are found through RECORDINGS_DIR; without it there is nothing to run.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { instrumentOpenAI } from '../../src/instrument/openai.js';
import { chatStopReason, responseStopReason } from '../../src/providers/openai-stop-reason.js';
import { type Client, MAJORS, type Major } from '../helpers/openai-clients.js';
import { createRecordingPath } from '../helpers/recording-path.js';
import {
  type Cut,
  type Recording,
  type ReplayServer,
  randomCut,
  readRecordings,
  startReplayServer,
} from '../helpers/replay-server.js';

const directory = process.env['RECORDINGS_DIR'];
const recordings =
  directory === undefined ? [] : readRecordings(directory, /^openai-[\w-]+\.(openai|azure-openai|ollama)\./);

const WHOLE: Cut = () => [];
const ONE_BYTE: Cut = (bytes) => Array.from(bytes, () => 1);
/** A byte a piece is slow; of a long answer the last 4 KB, where the counts are. */
const ONE_BYTE_AT_THE_END: Cut = (bytes) =>
  bytes.length <= 4_096 ? ONE_BYTE(bytes) : [bytes.length - 4_096, ...ONE_BYTE(bytes.subarray(bytes.length - 4_096))];

const RUNS: readonly (readonly [string, number, Cut])[] = [
  ['openai 5, random pieces', 5, randomCut(5)],
  ['openai 6, whole', 6, WHOLE],
  ['openai 6, random pieces', 6, randomCut(6)],
  ['openai 6, one byte a piece', 6, ONE_BYTE_AT_THE_END],
  ['openai 7, random pieces', 7, randomCut(7)],
];

const METHODS: Record<string, (client: Client, body: never) => PromiseLike<unknown>> = {
  '/chat/completions': (client, body) => client.chat.completions.create(body),
  '/completions': (client, body) => client.completions.create(body),
  '/embeddings': (client, body) => client.embeddings.create(body),
  '/responses': (client, body) => client.responses.create(body),
};

describe.skipIf(directory === undefined)('recorded exchanges of OpenAI’s protocol (RECORDINGS_DIR)', () => {
  let server: ReplayServer;
  beforeAll(async () => {
    server = await startReplayServer();
  });
  afterAll(() => server.close());

  it('are there', () => {
    expect(recordings.length).toBeGreaterThan(80);
  });

  describe.each(RUNS)('%s', (_name, number, cut) => {
    const major = MAJORS.find((candidate) => candidate.major === number)!;
    it.each(recordings.map((recording) => [recording.id, recording] as const))(
      'I3, I4: %s is metered as expected, and the program receives what it receives without us',
      async (_id, recording) => {
        server.play(recording, cut);
        const path = createRecordingPath();
        const expected = await outcome(clientFor(major, recording, server.url), recording);
        const guarded = instrumentOpenAI(clientFor(major, recording, server.url), path.path, {}, path.runtime);
        expect(await outcome(guarded, recording)).toEqual(expected);
        check(recording, path.events);
        expect(path.open.size).toBe(0);
      },
    );
  });
});

/** A client that believes in the recorded host; only its fetch goes to the replay. */
function clientFor({ OpenAI }: Major, recording: Recording, replayUrl: string): Client {
  const url = new URL(recording.request.url);
  const replayed: typeof fetch = (input, init) => fetch(String(input).replace(url.origin, replayUrl), init);
  return new OpenAI({
    apiKey: 'k',
    maxRetries: 0,
    baseURL: `${url.origin}${url.pathname.slice(0, url.pathname.length - endpointOf(recording).length)}`,
    defaultQuery: Object.fromEntries(url.searchParams),
    fetch: replayed,
    logLevel: 'off',
  });
}

function endpointOf(recording: Recording): string {
  const { pathname } = new URL(recording.request.url);
  const known = Object.keys(METHODS).find((endpoint) => pathname.endsWith(endpoint));
  return known ?? /\/(audio|images)?\/?\w+$/.exec(pathname)![0];
}

async function outcome(client: Client, recording: Recording): Promise<unknown> {
  const endpoint = endpointOf(recording);
  const body = { ...recording.request.body, stream: recording.streaming } as never;
  const options = { body, stream: recording.streaming };
  try {
    const call = METHODS[endpoint]?.(client, body) ?? client.post(endpoint, options);
    const value = await call;
    if (typeof value !== 'object' || value === null || !(Symbol.asyncIterator in value)) return { value };
    const chunks: unknown[] = [];
    for await (const chunk of value as AsyncIterable<unknown>) chunks.push(chunk);
    return { chunks };
  } catch (error) {
    const { name, message, status, code } = error as Record<string, unknown>;
    return { error: { name, message, status, code } };
  }
}

function check(recording: Recording, events: readonly object[]): void {
  const { expected, response } = recording;
  if (expected.stop_reason === 'queued') {
    expect(events).toHaveLength(0);
    return;
  }
  expect(events).toHaveLength(1);
  const event = events[0] as Record<string, unknown> & { attributes: Record<string, unknown> };
  if (response.status >= 400) {
    expect(event).toMatchObject({ stopReason: 'ERROR', errorCode: response.status, totalTokenCount: 0 });
    expect(event['errorReason']).toBeTruthy();
    return;
  }
  expect(event.attributes['usageState']).toBe(expected.usage_present ? 'reported' : 'estimated');
  if (expected.usage_present) {
    expect(event).toMatchObject({
      inputTokenCount: expected.input_tokens,
      outputTokenCount: expected.output_tokens ?? 0,
      totalTokenCount: expected.total_tokens,
    });
  }
  expect(event['cacheReadTokenCount'] ?? null).toBe(expected.cache_read_tokens);
  expect(event['cacheCreationTokenCount'] ?? null).toBe(expected.cache_write_tokens);
  expect(event['reasoningTokenCount'] ?? null).toBe(expected.reasoning_tokens);
  if (expected.model !== null) expect(event['model']).toBe(expected.model);
  if (expected.stop_reason !== null) expect(event['stopReason']).toBe(stopReasonOf(recording, expected.stop_reason));
  const provider = { openai: 'OPENAI', 'azure-openai': 'Azure', ollama: 'OLLAMA' }[recording.provider];
  expect(event['provider']).toBe(provider);
}

function stopReasonOf(recording: Recording, reason: string): string | undefined {
  if (recording.api !== 'openai.responses') return chatStopReason(reason);
  const cutShort = /"reason":\s*"(\w+)"/.exec(recording.response.body_text ?? '')?.[1];
  return responseStopReason(reason, cutShort);
}
