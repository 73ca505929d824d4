/** Reads what an answer of the Responses API says of its usage: whole, streamed, in the background, polled. */
import type { UsageReading } from './adapter.js';
import { OpenAIReader } from './openai-reader.js';
import { responseStopReason } from './openai-stop-reason.js';
import { ToolCount } from './openai-tool-count.js';
import { recordOf, textOf } from './values.js';

const TERMINAL = new Set(['response.completed', 'response.failed', 'response.incomplete', 'response.cancelled']);

/** Responses. A response that works in the background is `pending` until its end is read. */
export class ResponsesReader extends OpenAIReader {
  /** A read of a response is metered only where it is a background one: any other was metered when it was made. */
  readonly #isPoll: boolean;
  #tools = new ToolCount();

  constructor(isPoll: boolean) {
    super();
    this.#isPoll = isPoll;
  }

  whole(body: unknown): void {
    const response = recordOf(body);
    if (response === undefined) return;
    this.#response(response, true);
    for (const item of listOf(response['output'])) this.#item(recordOf(item));
  }

  chunk(data: unknown): void {
    const event = recordOf(data);
    if (event === undefined) return;
    const type = textOf(event['type']) ?? '';
    // Audio comes in deltas too; its base64 is no text.
    if (type.endsWith('.delta') && !type.includes('audio')) this.addText(event['delta']);
    if (type === 'response.output_item.done') this.#tools.add(recordOf(event['item']));
    const response = recordOf(event['response']);
    if (response !== undefined) this.#response(response, TERMINAL.has(type));
    if (type === 'error') this.error(event['error'] ?? event);
    else if (event['error'] !== undefined) this.error(event['error']);
  }

  #response(response: Record<string, unknown>, isFinal: boolean): void {
    this.head(response);
    this.usage(response['usage']);
    const status = textOf(response['status']);
    const stopReason = responseStopReason(status, textOf(recordOf(response['incomplete_details'])?.['reason']));
    const inBackground = response['background'] === true;
    const working = stopReason === undefined;
    this.pending = working && (inBackground || isFinal);
    if (working || !isFinal) return;
    this.stopReason = stopReason;
    this.finished = !this.#isPoll || inBackground;
    this.#countTools(response);
    if (status === 'failed') this.error(response['error'] ?? 'the response failed');
  }

  override reading(): UsageReading {
    Object.assign(this.facts, this.#tools.facts());
    return super.reading();
  }

  /** The last word counts; what items of a stream said before is the same once more. */
  #countTools(response: Record<string, unknown>): void {
    const output = listOf(response['output']);
    if (output.length > 0) this.#tools = new ToolCount();
    for (const item of output) this.#tools.add(recordOf(item));
    this.#tools.total(recordOf(response['tool_usage']));
  }

  #item(item: Record<string, unknown> | undefined): void {
    this.addText(item?.['arguments']);
    for (const part of [...listOf(item?.['content']), ...listOf(item?.['summary'])]) {
      this.addText(recordOf(part)?.['text']);
      this.addText(recordOf(part)?.['refusal']);
    }
  }
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
