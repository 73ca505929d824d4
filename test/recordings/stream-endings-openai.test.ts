/** Every recorded stream of OpenAI's protocol, cut after each of its events, is read to a normal end by the client's majors. */
import { describe, expect, it } from 'vitest';
import { cutAfter, eventsOf, fetchOf } from '../helpers/cut-recordings.js';
import { type Client, MAJORS } from '../helpers/openai-clients.js';
import { type Recording, readRecordings } from '../helpers/replay-server.js';

const directory = process.env['RECORDINGS_DIR'];
const recordings =
  directory === undefined ? [] : readRecordings(directory, /^openai-(chat|completions|responses)\..*\.stream\./);
const named = (kind: string) =>
  recordings.filter(({ id }) => id.startsWith(`openai-${kind}`)).map((recording) => [recording.id, recording] as const);

type Major = (typeof MAJORS)[number];
type Json = Record<string, unknown>;

function clientOf({ OpenAI }: Major, bytes: Buffer, seed: number): Client {
  const fetch = fetchOf(bytes, 'text/event-stream', seed);
  return new OpenAI({ apiKey: 'k', baseURL: 'http://127.0.0.1:1/v1', maxRetries: 0, fetch });
}

async function all(stream: AsyncIterable<unknown>): Promise<Json[]> {
  const chunks: Json[] = [];
  for await (const chunk of stream) chunks.push(chunk as Json);
  return chunks;
}

/** All majors near both ends of a stream; in its middle, which only adds text, they take turns. */
function majorsAt(count: number, length: number): readonly Major[] {
  const isNearEnd = count < EDGE || count > length - EDGE;
  return isNearEnd ? MAJORS : [MAJORS[count % MAJORS.length]!];
}

const EDGE = 8;

/** What the events say by themselves, without any client. */
function valuesIn(events: readonly string[]): Json[] {
  return events
    .map((event) => /^data: ?(\{.*\})/m.exec(event)?.[1])
    .filter((data) => data !== undefined)
    .map((data) => JSON.parse(data) as Json);
}

/** The reason that each choice ended for. */
function reasonsOf(chunks: readonly Json[]): Map<number, string> {
  const reasons = new Map<number, string>();
  for (const chunk of chunks) {
    for (const { index, finish_reason } of (chunk['choices'] ?? []) as { index: number; finish_reason?: string }[]) {
      if (finish_reason) reasons.set(index, finish_reason);
    }
  }
  return reasons;
}

const BODY = { model: 'm', messages: [{ role: 'user' as const, content: 'x' }], stream: true as const };

async function readChunks(major: Major, kind: 'chat' | 'completions', bytes: Buffer, seed: number): Promise<Json[]> {
  const client = clientOf(major, bytes, seed);
  if (kind === 'chat') return all(await client.chat.completions.create(BODY));
  return all(await client.completions.create({ model: 'm', prompt: 'x', stream: true }));
}

async function helperReason(major: Major, bytes: Buffer, seed: number): Promise<unknown> {
  const { stream: _, ...body } = BODY;
  const runner = clientOf(major, bytes, seed).chat.completions.stream(body as never);
  const completion = await runner.finalChatCompletion();
  return completion.choices[0]!.finish_reason;
}

async function works(task: () => Promise<unknown>): Promise<boolean> {
  return task().then(
    () => true,
    () => false,
  );
}

/** Reads one recording cut everywhere, and whole where it is to be compared. */
async function check(kind: 'chat' | 'completions', recording: Recording): Promise<void> {
  const events = eventsOf(recording);
  const whole = Buffer.from(recording.response.body_text ?? '');
  // Some servers send what the client's accumulating helper takes from nobody.
  const takesHelper = kind === 'chat' && (await works(() => helperReason(MAJORS[0]!, whole, 1)));
  for (let count = 0; count <= events.length; count += 1) {
    const { before, bytes, ending } = cutAfter(recording, events, count);
    expect(bytes.subarray(0, before.length).equals(before)).toBe(true);
    const own = reasonsOf(valuesIn(events.slice(0, count)));
    for (const major of majorsAt(count, events.length)) {
      const where = `${count} of ${events.length}, openai ${major.major}`;
      const chunks = await readChunks(major, kind, bytes, count);
      const reasons = reasonsOf(chunks);
      expect(reasons.size, where).toBeGreaterThan(0);
      for (const [index, reason] of reasons) expect(reason, where).toBe(own.get(index) ?? 'length');
      if (takesHelper) expect(await helperReason(major, bytes, count), where).toBe(reasons.get(0));
    }
    if (before.includes('[DONE]')) expect(ending).toHaveLength(0);
    else expect(ending.toString()).toMatch(/data: \[DONE\]\n\n$/);
  }
}

describe.skipIf(directory === undefined)('recorded streams that are cut (RECORDINGS_DIR)', () => {
  it('are there', () => expect(recordings.length).toBeGreaterThan(45));

  it.each(named('chat'))('%s ends with `length`, wherever it is cut', async (_id, recording) => {
    await check('chat', recording);
  });

  it.each(named('completions'))('%s ends with `length`, wherever it is cut', async (_id, recording) => {
    await check('completions', recording);
  });

  it.each(named('responses'))('%s ends as incomplete, wherever it is cut', async (_id, recording) => {
    const events = eventsOf(recording);
    for (let count = 0; count <= events.length; count += 1) {
      const { before, bytes, gauge } = cutAfter(recording, events, count);
      expect(bytes.subarray(0, before.length).equals(before)).toBe(true);
      for (const major of majorsAt(count, events.length)) {
        const where = `${count} of ${events.length}, openai ${major.major}`;
        const read = await all(
          await clientOf(major, bytes, count).responses.create({ model: 'm', input: 'x', stream: true }),
        );
        const last = read.at(-1) as { type: string; response: Json };
        const ownEnd = gauge.isOver && before.length > 0;
        expect(last.type, where).toBe(ownEnd ? 'response.completed' : 'response.incomplete');
        const numbers = read.map((event) => event['sequence_number'] as number);
        expect(numbers, where).toEqual(numbers.map((_, index) => numbers[0]! + index));
        const final = await clientOf(major, bytes, count).responses.stream({ model: 'm', input: 'x' }).finalResponse();
        if (!ownEnd) {
          expect(last.response['incomplete_details'], where).toEqual({ reason: 'max_output_tokens' });
          // Earlier majors accumulate no summaries.
          if (major.major >= 7) expect(textIn(final as never), where).toBe(textIn(last.response));
          expect(deltasOf(read), where).toBe(textIn(last.response));
        }
      }
    }
  });
});

/** Text and arguments in the order in which they came. */
function deltasOf(events: readonly Json[]): string {
  return events
    .filter(({ type }) => /(?:output_text|arguments|reasoning_summary_text)\.delta$/.test(String(type)))
    .map(({ delta }) => delta)
    .join('');
}

function textIn(response: Json): string {
  const items = response['output'] as Json[];
  return items
    .map((item) => {
      const parts = [...((item['summary'] ?? []) as Json[]), ...((item['content'] ?? []) as Json[])];
      return `${parts.map(({ text }) => text ?? '').join('')}${item['arguments'] ?? ''}`;
    })
    .join('');
}
