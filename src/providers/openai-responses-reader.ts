/** Reads what an answer of the Responses API says of its usage: whole, streamed, in the background, polled. */
import { OpenAIReader } from './openai-reader.js';
import { responseStopReason } from './openai-stop-reason.js';
import { recordOf, textOf } from './openai-usage.js';

const TERMINAL = new Set(['response.completed', 'response.failed', 'response.incomplete', 'response.cancelled']);

/** Responses. A response that works in the background is `pending` until its end is read. */
export class ResponsesReader extends OpenAIReader {
  /** A read of a response is metered only where it is a background one: any other was metered when it was made. */
  readonly #isPoll: boolean;

  constructor(isPoll: boolean) {
    super();
    this.#isPoll = isPoll;
  }

  whole(body: unknown): void {
    const response = recordOf(body);
    if (response === undefined) return;
    this.#response(response, true);
    if (!Array.isArray(response['output'])) return;
    for (const item of response['output']) this.#item(recordOf(item));
  }

  chunk(data: unknown): void {
    const event = recordOf(data);
    if (event === undefined) return;
    const type = textOf(event['type']) ?? '';
    // Audio comes in deltas too; its base64 is no text.
    if (type.endsWith('.delta') && !type.includes('audio')) this.addText(event['delta']);
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
    if (status === 'failed') this.error(response['error'] ?? 'the response failed');
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
