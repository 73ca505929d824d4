/**
 * Replays recorded exchanges of fal.ai over real HTTP through the real client. fal reports no tokens for pictures: what is
 * expected there is the number of pictures. The recordings are found through RECORDINGS_DIR.
 */
import { createFalClient } from '@fal-ai/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { instrumentFal } from '../../src/instrument/fal.js';
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
const recordings = directory === undefined ? [] : readRecordings(directory, /^fal-.*\.fal\./);

const RUNS: readonly (readonly [string, Cut])[] = [
  ['whole', () => []],
  ['random pieces', randomCut(7)],
  ['one byte a piece', (bytes) => Array.from(bytes, () => 1)],
];

describe.skipIf(directory === undefined)('recorded exchanges of fal.ai (RECORDINGS_DIR)', () => {
  let server: ReplayServer;
  beforeAll(async () => {
    server = await startReplayServer();
  });
  afterAll(() => server.close());

  it('are there, an answer of every status among them', () => {
    expect(recordings).toHaveLength(4);
    expect(new Set(recordings.map(({ response }) => response.status))).toEqual(new Set([200, 422]));
  });

  describe.each(RUNS)('%s', (_name, cut) => {
    it.each(recordings.map((recording) => [recording.id, recording] as const))(
      'I3, I4: %s is metered as expected, and the program receives what it receives without us',
      async (_id, recording) => {
        server.play(recording, cut);
        const path = createRecordingPath();
        const bare = createFalClient({ credentials: 'k', fetch: lead });
        const client = instrumentFal(createFalClient({ credentials: 'k', fetch: lead }), path.path, path.runtime);
        const endpoint = new URL(recording.request.url).pathname.slice(1);
        const call = async (from: typeof client) => {
          try {
            return await from.run(endpoint, { input: recording.request.body as never });
          } catch (error) {
            const { name, message, status, body } = error as Error & { status: number; body: unknown };
            return { name, message, status, body };
          }
        };
        expect(await call(client)).toEqual(await call(bare));
        expect(path.events).toHaveLength(1);
        expectEvent(path.events[0] as never, recording, endpoint);
        expect(path.open.size).toBe(0);
      },
    );
  });

  const lead: typeof fetch = (input, init) => fetch(`${server.url}${new URL(String(input)).pathname}`, init);
});

function expectEvent(event: Record<string, unknown>, recording: Recording, endpoint: string): void {
  const { expected, response } = recording;
  expect(event).toMatchObject({ provider: 'fal_ai', modelSource: 'FAL_AI', model: endpoint, operationType: 'IMAGE' });
  expect(event['attributes']).toMatchObject({ usageState: 'reported' });
  if (response.status >= 400) {
    expect(event).toMatchObject({ stopReason: 'ERROR', errorCode: response.status, actualImageCount: 0 });
    expect(event['errorReason']).toBeTruthy();
    return;
  }
  const { output_images: images } = expected as { readonly output_images?: number };
  const answer = JSON.parse(response.body_text as string) as { images: { width: number; height: number }[] };
  expect(event).toMatchObject({
    actualImageCount: images,
    requestedImageCount: 1,
    resolution: `${answer.images[0]!.width}x${answer.images[0]!.height}`,
    stopReason: 'END',
  });
}
