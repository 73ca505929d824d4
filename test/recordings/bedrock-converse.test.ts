/** Reads recorded exchanges of Bedrock's Converse API, through the decoder of its binary streams. No client is guarded. */
import { describe, expect, it } from 'vitest';
import { bedrockEventOf, EventStreamDecoder } from '../../src/providers/aws-event-stream.js';
import { bedrockConverseAdapter } from '../../src/providers/bedrock-converse.js';
import { chatStopReason } from '../../src/providers/openai-stop-reason.js';
import { type Cut, type Recording, randomCut, readRecordings } from '../helpers/replay-server.js';

const directory = process.env['RECORDINGS_DIR'];
const recordings = directory === undefined ? [] : readRecordings(directory, /^bedrock-converse\./);
const CUTS: readonly (readonly [string, Cut])[] = [
  ['whole', () => []],
  ['random pieces', randomCut(7)],
  ['one byte a piece', (bytes) => Array.from(bytes, () => 1)],
];

function read(recording: Recording, cut: Cut) {
  const { request, response } = recording;
  const asked = bedrockConverseAdapter.readRequest({ method: 'POST', url: request.url, body: request.body });
  const reader = bedrockConverseAdapter.createUsageReader(asked!);
  reader.responseHead?.(response.status, (name) => response.headers[name]);
  if (!recording.streaming) reader.whole(JSON.parse(response.body_text!));
  else {
    const bytes = Buffer.from(response.body_base64!, 'base64');
    const decoder = new EventStreamDecoder((frame) => reader.chunk(bedrockEventOf(frame)));
    let at = 0;
    for (const length of [...cut(bytes), bytes.length]) {
      decoder.push(bytes.subarray(at, at + length));
      at += length;
    }
    expect(decoder.overflowed).toBe(false);
  }
  return { asked: asked!, reading: reader.reading() };
}

describe.skipIf(directory === undefined)('recorded exchanges of Bedrock’s Converse API (RECORDINGS_DIR)', () => {
  const answered = recordings.filter(({ response }) => response.status < 400);

  it('are there', () => {
    expect(answered).toHaveLength(6);
  });

  describe.each(CUTS)('%s', (_name, cut) => {
    it.each(answered.map((recording) => [recording.id, recording] as const))('%s', (_id, recording) => {
      const { expected } = recording;
      const { asked, reading } = read(recording, cut);
      expect(asked).toMatchObject({ provider: 'AWS', known: true, kind: 'call', streaming: recording.streaming });
      expect(reading).toMatchObject({
        inputTokens: expected.input_tokens,
        outputTokens: expected.output_tokens,
        totalTokens: expected.total_tokens,
        stopReason: chatStopReason(expected.stop_reason!),
        finished: true,
        isPartial: false,
      });
      expect(reading.cacheReadTokens ?? null).toBe(expected.cache_read_tokens);
      expect(reading.cacheWriteTokens ?? null).toBe(expected.cache_write_tokens);
      expect(reading.outputText).not.toBe('');
    });
  });
});
