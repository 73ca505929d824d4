/** The adapter for an upstream, and what it reads of a request there. */
import {
  anthropicAdapter,
  type OpenAIRequestReading,
  ollamaAdapter,
  openaiAdapter,
  type ProviderAdapter,
  type RequestReading,
  readOpenAIRequest,
} from 'fusewire/internal';
import type { ConfiguredUpstream } from '../configured-upstream.js';
import { withKeptReasons } from '../forward/kept-reason.js';
import type { Dialect } from '../types.js';

/** A request as the gateway sends it. */
export interface SentRequest {
  readonly method: string;
  /** Path and query for the upstream. */
  readonly path: string;
  readonly fields: Readonly<Record<string, unknown>>;
  /** What it is decided, priced and metered by; absent for requests without a model. */
  readonly model: string | undefined;
}

/** A reading, with the adapter for its answer. */
export interface UpstreamReading {
  readonly adapter: ProviderAdapter;
  readonly reading: RequestReading;
  /** Whether `stream_options.include_usage` may be asked for. */
  readonly takesIncludeUsage: boolean;
}

/** Adapters tell Ollama by its port or name, and an upstream can be anywhere: what is configured is certain. */
const OLLAMA_ORIGIN = 'http://ollama';

/**
 * Reads a request to `upstream` in the protocol of its caller. The provider is the one that the event will have: budgets
 * by provider meet the call before and after. Ids are never taken for unique.
 */
export function readForUpstream(
  upstream: ConfiguredUpstream,
  dialect: Dialect,
  sent: SentRequest,
): UpstreamReading | undefined {
  const origin = upstream.protocol === 'ollama' ? OLLAMA_ORIGIN : upstream.origin;
  const request = { method: sent.method, url: `${origin}${sent.path}`, body: sent.fields };
  const adapter = ADAPTERS[dialect];
  const found = dialect === 'openai' ? readOpenAIRequest(request) : adapter.readRequest(request);
  if (found === undefined) return undefined;
  const reading = found as { -readonly [K in keyof RequestReading]: RequestReading[K] };
  reading.idsAreUnique = false;
  if (upstream.provider !== undefined) {
    reading.provider = upstream.provider;
    reading.modelSource = upstream.provider;
  }
  const { model } = sent;
  const asked = reading.model;
  if (model !== undefined) reading.model = model;
  const isBilledAs = model !== undefined || upstream.provider !== undefined;
  const takesIncludeUsage =
    (found as Partial<OpenAIRequestReading>).takesIncludeUsage === true || upstream.takesIncludeUsage;
  return {
    adapter: isBilledAs ? asBilled(adapter, reading, upstream.protocol === 'ollama' ? undefined : asked) : adapter,
    reading,
    takesIncludeUsage,
  };
}

const ADAPTERS: Readonly<Record<Dialect, ProviderAdapter>> = {
  openai: withKeptReasons(openaiAdapter),
  anthropic: withKeptReasons(anthropicAdapter),
  ollama: withKeptReasons(ollamaAdapter),
};

/**
 * A model of Ollama is what it was asked for, whatever name its answer bears: a price holds by name, and by another one
 * the call could be free. And a provider whose name is configured keeps it. So that an event is of the model and the
 * provider that were decided on. `asked`: absent for Ollama.
 */
function asBilled(adapter: ProviderAdapter, billed: RequestReading, asked: string | undefined): ProviderAdapter {
  return {
    ...adapter,
    createUsageReader(request) {
      const reader = adapter.createUsageReader(request);
      const original = reader.reading.bind(reader);
      reader.reading = () => {
        const reading = original();
        const isOther = asked !== undefined && reading.model !== undefined && reading.model !== asked;
        const model = isOther ? reading.model : billed.model;
        const { provider: _, modelSource: __, ...rest } = reading;
        return { ...rest, ...(model === undefined ? {} : { model }) };
      };
      return reader;
    },
  };
}
