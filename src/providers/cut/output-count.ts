/** Counts the output of an answer while it passes. Pure. */

/** What a token covers as a rule. */
const BYTES_PER_TOKEN = 4;
/** No provider's tokens are longer on average: a running total that says so is none. */
const BYTES_PER_TOKEN_MAX = 32;

/**
 * Tokens that have passed: by the provider's own running total where it sends one, and by the text that came since. A
 * piece of text is at least one token (most servers send each by itself), and all of them at least a quarter of their bytes.
 */
export class OutputCount {
  #reported = 0;
  #bytes = 0;
  #pieces = 0;

  /** A piece of text, of reasoning or of a tool call's arguments. */
  text(value: unknown): void {
    if (typeof value !== 'string' || value === '') return;
    this.#pieces += 1;
    this.#bytes += Buffer.byteLength(value);
  }

  /** What the provider says that the output takes so far, this event included. */
  reported(tokens: number | undefined): void {
    if (tokens === undefined || tokens <= this.#reported) return;
    if ((tokens - this.#reported) * BYTES_PER_TOKEN_MAX < this.#bytes) return;
    this.#reported = tokens;
    this.#bytes = 0;
    this.#pieces = 0;
  }

  /** Tokens so far. */
  get tokens(): number {
    return this.#reported + Math.max(this.#pieces, Math.ceil(this.#bytes / BYTES_PER_TOKEN));
  }
}
