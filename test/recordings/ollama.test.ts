/**
 * Replays recorded exchanges of Ollama's own API over real HTTP through the real client. The recordings are no part of
 * the project: they are found through RECORDINGS_DIR, and without it there is nothing to run here.
 */
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setImmediate as tick } from 'node:timers/promises';
import { Ollama as Ollama05 } from 'ollama05';
import { Ollama as Ollama06 } from 'ollama06';
import { describe, expect, it } from 'vitest';
import { instrumentOllama } from '../../src/instrument/ollama.js';
import { ollamaStopReason } from '../../src/providers/ollama.js';
import { createRecordingPath } from '../helpers/recording-path.js';

interface Recording {
  readonly id: string;
  readonly api: string;
  readonly streaming: boolean;
  readonly request: { readonly body: Record<string, unknown> | null };
  readonly response: {
    readonly status: number;
    readonly headers: Record<string, string>;
    readonly body_text?: string;
    readonly body_base64?: string;
  };
  readonly expected: {
    readonly model: string | null;
    readonly input_tokens: number | null;
    readonly output_tokens: number | null;
    readonly total_tokens: number | null;
    readonly stop_reason: string | null;
  };
}

const directory = process.env['RECORDINGS_DIR'] ?? '';
const recordings: Recording[] =
  directory === ''
    ? []
    : readdirSync(directory)
        .filter((name) => name.startsWith('ollama-'))
        .sort()
        .map((name) => JSON.parse(readFileSync(join(directory, name), 'utf8')) as Recording);

/** How the bytes of an answer are cut. One byte a piece cuts every character, line and number. */
const CUTS: readonly (readonly [string, (bytes: Buffer) => Buffer[]])[] = [
  ['whole', (bytes) => [bytes]],
  ['one byte a piece', (bytes) => Array.from(bytes, (_, i) => bytes.subarray(i, i + 1))],
  ['before and after every line end', (bytes) => cutAt(bytes, (byte) => byte === 10)],
  [
    'inside every multi-byte character and every number',
    (bytes) => cutAt(bytes, (byte) => byte >= 0x80 || (byte >= 48 && byte <= 57)),
  ],
];

describe.skipIf(directory === '')('recorded exchanges of Ollama', () => {
  it('are there', () => {
    expect(recordings.length).toBeGreaterThan(15);
  });

  describe.each(CUTS)('cut %s', (_name, cut) => {
    it.each(recordings.map((recording) => [recording.id, recording] as const))(
      'I3, I4: %s is metered as expected, and the program receives what it receives without us',
      async (_id, recording) => {
        await replay(recording, cut, Ollama06);
      },
    );
  });

  it.each(recordings.map((recording) => [recording.id, recording] as const))(
    'I3, I4: %s through ollama 0.5',
    async (_id, recording) => {
      await replay(recording, CUTS[0]![1], Ollama05 as unknown as typeof Ollama06);
    },
  );
});

async function replay(recording: Recording, cut: (bytes: Buffer) => Buffer[], Client: typeof Ollama06): Promise<void> {
  const { server, url } = await serve(recording, cut);
  const path = createRecordingPath();
  try {
    const expected = await outcome(new Client({ host: url }), recording);
    const actual = await outcome(instrumentOllama(new Client({ host: url }), path.path, path.runtime), recording);
    expect(actual).toEqual(expected);
  } finally {
    server.closeAllConnections();
    server.close();
  }
  expect(path.events).toHaveLength(1);
  const event = path.events[0]!;
  const { expected } = recording;
  if (expected.input_tokens !== null) {
    expect(event.inputTokenCount).toBe(expected.input_tokens);
    expect(event.outputTokenCount).toBe(expected.output_tokens ?? 0);
    expect(event.totalTokenCount).toBe(expected.total_tokens);
    expect(event.attributes?.['usageState']).toBe('reported');
  } else if (recording.response.status >= 400) {
    expect(event).toMatchObject({ stopReason: 'ERROR', errorCode: recording.response.status, totalTokenCount: 0 });
  } else {
    expect(event.attributes?.['usageState']).toBe('estimated');
    expect(event.inputTokenCount).toBeGreaterThan(0);
  }
  if (expected.model !== null) expect(event.model).toBe(expected.model);
  if (expected.stop_reason !== null) expect(event.stopReason).toBe(ollamaStopReason(expected.stop_reason));
}

async function outcome(client: Ollama06, recording: Recording): Promise<unknown> {
  const method = recording.api.replace('ollama.', '') as 'chat' | 'generate' | 'embed' | 'embeddings';
  const { body } = recording.request;
  const request = { ...(body ?? { model: 'recorded', messages: [] }), stream: recording.streaming };
  try {
    const call = client[method] as (this: Ollama06, request: unknown) => Promise<unknown>;
    const result = await call.call(client, request);
    if (typeof result !== 'object' || result === null || !(Symbol.asyncIterator in result)) return { result };
    const chunks: unknown[] = [];
    for await (const chunk of result as AsyncIterable<unknown>) chunks.push(chunk);
    return { chunks };
  } catch (error) {
    return { error: String(error), ...(error as object) };
  }
}

async function serve(recording: Recording, cut: (bytes: Buffer) => Buffer[]): Promise<{ server: Server; url: string }> {
  const { status, headers, body_text: text, body_base64: base64 } = recording.response;
  const pieces = cut(base64 === undefined ? Buffer.from(text ?? '') : Buffer.from(base64, 'base64'));
  const server = createServer(async (request, response) => {
    request.resume();
    response.socket?.setNoDelay(true);
    response.writeHead(status, { 'content-type': headers['content-type'] ?? 'application/json' });
    for (const piece of pieces) {
      response.write(piece);
      await tick();
    }
    response.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

function cutAt(bytes: Buffer, isCut: (byte: number) => boolean): Buffer[] {
  const pieces: Buffer[] = [];
  let start = 0;
  for (let i = 1; i < bytes.length; i += 1) {
    if (!isCut(bytes[i]!) && !isCut(bytes[i - 1]!)) continue;
    pieces.push(bytes.subarray(start, i));
    start = i;
  }
  pieces.push(bytes.subarray(start));
  return pieces;
}
