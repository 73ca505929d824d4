/** Events as an answer of any length: a page is in memory at a time, and the next one is read when the client has taken the last. */
import { pipeline, Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Log } from 'fusewire/internal';
import { EXPORT_PAGE_SIZE, type ExportedEvent, type ExportPage } from '../ledger/export-events.js';
import { CSV_HEAD, csvRow, jsonRow } from './export-columns.js';

/** Reads one page. */
export type ReadPage = (page: ExportPage) => Promise<readonly ExportedEvent[]>;

/** A form in which events are written, one after the other. */
export interface EventForm {
  readonly type: string;
  readonly head: string;
  /** An event; `position` counts from 0. */
  row(event: ExportedEvent, position: number): string;
  /** After `count` events. */
  tail(count: number): string;
}

/** A day: the slowest reader of the largest export. */
export const EXPORT_LIMIT_MS = 86_400_000;

/** Comma-separated values with a line of names. */
export const CSV_FORM: EventForm = {
  type: 'text/csv; charset=utf-8; header=present',
  head: CSV_HEAD,
  row: csvRow,
  tail: () => '',
};
/** A JSON object a line. */
export const JSON_LINES_FORM: EventForm = {
  type: 'application/x-ndjson; charset=utf-8',
  head: '',
  row: jsonRow,
  tail: () => '',
};

/** One JSON document: the members of `about`, the events as `records`, and at its end how many they are. */
export function jsonForm(about: Readonly<Record<string, unknown>>): EventForm {
  return {
    type: 'application/json; charset=utf-8',
    head: `${JSON.stringify(about).slice(0, -1)},"records":[\n`,
    row: (event, position) => `${position === 0 ? '' : ',\n'}${jsonRow(event).trimEnd()}`,
    tail: (count) => `\n],"count":${count}}\n`,
  };
}

/** Answers with the events of a range; compressed where the client takes it. */
export async function sendEvents(
  request: FastifyRequest,
  reply: FastifyReply,
  log: Log,
  read: ReadPage,
  { form, fromMs, untilMs }: { readonly form: EventForm; readonly fromMs: number; readonly untilMs: number },
): Promise<FastifyReply> {
  const pages = pagesOf(read, fromMs, untilMs);
  // Before anything is answered: a store that takes no question is an error of its own.
  const first = await pages.next();
  const text = Readable.from(linesOf(first, pages, form), { objectMode: false, highWaterMark: 65_536 });
  reply.header('content-type', form.type).header('cache-control', 'no-store').header('vary', 'accept-encoding');
  if (!/\bgzip\b/.test(request.headers['accept-encoding'] ?? '')) return reply.send(text);
  const gzip = createGzip();
  // Ends the reading when the client hangs up, and the answer when the reading fails.
  pipeline(text, gzip, (error) => {
    if (error) log.debug('an export ended early', { error: String(error) });
  });
  return reply.header('content-encoding', 'gzip').send(gzip);
}

type Pages = AsyncGenerator<readonly ExportedEvent[], void, undefined>;

async function* pagesOf(read: ReadPage, fromMs: number, untilMs: number): Pages {
  let afterMs = fromMs;
  let afterId = '';
  for (;;) {
    const rows = await read({ untilMs, afterMs, afterId });
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows;
    if (rows.length < EXPORT_PAGE_SIZE) return;
    afterMs = last.windowTimeMs;
    afterId = last.id;
  }
}

async function* linesOf(
  first: IteratorResult<readonly ExportedEvent[], void>,
  rest: Pages,
  form: EventForm,
): AsyncGenerator<string, void, undefined> {
  let count = 0;
  if (form.head !== '') yield form.head;
  for (let page = first; page.done !== true; page = await rest.next()) {
    const before = count;
    count += page.value.length;
    yield page.value.map((event, i) => form.row(event, before + i)).join('');
  }
  const tail = form.tail(count);
  if (tail !== '') yield tail;
}
