/** The clients of bench/clients.bench.ts, bare and guarded, and one plain and one streamed call of each. */
import { createOpenAI } from '@ai-sdk/openai';
import Anthropic from '@anthropic-ai/sdk';
import { createFalClient } from '@fal-ai/client';
import { GoogleGenAI } from '@google/genai';
import { ChatOpenAI } from '@langchain/openai';
import Perplexity from '@perplexity-ai/perplexity_ai';
import { generateText, streamText, wrapLanguageModel } from 'ai';
import { Ollama } from 'ollama';
import OpenAI from 'openai';
import type { Fusewire } from '../src/index.js';

/** The same call of both clients. */
export interface BenchCall {
  bare(): Promise<unknown>;
  guarded(): Promise<unknown>;
}

/** One client. */
export interface BenchClient {
  readonly name: string;
  open(url: string, fusewire: Fusewire): Promise<{ readonly plain: BenchCall; readonly streamed?: BenchCall }>;
}

const PROMPT = 'How is the weather? '.repeat(20);
const MESSAGES = [{ role: 'user' as const, content: PROMPT }];
const CHUNKS = 50;

async function drain(stream: AsyncIterable<unknown>): Promise<void> {
  let chunks = 0;
  for await (const _chunk of stream) chunks += 1;
  if (chunks < CHUNKS) throw new Error(`only ${chunks} chunks came`);
}

function both<C>(bare: C, guarded: C, call: (client: C) => Promise<unknown>): BenchCall {
  return { bare: () => call(bare), guarded: () => call(guarded) };
}

/** A client that `guard` takes. */
function client<C extends object>(
  name: string,
  make: (url: string) => C,
  plain: (client: C) => Promise<unknown>,
  streamed?: (client: C) => Promise<unknown>,
): BenchClient {
  return {
    name,
    async open(url, fusewire) {
      const bare = make(url);
      const guarded = fusewire.guard(make(url)) as C;
      const calls = { plain: both(bare, guarded, plain) };
      return streamed === undefined ? calls : { ...calls, streamed: both(bare, guarded, streamed) };
    },
  };
}

/** fal's client has no base URL: its fetch leads to the server. */
function falClient(url: string) {
  const send: typeof fetch = (input, init) => fetch(String(input).replace(/^https:\/\/(queue\.)?fal\.run/, url), init);
  return createFalClient({ credentials: 'k', fetch: send });
}

/** The sub-paths as they are published: tsx would load the sources for their names. */
function built<T>(name: string): Promise<T> {
  return import(new URL(`../dist/bundle/src/${name}.mjs`, import.meta.url).href) as Promise<T>;
}

/** A handler on a model of LangChain. */
const langchain: BenchClient = {
  name: 'langchain',
  async open(url, fusewire) {
    const { ReveniumCallbackHandler } = await built<typeof import('../src/langchain.js')>('langchain');
    const make = (callbacks: readonly InstanceType<typeof ReveniumCallbackHandler>[]) =>
      new ChatOpenAI({
        model: 'gpt-4o-mini',
        apiKey: 'k',
        maxRetries: 0,
        configuration: { baseURL: `${url}/v1` },
        callbacks: [...callbacks],
      });
    const bare = make([]);
    const guarded = make([new ReveniumCallbackHandler({ instance: fusewire })]);
    return {
      plain: both(bare, guarded, (model) => model.invoke(PROMPT)),
      streamed: both(bare, guarded, async (model) => drain(await model.stream(PROMPT))),
    };
  },
};

/** The middleware of the AI SDK. */
const aiSdk: BenchClient = {
  name: 'ai-sdk',
  async open(url, fusewire) {
    const { fusewireMiddleware } = await built<typeof import('../src/ai-sdk.js')>('ai-sdk');
    const bare = createOpenAI({ apiKey: 'k', baseURL: `${url}/v1` }).chat('gpt-4o-mini');
    const guarded = wrapLanguageModel({ model: bare, middleware: fusewireMiddleware({ instance: fusewire }) });
    const settings = { prompt: PROMPT, maxRetries: 0 };
    return {
      plain: both(bare, guarded, (model) => generateText({ model, ...settings })),
      streamed: both(bare, guarded, (model) => drain(streamText({ model, ...settings }).textStream)),
    };
  },
};

/** All of them. */
export const CLIENTS: readonly BenchClient[] = [
  client(
    'openai',
    (url) => new OpenAI({ apiKey: 'k', baseURL: `${url}/v1`, maxRetries: 0 }),
    (openai) => openai.chat.completions.create({ model: 'gpt-4o-mini', messages: MESSAGES }),
    async (openai) =>
      drain(await openai.chat.completions.create({ model: 'gpt-4o-mini', messages: MESSAGES, stream: true })),
  ),
  client(
    'anthropic',
    (url) => new Anthropic({ apiKey: 'k', baseURL: url, maxRetries: 0 }),
    (anthropic) => anthropic.messages.create({ model: 'claude-x', max_tokens: 100, messages: MESSAGES }),
    async (anthropic) =>
      drain(
        await anthropic.messages.create({
          model: 'claude-x',
          max_tokens: 100,
          messages: MESSAGES,
          stream: true,
        }),
      ),
  ),
  client(
    'google',
    (url) => new GoogleGenAI({ apiKey: 'k', httpOptions: { baseUrl: url } }),
    (google) => google.models.generateContent({ model: 'gemini-2.5-flash', contents: PROMPT }),
    async (google) => drain(await google.models.generateContentStream({ model: 'gemini-2.5-flash', contents: PROMPT })),
  ),
  client(
    'ollama',
    (url) => new Ollama({ host: url }),
    (ollama) => ollama.chat({ model: 'm', messages: MESSAGES }),
    async (ollama) => drain(await ollama.chat({ model: 'm', messages: MESSAGES, stream: true })),
  ),
  client(
    'perplexity',
    (url) => new Perplexity({ apiKey: 'k', baseURL: url, maxRetries: 0 }),
    (perplexity) => perplexity.chat.completions.create({ model: 'sonar', messages: MESSAGES }),
    async (perplexity) =>
      drain(await perplexity.chat.completions.create({ model: 'sonar', messages: MESSAGES, stream: true })),
  ),
  client(
    'fal',
    falClient,
    // Its streams pause for a third of a second by themselves, bare ones too: nothing could be seen beside that.
    (fal) => fal.run('fal-ai/flux/dev', { input: { prompt: PROMPT } }),
  ),
  langchain,
  aiSdk,
];
