/** How long answers become as a rule, by model and caller: what a call without a limit is expected to have (DESIGN section 5). */

/** Answers after which their lengths say something. */
export const CALLS_MIN = 50;
/** Models with callers that are remembered; of more, those go that were used longest ago (I10). */
export const KEYS_MAX = 2_000;
/** Of so many answers the older half is forgotten by degrees: habits change. */
const CALLS_KEPT = 1_000;
const SHARE = 0.99;
/** Eight steps for each doubling: an answer is told to 9 %, from 1 to 2^24 tokens. */
const STEPS_A_DOUBLING = 8;
const STEPS = 24 * STEPS_A_DOUBLING + 1;

/** Lengths of answers. Bounded, whatever callers are called. */
export class OutputStatistics {
  readonly #byKey = new Map<string, Lengths>();
  readonly #keysMax: number;

  constructor(keysMax: number = KEYS_MAX) {
    this.#keysMax = keysMax;
  }

  /** An answer of so many tokens came. What is no count is passed over. */
  observe(model: string, caller: string, outputTokens: number): void {
    if (!Number.isFinite(outputTokens) || outputTokens < 0) return;
    const key = keyOf(model, caller);
    const lengths = this.#byKey.get(key) ?? new Lengths();
    // The order of a map is that of use.
    this.#byKey.delete(key);
    this.#byKey.set(key, lengths);
    lengths.add(outputTokens);
    if (this.#byKey.size <= this.#keysMax) return;
    const oldest = this.#byKey.keys().next();
    if (oldest.done !== true) this.#byKey.delete(oldest.value);
  }

  /** At least the length that 99 of 100 answers did not exceed; `undefined` before {@link CALLS_MIN} of them. */
  p99(model: string, caller: string): number | undefined {
    return this.#byKey.get(keyOf(model, caller))?.quantile(SHARE);
  }

  get keys(): number {
    return this.#byKey.size;
  }
}

/** Callers name both, and a long name is not kept: what it is cut to is shared. */
const NAME_MAX = 256;

function keyOf(model: string, caller: string): string {
  return `${model.slice(0, NAME_MAX)}\n${caller.slice(0, NAME_MAX)}`;
}

/** A histogram with steps that grow with what they count. */
class Lengths {
  readonly #counts = new Uint16Array(STEPS);
  #calls = 0;

  add(tokens: number): void {
    if (this.#calls >= CALLS_KEPT) this.#halve();
    const step = tokens <= 1 ? 0 : Math.min(Math.ceil(Math.log2(tokens) * STEPS_A_DOUBLING), STEPS - 1);
    this.#counts[step]! += 1;
    this.#calls += 1;
  }

  quantile(share: number): number | undefined {
    if (this.#calls < CALLS_MIN) return undefined;
    let left = Math.ceil(this.#calls * share);
    for (let step = 0; step < STEPS; step += 1) {
      left -= this.#counts[step]!;
      if (left <= 0) return Math.ceil(2 ** (step / STEPS_A_DOUBLING));
    }
    return undefined;
  }

  #halve(): void {
    this.#calls = 0;
    for (let step = 0; step < STEPS; step += 1) {
      // Rounded up, so that a rare long answer is not forgotten at once.
      this.#counts[step] = (this.#counts[step]! + 1) >> 1;
      this.#calls += this.#counts[step]!;
    }
  }
}
