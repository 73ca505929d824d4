/** Every endpoint as the official clients ask for it, with what the ledger must say of it afterwards. */
import type Anthropic from '@anthropic-ai/sdk';
import { Ollama as Ollama05 } from 'ollama05';
import { Ollama as Ollama06 } from 'ollama06';
import { VERSIONS } from '../../../helpers/anthropic-clients.js';
import { type Client, MAJORS } from '../../../helpers/openai-clients.js';
import { HEARD_USAGE, IMAGE_USAGE } from '../../../helpers/stub-provider-media.js';
import { countsOf, type SeenCall } from '../support/stand-in-upstream.js';
import { nanoUsd, OLLAMA_NANO_USD, type Whole } from './whole.js';

/** What an event must say; money in nano-dollars. */
export interface Metered {
  readonly model: string;
  readonly provider: 'OPENAI' | 'ANTHROPIC' | 'OLLAMA';
  readonly operationType: string;
  readonly tokens: readonly [input: number, output: number];
  readonly amountNanoUsd: bigint;
  readonly isStreamed?: boolean;
}

/** One call. `metered`: what it counts as, by what the upstream saw; absent: it costs nothing and is not metered. */
export interface EndpointCase<C> {
  readonly name: string;
  run(client: C): PromiseLike<unknown>;
  readonly metered?: (seen: SeenCall) => Metered;
}

/** Whom a client is made for. */
export interface ClientPlace {
  readonly url: string;
  readonly key: string;
  readonly fetch: typeof fetch;
}

/** One client at one version, with all of its calls. */
export interface ClientCases<C = unknown> {
  readonly name: string;
  readonly upstream: 'ollama' | 'openai' | 'anthropic';
  make(place: ClientPlace): C;
  readonly cases: readonly EndpointCase<C>[];
}

/** Dollars a million tokens: input, output, read from a cache. By the providers' own lists. */
const RATES: Readonly<Record<string, readonly [number, number, number]>> = {
  'gpt-4o-mini': [0.15, 0.6, 0.075],
  'gpt-3.5-turbo-instruct': [1.5, 2, 1.5],
  'text-embedding-3-small': [0.02, 0, 0.02],
  'claude-sonnet-4-5': [3, 15, 0.3],
};
/** 16 of text and 194 of a picture go in. */
const IMAGE_NANO_USD = nanoUsd([16, 5], [194, 10], [1_056, 40]);
const HEARD_NANO_USD = nanoUsd([2, 1.25], [35, 3], [12, 5]);
/** Declared by {@link declarePrices}. */
const SPOKEN = 'hello there, Größe';
const SPOKEN_NANO_USD = 18n * 15_000n;
/** 43 seconds at 0.006 dollars a minute. */
const WHISPER_NANO_USD = 4_300_000n;

export const MESSAGES = [{ role: 'user' as const, content: 'cached:2 Wie groß ist 水? Tell me briefly.' }];
const SOUND = () => new File([Buffer.alloc(2_000, 7)], 'sound.mp3', { type: 'audio/mpeg' });
const PICTURE = () => new File([Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])], 'cat.png');

/** What has no price in the catalogue. */
export async function declarePrices(whole: Whole): Promise<void> {
  await whole.price({ model: 'llama3.2', provider: 'OLLAMA', perRequest: '0.001', perModel: '0.002' });
  await whole.price({ model: 'nomic-embed-text', provider: 'OLLAMA', perRequest: '0.001', perModel: '0.002' });
  await whole.price({ model: 'tts-1', provider: 'OPENAI', perMillionCharacters: '15' });
  await whole.price({ model: 'omni-moderation-latest', provider: 'OPENAI', kind: 'free' });
}

/** Tokens by the words of the request, priced by the lists above. */
function text(
  provider: Metered['provider'],
  model: string,
  answered: string,
  operationType: string,
  isStreamed = false,
) {
  return (seen: SeenCall): Metered => {
    const { input, output, cached } = countsOf(seen.body);
    const makes = operationType === 'EMBED' ? 0 : output;
    const [inRate, outRate, cacheRate] = RATES[model]!;
    // Anthropic counts what it reads from its cache apart; the completions of old name no cache.
    const isApart = provider === 'ANTHROPIC';
    const read = operationType === 'EMBED' || model.endsWith('instruct') ? 0 : cached;
    return {
      model: answered,
      provider,
      operationType,
      tokens: [isApart ? input - read : input, makes],
      amountNanoUsd: nanoUsd([input - read, inRate], [read, cacheRate], [makes, outRate]),
      isStreamed,
    };
  };
}

function ollama(operationType: string, model = 'llama3.2', isStreamed = false) {
  return (seen: SeenCall): Metered => {
    const { input, output } = countsOf(seen.body);
    const tokens: [number, number] = [input, operationType === 'EMBED' ? 0 : output];
    return { model, provider: 'OLLAMA', operationType, tokens, amountNanoUsd: OLLAMA_NANO_USD, isStreamed };
  };
}

