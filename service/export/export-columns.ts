/**
 * The columns of an export, in their order. They are a promise: new ones are added at the end, none is renamed, moved or
 * removed.
 */
import { formatScaled } from '../ledger/decimal.js';
import type { ExportedEvent } from '../ledger/export-events.js';
import { csvCell, csvLine, csvText } from './csv.js';

const NANO_DIGITS = 9;

type Fields = Readonly<Record<string, unknown>>;

/** A column: its name, and its cell, ready to be written. */
interface ExportColumn {
  readonly name: string;
  cell(event: ExportedEvent, fields: Fields): string;
}

/** A field of the event as it came. */
const field = (name: string): ExportColumn => ({ name, cell: (_event, fields) => valueCell(fields[name]) });
const own = (name: string, read: (event: ExportedEvent) => string): ExportColumn => ({
  name,
  cell: (event) => csvCell(read(event)),
});
const subscriber = (name: string, read: (of: Fields) => unknown): ExportColumn => ({
  name,
  cell: (_event, fields) => valueCell(read(recordOf(fields['subscriber']))),
});

const COLUMNS: readonly ExportColumn[] = [
  own('id', ({ id }) => id),
  { name: 'transactionId', cell: ({ transactionId }) => csvText(transactionId) },
  own('kind', ({ kind }) => kind),
  own('time', ({ windowTimeMs }) => isoOf(windowTimeMs)),
  own('received', ({ receivedAtMs }) => isoOf(receivedAtMs)),
  own('timeFlagged', ({ windowFlagged }) => String(windowFlagged)),
  field('provider'),
  field('model'),
  field('operationType'),
  field('stopReason'),
  field('inputTokenCount'),
  field('outputTokenCount'),
  field('reasoningTokenCount'),
  field('cacheCreationTokenCount'),
  field('cacheReadTokenCount'),
  field('totalTokenCount'),
  own('costUsd', (event) => amountText(event) ?? ''),
  own('priceState', ({ priceState }) => priceState),
  { name: 'priceSource', cell: ({ rateSource }) => csvText(rateSource) },
  own('priceVersion', ({ priceVersion }) => String(priceVersion)),
  subscriber('subscriberId', (of) => of['id']),
  subscriber('subscriberEmail', (of) => of['email']),
  subscriber('credentialName', (of) => recordOf(of['credential'])['name']),
  field('organizationName'),
  field('productName'),
  field('agent'),
  field('taskType'),
  field('traceId'),
  field('environment'),
  field('errorReason'),
];

/** The first line. */
export const CSV_HEAD = csvLine(COLUMNS.map(({ name }) => name));

/** An event as a line of CSV. A cell is empty where there is nothing; the cost of an unknown price is nothing, not 0. */
export function csvRow(event: ExportedEvent): string {
  const fields = recordOf(JSON.parse(event.body));
  return csvLine(COLUMNS.map((column) => column.cell(event, fields)));
}

/** The whole event with its price as a line of JSON. Amounts are decimal text: JSON numbers are floats. */
export function jsonRow(event: ExportedEvent): string {
  const { id, transactionId, kind, priceState, rateSource, priceVersion } = event;
  const head = JSON.stringify({
    id,
    transactionId,
    kind,
    time: isoOf(event.windowTimeMs),
    received: isoOf(event.receivedAtMs),
    timeFlagged: event.windowFlagged,
    price: {
      state: priceState,
      amountUsd: amountText(event) ?? null,
      source: rateSource,
      version: priceVersion,
    },
  });
  // The body is JSON on one line already.
  return `${head.slice(0, -1)},"event":${event.body}}\n`;
}

function amountText({ priceState, amountNanoUsd }: ExportedEvent): string | undefined {
  return priceState === 'unknown' ? undefined : formatScaled(amountNanoUsd, NANO_DIGITS);
}

function valueCell(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return csvText(typeof value === 'string' ? value : JSON.stringify(value));
}

function recordOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

function isoOf(atMs: number): string {
  return new Date(atMs).toISOString();
}
