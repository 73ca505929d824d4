/** Estimates tokens of a text, for what an aborted answer cost (I5). Never for bounds: it may be too low. */

/** Never throws, never waits. */
export interface TokenEstimator {
  /** Whole tokens; 0 only for an empty text. */
  readonly estimate: (text: string) => number;
  /** Resolves when the better estimate is in use, or cannot be. */
  readonly loaded: Promise<void>;
}

/** Four bytes a token: what the better estimate replaces once it is loaded. */
const BYTES_PER_TOKEN = 4;
/** A longer text is estimated from samples: 64 KB of prose would take the event loop for 4 ms, of Thai for more. */
const WHOLE_TEXT_CHARACTERS = 16 * 1024;
const SAMPLES = 4;

type Estimate = (text: string) => number;

/**
 * Creates an estimator. The package `tokenx` is loaded in the background (it has no CommonJS build); until it is there,
 * and where it cannot be, UTF-8 bytes over four are taken, rounded up.
 */
export function createTokenEstimator(load: () => Promise<Estimate> = loadTokenx): TokenEstimator {
  let best: Estimate = byBytes;
  const loaded = load().then(
    (estimate) => {
      best = estimate;
    },
    () => {},
  );
  return {
    loaded,
    estimate(text) {
      if (typeof text !== 'string' || text === '') return 0;
      return Math.max(1, Math.ceil(estimateSafely(best, text)));
    },
  };
}

async function loadTokenx(): Promise<Estimate> {
  const { estimateTokenCount } = await import('tokenx');
  return (text) => estimateTokenCount(text);
}

function estimateSafely(estimate: Estimate, text: string): number {
  try {
    const tokens = text.length <= WHOLE_TEXT_CHARACTERS ? estimate(text) : estimateSampled(estimate, text);
    return Number.isFinite(tokens) && tokens >= 0 ? tokens : byBytes(text);
  } catch {
    return byBytes(text);
  }
}

/** Samples spread evenly over the text, scaled to its length. */
function estimateSampled(estimate: Estimate, text: string): number {
  const size = WHOLE_TEXT_CHARACTERS / SAMPLES;
  const step = (text.length - size) / (SAMPLES - 1);
  let tokens = 0;
  for (let i = 0; i < SAMPLES; i += 1) {
    const from = Math.floor(i * step);
    tokens += estimate(text.slice(from, from + size));
  }
  return (tokens * text.length) / WHOLE_TEXT_CHARACTERS;
}

function byBytes(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN);
}