function media(model: string, operationType: string, tokens: readonly [number, number], amountNanoUsd: bigint) {
  return (isStreamed: boolean) => (): Metered => ({
    ...{ model, provider: 'OPENAI' as const, operationType, tokens, amountNanoUsd, isStreamed },
  });
}

const mini = (isStreamed = false) => text('OPENAI', 'gpt-4o-mini', 'gpt-4o-mini-2026-01-01', 'CHAT', isStreamed);
const instruct = (isStreamed = false) =>
  text('OPENAI', 'gpt-3.5-turbo-instruct', 'gpt-3.5-turbo-instruct', 'CHAT', isStreamed);
const image = media('gpt-image-1', 'IMAGE', [IMAGE_USAGE.input_tokens, IMAGE_USAGE.output_tokens], IMAGE_NANO_USD);
const heard = media(
  'gpt-4o-mini-transcribe',
  'AUDIO',
  [HEARD_USAGE.input_tokens, HEARD_USAGE.output_tokens],
  HEARD_NANO_USD,
);
/** Its answer names no usage: what went in is estimated. */
const moderated = media('omni-moderation-2024-09-26', 'MODERATION', [2, 0], 0n);

const OPENAI: readonly EndpointCase<Client>[] = [
  {
    name: 'chat.completions',
    run: (client) => client.chat.completions.create({ model: 'gpt-4o-mini', messages: MESSAGES, seed: 7, user: 'u' }),
    metered: mini(),
  },
  {
    name: 'chat.completions, streamed',
    run: (client) => client.chat.completions.create({ model: 'gpt-4o-mini', messages: MESSAGES, stream: true }),
    metered: mini(true),
  },
  {
    name: 'chat.completions, streamed with usage, two choices',
    run: (client) =>
      client.chat.completions.create({
        ...{ model: 'gpt-4o-mini', messages: MESSAGES, stream: true, n: 2, max_tokens: 5 },
        stream_options: { include_usage: true },
      }),
    metered: mini(true),
  },
  {
    name: 'responses',
    run: (client) => client.responses.create({ model: 'gpt-4o-mini', input: 'cached:1 How are you?' }),
    metered: mini(),
  },
  {
    name: 'responses, streamed',
    run: (client) =>
      client.responses.create({ model: 'gpt-4o-mini', input: 'Hi', stream: true, max_output_tokens: 16 }),
    metered: mini(true),
  },
  {
    name: 'completions',
    run: (client) => client.completions.create({ model: 'gpt-3.5-turbo-instruct', prompt: 'Say it.' }),
    metered: instruct(),
  },
  {
    name: 'completions, streamed',
    run: (client) => client.completions.create({ model: 'gpt-3.5-turbo-instruct', prompt: 'Say it.', stream: true }),
    metered: instruct(true),
  },
  {
    name: 'embeddings',
    run: (client) => client.embeddings.create({ model: 'text-embedding-3-small', input: ['one', 'two words'] }),
    metered: text('OPENAI', 'text-embedding-3-small', 'text-embedding-3-small', 'EMBED'),
  },
  {
    name: 'images.generate',
    run: (client) => client.images.generate({ model: 'gpt-image-1', prompt: 'a grey cat' }),
    metered: image(false),
  },
  {
    name: 'images.generate, streamed',
    run: (client) =>
      client.images.generate({ model: 'gpt-image-1', prompt: 'a cat', stream: true, partial_images: 2 }) as never,
    metered: image(true),
  },
  {
    name: 'images.edit, a form',
    run: (client) => client.images.edit({ model: 'gpt-image-1', prompt: 'a hat', image: PICTURE() }),
    metered: image(false),
  },
  {
    name: 'audio.speech',
    run: async (client) => {
      const sound = await client.audio.speech.create({ model: 'tts-1', input: SPOKEN, voice: 'alloy' });
      return Buffer.from(await sound.arrayBuffer());
    },
    metered: media('tts-1', 'AUDIO', [0, 0], SPOKEN_NANO_USD)(false),
  },
  {
    name: 'audio.transcriptions, a form',
    run: (client) => client.audio.transcriptions.create({ model: 'gpt-4o-mini-transcribe', file: SOUND() }),
    metered: heard(false),
  },
  {
    name: 'audio.transcriptions, a form, streamed',
    run: (client) =>
      client.audio.transcriptions.create({ model: 'gpt-4o-mini-transcribe', file: SOUND(), stream: true }),
    metered: heard(true),
  },
  {
    name: 'audio.translations, a form',
    run: (client) =>
      client.audio.translations.create({ model: 'whisper-1', file: SOUND(), response_format: 'verbose_json' }),
    metered: media('whisper-1', 'AUDIO', [0, 0], WHISPER_NANO_USD)(false),
  },
  {
    name: 'moderations',
    run: (client) => client.moderations.create({ input: 'some words' }),
    metered: moderated(false),
  },
  {
    name: 'chat.completions of a model of Ollama',
    run: (client) => client.chat.completions.create({ model: 'llama3.2', messages: MESSAGES }),
    metered: ollama('CHAT'),
  },
  {
    name: 'chat.completions of a model of Ollama, streamed',
    run: (client) => client.chat.completions.create({ model: 'llama3.2', messages: MESSAGES, stream: true }),
    metered: ollama('CHAT', 'llama3.2', true),
  },
  {
    name: 'embeddings of a model of Ollama',
    run: (client) => client.embeddings.create({ model: 'nomic-embed-text', input: 'one' }),
    metered: ollama('EMBED', 'nomic-embed-text'),
  },
];

