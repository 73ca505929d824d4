// Odd ways into the client, odd requests and odd servers: decided, metered once with the truth, and left alone (I1-I5).
import { beforeEach, describe, expect, it } from 'vitest';
import { instrumentOpenAI } from '../../src/instrument/openai.js';
import { type Client, MAJORS } from '../helpers/openai-clients.js';
import { createRecordingPath, type RecordingPath } from '../helpers/recording-path.js';

const USAGE = { input_tokens: 20, output_tokens: 10, total_tokens: 30 };
const CHAT_USAGE = { prompt_tokens: 20, completion_tokens: 10, total_tokens: 30 };
const CHAT = { model: 'm', messages: [{ role: 'user' as const, content: 'hi' }] };
const COUNTS = { inputTokenCount: 20, outputTokenCount: 10 };

let recording: RecordingPath;
beforeEach(() => {
  recording = createRecordingPath();
});

type Answer = () => unknown;
const json =
  (body: unknown): Answer =>
  () =>
    new Response(JSON.stringify(body), { headers: { 'content-type': 'application/json' } });
const events = (...all: object[]): Answer => {
  const text = all.map((one) => `event: ${Reflect.get(one, 'type')}\ndata: ${JSON.stringify(one)}\n\n`).join('');
  return () => new Response(text, { headers: { 'content-type': 'text/event-stream' } });
};
const background = (status: string, more: object = {}) => ({
  ...{ id: 'resp_1', object: 'response', model: 'm', background: true, status, output: [], ...more },
});

