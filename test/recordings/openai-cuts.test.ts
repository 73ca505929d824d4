/** I4, I5: every recorded stream of OpenAI's protocol, broken after each of its events in turn. RECORDINGS_DIR tells where. */
import { describe, expect, it } from 'vitest';
import { tapResponse } from '../../src/instrument/tap-response.js';
import { openaiAdapter, readOpenAIRequest } from '../../src/providers/openai.js';
import type { UsageEvent } from '../../src/wire/usage-event.js';
import { createRecordingPath } from '../helpers/recording-path.js';
import { type Recording, readRecordings } from '../helpers/replay-server.js';

const directory = process.env['RECORDINGS_DIR'];
const recordings = directory === undefined ? [] : readRecordings(directory, /^openai-.*\.stream\./);
/** Of a long stream, the beginning and the end: what is between only adds text. */
const EDGE = 40;

/** The stream as its events, each with the blank line behind it. */
function eventsOf({ response }: Recording): string[] {
  return (response.body_text ?? '').split(/(?<=\n\n|\r\n\r\n)/);
}

/** The event of an attempt whose connection breaks after `count` events. */
async function eventAfter(recording: Recording, events: readonly string[], count: number): Promise<UsageEvent> {
  const path = createRecordingPath();
  const { url, body } = recording.request;
  const request = readOpenAIRequest({ method: 'POST', url, body: { ...body, stream: true } });
  const attempt = path.path.begin(path.path.admit(request, undefined));
  const bytes = Buffer.from(events.slice(0, count).join(''));
  let sent = false;
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (sent || bytes.length === 0) controller.error(new TypeError('terminated'));
      else controller.enqueue(new Uint8Array(bytes));
      sent = true;
    },
  });
  const { headers } = recording.response;
  const response = new Response(stream, {
    headers: { 'content-type': headers['content-type'] ?? 'text/event-stream' },
  });
  const reader = openaiAdapter.createUsageReader(request);
  const tapped = tapResponse(response, attempt, reader, { streaming: true });
  const read = async () => {
    for await (const _ of tapped.body as unknown as AsyncIterable<unknown>);
  };
  await expect(read()).rejects.toThrow('terminated');
  expect(path.events).toHaveLength(1);
  expect(path.open.size).toBe(0);
  return path.events[0]!;
}

/** Whether the provider's last word is among these events: the counts that it reported in the end. */
function saysTheTruth({ expected }: Recording, event: UsageEvent): boolean {
  return (
    event.inputTokenCount === expected.input_tokens &&
    event.outputTokenCount === (expected.output_tokens ?? 0) &&
    event.totalTokenCount === expected.total_tokens
  );
}

describe.skipIf(directory === undefined)('recorded streams that break (RECORDINGS_DIR)', () => {
  it('are there', () => expect(recordings.length).toBeGreaterThan(40));

  it.each(recordings.map((recording) => [recording.id, recording] as const))(
    '%s: one event each time, with the truth or marked',
    async (_id, recording) => {
      const events = eventsOf(recording);
      for (let count = 0; count <= events.length; count += 1) {
        if (count > EDGE && count < events.length - EDGE) continue;
        const event = await eventAfter(recording, events, count);
        const state = event.attributes?.['usageState'];
        expect(['reported', 'estimated', 'unknown'], `after ${count}`).toContain(state);
        if (state === 'reported')
          expect(saysTheTruth(recording, event), `after ${count} of ${events.length}`).toBe(true);
        // Once all of it came, the break after it changes no count.
        if (count === events.length && recording.expected.usage_present) {
          expect(saysTheTruth(recording, event), 'after all').toBe(true);
        }
      }
    },
  );
});