const ASK = { model: 'claude-sonnet-4-5', max_tokens: 20, messages: MESSAGES };
const claude = (isStreamed = false) =>
  text('ANTHROPIC', 'claude-sonnet-4-5', 'claude-sonnet-4-5-answered', 'CHAT', isStreamed);

const ANTHROPIC: readonly EndpointCase<Anthropic>[] = [
  { name: 'messages', run: (client) => client.messages.create(ASK), metered: claude() },
  {
    name: 'messages, with system, tools and thinking switched off',
    run: (client) =>
      client.messages.create({
        ...ASK,
        system: [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } }],
        metadata: { user_id: 'u' },
        thinking: { type: 'disabled' },
      }),
    metered: claude(),
  },
  {
    name: 'messages, streamed',
    run: (client) => client.messages.create({ ...ASK, stream: true }),
    metered: claude(true),
  },
  { name: 'messages.stream', run: (client) => client.messages.stream(ASK).finalMessage(), metered: claude(true) },
  { name: 'beta.messages', run: (client) => client.beta.messages.create(ASK), metered: claude() },
  {
    name: 'messages.countTokens',
    run: (client) => client.messages.countTokens({ model: 'claude-sonnet-4-5', messages: MESSAGES }),
  },
];

const OLLAMA: readonly EndpointCase<Ollama06>[] = [
  {
    name: 'chat',
    run: (client) =>
      client.chat({ model: 'llama3.2', messages: MESSAGES, options: { temperature: 0.1, num_ctx: 512 } }),
    metered: ollama('CHAT'),
  },
  {
    name: 'chat, streamed',
    run: (client) => client.chat({ model: 'llama3.2', messages: MESSAGES, stream: true }),
    metered: ollama('CHAT', 'llama3.2', true),
  },
  {
    name: 'generate',
    run: (client) => client.generate({ model: 'llama3.2', prompt: 'Why?', keep_alive: '1m' }),
    metered: ollama('GENERATE'),
  },
  {
    name: 'generate, streamed',
    run: (client) => client.generate({ model: 'llama3.2', prompt: 'Why?', stream: true }),
    metered: ollama('GENERATE', 'llama3.2', true),
  },
  {
    name: 'embed',
    run: (client) => client.embed({ model: 'nomic-embed-text', input: ['one', 'two'] }),
    metered: ollama('EMBED', 'nomic-embed-text'),
  },
  {
    name: 'embeddings',
    run: (client) => client.embeddings({ model: 'nomic-embed-text', prompt: 'four' }),
    metered: ollama('EMBED', 'nomic-embed-text'),
  },
  { name: 'list', run: (client) => client.list() },
  { name: 'ps', run: (client) => client.ps() },
  { name: 'show', run: (client) => client.show({ model: 'llama3.2' }) },
];

const ofOllama = (name: string, Class: typeof Ollama06): ClientCases => ({
  name,
  upstream: 'ollama',
  make: ({ url, key, fetch }) => new Class({ host: url, headers: { authorization: `Bearer ${key}` }, fetch }),
  cases: OLLAMA as readonly EndpointCase<unknown>[],
});

/** All of them. */
export const CLIENTS: readonly ClientCases[] = [
  ...MAJORS.map(
    ({ major, OpenAI }): ClientCases => ({
      name: `openai ${major}`,
      upstream: 'openai',
      make: ({ url, key, fetch }) => new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0, fetch }),
      cases: OPENAI as readonly EndpointCase<unknown>[],
    }),
  ),
  ...VERSIONS.map(
    ({ version, Anthropic: Class }): ClientCases => ({
      name: `@anthropic-ai/sdk ${version}`,
      upstream: 'anthropic',
      make: ({ url, key, fetch }) => new Class({ baseURL: url, apiKey: key, maxRetries: 0, fetch, logLevel: 'off' }),
      cases: ANTHROPIC as readonly EndpointCase<unknown>[],
    }),
  ),
  ofOllama('ollama 0.5', Ollama05 as unknown as typeof Ollama06),
  ofOllama('ollama 0.6', Ollama06),
];
