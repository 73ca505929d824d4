import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { tapResponse } from '../../src/instrument/tap-response.js';
import type { Attempt } from '../../src/metering/attempt.js';
import { openaiAdapter, readOpenAIRequest } from '../../src/providers/openai.js';
import { stripInjectedUsage } from '../../src/providers/sse-usage.js';
import { createRecordingPath, type RecordingPath } from '../helpers/recording-path.js';

const fixture = (name: string) => readFileSync(new URL(`../fixtures/openai/${name}`, import.meta.url));
const CHAT = fixture('chat.json');
const STREAM = fixture('chat.sse');
/** The stream as it would be had nobody asked for usage. */
const STRIPPED = STREAM.toString()
  .replaceAll('"usage":null,', '')
  .replace(/data: [^\n]*"choices":\[\],"usage":\{[^\n]*\n\n/, '');

type Read = (response: Response) => Promise<string>;

async function gather(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts).toString();
}

const READS: Record<string, Read> = {
  text: (response) => response.text(),
  arrayBuffer: async (response) => Buffer.from(await response.arrayBuffer()).toString(),
  blob: async (response) => (await response.blob()).text(),
  reader: async (response) => {
    const reader = response.body!.getReader();
    return gather({
      async *[Symbol.asyncIterator]() {
        for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
      },
    });
  },
  'a reader that was released in between': async (response) => {
    const body = response.body!;
    const first = body.getReader();
    const { value } = await first.read();
    first.releaseLock();
    return Buffer.from(value ?? []).toString() + (await gather(body as AsyncIterable<Uint8Array>));
  },
  'a reader with a buffer of its own': async (response) => {
    const reader = response.body!.getReader({ mode: 'byob' });
    const parts: Uint8Array[] = [];
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(64));
      if (value !== undefined) parts.push(Uint8Array.from(value));
      if (done) return Buffer.concat(parts).toString();
    }
  },
  iteration: (response) => gather(response.body as AsyncIterable<Uint8Array>),
  values: (response) => gather(response.body!.values() as AsyncIterable<Uint8Array>),
  tee: async (response) => {
    const [left, right] = response.body!.tee();
    const [one, two] = await Promise.all([gather(left as never), gather(right as never)]);
    expect(one).toBe(two);
    return one;
  },
  pipeThrough: async (response) => {
    let text = '';
    const decoded = response.body!.pipeThrough(new TextDecoderStream());
    for await (const part of decoded as AsyncIterable<string>) text += part;
    return text;
  },
  pipeTo: async (response) => {
    const parts: Uint8Array[] = [];
    await response.body!.pipeTo(new WritableStream({ write: (chunk: Uint8Array) => void parts.push(chunk) }));
    return Buffer.concat(parts).toString();
  },
  'clone, the copy first': async (response) => {
    const text = await response.clone().text();
    expect(await response.text()).toBe(text);
    return text;
  },
  'clone of a clone': async (response) => {
    const copy = response.clone();
    const [one, two, three] = await Promise.all([copy.clone().text(), copy.text(), response.text()]);
    expect([one, two]).toEqual([three, three]);
    return one;
  },
};

let recording: RecordingPath;
beforeEach(() => {
  recording = createRecordingPath();
});

/** A response on a stream of pieces, as fetch gives it: a byte stream. */
function answer(bytes: Uint8Array, init: ResponseInit, pieceBytes = 7): Response {
  let at = 0;
  const body = new ReadableStream({
    type: 'bytes',
    pull(controller) {
      if (at < bytes.length) {
        controller.enqueue(Uint8Array.from(bytes.subarray(at, at + pieceBytes)));
        at += pieceBytes;
      } else {
        controller.close();
        (controller as unknown as { byobRequest: { respond(n: number): void } | null }).byobRequest?.respond(0);
      }
    },
  });
  return new Response(body, init);
}

function tap(response: Response, streaming: boolean, rewrites = false): { response: Response; attempt: Attempt } {
  const body = { model: 'm', messages: [{ role: 'user', content: 'hello there' }], stream: streaming };
  const request = readOpenAIRequest({ method: 'POST', url: 'https://api.openai.com/v1/chat/completions', body });
  const attempt = recording.path.begin(recording.path.admit(request, undefined));
  const rewrite = rewrites ? stripInjectedUsage : undefined;
  const reader = openaiAdapter.createUsageReader(request);
  return { response: tapResponse(response, attempt, reader, { streaming, rewrite }), attempt };
}

const JSON_HEAD = { headers: { 'content-type': 'application/json' } };
const SSE_HEAD = { headers: { 'content-type': 'text/event-stream' } };

