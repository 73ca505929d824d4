/** What a call can consume at most, and what it costs at most by a service's prices (DESIGN section 5). */

/** Tokens for the output of a call that names no limit, as long as no control says another number (DESIGN section 5). */
export const ASSUMED_OUTPUT_TOKENS = 4_096;

/** The most that a call can consume; every count is an upper bound. Plain JSON. */
export interface CallBound {
  /** UTF-8 bytes of the text, and allowances for media, files and tools. */
  readonly inputTokensMax: number;
  /** The output limit of the request times its choices, or what is assumed where it names none. */
  readonly outputTokensMax: number;
  /** Whether the request itself limits its output. */
  readonly isOutputLimited: boolean;
  /** Where it does not: what was assumed for one answer. A control that assumes another number counts in proportion. @defaultValue 4,096 */
  readonly assumedOutputTokens?: number | undefined;
  readonly images: number;
  readonly characters: number;
  /** Seconds of sound or film that can be made or heard; 0 where none is. */
  readonly mediaSeconds: number;
  /** Caches that the call can write: `short` those of minutes, `long` those of an hour too. Absent: `long`. */
  readonly cacheWrites?: 'none' | 'short' | 'long';
  /** Sound among the tokens, which has prices of its own. Absent: there can be. */
  readonly hasSound?: boolean;
  /** Tiers that it can be billed by, beside the standard one; in lower case. */
  readonly tiers?: readonly string[];
  /** Why the counts can be exceeded: what is consumed is not in the request (a search of the provider's, a file behind a URL). */
  readonly unbounded?: string;
}

/** What a call consumed, or what is expected of it. Plain JSON. */
export interface CallCounts {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly images?: number;
  readonly characters?: number;
  readonly mediaSeconds?: number;
}

/**
 * One way in which a call can be billed, as an upper bound that is linear in what it consumes: `request + Σ count × rate`.
 * Integers as decimal text: nano-dollars for a request, pico-dollars for one token, image, character or second.
 */
export interface RateLine {
  readonly requestNano: string;
  /** By the length of the input, ascending; the last step whose `aboveInputTokens` is exceeded holds. The first is -1. */
  readonly steps: readonly {
    readonly aboveInputTokens: number;
    readonly inputPico: string;
    readonly outputPico: string;
  }[];
  readonly imagePico: string;
  readonly characterPico: string;
  readonly secondPico: string;
}

/**
 * The bound of a price (I5). `known`: the dearest of `lines` counts. `free`: costs nothing, declared by a person. `unknown`:
 * nobody knows what such calls cost.
 */
export interface RateBound {
  readonly state: 'known' | 'free' | 'unknown';
  readonly lines: readonly RateLine[];
}
