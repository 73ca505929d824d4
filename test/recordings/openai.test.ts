/**
 * Replays every recorded exchange of OpenAI's protocol, whoever speaks it, over real HTTP through the real clients.
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
const recordings = directory === undefined ? [] : readRecordings(directory, /^openai-/);

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
  '/images/generations': (client, body) => client.images.generate(body),
  '/moderations': (client, body) => client.moderations.create(body),
};

/** The names on the wire, and whether answers say what they cost. */
const PROVIDERS: Readonly<Record<string, string>> = {
  openai: 'OPENAI',
  'azure-openai': 'Azure',
  ollama: 'OLLAMA',
  groq: 'GROQ',
  deepseek: 'DEEPSEEK',
  mistral: 'MISTRAL',
  openrouter: 'OPENROUTER',
  perplexity: 'PERPLEXITY',
  xai: 'XAI',
};

describe.skipIf(directory === undefined)('recorded exchanges of OpenAI’s protocol (RECORDINGS_DIR)', () => {
  let server: ReplayServer;
  beforeAll(async () => {
    server = await startReplayServer();
  });
  afterAll(() => server.close());

  it('are there', () => {
    expect(recordings.length).toBeGreaterThan(140);
    expect(new Set(recordings.map(({ provider }) => provider))).toEqual(new Set(Object.keys(PROVIDERS)));
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
  // Only where it streams: images and moderations know no such field.
  const asked = recording.streaming ? { stream: true } : {};
  const body = { ...recording.request.body, ...asked } as never;
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
  expect(event.attributes['usageState']).toBe(stateOf(recording));
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
  expect(event['provider']).toBe(PROVIDERS[recording.provider]);
  expect(event['totalCost']).toBe(costOf(expected.raw_usage ?? {}));
  if (endpointOf(recording).startsWith('/images/')) {
    expect(event).toMatchObject({ operationType: 'IMAGE', actualImageCount: 1, billingUnit: 'PER_IMAGE' });
  }
}

/** A recording of nobody knows how long, whose answer is its text alone, is unknown and not estimated. */
function stateOf(recording: Recording): string {
  if (recording.expected.usage_present) return 'reported';
  if (endpointOf(recording).startsWith('/images/')) return 'reported';
  return endpointOf(recording).startsWith('/audio/') ? 'unknown' : 'estimated';
}

/** What the answer itself says in dollars: OpenRouter, Perplexity, xAI. */
function costOf(usage: Record<string, unknown>): number | undefined {
  const { cost, cost_in_usd_ticks: ticks } = usage;
  if (typeof ticks === 'number') return ticks / 1e10;
  return typeof cost === 'object' ? (cost as { total_cost?: number }).total_cost : (cost as number | undefined);
}

function stopReasonOf(recording: Recording, reason: string): string | undefined {
  if (recording.api !== 'openai.responses') return chatStopReason(reason);
  const cutShort = /"reason":\s*"(\w+)"/.exec(recording.response.body_text ?? '')?.[1];
  return responseStopReason(reason, cutShort);
}
