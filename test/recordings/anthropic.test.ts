/**
 * Replays recorded exchanges of Anthropic's API, of Bedrock and of Vertex AI over real HTTP through the real clients.
 * The recordings are no part of the project: they are found through RECORDINGS_DIR; without it there is nothing to run.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { instrumentAnthropic } from '../../src/instrument/anthropic.js';
import { chatStopReason } from '../../src/providers/openai-stop-reason.js';
import {
  BEDROCK,
  BEDROCK_AUTH,
  type Client,
  VERSIONS,
  VERTEX,
  VERTEX_AUTH,
  type Version,
} from '../helpers/anthropic-clients.js';
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
const NAMES = /^(anthropic-(messages|count_tokens)|bedrock-anthropic-messages|vertex-anthropic-messages)\./;
const recordings = directory === undefined ? [] : readRecordings(directory, NAMES);

const ONE_BYTE: Cut = (bytes) => Array.from(bytes, () => 1);
/** A byte a piece is slow; of a long answer the last 4 KB, where the counts are. */
const ONE_BYTE_AT_THE_END: Cut = (bytes) =>
  bytes.length <= 4_096 ? ONE_BYTE(bytes) : [bytes.length - 4_096, ...ONE_BYTE(bytes.subarray(bytes.length - 4_096))];

const RUNS: readonly (readonly [string, Version, Cut])[] = [
  ['0.60, random pieces', VERSIONS[0]!, randomCut(60)],
  ['1.11, whole', VERSIONS[1]!, () => []],
  ['1.11, random pieces', VERSIONS[1]!, randomCut(111)],
  ['1.11, one byte a piece', VERSIONS[1]!, ONE_BYTE_AT_THE_END],
];

describe.skipIf(directory === undefined)('recorded exchanges of Anthropic’s protocol (RECORDINGS_DIR)', () => {
  let server: ReplayServer;
  beforeAll(async () => {
    server = await startReplayServer();
  });
  afterAll(() => server.close());

  it('are there', () => {
    expect(recordings.length).toBeGreaterThan(30);
  });

  describe.each(RUNS)('%s', (_name, version, cut) => {
    it.each(recordings.map((recording) => [recording.id, recording] as const))(
      'I3, I4: %s is metered as expected, and the program receives what it receives without us',
      async (_id, recording) => {
        server.play(recording, cut);
        const path = createRecordingPath();
        const expected = await outcome(clientFor(version, recording, server.url), recording);
        const client = clientFor(version, recording, server.url);
        const guarded = instrumentAnthropic(client, path.path, {}, path.runtime);
        expect(await outcome(guarded, recording)).toEqual(expected);
        check(recording, path.events);
        expect(path.open.size).toBe(0);
        expect(path.logged).toEqual([]);
      },
    );
  });
});

/** A client that believes in the recorded host; only its fetch goes to the replay. */
function clientFor({ Anthropic }: Version, recording: Recording, replayUrl: string): Client {
  // One recording has its region masked.
  const url = new URL(recording.request.url.replace('<aws_region>', 'us-east-1'));
  const replayed: typeof fetch = (input, init) => fetch(String(input).replace(url.origin, replayUrl), init);
  // Without a time limit of its own the client refuses a plain request for a long answer.
  const options = { maxRetries: 0, timeout: 600_000, fetch: replayed, logLevel: 'off', baseURL: url.origin };
  if (recording.provider === 'bedrock') return new BEDROCK.Esm({ ...options, ...BEDROCK_AUTH });
  if (recording.provider === 'google-vertex') {
    return new VERTEX.Esm({ ...options, ...VERTEX_AUTH, baseURL: `${url.origin}/v1` });
  }
  return new Anthropic({ ...options, apiKey: 'k' });
}

/** The clients for clouds write the model into the path; a program gives it in the body. */
function bodyOf({ request, streaming }: Recording): Record<string, unknown> {
  const inPath = /\/(?:model|models)\/([^/:]+(?:%3A|:\d)?[^/:]*)/.exec(new URL(request.url).pathname)?.[1];
  const { anthropic_version: _version, ...body } = request.body ?? {};
  const model = inPath === undefined ? {} : { model: decodeURIComponent(inPath) };
  return { ...body, ...model, ...(body['stream'] === undefined && !streaming ? {} : { stream: streaming }) };
}

async function outcome(client: Client, recording: Recording): Promise<unknown> {
  const body = bodyOf(recording) as never;
  const isBeta = recording.request.url.includes('beta=true');
  const messages = (isBeta ? client.beta.messages : client.messages) as Client['messages'];
  try {
    const counts = recording.api === 'anthropic.count_tokens';
    const value: unknown = await (counts ? messages.countTokens(body) : messages.create(body));
    if (typeof value !== 'object' || value === null || !(Symbol.asyncIterator in value)) return { value };
    const chunks: unknown[] = [];
    for await (const chunk of value as AsyncIterable<unknown>) chunks.push(chunk);
    return { chunks };
  } catch (error) {
    const { name, message, status } = error as Record<string, unknown>;
    return { error: { name, message, status } };
  }
}

const PROVIDERS: Record<string, string> = { anthropic: 'ANTHROPIC', bedrock: 'AWS', 'google-vertex': 'Google' };

function check(recording: Recording, events: readonly object[]): void {
  const { expected, response } = recording;
  if (recording.api === 'anthropic.count_tokens') {
    expect(events).toEqual([]);
    return;
  }
  expect(events).toHaveLength(1);
  const event = events[0] as Record<string, unknown> & { attributes: Record<string, unknown> };
  expect(event).toMatchObject({ provider: PROVIDERS[recording.provider], modelSource: 'ANTHROPIC' });
  if (response.status >= 400) {
    expect(event).toMatchObject({ stopReason: 'ERROR', errorCode: response.status, totalTokenCount: 0 });
    expect(event['errorReason']).toBeTruthy();
    return;
  }
  expect(expected.usage_present).toBe(true);
  expect(event.attributes['usageState']).toBe('reported');
  expect(event).toMatchObject({
    inputTokenCount: expected.input_tokens,
    outputTokenCount: expected.output_tokens,
    totalTokenCount: expected.total_tokens,
    stopReason: chatStopReason(expected.stop_reason!),
  });
  expect(event['cacheReadTokenCount'] ?? null).toBe(expected.cache_read_tokens);
  expect(event['cacheCreationTokenCount'] ?? null).toBe(expected.cache_write_tokens);
  expect(event['reasoningTokenCount'] ?? null).toBe(expected.reasoning_tokens);
  // AWS bills by the id that was asked for: it says which region; the model that the answer names stands beside it.
  const model = recording.provider === 'bedrock' ? event.attributes['answeredModel'] : event['model'];
  expect(model).toBe(expected.model);
  expect(event['transactionId']).toMatch(/^msg_/);
}
