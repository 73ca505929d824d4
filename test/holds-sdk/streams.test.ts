/** Streams of guarded clients under a hard budget, from providers that never stop: cut in their dialect, or let finish. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { FusewireOptions } from '../../src/config.js';
import { createFusewire, type Fusewire } from '../../src/instance.js';
import { type FakeService, startFakeService } from '../../src/testing/fake-service.js';
import { MAJORS as GOOGLE, optionsFor } from '../helpers/google-clients.js';
import { MAJORS as OPENAI } from '../helpers/openai-clients.js';
import { until } from '../helpers/until.js';

const RULE = { ruleId: 7, name: 'hard', enforcement: 'HARD', action: 'BLOCK', breached: false };
const MESSAGES = [{ role: 'user' as const, content: 'Say words.' }];
/** Eight tokens. */
const WORD = 'word'.repeat(8);
const HEAD = { id: 'c-1', object: 'chat.completion.chunk', created: 1, model: 'm' };

/** What each path streams, again and again. */
const ANSWERS: Readonly<Record<string, readonly [type: string, word: string]>> = {
  '/v1/chat/completions': [
    'text/event-stream',
    `data: ${JSON.stringify({ ...HEAD, choices: [{ index: 0, delta: { role: 'assistant', content: WORD }, finish_reason: null }] })}\n\n`,
  ],
  '/api/chat': [
    'application/x-ndjson',
    `${JSON.stringify({ model: 'm', created_at: '2026-01-01T00:00:00Z', message: { role: 'assistant', content: WORD }, done: false })}\n`,
  ],
  google: [
    'text/event-stream',
    `data: ${JSON.stringify({ candidates: [{ index: 0, content: { role: 'model', parts: [{ text: WORD }] } }], modelVersion: 'm', responseId: 'r' })}\r\n\r\n`,
  ],
};

/** A provider that streams for ever; `words` makes the next answers end after so many. */
class Endless {
  readonly #server: Server;
  open = 0;
  last: string | undefined;
  words = Number.POSITIVE_INFINITY;

  constructor() {
    this.#server = createServer((request, response) => {
      request.resume();
      const path = (request.url ?? '').split('?')[0]!;
      const [type, word] = ANSWERS[path] ?? ANSWERS['google']!;
      this.open += 1;
      response.writeHead(200, { 'content-type': type });
      let count = 0;
      const write = () => {
        if (response.destroyed) return;
        count += 1;
        if (count > this.words) response.end(this.last);
        else if (response.write(word)) setImmediate(write);
        else response.once('drain', write);
      };
      response.on('close', () => {
        this.open -= 1;
      });
      write();
    });
  }

  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

type Read = { readonly reason: unknown; readonly text: string };
type Reader = (fusewire: Fusewire, url: string) => Promise<Read>;

/** Each client reads a stream to its end, and tells why that was. */
const READERS: readonly (readonly [name: string, reason: string, read: Reader])[] = [
  ...OPENAI.map(({ major, OpenAI }): readonly [string, string, Reader] => [
    `openai ${major}`,
    'length',
    async (fusewire, url) => {
      const client = fusewire.guard(new OpenAI({ apiKey: 'k', baseURL: `${url}/v1`, maxRetries: 0 }));
      const stream = await client.chat.completions.create({ model: 'm', messages: MESSAGES, stream: true });
      let text = '';
      let reason: unknown;
      for await (const { choices } of stream) {
        text += choices[0]?.delta.content ?? '';
        reason = choices[0]?.finish_reason ?? reason;
      }
      return { reason, text };
    },
  ]),
  [
    'ollama',
    'length',
    async (fusewire, url) => {
      const { Ollama } = await import('ollama');
      const client = fusewire.guard(new Ollama({ host: url }));
      let text = '';
      let reason: unknown;
      for await (const { message, done_reason } of await client.chat({
        model: 'm',
        messages: MESSAGES,
        stream: true,
      })) {
        text += message.content;
        reason = done_reason ?? reason;
      }
      return { reason, text };
    },
  ],
  ...GOOGLE.map(({ major, Esm }): readonly [string, string, Reader] => [
    `genai ${major}`,
    'MAX_TOKENS',
    async (fusewire, url) => {
      const client = fusewire.guard(new Esm(optionsFor(url, false)));
      let text = '';
      let reason: unknown;
      for await (const chunk of await client.models.generateContentStream({ model: 'm', contents: 'Say words.' })) {
        text += chunk.text ?? '';
        reason = chunk.candidates?.[0]?.finishReason ?? reason;
      }
      return { reason, text };
    },
  ]),
];

