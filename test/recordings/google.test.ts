/**
 * Replays recorded exchanges of Gemini and Vertex AI over real HTTP through the real clients. The recordings are no part
 * of the project: they are found through RECORDINGS_DIR; without it there is nothing to run. The first major takes no
 * `fetch`; all three take a base URL.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { instrumentGoogle } from '../../src/instrument/google.js';
import { googleStopReason } from '../../src/providers/google-stop-reason.js';
import { type Client, MAJORS, type Major, optionsFor } from '../helpers/google-clients.js';
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
const recordings = directory === undefined ? [] : readRecordings(directory, /^google-/);

const WHOLE: Cut = () => [];
const ONE_BYTE: Cut = (bytes) => Array.from(bytes, () => 1);
/** A byte a piece is slow; of a long answer the last 4 KB, where the counts are. */
const ONE_BYTE_AT_THE_END: Cut = (bytes) =>
  bytes.length <= 4_096 ? ONE_BYTE(bytes) : [bytes.length - 4_096, ...ONE_BYTE(bytes.subarray(bytes.length - 4_096))];

const RUNS: readonly (readonly [string, number, Cut])[] = [
  ['genai 1, random pieces', 1, randomCut(5)],
  ['genai 2, whole', 2, WHOLE],
  ['genai 2, random pieces', 2, randomCut(6)],
  ['genai 2, one byte a piece', 2, ONE_BYTE_AT_THE_END],
  ['genai 3, random pieces', 3, randomCut(7)],
];

/** What the recordings expect beside what all do: their output counts thoughts, of which we keep the parts. */
type Expected = Recording['expected'] & { readonly candidates_tokens?: number | null };

describe.skipIf(directory === undefined)('recorded exchanges of Google’s protocol (RECORDINGS_DIR)', () => {
  let server: ReplayServer;
  beforeAll(async () => {
    server = await startReplayServer();
  });
  afterAll(() => server.close());

  it('are there', () => {
    expect(recordings.length).toBeGreaterThan(30);
  });

  describe.each(RUNS)('%s', (_name, number, cut) => {
    const major = MAJORS.find((candidate) => candidate.major === number)!;
    it.each(recordings.map((recording) => [recording.id, recording] as const))(
      'I3, I4: %s is metered as expected, and the program receives what it receives without us',
      async (_id, recording) => {
        server.play(recording, cut);
        const path = createRecordingPath();
        const expected = await outcome(clientFor(major, recording, server.url), recording);
        const client = instrumentGoogle(clientFor(major, recording, server.url), path.path, path.runtime);
        expect(seen(await outcome(client, recording))).toEqual(seen(expected));
        check(recording, path.events);
        expect(path.open.size).toBe(0);
      },
    );
  });

  it.each(MAJORS)('I4, I5: a stream that is cut at every chunk is metered once, genai $major', async (major) => {
    const streams = recordings.filter(({ streaming, response }) => streaming && response.status < 400);
    for (const recording of streams) {
      const text = recording.response.body_text ?? '';
      const ends = [...text.matchAll(/\r?\n\r?\n/g)].map(({ index }) => index + 4);
      for (const [at, end] of ends.entries()) {
        const cut = { ...recording, response: { ...recording.response, body_text: text.slice(0, end) } };
        server.play(cut, WHOLE);
        const path = createRecordingPath();
        const client = instrumentGoogle(clientFor(major, recording, server.url), path.path, path.runtime);
        await outcome(client, cut);
        expect(path.events).toHaveLength(1);
        expect(path.open.size).toBe(0);
        const event = path.events[0]!;
        const isWhole = at === ends.length - 1;
        expect(event.attributes?.['usageState']).toBe(isWhole ? 'reported' : 'estimated');
        if (!isWhole) expect(event.totalTokenCount).toBeGreaterThan(0);
      }
    }
  });
});

/** What a program can see, the dates of the replay aside. */
const seen = (value: unknown) => JSON.parse(JSON.stringify(value).replace(/"date":"[^"]*"/g, '"date":""')) as unknown;

const VERTEX = /\/projects\//;

/** A client that asks the replay; Vertex AI is spoken to without credentials of Google. */
function clientFor({ Esm }: Major, recording: Recording, replayUrl: string): Client {
  return new Esm(optionsFor(replayUrl, VERTEX.test(recording.request.url)));
}

async function outcome(client: Client, recording: Recording): Promise<unknown> {
  const model = /models\/([^/:]+):/.exec(recording.request.url)![1]!;
  const { contents = 'hi' } = (recording.request.body ?? {}) as { contents?: never };
  const verb = /:(\w+)/.exec(new URL(recording.request.url).pathname)![1]!;
  try {
    if (/embed/i.test(verb)) return { value: await client.models.embedContent({ model, contents: 'some text' }) };
    if (!recording.streaming) return { value: await client.models.generateContent({ model, contents }) };
    const chunks: unknown[] = [];
    for await (const chunk of await client.models.generateContentStream({ model, contents })) chunks.push(chunk);
    return { chunks };
  } catch (error) {
    const { name, message, status } = error as Record<string, unknown>;
    return { error: { name, message, status } };
  }
}

function check(recording: Recording, events: readonly object[]): void {
  const { response } = recording;
  const expected: Expected = recording.expected;
  expect(events).toHaveLength(1);
  const event = events[0] as Record<string, unknown> & { attributes: Record<string, unknown> };
  expect(event).toMatchObject({
    provider: 'Google',
    modelSource: VERTEX.test(recording.request.url) ? 'GOOGLE_VERTEX_AI' : 'GOOGLE',
  });
  if (response.status >= 400) {
    expect(event).toMatchObject({ stopReason: 'ERROR', errorCode: response.status, totalTokenCount: 0 });
    expect(event['errorReason']).toBeTruthy();
    return;
  }
  // Without counts (most embeddings of the Gemini API) the input is estimated from its text, never 0.
  expect(event.attributes['usageState']).toBe(expected.usage_present ? 'reported' : 'estimated');
  if (!expected.usage_present) expect(event['inputTokenCount']).toBeGreaterThan(0);
  else {
    const thoughts = expected.reasoning_tokens ?? 0;
    expect(event['inputTokenCount']).toBe(expected.input_tokens);
    // The recordings add thoughts to the output; here they lie outside of it, as Google counts and prices them.
    expect(event['outputTokenCount']).toBe((expected.output_tokens ?? 0) - thoughts);
    expect(event['outputTokenCount']).toBe(expected.candidates_tokens ?? 0);
    if (expected.total_tokens !== null) expect(event['totalTokenCount']).toBe(expected.total_tokens);
  }
  expect(event['cacheReadTokenCount'] ?? null).toBe(expected.cache_read_tokens);
  expect(event['reasoningTokenCount'] ?? null).toBe(expected.reasoning_tokens);
  // Some models name themselves with their collection, which the catalogue does not know.
  if (expected.model !== null) expect(event['model']).toBe(expected.model.replace(/^models\//, ''));
  if (expected.stop_reason === null || isArray(recording)) return;
  expect(event['stopReason']).toBe(googleStopReason(expected.stop_reason));
}

/** One stream was recorded without `alt=sse`, as a JSON array, which this client never asks for: it fails, after all is read. */
function isArray({ streaming, response }: Recording): boolean {
  return streaming && (response.body_text ?? '').startsWith('[');
}
