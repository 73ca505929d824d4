/**
 * Tools that OpenAI runs itself within a response and bills apart from its tokens: searches by the call, images by
 * tokens of another model. No price is made of them here; the event names them in its `attributes`.
 */
import { countOf, recordOf } from './values.js';

const BY_TYPE: ReadonlyMap<unknown, string> = new Map([
  ['web_search_call', 'webSearches'],
  ['file_search_call', 'fileSearches'],
  ['code_interpreter_call', 'codeInterpreterCalls'],
  ['image_generation_call', 'imageGenerations'],
]);

/** Counts the output items of one response that are such calls. */
export class ToolCount {
  readonly #counts: Record<string, number> = {};

  /** One output item. A page that is opened or searched through is part of the search before it, and free. */
  add(item: Record<string, unknown> | undefined): void {
    const name = BY_TYPE.get(item?.['type']);
    if (name === undefined) return;
    const action = recordOf(item?.['action'])?.['type'];
    if (name === 'webSearches' && action !== undefined && action !== 'search') return;
    this.#counts[name] = (this.#counts[name] ?? 0) + 1;
  }

  /** `tool_usage`, which newer answers carry, is OpenAI's own count. */
  total(usage: Record<string, unknown> | undefined): void {
    this.#put('webSearches', recordOf(usage?.['web_search'])?.['num_requests']);
    const image = recordOf(usage?.['image_gen']);
    this.#put('imageToolInputTokens', image?.['input_tokens']);
    this.#put('imageToolOutputTokens', image?.['output_tokens']);
  }

  /** For the event's `attributes`: only what there was. */
  facts(): Readonly<Record<string, number>> {
    return this.#counts;
  }

  #put(name: string, value: unknown): void {
    const count = countOf(value) ?? 0;
    if (count > 0) this.#counts[name] = count;
  }
}
