import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { instrumentOpenAI } from '../../src/instrument/openai.js';
import { type Client, MAJORS } from '../helpers/openai-clients.js';
import { createRecordingPath } from '../helpers/recording-path.js';
import { type Fault, type StubProvider, startStubProvider } from '../helpers/stub-provider.js';

const MESSAGES = [{ role: 'user' as const, content: 'hi' }];
const CHAT = { model: 'm', messages: MESSAGES };
const STREAM = { ...CHAT, stream: true as const };
const FORMAT = { type: 'json_schema' as const, json_schema: { name: 'a', strict: true, schema: { type: 'object' } } };
const TOOL = {
  type: 'function' as const,
  function: {
    name: 'weather',
    description: 'd',
    parameters: { type: 'object' as const, properties: {} },
    parse: JSON.parse,
    function: (given: unknown) => `sunny in ${JSON.stringify(given)}`,
  },
};

async function listOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** What a program can see of a response's head. */
function head(response: Response): unknown {
  const headers = [...response.headers].filter(([name]) => name !== 'date');
  const { status, statusText, ok, url, redirected, type } = response;
  return { status, statusText, ok, url, redirected, type, headers, isResponse: response instanceof Response };
}

async function readBytes(body: ReadableStream<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return Buffer.concat(parts).toString();
    parts.push(value);
  }
}

