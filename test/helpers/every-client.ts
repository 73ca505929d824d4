/** Every provider client that `guard` knows, at the versions that are installed, typed by what is asked of all of them. */
import { createRequire } from 'node:module';
import Anthropic from '@anthropic-ai/sdk';
import { createFalClient } from '@fal-ai/client';
import { GoogleGenAI } from '@google/genai';
import Perplexity from '@perplexity-ai/perplexity_ai';
import { Ollama as Ollama06 } from 'ollama';
import { MAJORS, type Client as OpenAIClient } from './openai-clients.js';

/** One client at one version, and its two plainest calls. */
export interface EveryClient {
  readonly name: string;
  /** The provider by the name of `isInitialized`. */
  readonly provider: string;
  make(url: string): object;
  plain(client: object, usageMetadata?: object): Promise<unknown>;
  streamed(client: object, usageMetadata?: object): Promise<AsyncIterable<unknown>>;
  /** What the event of an answered call says. */
  readonly event: Readonly<Record<string, unknown>>;
  readonly streamedEvent?: Readonly<Record<string, unknown>>;
}

// The other versions are dependencies of test/matrix, and a package manager may put them there or at the root.
const matrix = createRequire(new URL('../matrix/package.json', import.meta.url));
const load = <T>(name: string) => matrix(name) as T;

const MESSAGES = [{ role: 'user' as const, content: 'How is the weather?' }];
const TOKENS = { inputTokenCount: 12, outputTokenCount: 50, totalTokenCount: 62 };
type Stream = Promise<AsyncIterable<unknown>>;

function openai(): EveryClient[] {
  const ask = { model: 'gpt-4o-mini', messages: MESSAGES };
  return MAJORS.map(({ major, OpenAI }) => ({
    name: `openai ${major}`,
    provider: 'openai',
    make: (url) => new OpenAI({ apiKey: 'k', baseURL: `${url}/v1`, maxRetries: 0 }),
    plain: (client, usageMetadata) =>
      (client as OpenAIClient).chat.completions.create({ ...ask, ...metadata(usageMetadata) }) as Promise<unknown>,
    streamed: (client, usageMetadata) =>
      (client as OpenAIClient).chat.completions.create({ ...ask, stream: true, ...metadata(usageMetadata) }) as Stream,
    event: { ...TOKENS, provider: 'OPENAI', operationType: 'CHAT' },
    // Nobody knows whether this server takes stream_options: it is not asked for usage.
    streamedEvent: { provider: 'OPENAI', operationType: 'CHAT', attributes: { usageState: 'estimated' } },
  }));
}

function anthropic(): EveryClient[] {
  const versions = [
    ['anthropic 0.60', load<{ default: typeof Anthropic }>('anthropic060').default],
    ['anthropic 1', Anthropic],
  ] as const;
  const ask = { model: 'claude-x', max_tokens: 100, messages: MESSAGES };
  return versions.map(([name, Class]) => ({
    name,
    provider: 'anthropic',
    make: (url) => new Class({ apiKey: 'k', baseURL: url, maxRetries: 0 }),
    plain: (client, usageMetadata) =>
      (client as Anthropic).messages.create({ ...ask, ...metadata(usageMetadata) }) as Promise<unknown>,
    streamed: (client, usageMetadata) =>
      (client as Anthropic).messages.create({ ...ask, stream: true, ...metadata(usageMetadata) }) as Stream,
    event: { ...TOKENS, provider: 'ANTHROPIC', operationType: 'CHAT' },
  }));
}

function google(): EveryClient[] {
  const versions = [
    ['genai 1', load<{ GoogleGenAI: typeof GoogleGenAI }>('genai1').GoogleGenAI],
    ['genai 2', GoogleGenAI],
    ['genai 3', load<{ GoogleGenAI: typeof GoogleGenAI }>('genai3').GoogleGenAI],
  ] as const;
  const ask = { model: 'gemini-2.5-flash', contents: 'How is the weather?' };
  return versions.map(([name, Class]) => ({
    name,
    provider: 'google',
    make: (url) => new Class({ apiKey: 'k', httpOptions: { baseUrl: url } }),
    plain: (client, usageMetadata) =>
      (client as GoogleGenAI).models.generateContent({ ...ask, ...metadata(usageMetadata) }),
    streamed: (client, usageMetadata) =>
      (client as GoogleGenAI).models.generateContentStream({ ...ask, ...metadata(usageMetadata) }) as Stream,
    event: { ...TOKENS, operationType: 'CHAT', model: 'gemini-2.5-flash' },
  }));
}

function ollama(): EveryClient[] {
  const versions = [
    ['ollama 0.5', load<{ Ollama: typeof Ollama06 }>('ollama05').Ollama],
    ['ollama 0.6', Ollama06],
  ] as const;
  const ask = { model: 'm', messages: MESSAGES };
  return versions.map(([name, Class]) => ({
    name,
    provider: 'ollama',
    make: (url) => new Class({ host: url }),
    plain: (client, usageMetadata) => (client as Ollama06).chat({ ...ask, ...metadata(usageMetadata) }),
    streamed: (client, usageMetadata) =>
      (client as Ollama06).chat({ ...ask, stream: true, ...metadata(usageMetadata) }) as Stream,
    event: { ...TOKENS, provider: 'OLLAMA', operationType: 'CHAT' },
  }));
}

function perplexity(): EveryClient[] {
  const ask = { model: 'sonar', messages: MESSAGES };
  return [
    {
      name: 'perplexity 0.38',
      provider: 'perplexity',
      make: (url) => new Perplexity({ apiKey: 'k', baseURL: url, maxRetries: 0 }),
      plain: (client, usageMetadata) =>
        (client as Perplexity).chat.completions.create({ ...ask, ...metadata(usageMetadata) }) as Promise<unknown>,
      streamed: (client, usageMetadata) =>
        (client as Perplexity).chat.completions.create({ ...ask, stream: true, ...metadata(usageMetadata) }) as Stream,
      event: { ...TOKENS, operationType: 'CHAT' },
    },
  ];
}

/** fal's client has no base URL: its fetch leads to the server. */
function fal(): EveryClient[] {
  const input = { prompt: 'How is the weather?' };
  type Fal = ReturnType<typeof createFalClient>;
  return [
    {
      name: 'fal 1.10',
      provider: 'fal',
      make: (url) => {
        const send: typeof fetch = (to, init) => fetch(String(to).replace(/^https:\/\/(queue\.)?fal\.run/, url), init);
        return createFalClient({ credentials: 'k', fetch: send });
      },
      plain: (client, usageMetadata) => (client as Fal).run('fal-ai/flux/dev', { input, ...metadata(usageMetadata) }),
      streamed: (client, usageMetadata) =>
        (client as Fal).stream('fal-ai/any-llm', { input, ...metadata(usageMetadata) }) as Stream,
      event: { operationType: 'IMAGE', actualImageCount: 1, model: 'fal-ai/flux/dev' },
      streamedEvent: { operationType: 'CHAT', model: 'fal-ai/any-llm' },
    },
  ];
}

function metadata(usageMetadata: object | undefined): object {
  return usageMetadata === undefined ? {} : { usageMetadata };
}

/** All of them. */
export const EVERY_CLIENT: readonly EveryClient[] = [
  ...openai(),
  ...anthropic(),
  ...google(),
  ...ollama(),
  ...perplexity(),
  ...fal(),
];