let provider: Endless;
let url: string;
let service: FakeService;
let fusewire: Fusewire;
beforeAll(async () => {
  provider = new Endless();
  url = await provider.start();
});
afterAll(() => provider.close());
beforeEach(async () => {
  provider.words = Number.POSITIVE_INFINITY;
  provider.last = undefined;
  service = await startFakeService();
});
afterEach(async () => {
  await fusewire.close();
  await service.close();
});

async function start(limit: number, part: object, options: FusewireOptions = {}): Promise<void> {
  service.setRules([RULE]);
  // A nano-dollar for each token: the limit is one of tokens.
  const held = { outputLimit: 'assume' as const, assumedOutputTokens: 200, ...part };
  service.setHardControls([{ controlId: 'c', ruleId: 7, limit: String(limit), part: held }]);
  fusewire = createFusewire({ ...service.options, ...options });
  await fusewire.ready();
}

describe('a stream under a hard budget that never stops', () => {
  // Anthropic's requests always limit themselves, and all of that is held: what ends such a stream early is tested elsewhere.
  it.each(READERS)('%s is cut with %s, and its request given up', async (_name, reason, read) => {
    await start(9_000, { whenExhausted: 'cut' });
    const got = await read(fusewire, url);
    expect(got.reason).toBe(reason);
    const words = got.text.length / 4;
    expect(got.text).toBe('word'.repeat(words));
    expect(words).toBeGreaterThan(5_000);
    await until(() => provider.open === 0, 'the request is given up');
    await fusewire.close();
    expect(service.events).toHaveLength(1);
    const [event] = service.events;
    expect(event).toMatchObject({ stopReason: 'COST_LIMIT' });
    expect(event!['attributes']).toMatchObject({ usageState: 'estimated' });
    expect(event!['outputTokenCount']).toBeGreaterThanOrEqual(words);
    expect(event!['holdId']).toEqual(expect.any(String));
    // What one packet brought passes, since it was received.
    expect(Number(service.holdBudget('c').spend)).toBeLessThan(9_000 + (8 * 70_000) / 100);
    expect(service.holdBudget('c').held).toBe('0');
  });

  it.each(READERS)('%s goes on where its control lets it finish', async (name, cut, read) => {
    await start(8_000, { whenExhausted: 'finish' });
    provider.words = 12_000 / 8;
    provider.last = LASTS[name.split(' ')[0]!];
    const got = await read(fusewire, url);
    expect(got.text.length / 4).toBe(12_000);
    expect(got.reason).not.toBe(cut);
    await fusewire.close();
    expect(service.events[0]).toMatchObject({ stopReason: 'END' });
    expect(Number(service.holdBudget('c').spend)).toBeGreaterThanOrEqual(12_000);
    expect(service.holdBudget('c').held).toBe('0');
  });

  it('takes few round trips far from the limit, and is not cut there', async () => {
    await start(10_000_000, { whenExhausted: 'cut' });
    provider.words = 5_000 / 8;
    provider.last = LASTS['openai'];
    const got = await READERS[1]![2](fusewire, url);
    expect(got).toEqual({ reason: 'stop', text: 'word'.repeat(5_000) });
    expect(fusewire.status().holds!.roundTrips).toBeLessThan(15);
  });
});

const LASTS: Readonly<Record<string, string>> = {
  openai: `data: ${JSON.stringify({ ...HEAD, choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })}\n\ndata: [DONE]\n\n`,
  ollama: `${JSON.stringify({ model: 'm', message: { role: 'assistant', content: '' }, done: true, done_reason: 'stop', prompt_eval_count: 4, eval_count: 12_000 })}\n`,
  genai: `data: ${JSON.stringify({ candidates: [{ index: 0, content: { role: 'model' }, finishReason: 'STOP' }], usageMetadata: { promptTokenCount: 4, candidatesTokenCount: 12_000, totalTokenCount: 12_004 } })}\r\n\r\n`,
};
