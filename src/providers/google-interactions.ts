/** Google's interactions: one endpoint for models and agents, streamed, whole or in the background. */
import { isRecord } from '../wire/is-record.js';
import type { StopReason, UsageReader, UsageReading } from './adapter.js';
import { googleModelName } from './google-endpoints.js';
import { attributesOfUsage, countsOfUsage, given, googleError } from './google-reader.js';
import { type GoogleUsage, readGoogleUsage } from './google-usage.js';
import { OUTPUT_TEXT_MAX } from './openai-reader.js';
import { recordOf, textOf } from './values.js';

const STOP_REASONS: ReadonlyMap<string, StopReason> = new Map([
  ['completed', 'END'],
  ['requires_action', 'END_SEQUENCE'],
  ['requires_continuation', 'TOKEN_LIMIT'],
  ['incomplete', 'TOKEN_LIMIT'],
  ['budget_exceeded', 'TOKEN_LIMIT'],
  ['failed', 'ERROR'],
  ['cancelled', 'CANCELLED'],
]);

/** Reads an interaction, or the events of its stream. */
export class InteractionReader implements UsageReader {
  #usage: GoogleUsage | undefined;
  #rawUsage: unknown;
  #id: string | undefined;
  #model: string | undefined;
  #status: string | undefined;
  #errorReason: string | undefined;
  #ended = false;
  #text = '';

  whole(body: unknown): void {
    if (!isRecord(body)) return;
    this.#errorReason ??= googleError(body['error']);
    this.#readInteraction(body);
    this.#ended = true;
  }

  chunk(data: unknown): void {
    if (!isRecord(data)) return;
    const type = textOf(data['event_type']) ?? '';
    if (type === 'error' || 'error' in data) this.#errorReason ??= googleError(data['error'] ?? data);
    const interaction = recordOf(data['interaction']);
    if (interaction !== undefined) this.#readInteraction(interaction);
    const status = textOf(data['status']);
    if (type === 'interaction.status_update' && status !== undefined) this.#status = status;
    // Reported on some events besides, as running totals.
    this.#readUsage(recordOf(data['metadata'])?.['total_usage']);
    const delta = recordOf(data['delta']);
    if (delta !== undefined) this.#readDelta(delta);
    if (/^interaction\.(completed|complete)$/.test(type)) this.#ended = true;
  }

  reading(): UsageReading {
    const stopReason = this.#status === undefined ? undefined : STOP_REASONS.get(this.#status);
    const isOver = this.#ended && (this.#status === undefined || stopReason !== undefined);
    const attributes = attributesOfUsage(this.#usage);
    return {
      ...countsOfUsage(this.#usage),
      ...given('responseId', this.#id),
      ...given('model', this.#model),
      ...given('stopReason', stopReason),
      ...given('errorReason', this.#errorReason),
      ...given('rawUsage', this.#rawUsage),
      ...(Object.keys(attributes).length === 0 ? {} : { attributes }),
      ...(this.#usage !== undefined && !isOver ? { isPartial: true } : {}),
      pending: this.#ended && !isOver,
      finished: isOver && this.#errorReason === undefined,
      outputText: this.#text,
    };
  }

  #readInteraction(interaction: Record<string, unknown>): void {
    this.#id = textOf(interaction['id']) ?? this.#id;
    const model = textOf(interaction['model']) ?? textOf(interaction['agent']);
    if (model !== undefined) this.#model = googleModelName(model);
    this.#status = textOf(interaction['status']) ?? this.#status;
    this.#readUsage(interaction['usage']);
    const outputs = interaction['outputs'] ?? interaction['steps'];
    if (Array.isArray(outputs)) for (const output of outputs) this.#readOutput(recordOf(output));
  }

  #readUsage(value: unknown): void {
    const usage = readGoogleUsage(value);
    if (usage === undefined) return;
    this.#usage = usage;
    this.#rawUsage = value;
  }

  #readOutput(output: Record<string, unknown> | undefined): void {
    if (output === undefined || output['type'] === 'user_input' || output['type'] === 'thought') return;
    this.#addText(output['text']);
    if (output['type'] === 'function_call') this.#addText(JSON.stringify([output['name'], output['arguments']]));
    const content = output['content'];
    if (Array.isArray(content)) for (const part of content) this.#addText(recordOf(part)?.['text']);
  }

  #readDelta(delta: Record<string, unknown>): void {
    if (String(delta['type']).startsWith('thought')) return;
    this.#addText(delta['text']);
    const parts = delta['arguments'];
    this.#addText(typeof parts === 'object' && parts !== null ? JSON.stringify(parts) : parts);
  }

  #addText(value: unknown): void {
    if (typeof value !== 'string' || this.#text.length >= OUTPUT_TEXT_MAX) return;
    this.#text += value.slice(0, OUTPUT_TEXT_MAX - this.#text.length);
  }
}
