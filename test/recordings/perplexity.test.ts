/**
 * Replays recorded exchanges of Perplexity over real HTTP through its own client. The recordings are no part of the
 * project: they are found through RECORDINGS_DIR; without it there is nothing to run.
 */
import Perplexity from '@perplexity-ai/perplexity_ai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { instrumentPerplexity } from '../../src/instrument/perplexity.js';
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
const recordings = directory === undefined ? [] : readRecordings(directory, /^openai-chat\.perplexity\./);

const ONE_BYTE_AT_THE_END: Cut = (bytes) => [
  Math.max(0, bytes.length - 2_048),
  ...Array.from({ length: 2_048 }, () => 1),
];
const RUNS: readonly (readonly [string, Cut])[] = [
  ['whole', () => []],
  ['random pieces', randomCut(38)],
  ['one byte a piece', ONE_BYTE_AT_THE_END],
];

describe.skipIf(directory === undefined)('recorded exchanges of Perplexity (RECORDINGS_DIR)', () => {
  let server: ReplayServer;
  beforeAll(async () => {
    server = await startReplayServer();
  });
  afterAll(() => server.close());

  it('are there', () => {
    expect(recordings).toHaveLength(7);
  });

  describe.each(RUNS)('%s', (_name, cut) => {
    it.each(recordings.map((recording) => [recording.id, recording] as const))(
      'I3, I4: %s is metered as expected, and the program receives what it receives without us',
      async (_id, recording) => {
        server.play(recording, cut);
        const path = createRecordingPath();
        const expected = await outcome(clientFor(server.url), recording);
        const guarded = instrumentPerplexity(clientFor(server.url), path.path, {}, path.runtime);
        expect(await outcome(guarded, recording)).toEqual(expected);
        check(recording, path.events as never);
        expect(path.open.size).toBe(0);
      },
    );
  });
});

/** A client that believes in Perplexity's host; only its fetch goes to the replay. */
function clientFor(replayUrl: string): Perplexity {
  const replayed: typeof fetch = (input, init) =>
    fetch(String(input).replace('https://api.perplexity.ai', replayUrl), init);
  return new Perplexity({
    apiKey: 'k',
    maxRetries: 0,
    baseURL: 'https://api.perplexity.ai',
    fetch: replayed,
    logLevel: 'off',
  });
}

async function outcome(client: Perplexity, recording: Recording): Promise<unknown> {
  const { body } = recording.request;
  // A recording without its request.
  const sent = body ?? { model: 'sonar', messages: [{ role: 'user', content: 'hi' }] };
  try {
    const value = (await client.chat.completions.create(sent as never)) as unknown;
    if (typeof value !== 'object' || value === null || !(Symbol.asyncIterator in value)) return { value };
    const chunks: unknown[] = [];
    for await (const chunk of value as AsyncIterable<unknown>) chunks.push(chunk);
    return { chunks };
  } catch (error) {
    const { name, message, status } = error as Record<string, unknown>;
    return { error: { name, message, status } };
  }
}

function check(recording: Recording, events: readonly (Record<string, unknown> & { attributes: object })[]): void {
  const { expected, response } = recording;
  expect(events).toHaveLength(1);
  const [event] = events;
  if (response.status >= 400) {
    expect(event).toMatchObject({ stopReason: 'ERROR', errorCode: response.status, totalTokenCount: 0 });
    return;
  }
  expect(event).toMatchObject({
    provider: 'PERPLEXITY',
    model: expected.model,
    stopReason: 'END',
    inputTokenCount: expected.input_tokens,
    outputTokenCount: expected.output_tokens,
    totalTokenCount: expected.total_tokens,
    attributes: { usageState: 'reported', searchContextSize: 'low' },
  });
  // The cost that Perplexity itself names at the answer's end.
  const costs = [...(response.body_text ?? '').matchAll(/"total_cost":\s*([\d.e-]+)/g)];
  expect(event?.['totalCost']).toBe(Number(costs.at(-1)?.[1]));
  expect(event?.['totalCost']).toBeGreaterThan(0.004);
}
