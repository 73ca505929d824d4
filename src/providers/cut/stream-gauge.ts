/**
 * What is known of a streamed answer while it passes: how much output it has had, and how it can be ended now so that its
 * reader takes the end for a normal one. Pure; shared by the instruments and the gateway.
 */

/** Watches one streamed answer. Never throws on a shape that it does not know. */
export interface StreamGauge {
  /** Output tokens that have passed, reasoning and the arguments of tool calls included. */
  readonly outputTokens: number;
  /** Those of them that the provider counts beside its output: Google's thoughts. */
  readonly tokensAside: number;
  /** The answer has told its own end, or an error: nothing is left to be ended. */
  readonly isOver: boolean;
  /** Takes the data of one event of an event stream, `[DONE]` included, or one line of JSON; in order. */
  data(text: string): void;
  /** Takes one such event as it was parsed. */
  chunk(value: unknown): void;
  /**
   * The bytes that end the answer behind the last event that was taken, as its provider ends one that reached the limit of
   * its output; empty where it is over.
   */
  ending(): Buffer;
}

/** What an ending needs and the answer need not have told. */
export interface GaugeOptions {
  /** Tokens of the prompt, where an ending has to name them and the provider has not. */
  readonly inputTokens: () => number;
  /** Wall clock, ms. */
  readonly nowMs: () => number;
  /** A fresh id, for an answer that is ended before it told its own. */
  readonly newId: () => string;
  /** Whether the caller asked for usage at the end; absent: told by the chunks. */
  readonly isUsageAsked?: boolean | undefined;
}

/** No bytes. */
export const NO_ENDING: Buffer = Buffer.alloc(0);

/** One event of an event stream without a name. */
export function dataEvent(value: unknown): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}

/** One event whose name is its type. */
export function namedEvent(value: { readonly type: string }): string {
  return `event: ${value.type}\n${dataEvent(value)}`;
}

/** The value of a JSON text, or `undefined`. */
export function parsedOrNothing(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
