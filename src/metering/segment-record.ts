/** The lines of a segment: a note, an event, or the end of either. One JSON object a line; what is torn is skipped. */
import type { MeteredEvent, ToolEvent, UsageEvent } from '../wire/usage-event.js';
import type { CredentialSeal } from './credential-seal.js';
import { isSafeId, type OutboxEntry } from './outbox.js';

/** What is left of a segment: an event to deliver, or a note whose attempt was under way. */
export interface Outstanding extends OutboxEntry {
  readonly kind: 'note' | 'event';
}

/** The line of a note or an event. `json`: the event, where somebody has written it already, without a live key. */
export function formatRecord(
  kind: 'note' | 'event',
  entry: OutboxEntry,
  seal: CredentialSeal,
  json?: string | undefined,
): string {
  if (json !== undefined) {
    return `{"kind":"${kind}","id":"${entry.idempotencyKey}","at":${entry.createdAtMs},"event":${json}}\n`;
  }
  const { event, sealed } = seal.seal(entry.event);
  const record = { kind, id: entry.idempotencyKey, at: entry.createdAtMs, event, sealed };
  return `${JSON.stringify(record)}\n`;
}

/** The line that ends a note or an event. Ids are printable ASCII without quotes, see {@link isSafeId}. */
export function formatDone(id: string): string {
  return `{"kind":"done","id":"${id}"}\n`;
}

/** Collects the records of a segment, line by line, and tells what is outstanding. */
export class SegmentReader {
  readonly #seal: CredentialSeal;
  readonly #open = new Map<string, Outstanding>();
  #torn = 0;

  constructor(seal: CredentialSeal) {
    this.#seal = seal;
  }

  /** Lines that were not understood: torn by a crash or by a full disk. */
  get torn(): number {
    return this.#torn;
  }

  line(text: string): void {
    if (text === '') return;
    const record = parseObject(text);
    if (record === undefined || !isSafeId(record['id'])) {
      this.#torn += 1;
      return;
    }
    const { kind, id, at, event, sealed } = record;
    if (kind === 'done') {
      this.#open.delete(id as string);
      return;
    }
    const isRecord = (kind === 'note' || kind === 'event') && Number.isFinite(at) && isMeteredEvent(event);
    if (!isRecord) {
      this.#torn += 1;
      return;
    }
    if (kind === 'note' && this.#open.get(id as string)?.kind === 'event') return;
    const opened = this.#seal.open({ event, ...(typeof sealed === 'string' ? { sealed } : {}) });
    this.#open.set(id as string, { kind, idempotencyKey: id as string, createdAtMs: at as number, event: opened });
  }

  /** What is outstanding, oldest first. */
  outstanding(): Outstanding[] {
    return [...this.#open.values()].sort((a, b) => a.createdAtMs - b.createdAtMs);
  }
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** Whether it is enough to be delivered; the service checks the rest and says what is wrong. */
export function isMeteredEvent(value: unknown): value is MeteredEvent {
  if (typeof value !== 'object' || value === null) return false;
  const event = value as Partial<UsageEvent & ToolEvent>;
  const named = 'toolId' in event ? [event.toolId] : [event.model, event.provider];
  return [event.transactionId, ...named].every((text) => typeof text === 'string' && text !== '');
}