/** What a program does, and what it gets from it: the same with and without us. */
const PROGRAMS: Record<string, (client: Client) => Promise<unknown>> = {
  create: async (client) => client.chat.completions.create(CHAT),
  'request id': async (client) => (await client.chat.completions.create(CHAT))._request_id,
  withResponse: async (client) => {
    const { data, response, request_id } = await client.chat.completions.create(CHAT).withResponse();
    return { data, head: head(response), request_id };
  },
  'asResponse, json': async (client) => {
    const response = await client.chat.completions.create(CHAT).asResponse();
    return { head: head(response), json: await response.json(), used: response.bodyUsed };
  },
  'asResponse, arrayBuffer': async (client) => {
    const response = await client.chat.completions.create(CHAT).asResponse();
    return Buffer.from(await response.arrayBuffer()).toString();
  },
  'asResponse, blob': async (client) => {
    const response = await client.chat.completions.create(CHAT).asResponse();
    const blob = await response.blob();
    return { type: blob.type, text: await blob.text() };
  },
  'asResponse, body': async (client) => readBytes((await client.chat.completions.create(CHAT).asResponse()).body!),
  'asResponse, clone': async (client) => {
    const response = await client.chat.completions.create(CHAT).asResponse();
    const copy = response.clone();
    return { head: head(copy), both: [await copy.json(), await response.json()], used: response.bodyUsed };
  },
  'an answer awaited twice': async (client) => {
    const promise = client.chat.completions.create(CHAT);
    const [first, second] = [await promise, await promise];
    return [first === second, first];
  },
  parse: async (client) => client.chat.completions.parse({ ...CHAT, response_format: FORMAT }),
  'two choices': async (client) => client.chat.completions.create({ ...CHAT, n: 2 }),
  stream: async (client) => listOf(await client.chat.completions.create(STREAM)),
  'stream that asks for usage': async (client) =>
    listOf(await client.chat.completions.create({ ...STREAM, stream_options: { include_usage: true } })),
  'stream that declines usage': async (client) =>
    listOf(await client.chat.completions.create({ ...STREAM, stream_options: { include_usage: false } })),
  'stream with tools': async (client) => listOf(await client.chat.completions.create({ ...STREAM, tools: [TOOL] })),
  'stream, withResponse': async (client) => {
    const { data, response } = await client.chat.completions.create(STREAM).withResponse();
    return { head: head(response), chunks: await listOf(data), controller: data.controller instanceof AbortController };
  },
  'stream, asResponse, text': async (client) => (await client.chat.completions.create(STREAM).asResponse()).text(),
  'stream, asResponse, body': async (client) =>
    readBytes((await client.chat.completions.create(STREAM).asResponse()).body!),
  'stream, asResponse, iterated': async (client) => {
    const response = await client.chat.completions.create(STREAM).asResponse();
    return Buffer.concat(await listOf(response.body as AsyncIterable<Uint8Array>)).toString();
  },
  'stream, asResponse, piped': async (client) => {
    const response = await client.chat.completions.create(STREAM).asResponse();
    const text = response.body!.pipeThrough(new TextDecoderStream());
    return (await listOf(text as AsyncIterable<string>)).join('');
  },
  'stream, tee': async (client) => {
    const [left, right] = (await client.chat.completions.create(STREAM)).tee();
    return Promise.all([listOf(left), listOf(right)]);
  },
  'stream, toReadableStream': async (client) =>
    readBytes((await client.chat.completions.create(STREAM)).toReadableStream() as ReadableStream<Uint8Array>),
  'stream, break': async (client) => {
    const stream = await client.chat.completions.create(STREAM);
    const seen: unknown[] = [];
    for await (const chunk of stream) {
      seen.push(chunk);
      if (seen.length === 2) break;
    }
    return { seen, aborted: stream.controller.signal.aborted };
  },
  'stream, read twice': async (client) => {
    const stream = await client.chat.completions.create(STREAM);
    return [await listOf(stream), await listOf(stream)];
  },
  'stream helper': async (client) => {
    const events: string[] = [];
    const runner = client.chat.completions.stream(CHAT);
    runner.on('content', (delta) => events.push(delta));
    return { chunks: await listOf(runner), final: await runner.finalChatCompletion(), events };
  },
  runTools: async (client) => {
    const runner = client.chat.completions.runTools({ ...CHAT, tools: [TOOL] });
    return { content: await runner.finalContent(), messages: runner.messages, usage: await runner.totalUsage() };
  },
  'runTools, streamed': async (client) => {
    const runner = client.chat.completions.runTools({ ...CHAT, tools: [TOOL], stream: true });
    return { content: await runner.finalContent(), messages: runner.messages };
  },
  completions: async (client) => client.completions.create({ model: 'm', prompt: 'hi' }),
  'completions, streamed': async (client) =>
    listOf(await client.completions.create({ model: 'm', prompt: 'hi', stream: true })),
  embeddings: async (client) => client.embeddings.create({ model: 'm', input: ['a', 'b'] }),
  'embeddings, floats': async (client) =>
    client.embeddings.create({ model: 'm', input: 'a', encoding_format: 'float' }),
  responses: async (client) => {
    const answer = await client.responses.create({ model: 'm', input: 'hi' });
    return { answer, text: answer.output_text };
  },
  'responses, streamed': async (client) =>
    listOf(await client.responses.create({ model: 'm', input: 'hi', stream: true })),
  'responses helper': async (client) => client.responses.stream({ model: 'm', input: 'hi' }).finalResponse(),
  'responses, parse': async (client) => client.responses.parse({ model: 'm', input: 'hi' }),
  'responses, retrieved': async (client) => client.responses.retrieve('resp_9'),
  'client.post': async (client) => client.post('/chat/completions', { body: CHAT }),
  'a list': async (client) => (await client.models.list()).data,
  'a type error of the caller': async (client) =>
    client.chat.completions.runTools({ ...CHAT, n: 2, tools: [TOOL] }).finalContent(),
};

const FAULTS: Record<string, Fault> = {
  'status 400': { status: 400, message: 'no such model' },
  'status 429': { status: 429, headers: { 'retry-after': '7' } },
  'an error inside': 'error-inside',
  'a cut connection': 'cut',
  'no [DONE]': 'no-done',
  'CRLF line ends': 'crlf',
  comments: 'comments',
  'one byte a packet': 'bytes',
};

let stub: StubProvider;
beforeAll(async () => {
  stub = await startStubProvider();
});
afterAll(() => stub.close());

