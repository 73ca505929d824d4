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

/** Each overload of `F` once more, with `usageMetadata` in its first argument. Inference sees four overloads. */
type WidenedMethod<F> = F extends {
  (...args: infer A1): infer R1;
  (...args: infer A2): infer R2;
  (...args: infer A3): infer R3;
  (...args: infer A4): infer R4;
}
  ? {
      (...args: Widen<A1>): R1;
      (...args: Widen<A2>): R2;
      (...args: Widen<A3>): R3;
      (...args: Widen<A4>): R4;
    }
  : never;

/** Methods whose request is not generic; the generic ones (`parse`, `stream`, `runTools`) take extra fields as they are. */
type CallMethod = 'create' | 'chat' | 'generate' | 'embed' | 'embeddings' | 'edit' | 'createVariation' | 'compact';
/** Properties on the way to such a method. */
type Resource =
  | ('chat' | 'completions' | 'responses' | 'embeddings' | 'beta')
  | ('images' | 'audio' | 'speech' | 'transcriptions' | 'translations' | 'moderations' | 'videos')
  // Anthropic's clients.
  | ('messages' | 'batches')
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
 * A client that is guarded and metered. It is the same object as before, so it fits wherever `T` fits; its calls also
 * take `usageMetadata`.
 */
export type Guarded<T extends object> = T & Widened<T>;