describe('a tapped response', () => {
  it.each(Object.entries(READS))('I3, I4: is read whole by %s, and metered once', async (_name, read) => {
    const { response } = tap(answer(CHAT, JSON_HEAD), false);
    expect(await read(response)).toBe(CHAT.toString());
    expect(recording.events).toMatchObject([
      { totalTokenCount: 25, cacheReadTokenCount: 4, transactionId: 'chatcmpl-Fx1' },
    ]);
  });

  it.each(Object.entries(READS))('I3, I4: is read as a stream by %s, and metered once', async (_name, read) => {
    const { response } = tap(answer(STREAM, SSE_HEAD), true);
    expect(await read(response)).toBe(STREAM.toString());
    expect(recording.events).toMatchObject([{ totalTokenCount: 25, stopReason: 'END', timeToFirstToken: 0 }]);
  });

  it.each(Object.entries(READS))('I3: loses the traces of injected usage, read by %s', async (_name, read) => {
    const { response } = tap(answer(STREAM, SSE_HEAD), true, true);
    expect(await read(response)).toBe(STRIPPED);
    expect(recording.events).toMatchObject([{ totalTokenCount: 25 }]);
  });

  it('is the same object, with its head, its private parts and its class', async () => {
    const original = answer(CHAT, JSON_HEAD);
    const { response } = tap(original, false);
    expect(response).toBe(original);
    expect(response).toBeInstanceOf(Response);
    expect(Object.keys(response)).toEqual([]);
    expect(response.body).toBe(response.body);
    expect(response.bodyUsed).toBe(false);
    expect(await response.json()).toEqual(JSON.parse(CHAT.toString()));
    expect(response.bodyUsed).toBe(true);
    await expect(response.text()).rejects.toThrow(TypeError);
    expect(recording.events).toHaveLength(1);
  });

  it('a lock that the caller forgot fails as it does without us, and ends nothing', async () => {
    const { response } = tap(answer(CHAT, JSON_HEAD), false);
    const reader = response.body!.getReader();
    await expect(response.text()).rejects.toThrow(TypeError);
    expect(() => response.clone()).toThrow(TypeError);
    expect(recording.events).toHaveLength(0);
    while (!(await reader.read()).done);
    expect(recording.events).toHaveLength(1);
  });

  it.each<[string, (response: Response) => Promise<unknown>]>([
    ['body.cancel', (response) => response.body!.cancel()],
    ['reader.cancel', (response) => response.body!.getReader().cancel()],
    [
      'a break',
      async (response) => {
        for await (const _ of response.body as AsyncIterable<Uint8Array>) break;
      },
    ],
    ['both branches of a tee', (response) => Promise.all(response.body!.tee().map((branch) => branch.cancel()))],
  ])('I4: %s is a cancelled attempt', async (_name, leave) => {
    const { response } = tap(answer(STREAM, SSE_HEAD), true);
    await leave(response);
    expect(recording.events).toMatchObject([{ stopReason: 'CANCELLED', attributes: { usageState: 'estimated' } }]);
  });

  it('I4: one branch of a tee may leave; the other still reads to the end', async () => {
    const { response } = tap(answer(STREAM, SSE_HEAD), true);
    const [left, right] = response.body!.tee();
    void left.cancel();
    await gather(right as AsyncIterable<Uint8Array>);
    expect(recording.events).toMatchObject([{ totalTokenCount: 25, stopReason: 'END' }]);
  });

  it.each([
    ['{"error":{"message":"no such model","type":"x"}}', 'no such model'],
    ['{"error":"model not found"}', 'model not found'],
    ['{"message":"gone"}', 'gone'],
    ['<html>Bad gateway</html>', '<html>Bad gateway</html>'],
    ['', 'HTTP 502'],
  ])('I4: an error answer %j is a failed attempt that says why', async (text, reason) => {
    const { response } = tap(new Response(text, { status: 502, ...JSON_HEAD }), true);
    expect(await response.text()).toBe(text);
    expect(recording.events).toMatchObject([
      { stopReason: 'ERROR', errorCode: 502, errorReason: reason, totalTokenCount: 0 },
    ]);
  });

  it('I4: a read that fails is a failed attempt, and the error is the same', async () => {
    const broken = new Error('socket hang up');
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(Buffer.from('data: {"us')),
      pull: (controller) => controller.error(broken),
    });
    const { response } = tap(new Response(body, SSE_HEAD), true, true);
    const reader = response.body!.getReader();
    expect(Buffer.from((await reader.read()).value!).toString()).toBe('data: {"us');
    await expect(reader.read()).rejects.toBe(broken);
    expect(recording.events).toMatchObject([{ stopReason: 'ERROR', errorReason: 'socket hang up' }]);
  });

  it('reads newline-delimited JSON, and tells a stream of no type by its first byte', async () => {
    const lines = '{"id":"a","choices":[]}\r\n{"id":"a","choices":[],"usage":{"total_tokens":4}}';
    for (const headers of [{ 'content-type': 'application/x-ndjson' }, new Headers()]) {
      const { response } = tap(answer(Buffer.from(lines), { headers }), true);
      expect(await gather(response.body as AsyncIterable<Uint8Array>)).toBe(lines);
    }
    const { response } = tap(answer(STREAM, {}), true);
    await gather(response.body as AsyncIterable<Uint8Array>);
    expect(recording.events.map(({ totalTokenCount }) => totalTokenCount)).toEqual([4, 4, 25]);
  });

  it('I4: an answer without a body is over at once', () => {
    tap(new Response(null, { status: 204 }), false);
    expect(recording.events).toHaveLength(1);
  });

  it('I2: a response that cannot be watched passes as it is', async () => {
    const { response } = tap(Object.freeze(answer(CHAT, JSON_HEAD)), false);
    expect(await response.text()).toBe(CHAT.toString());
    recording.advance(60_000);
    expect(recording.events).toHaveLength(1);
  });

  it('I2: a reader that throws costs the counts, not the answer', async () => {
    const request = readOpenAIRequest({ method: 'POST', url: 'https://api.openai.com/v1/chat/completions', body: {} });
    const attempt = recording.path.begin(recording.path.admit(request, undefined));
    const broken = () => {
      throw new Error('ours');
    };
    const reader = { whole: broken, chunk: broken, reading: () => ({ finished: false, outputText: '' }) };
    const response = tapResponse(answer(STREAM, SSE_HEAD), attempt, reader, { streaming: true });
    expect(await response.text()).toBe(STREAM.toString());
    expect(recording.events).toHaveLength(1);
  });
});
