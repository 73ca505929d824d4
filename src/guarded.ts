/** The type of a guarded client: the client's own type, whose calls also take `usageMetadata`. */
import type { UsageMetadata } from './usage-metadata.js';

/** What a guarded call takes beside the provider's own fields. Removed before the request leaves. */
export interface WithUsageMetadata {
  readonly usageMetadata?: UsageMetadata;
}

type SomeFunction = (...args: never[]) => unknown;

type Widen<A extends readonly unknown[]> = A extends readonly [infer Body, ...infer Rest]
  ? [body: Body & WithUsageMetadata, ...rest: Rest]
  : A;

/** Each overload of `F` once more, with `usageMetadata` in its first argument. Inference sees six overloads. */
type WidenedMethod<F> = F extends {
  (...args: infer A1): infer R1;
  (...args: infer A2): infer R2;
  (...args: infer A3): infer R3;
  (...args: infer A4): infer R4;
  (...args: infer A5): infer R5;
  (...args: infer A6): infer R6;
}
  ? {
      (...args: Widen<A1>): Result<R1>;
      (...args: Widen<A2>): Result<R2>;
      (...args: Widen<A3>): Result<R3>;
      (...args: Widen<A4>): Result<R4>;
      (...args: Widen<A5>): Result<R5>;
      (...args: Widen<A6>): Result<R6>;
    }
  : never;

/** A chat of Google's client is made by one call and takes others. */
type Result<R> = R extends { sendMessage: SomeFunction } ? R & Widened<R> : R;

/** Methods whose request is not generic; the generic ones (`parse`, `stream`, `runTools`) take extra fields as they are. */
type CallMethod =
  | ('create' | 'chat' | 'generate' | 'embed' | 'embeddings' | 'edit' | 'createVariation' | 'compact')
  // Google's client.
  | ('generateContent' | 'generateContentStream' | 'embedContent' | 'generateImages' | 'editImage' | 'upscaleImage')
  | ('recontextImage' | 'segmentImage' | 'generateVideos' | 'sendMessage' | 'sendMessageStream' | 'connect')
  | 'createEmbeddings';
/** Properties on the way to such a method. */
type Resource =
  | ('chat' | 'completions' | 'responses' | 'embeddings' | 'beta')
  | ('images' | 'audio' | 'speech' | 'transcriptions' | 'translations' | 'moderations' | 'videos')
  // Anthropic's clients.
  | ('messages' | 'batches')
  // Google's client.
  | ('models' | 'chats' | 'caches' | 'interactions' | 'live' | 'music')
  // Perplexity's own client.
  | ('search' | 'async' | 'contextualizedEmbeddings');

type Widened<T> = {
  readonly [K in keyof T as K extends CallMethod | Resource ? K : never]: T[K] extends SomeFunction
    ? WidenedMethod<T[K]>
    : T[K] extends object
      ? Widened<T[K]>
      : unknown;
};

/**
 * fal's clients: their methods are generic over the endpoint, so each is there once more, with any endpoint and options
 * that carry metadata.
 */
type WidenedFal<T> = T extends { readonly queue: infer Q; run: infer R; subscribe: infer S; stream: infer M }
  ? {
      run: FalMethod<R>;
      subscribe: FalMethod<S>;
      stream: FalMethod<M>;
      readonly queue: Q extends { submit: infer U; result: infer V }
        ? { submit: FalMethod<U>; result: FalMethod<V> }
        : unknown;
    }
  : unknown;
type FalMethod<F> = F extends (endpointId: never, options: never) => infer R
  ? (endpointId: string, options: Record<string, unknown> & WithUsageMetadata) => R
  : never;

/**
 * A client that is guarded and metered. It is the same object as before, so it fits wherever `T` fits; its calls also
 * take `usageMetadata`.
 */
export type Guarded<T extends object> = T & Widened<T> & WidenedFal<T>;
