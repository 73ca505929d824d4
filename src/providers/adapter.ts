/**
 * What a provider adapter is: two pure halves, read the request and read the usage. No adapter imports a provider's
 * package; requests and answers are described structurally. The gateway uses the same adapters.
 */

import type { CallBound } from '../bound/types.js';
import type { MediaFields } from '../wire/usage-event.js';

/** The operation types that the wire knows (contract 5.8). */
export type OperationType =
  | 'CHAT'
  | 'GENERATE'
  | 'EMBED'
  | 'CLASSIFY'
  | 'SUMMARIZE'
  | 'TRANSLATE'
  | 'OTHER'
  | 'TOOL_CALL'
  | 'RERANK'
  | 'SEARCH'
  | 'MODERATION'
  | 'VISION'
  | 'TRANSFORM'
  | 'GUARDRAIL'
  | 'AUDIO'
  | 'VIDEO'
  | 'IMAGE';

/** Why an answer ended (contract 5.8). */
export type StopReason =
  | 'END'
  | 'END_SEQUENCE'
  | 'TIMEOUT'
  | 'TOKEN_LIMIT'
  | 'COST_LIMIT'
  | 'COMPLETION_LIMIT'
  | 'ERROR'
  | 'CANCELLED';

/** One HTTP request to a provider, as far as an adapter reads it. */
export interface ProviderRequest {
  /** Upper case. */
  readonly method: string;
  readonly url: string;
  /** The parsed JSON body, or `undefined` where there is none or it is not JSON. */
  readonly body: unknown;
}

/** What the request says: everything that is known of an attempt before it is sent. */
export interface RequestReading {
  /** The endpoint's name, for logs and attributes: `chat.completions`, `responses`, `api.chat` … */
  readonly endpoint: string;
  /** Whether the adapter knows this endpoint. An unknown one is let pass and flagged (I1). */
  readonly known: boolean;
  /** Wire names, contract 6.2. */
  readonly provider: string;
  readonly modelSource: string;
  readonly operationType: OperationType;
  readonly operationSubtype?: string;
  readonly model?: string;
  readonly streaming: boolean;
  readonly temperature?: number;
  /** The text of the prompt, for the estimate of an aborted attempt. Computed only when called. */
  promptText(): string;
  /** Whether the provider's response id is unique within a team for ever (I4). */
  readonly idsAreUnique: boolean;
  /**
   * The attempt asks for work that already was metered or that is metered elsewhere (a read of a background response):
   * `poll` is metered when its answer is a finished response, and once only.
   */
  readonly kind: 'call' | 'poll' | 'free';
  /** The host, where `provider` had to be assumed from the protocol that is spoken to it. */
  readonly assumedHost?: string;
  /** Set by adapters from outside, whose convention no service knows: it travels with the event. */
  readonly tokenConvention?: TokenConvention | undefined;
  /** The request carries images (contract 5.3). */
  readonly hasVisionContent?: boolean;
  /** What is to be made or heard, as far as the request says it: images asked for, characters to speak. */
  readonly media?: MediaFields;
  /** The tier that was asked for, and BATCH where the provider's batch price applies. */
  readonly requestedServiceTier?: string;
  readonly pricingTier?: 'STANDARD' | 'BATCH';
  /** Our own facts about the request, for the event's `attributes`. Names that the event itself uses are not replaced. */
  readonly attributes?: Readonly<Record<string, unknown>>;
  /** The prompt as capture keeps it (contract 5.12). Called only where capture is on. */
  prompts?(): CapturedPrompts;
  /**
   * The most that the request can consume; `assumedOutputTokens` is taken for the output where it names no limit. Computed
   * only when called: where a hard budget concerns the call. Absent: the adapter does not know.
   */
  bound?(assumedOutputTokens: number): CallBound;
}

/** What capture keeps of a request. */
export interface CapturedPrompts {
  /** System and developer messages as text. */
  readonly systemPrompt?: string | undefined;
  /** Every other message, in order, in the provider's own shape; media may still be in there. */
  readonly inputMessages?: readonly unknown[] | undefined;
}

