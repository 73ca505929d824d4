/** Recorded streams of Anthropic, Ollama and Google, cut after each event, are read to a normal end by the clients. */

import { Ollama } from 'ollama';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VERSIONS } from '../helpers/anthropic-clients.js';
import { cutAfter, eventsOf, fetchOf } from '../helpers/cut-recordings.js';
import { MAJORS as GOOGLE, optionsFor } from '../helpers/google-clients.js';
import {
  type Recording,
  type ReplayServer,
  randomCut,
  readRecordings,
  startReplayServer,
} from '../helpers/replay-server.js';

const directory = process.env['RECORDINGS_DIR'];
const recordings = directory === undefined ? [] : readRecordings(directory, /\.stream\./);
type Json = Record<string, unknown>;

function named(wanted: RegExp): (readonly [string, Recording])[] {
  const found = recordings.filter(({ id, response }) => wanted.test(id) && response.status === 200);
  return found.filter(isOfEvents).map((recording) => [recording.id, recording] as const);
}

/** Without `alt=sse` Google streams one JSON array, which only its end makes whole. */
function isOfEvents({ response }: Recording): boolean {
  return response.body_text !== undefined && !response.body_text.startsWith('[');
}

async function all(stream: AsyncIterable<unknown>): Promise<Json[]> {
  const chunks: Json[] = [];
  for await (const chunk of stream) chunks.push(chunk as Json);
  return chunks;
}

const MESSAGE = { model: 'm', max_tokens: 9, messages: [{ role: 'user' as const, content: 'x' }] };

describe.skipIf(directory === undefined)('recorded streams that are cut (RECORDINGS_DIR)', () => {
  it.each(named(/^(vertex-)?anthropic-messages\..*stream/))('%s ends with `max_tokens`', async (_id, recording) => {
    const events = eventsOf(recording);
    for (let count = 0; count <= events.length; count += 1) {
      const { before, bytes } = cutAfter(recording, events, count);
      expect(bytes.subarray(0, before.length).equals(before)).toBe(true);
      for (const { version, Anthropic } of VERSIONS) {
        const where = `${count} of ${events.length}, ${version}`;
        const fetch = fetchOf(bytes, 'text/event-stream', count);
        const client = new Anthropic({ apiKey: 'k', maxRetries: 0, fetch });
        const read = await all(await client.messages.create({ ...MESSAGE, stream: true }));
        expect(read.at(-1), where).toMatchObject({ type: 'message_stop' });
        const begun = read.filter(({ type }) => type === 'content_block_start').map(({ index }) => index);
        expect(
          read.filter(({ type }) => type === 'content_block_stop').map(({ index }) => index),
          where,
        ).toEqual(begun);
        const own = /"stop_reason": ?"(\w+)"/.exec(before.toString())?.[1];
        const final = await client.messages.stream(MESSAGE).finalMessage();
        expect(final.stop_reason, where).toBe(own ?? 'max_tokens');
        expect(final.content, where).toHaveLength(begun.length);
        expect(final.usage.output_tokens, where).toBeGreaterThanOrEqual(0);
      }
    }
  });

  it.each(named(/^ollama-(chat|generate)\./))('%s ends with `length`', async (_id, recording) => {
    const lines = eventsOf(recording);
    const isChat = recording.api.endsWith('chat');
    for (let count = 0; count <= lines.length; count += 1) {
      const { before, bytes, gauge, ending } = cutAfter(recording, lines, count);
      const client = new Ollama({ fetch: fetchOf(bytes, 'application/x-ndjson', count) as never });
      const read = isChat
        ? await all(await client.chat({ ...MESSAGE, stream: true }))
        : await all(await client.generate({ model: 'm', prompt: 'x', stream: true }));
      expect(bytes.subarray(0, before.length).equals(before)).toBe(true);
      if (ending.length === 0) continue;
      expect(read).toHaveLength(count + 1);
      expect(read.at(-1)).toMatchObject({ done: true, done_reason: 'length', eval_count: gauge.outputTokens });
    }
  });

  it.each(named(/^openai-chat\.ollama/))('%s is counted by its pieces', (_id, recording) => {
    const events = eventsOf(recording);
    const { gauge } = cutAfter(recording, events, events.length - 3);
    const told = recording.expected.output_tokens ?? 0;
    expect(gauge.outputTokens).toBeGreaterThan(told / 2);
  });

  describe('over HTTP', () => {
    let server: ReplayServer;
    beforeAll(async () => {
      server = await startReplayServer();
    });
    afterAll(() => server.close());

    it.each(named(/^google-generatecontent\./))('%s ends with MAX_TOKENS', async (_id, recording) => {
      const events = eventsOf(recording);
      for (let count = 0; count <= events.length; count += 1) {
        const { before, bytes, ending } = cutAfter(recording, events, count);
        const response = { ...recording.response, body_text: bytes.toString('utf8') };
        server.play({ ...recording, response }, randomCut(count));
        expect(bytes.subarray(0, before.length).equals(before)).toBe(true);
        if (ending.length === 0) continue;
        for (const { major, Esm } of GOOGLE) {
          const client = new Esm(optionsFor(server.url, recording.id.includes('vertex')));
          const request = { model: 'm', contents: 'x' };
          const read = await all(await client.models.generateContentStream(request));
          const candidates = read.at(-1)!['candidates'] as Json[];
          expect(candidates[0], `${count}, genai ${major}`).toMatchObject({ finishReason: 'MAX_TOKENS' });
          const chat = client.chats.create({ model: 'm' });
          await all(await chat.sendMessageStream({ message: 'x' }));
        }
      }
    });
  });
});
