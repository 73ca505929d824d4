/** The majors of Vercel's AI SDK that the tests run against, typed as one: what is tested is what they have in common. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { OpenAIProvider } from '@ai-sdk/openai';
import type * as Ai from 'ai';
import type { Parts } from '../../src/fusewire.js';
import type { Fusewire } from '../../src/instance.js';
import { keepParts } from '../../src/parts-of.js';
import type { RecordingPath } from './recording-path.js';

/** A model of any major, typed as the middle one. */
export type Model = Parameters<typeof Ai.wrapLanguageModel>[0]['model'];
type EmbeddingModel = Parameters<typeof Ai.wrapEmbeddingModel>[0]['model'];

/** One major of `ai`, and the OpenAI provider that belongs to it. */
export interface Major {
  readonly major: 5 | 6 | 7;
  /** The specification of its models. */
  readonly specification: 'v2' | 'v3' | 'v4';
  readonly ai: typeof Ai;
  /** A provider that speaks to the server at `baseURL`, through `fetch` where one is given. */
  openai(baseURL: string, fetch?: unknown): OpenAIProvider;
  embeddingModel(provider: OpenAIProvider, id: string): EmbeddingModel;
  /** Usage as the specification writes it. */
  usage(input: number, output: number): object;
  finishReason(reason: string): unknown;
}

// The majors are dependencies of test/matrix, and a package manager may put them there or at the root.
const matrix = createRequire(new URL('../matrix/package.json', import.meta.url));

async function load(name: string): Promise<unknown> {
  const manifest = matrix.resolve(`${name}/package.json`);
  const file = join(dirname(manifest), 'dist', name.startsWith('ai7') ? 'index.js' : 'index.mjs');
  return import(pathToFileURL(file).href);
}

async function loadMajor(major: 5 | 6 | 7): Promise<Major> {
  const [sdk, provider] = major === 6 ? ['ai', '@ai-sdk/openai'] : [`ai${major}`, `ai${major}-openai`];
  const ai = (await load(sdk!)) as typeof Ai;
  const { createOpenAI } = (await load(provider!)) as { createOpenAI(options: object): OpenAIProvider };
  const isFlat = major === 5;
  return {
    major,
    specification: ({ 5: 'v2', 6: 'v3', 7: 'v4' } as const)[major],
    ai,
    openai: (baseURL, fetch) => createOpenAI({ baseURL, apiKey: 'sk-test', ...(fetch === undefined ? {} : { fetch }) }),
    embeddingModel: (openai, id) => openai.textEmbeddingModel?.(id) ?? openai.embeddingModel(id),
    usage: (input, output) =>
      isFlat
        ? { inputTokens: input, outputTokens: output, totalTokens: input + output }
        : {
            inputTokens: { total: input, noCache: input, cacheRead: undefined, cacheWrite: undefined },
            outputTokens: { total: output, text: output, reasoning: undefined },
          },
    finishReason: (reason) => (isFlat ? reason : { unified: reason, raw: reason }),
  };
}

/** Lowest, middle and highest major of the peer range. */
export const MAJORS: readonly Major[] = await Promise.all(([5, 6, 7] as const).map(loadMajor));

/** An instance on a recording path, for the option `instance`. */
export function instanceOn({ path, runtime }: RecordingPath): Fusewire {
  return keepParts({} as Fusewire, { path, runtime, providers: new Set() } as unknown as Parts);
}