/** Where a provider counts tokens that have a price of their own, so that nothing is priced twice. */
export interface TokenConvention {
  /** Whether cache reads are part of the input count. */
  readonly cacheRead: 'inside' | 'outside';
  readonly cacheWrite: 'inside' | 'outside';
  /** Whether reasoning tokens are part of the output count. */
  readonly reasoning: 'inside' | 'outside';
}

/** What the answer says. A count that the provider did not give is `undefined`, never 0. */
export interface UsageReading {
  readonly responseId?: string;
  /** The model that answered. */
  readonly model?: string;
  readonly inputTokens?: number;
  readonly outputTokens?: number;
  readonly totalTokens?: number;
  readonly reasoningTokens?: number;
  readonly cacheReadTokens?: number;
  readonly cacheWriteTokens?: number;
  readonly stopReason?: StopReason;
  readonly systemFingerprint?: string;
  readonly serviceTier?: string;
  /** An error that arrived inside the answer (under HTTP 200 too). */
  readonly errorReason?: string;
  /** The answer says that work goes on elsewhere (a background response): nothing to meter yet. */
  readonly pending?: boolean;
  /** A terminal event was seen: a stop of the reader after it is not an abort. */
  readonly finished: boolean;
  /** Text that was received so far, for the estimate where no usage came. */
  readonly outputText: string;
  /** The provider's usage object as sent. */
  readonly rawUsage?: unknown;
  /** Corrections of the wire names that only the answer reveals (Ollama behind the OpenAI client). */
  readonly provider?: string;
  readonly modelSource?: string;
  readonly idsAreUnique?: boolean;
  /** Likewise: what was really done, where the request only let it be guessed (fal.ai, contract 6.5). */
  readonly operationType?: OperationType;
  readonly operationSubtype?: string;
  /**
   * The counts are not the last ones, or not all: the event is marked as estimated, with at least these counts and at
   * least the output that {@link outputText} takes.
   */
  readonly isPartial?: boolean;
  /** The answer has a shape in which nothing that is counted can be found: without counts the usage is `unknown`. */
  readonly isUnknownShape?: boolean;
  /** How fast the provider says it answered, where that has a price of its own: Anthropic's `fast`. */
  readonly speed?: string;
  /** Anthropic's two kinds of cache writes; `cacheWriteTokens` is their sum. */
  readonly cacheWrite5mTokens?: number;
  readonly cacheWrite1hTokens?: number;
  /** What was made or heard. */
  readonly media?: MediaFields;
  /** What the provider itself says that the attempt cost, in US dollars; it wins over any catalogue. */
  readonly totalCostUsd?: number;
  /** Our own facts about the answer, for the event's `attributes`: searches that are billed apart, billable units. */
  readonly attributes?: Readonly<Record<string, unknown>>;
}

/** Reads one answer, whole or in chunks. Never throws on a shape that it does not know. */
export interface UsageReader {
  /** The head of the answer, before its body; `header` takes a name in lower case. Only where answers come over fetch. */
  responseHead?(status: number, header: (name: string) => string | undefined): void;
  /** The parsed body of an answer that was not streamed. */
  whole(body: unknown): void;
  /** The body of such an answer where it is no JSON. */
  text?(text: string): void;
  /** Such a body says nothing (sound, a file) and is not kept to be read. */
  readonly ignoresWhole?: boolean;
  /** One parsed chunk of a streamed answer, in order. */
  chunk(data: unknown): void;
  /**
   * Takes a chunk as its JSON text, where that can be read without parsing it; most chunks of a stream only add a few
   * characters of text. `false`: nothing was taken, and the chunk is to be parsed and given to `chunk`.
   */
  skim?(data: string): boolean;
  /** What is known by now. */
  reading(): UsageReading;
}

/** One provider. */
export interface ProviderAdapter {
  readonly name: string;
  readonly tokenConvention: TokenConvention;
  /** Reads a request, or `undefined` where the request is none of this provider's. Never throws. */
  readRequest(request: ProviderRequest): RequestReading | undefined;
  createUsageReader(request: RequestReading): UsageReader;
}