async function outcome(client: Client, name: string, fault: Fault | undefined): Promise<unknown> {
  stub.reset();
  if (fault !== undefined) stub.faults.push(fault);
  let result: unknown;
  try {
    result = { value: await PROGRAMS[name]!(client) };
  } catch (error) {
    result = { error: errorFacts(error), cause: errorFacts((error as Error).cause) };
  }
  const sent = stub.requests.map(({ method, path, headers, body }) => ({
    method,
    path,
    headers: comparable(headers),
    body,
  }));
  return { result, sent };
}

function errorFacts(error: unknown): unknown {
  if (typeof error !== 'object' || error === null) return error;
  const { name, message, status, code, type, param } = error as Record<string, unknown>;
  return { constructor: error.constructor.name, name, message, status, code, type, param };
}

function comparable(headers: Record<string, unknown>): unknown {
  const { 'content-length': _length, connection: _connection, ...rest } = headers;
  return rest;
}

function withoutInjection(seen: unknown): unknown {
  return JSON.parse(
    JSON.stringify(seen, (name, value: unknown) => {
      const isInjected = name === 'stream_options' && JSON.stringify(value) === '{"include_usage":true}';
      return isInjected ? undefined : typeof value === 'function' ? value.name : value;
    }),
  );
}

describe.each(MAJORS)('openai $major', ({ OpenAI }) => {
  const options = { apiKey: 'k', maxRetries: 0 };
  const bare = () => new OpenAI({ ...options, baseURL: `${stub.url}/v1` });
  const guarded = (injectUsage: boolean) => {
    const recording = createRecordingPath();
    return instrumentOpenAI(bare(), recording.path, { injectUsage }, recording.runtime);
  };

  describe.each([true, false])('injectUsage: %s', (injectUsage) => {
    it.each(Object.keys(PROGRAMS))('I3: %s gives what it gives without us', async (name) => {
      const expected = await outcome(bare(), name, undefined);
      const actual = await outcome(guarded(injectUsage), name, undefined);
      expect((actual as { result: unknown }).result).toEqual((expected as { result: unknown }).result);
      if (!name.includes('usage')) expect(withoutInjection(actual)).toEqual(withoutInjection(expected));
    });

    describe.each(Object.entries(FAULTS))('%s', (_fault, fault) => {
      it.each(['create', 'stream', 'stream, asResponse, text', 'completions, streamed', 'responses, streamed'])(
        'I3: %s gives what it gives without us',
        async (name) => {
          const expected = await outcome(bare(), name, fault);
          const actual = await outcome(guarded(injectUsage), name, fault);
          expect((actual as { result: unknown }).result).toEqual((expected as { result: unknown }).result);
          expect(withoutInjection(actual)).toEqual(withoutInjection(expected));
        },
      );
    });
  });

  it('I3: a body of the caller is neither changed nor kept', async () => {
    const body = Object.freeze({
      ...STREAM,
      stream_options: Object.freeze({ include_obfuscation: false }),
      usageMetadata: Object.freeze({ agent: 'a' }),
    });
    stub.reset();
    await listOf(await guarded(true).chat.completions.create(body as typeof STREAM));
    expect(stub.requests[0]?.body).toEqual({
      ...STREAM,
      stream_options: { include_obfuscation: false, include_usage: true },
    });
  });

  it('I3: events reach the program when they come, not when the answer ends', async () => {
    stub.reset();
    stub.faults.push('hold');
    const stream = await guarded(true).chat.completions.create(STREAM);
    const iterator = stream[Symbol.asyncIterator]();
    await iterator.next();
    await iterator.next();
    const third = iterator.next();
    stub.release();
    expect((await third).done).toBe(false);
    await iterator.return?.();
  });

  it('I3: a client without private access still works after the guard, and keeps its class', () => {
    const client = guarded(false);
    expect(client).toBeInstanceOf(OpenAI);
    expect(Object.keys(client)).toEqual(Object.keys(bare()));
    expect(client.withOptions({ timeout: 1 })).toBeInstanceOf(OpenAI);
  });
});