describe.each(MAJORS)('openai $major', ({ OpenAI }) => {
  let sent: { url: string; body: unknown }[];
  const guard = (baseURL: string, ...answers: Answer[]): Client => {
    sent = [];
    const fetch = async (url: unknown, init?: { body?: unknown }) => {
      sent.push({ url: String(url), body: init?.body });
      return (answers.shift() ?? json({}))();
    };
    const client = new OpenAI({ apiKey: 'k', baseURL, maxRetries: 0, fetch });
    return instrumentOpenAI(client, recording.path, {}, recording.runtime);
  };
  const OFFICIAL = 'https://api.openai.com/v1';

  describe('the end of a background response is metered', () => {
    const begin = async (client: Client) => client.responses.create({ model: 'm', input: 'x', background: true });

    it('where the reader of its stream stops at its last event', async () => {
      const done = { type: 'response.completed', response: background('completed', { usage: USAGE }) };
      const client = guard(OFFICIAL, json(background('queued')), events(done, { type: 'response.more' }));
      await begin(client);
      const stream = (await client.responses.retrieve('resp_1', { stream: true })) as AsyncIterable<{ type: string }>;
      for await (const event of stream) if (event.type === 'response.completed') break;
      expect(recording.events).toHaveLength(1);
      expect(recording.events[0]).toMatchObject({ ...COUNTS, stopReason: 'END', transactionId: 'resp_1' });
    });

    it('where it failed after it had consumed something', async () => {
      const failed = background('failed', { usage: USAGE, error: { code: 'server_error', message: 'fell over' } });
      const client = guard(OFFICIAL, json(background('queued')), json(failed), json(failed));
      await begin(client);
      await client.responses.retrieve('resp_1');
      await client.responses.retrieve('resp_1');
      expect(recording.events).toHaveLength(1);
      expect(recording.events[0]).toMatchObject({ ...COUNTS, stopReason: 'ERROR', errorReason: 'fell over' });
    });

    it('where it is cancelled, once', async () => {
      const cancelled = background('cancelled', { usage: USAGE });
      const client = guard(OFFICIAL, json(background('in_progress')), json(cancelled), json(cancelled));
      await begin(client);
      await client.responses.cancel('resp_1');
      await client.responses.retrieve('resp_1');
      expect(recording.events).toHaveLength(1);
      expect(recording.events[0]).toMatchObject(COUNTS);
    });

    it('and not a read of it that failed', async () => {
      const gone = () => new Response('{"error":{"message":"no"}}', { status: 404 });
      const client = guard(OFFICIAL, json(background('queued')), gone);
      await begin(client);
      await expect(client.responses.retrieve('resp_1')).rejects.toThrow('no');
      expect(recording.events).toEqual([]);
    });
  });

  describe('I1: every spelling of a path is the same endpoint', () => {
    it.each(
      ['/chat/completions/', '/chat//completions', '/chat/./completions', '/files/../chat/completions'].concat([
        ...[
          '/chat/%63ompletions',
          '/chat/completions/x/..',
          '/chat/completions/.',
          '/Chat/Completions',
          '//chat/completions',
        ],
      ]),
    )('%s', async (path) => {
      const client = guard('https://gateway.example/v1');
      recording.refuse();
      await expect(client.post(path, { body: CHAT })).rejects.toThrow('the budget is used up');
      expect(sent).toEqual([]);
    });

    it('and a word in the address of a gateway makes nothing free', async () => {
      const client = guard('https://gateway.example/projects/p1/openai/v1');
      await client.post('/rerank', { body: { model: 'm', query: 'q' } });
      expect(recording.events).toHaveLength(1);
      expect(recording.events[0]).toMatchObject({ operationType: 'RERANK', attributes: { unknownEndpoint: true } });
      await client.post('/files', { body: {} });
      expect(recording.events).toHaveLength(1);
    });
  });

  it('I4: answers of endpoints that nobody knows have the ids of what they are about', async () => {
    const run = { id: 'run_1', object: 'thread.run', model: 'm' };
    const client = guard(OFFICIAL, json({ ...run, usage: null }), json({ ...run, usage: CHAT_USAGE }));
    await client.post('/threads/t_1/runs', { body: { model: 'm' } });
    await client.post('/threads/t_1/runs/run_1/submit_tool_outputs', { body: {} });
    expect(new Set(recording.events.map(({ transactionId }) => transactionId)).size).toBe(2);
    expect(recording.events[1]).toMatchObject(COUNTS);
  });

  it('what a body says of itself with toJSON is what is decided on, and what leaves', async () => {
    class Body {
      readonly #model = 'm';
      readonly usageMetadata = { agent: 'a' };
      toJSON() {
        return { ...CHAT, model: this.#model, stream: true, usageMetadata: this.usageMetadata };
      }
    }
    const client = guard(OFFICIAL);
    await client.post('/chat/completions', { body: new Body() });
    expect(recording.decided).toMatchObject([{ model: 'm', agent: 'a' }]);
    expect(JSON.parse(String(sent[0]?.body))).toMatchObject({ ...CHAT, stream: true });
    expect(String(sent[0]?.body)).not.toContain('usageMetadata');
  });

  it.each<[string, object]>([
    ['toJSON', { toJSON: () => raise() }],
    ['a getter', Object.defineProperty({ ...CHAT }, 'seed', { enumerable: true, get: () => raise() })],
    ['a proxy', new Proxy({ ...CHAT }, { ownKeys: () => raise() })],
  ])('I2: the error of %s is the caller’s own', async (_name, body) => {
    await expect(guard(OFFICIAL).post('/chat/completions', { body })).rejects.toThrow('the caller’s own');
    expect(recording.open.size).toBe(0);
  });

  it('frozen requests and circular ones are as without us', async () => {
    const client = guard(OFFICIAL, json({ id: 'x', model: 'm', choices: [], usage: CHAT_USAGE }));
    await client.chat.completions.create(deepFreeze({ ...CHAT, usageMetadata: { agent: 'a' } }));
    expect(recording.events[0]).toMatchObject({ ...COUNTS, agent: 'a' });
    const circle: Record<string, unknown> = { ...CHAT };
    circle['self'] = circle;
    await expect(client.post('/chat/completions', { body: circle })).rejects.toThrow(/circular/i);
    expect(recording.open.size).toBe(0);
  });

  describe('I2: what fetch gives is the client’s affair', () => {
    it.each<[string, unknown]>([
      ['nothing', undefined],
      [
        'a head that cannot be read',
        {
          status: 200,
          ok: true,
          get headers() {
            return raise();
          },
        },
      ],
      ['no status', Object.defineProperty({}, 'status', { get: () => raise() })],
    ])('%s', async (_name, given) => {
      const bare = new OpenAI({ apiKey: 'k', baseURL: OFFICIAL, maxRetries: 0, fetch: async () => given });
      const reason = (error: Error) => error.message;
      const without = await bare.chat.completions.create(CHAT).then(() => 'fine', reason);
      expect(
        await guard(OFFICIAL, () => given)
          .chat.completions.create(CHAT)
          .then(() => 'fine', reason),
      ).toBe(without);
      recording.advance(60_000);
      expect(recording.open.size).toBe(0);
      expect(recording.events).toHaveLength(1);
    });

    it('an answer without a body is an estimate', async () => {
      const client = guard(OFFICIAL, () => new Response(null, { status: 204 }));
      await client.chat.completions.create(CHAT);
      expect(recording.events[0]?.attributes?.['usageState']).toBe('estimated');
    });

    it('a signal that is aborted already sends nothing, and leaves nothing open', async () => {
      const client = guard(OFFICIAL);
      const signal = AbortSignal.abort();
      await expect(client.chat.completions.create(CHAT, { signal })).rejects.toThrow(/abort/i);
      expect([sent.length, recording.open.size, recording.events.length]).toEqual([0, 0, 0]);
    });
  });

  describe('I5: a cost that the server names', () => {
    const costs = { xai: { cost_in_usd_ticks: 0 }, perplexity: { cost: { total_cost: 0 } } };
    it.each([
      ['https://api.x.ai/v1', costs.xai],
      ['https://api.perplexity.ai', costs.perplexity],
      ['https://openrouter.ai/api/v1', { cost: -1 }],
      ['https://openrouter.ai/api/v1', { cost: '0' }],
      ['https://openrouter.ai/api/v1', { cost: 1e300 }],
      ['https://gateway.example/v1', { cost: 0.5 }],
      ['https://openrouter.ai.evil.example/v1', { cost: 0 }],
    ])('%s: %j is no price', async (baseURL, cost) => {
      const answer = { id: 'x', model: 'm', choices: [], usage: { ...CHAT_USAGE, ...cost } };
      await guard(baseURL, json(answer)).chat.completions.create(CHAT);
      expect(recording.events[0]).toMatchObject(COUNTS);
      expect(recording.events[0]).not.toHaveProperty('totalCost');
    });

    it.each([
      [{ cost: 0 }, 0],
      [{ cost: 0, is_byok: false, cost_details: { upstream_inference_cost: 0.5 } }, 0],
      [{ cost: 0, cost_details: { upstream_inference_cost: 0.5 } }, 0.5],
      [{ cost: 0.25, is_byok: true, cost_details: { upstream_inference_cost: 0.5 } }, 0.75],
    ])('OpenRouter: %j costs %d', async (cost, totalCost) => {
      const answer = { id: 'x', model: 'm', choices: [], usage: { ...CHAT_USAGE, ...cost } };
      await guard('https://openrouter.ai/api/v1', json(answer)).chat.completions.create(CHAT);
      expect(recording.events[0]).toMatchObject({ totalCost });
    });
  });
});

function raise(): never {
  throw new Error('the caller’s own');
}

function deepFreeze<T extends object>(value: T): T {
  for (const one of Object.values(value)) if (typeof one === 'object' && one !== null) deepFreeze(one);
  return Object.freeze(value);
}

describe('I3, I10: an event of many megabytes', () => {
  it.each([200_000, 15_000_000])('of %d characters reaches the caller whole, and is metered', async (length) => {
    const chunk = (content: string, more: object = {}) => ({
      ...{ id: 'x', object: 'chat.completion.chunk', created: 1, model: 'm' },
      choices: [{ index: 0, delta: { content }, finish_reason: null }],
      ...more,
    });
    const text = 'ab'.repeat(length / 2);
    const last = { ...chunk(''), choices: [], usage: CHAT_USAGE };
    const all = [chunk('one'), chunk('two'), chunk(text), chunk('end'), last].map(
      (one) => `data: ${JSON.stringify(one)}\n\n`,
    );
    const bytes = Buffer.from(`${all.join('')}data: [DONE]\n\n`);
    const cuts = [0, 100, bytes.length >> 1, bytes.length - 3, bytes.length];
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const [at, cut] of cuts.slice(1).entries())
          controller.enqueue(new Uint8Array(bytes.subarray(cuts[at], cut)));
        controller.close();
      },
    });
    const fetch = async () => new Response(body, { headers: { 'content-type': 'text/event-stream' } });
    const client = new MAJORS[1]!.OpenAI({ apiKey: 'k', baseURL: 'https://api.openai.com/v1', maxRetries: 0, fetch });
    instrumentOpenAI(client, recording.path, {}, recording.runtime);
    const pieces: string[] = [];
    for await (const one of await client.chat.completions.create({ ...CHAT, stream: true })) {
      pieces.push(one.choices[0]?.delta.content ?? '');
    }
    expect(pieces.map((piece) => piece.length)).toEqual([3, 3, length, 3]);
    expect(recording.events).toHaveLength(1);
    expect(recording.events[0]).toMatchObject({ ...COUNTS, attributes: { usageState: 'reported' } });
  });
});
