/** The last differences of a feed, so that a client that has one of the last versions is told only what changed. */
import type { StepDraft } from './step-draft.js';

/** Steps that are kept: whoever watches is a few behind, whoever polls by the minute takes the whole where more happened. */
const STEPS_MAX = 1_024;
/** UTF-16 code units of all steps. */
const CHARS_MAX = 4 * 1_048_576;

interface Link {
  readonly from: string;
  readonly text: string | undefined;
}

/** Each link leads from one ETag to the next. */
export class FeedChain {
  #links: Link[] = [];
  #chars = 0;

  /** Adds what leads from one version to the next. A difference that is too long breaks the chain. */
  add(from: string, draft: StepDraft): void {
    if (draft.tooLong) {
      this.clear();
      return;
    }
    const text = draft.empty ? undefined : draft.text();
    this.#links.push({ from, text });
    this.#chars += text?.length ?? 0;
    while (this.#links.length > STEPS_MAX || this.#chars > CHARS_MAX) {
      this.#chars -= this.#links.shift()?.text?.length ?? 0;
    }
  }

  /** Forgets all: from here on only later versions are known. */
  clear(): void {
    this.#links = [];
    this.#chars = 0;
  }

  /** The steps since the version `etag`; `undefined` where they are not known any more. */
  since(etag: string): readonly string[] | undefined {
    const start = this.#links.findLastIndex(({ from }) => from === etag);
    if (start < 0) return undefined;
    return this.#links.slice(start).flatMap(({ text }) => text ?? []);
  }
}
