/** The middleware that `wrapLanguageModel`, `wrapEmbeddingModel` and `wrapImageModel` of the AI SDK take. */
import { LanguageReader } from './language-reader.js';
import { readLanguageCall } from './language-reading.js';
import { type Begun, beginCall, type LayerCall } from './layer-call.js';
import { MediaReader } from './media-reader.js';
import { type ModelKind, readMediaCall } from './media-reading.js';
import { type AiSdkOptions, createLayer, type Layer, ownMetadataOf, withoutOwnMetadata } from './options.js';
import { readAiProvider } from './provider-names.js';
import type { AiModel, Fields } from './structure.js';
import { streamOf, watchParts } from './watch-parts.js';

/** What a call of a middleware is given besides the model's own method. */
interface Given {
  readonly params: object;
  readonly model: AiModel;
}

/** Takes the call's metadata out of its options, before the provider sees them. */
type TransformParams = <P extends object>(options: { readonly params: P }) => Promise<P>;

/** A middleware for language models: of specification v2 (ai 5), v3 (ai 6) and v4 (ai 7) alike. */
export interface LanguageModelMiddleware {
  /** ai 6 asks for this very word, ai 5 and ai 7 for none. */
  readonly specificationVersion: 'v3';
  readonly transformParams: TransformParams;
  /** Around `doGenerate`. @throws BudgetExceededError before the model is asked */
  readonly wrapGenerate: <R extends object>(options: Given & { doGenerate(): PromiseLike<R> }) => Promise<R>;
  /** Around `doStream`. @throws BudgetExceededError before the model is asked */
  readonly wrapStream: <R extends object>(options: Given & { doStream(): PromiseLike<R> }) => Promise<R>;
}

/** A middleware for embedding models, of ai 6 and ai 7. */
export interface EmbeddingModelMiddleware {
  readonly specificationVersion: 'v3';
  readonly transformParams: TransformParams;
  /** Around `doEmbed`. @throws BudgetExceededError before the model is asked */
  readonly wrapEmbed: <R extends object>(options: Given & { doEmbed(): PromiseLike<R> }) => Promise<R>;
}

/** A middleware for image models, of ai 6 and ai 7. */
export interface ImageModelMiddleware {
  readonly specificationVersion: 'v3';
  readonly transformParams: TransformParams;
  /** Around `doGenerate`. @throws BudgetExceededError before the model is asked */
  readonly wrapGenerate: <R extends object>(options: Given & { doGenerate(): PromiseLike<R> }) => Promise<R>;
}

/**
 * A middleware for `wrapLanguageModel` of ai 5, 6 and 7. Every call of the model, each step of a tool loop on its own,
 * is refused before it is sent while a budget that covers it is used up, and metered once after it ended. Where the
 * model's own client or `fetch` is guarded too, the call is decided and metered once. Metadata of a single call goes into
 * `providerOptions.fusewire`, which no provider sees.
 *
 * @throws FusewireError with code `INVALID_OPTIONS`, listing every problem.
 * @example
 * const model = wrapLanguageModel({ model: openai('gpt-4o-mini'), middleware: fusewireMiddleware() });
 * await generateText({ model, prompt: 'Why?', providerOptions: { fusewire: { agent: 'triage' } } });
 */
export function fusewireMiddleware(options?: AiSdkOptions): LanguageModelMiddleware {
  const layer = createLayer(options);
  const taken = new WeakMap<object, unknown>();
  const begin = ({ params, model }: Given, streaming: boolean) =>
    beginCall(layer, params as Fields, metadataIn(taken, params), () => ({
      request: readLanguageCall(model, params as Fields, streaming),
      reader: new LanguageReader(readAiProvider(model).convention),
    }));
  return {
    specificationVersion: 'v3',
    transformParams: takeMetadata(taken),
    async wrapGenerate(given) {
      return whole(begin(given, false), given.doGenerate);
    },
    async wrapStream(given) {
      return streamed(begin(given, true), given.doStream);
    },
  };
}

/**
 * A middleware for `wrapEmbeddingModel` of ai 6 and 7; see {@link fusewireMiddleware}. ai 5 has none: use
 * {@link guardEmbeddingModel} there. Each request of `embedMany` is a call of its own.
 *
 * @throws FusewireError with code `INVALID_OPTIONS`, listing every problem.
 * @example
 * const model = wrapEmbeddingModel({
 *   model: openai.embeddingModel('text-embedding-3-small'),
 *   middleware: fusewireEmbeddingMiddleware(),
 * });
 */
export function fusewireEmbeddingMiddleware(options?: AiSdkOptions): EmbeddingModelMiddleware {
  const layer = createLayer(options);
  const taken = new WeakMap<object, unknown>();
  return {
    specificationVersion: 'v3',
    transformParams: takeMetadata(taken),
    async wrapEmbed(given) {
      return whole(beginMedia(layer, 'embedding', given, taken), given.doEmbed);
    },
  };
}

/**
 * A middleware for `wrapImageModel` of ai 6 and 7; see {@link fusewireMiddleware}. ai 5 has none: use
 * {@link guardImageModel} there.
 *
 * @throws FusewireError with code `INVALID_OPTIONS`, listing every problem.
 */
export function fusewireImageMiddleware(options?: AiSdkOptions): ImageModelMiddleware {
  const layer = createLayer(options);
  const taken = new WeakMap<object, unknown>();
  return {
    specificationVersion: 'v3',
    transformParams: takeMetadata(taken),
    async wrapGenerate(given) {
      return whole(beginMedia(layer, 'image', given, taken), given.doGenerate);
    },
  };
}

/**
 * Begins a call of a model that is no language model. `taken` holds the metadata of options from which it was taken.
 *
 * @throws BudgetExceededError when a budget that covers the call is used up; nothing else.
 */
export function beginMedia(
  layer: Layer,
  kind: ModelKind,
  { params, model }: Given,
  taken: WeakMap<object, unknown>,
  streaming = false,
): Begun {
  return beginCall(layer, params as Fields, metadataIn(taken, params), () => ({
    request: readMediaCall(kind, model, params as Fields, streaming),
    reader: new MediaReader(kind),
  }));
}

/** Runs a call that answers in one piece. Its result and its errors pass unchanged. */
export async function whole<R>(begun: Begun, ask: () => PromiseLike<R>): Promise<R> {
  const call = begun instanceof Promise ? await begun : begun;
  const result = await called(call, ask);
  call?.whole(result);
  return result;
}

/** Runs a call that answers in a stream. Its parts and its errors pass unchanged. */
export async function streamed<R extends object>(begun: Begun, ask: () => PromiseLike<R>): Promise<R> {
  const call = begun instanceof Promise ? await begun : begun;
  const result = await called(call, ask);
  if (call === undefined) return result;
  const stream = streamOf(result);
  if (stream === undefined) {
    call.whole(undefined);
    return result;
  }
  call.answered();
  return { ...result, stream: watchParts(stream, call) };
}

async function called<R>(call: LayerCall | undefined, ask: () => PromiseLike<R>): Promise<R> {
  if (call === undefined) return ask();
  try {
    return await call.run(ask);
  } catch (error) {
    call.failed(error);
    throw error;
  }
}

function takeMetadata(taken: WeakMap<object, unknown>): TransformParams {
  return async ({ params }) => {
    const metadata = ownMetadataOf(params as Fields);
    const left = withoutOwnMetadata(params);
    if (left !== params) taken.set(left, metadata);
    return left;
  };
}

function metadataIn(taken: WeakMap<object, unknown>, params: object): unknown {
  return taken.has(params) ? taken.get(params) : ownMetadataOf(params as Fields);
}
