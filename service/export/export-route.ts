/**
 * `GET …/fusewire/export`: all events of a range with their prices, as CSV or as JSON lines (an extension of Fusewire). A
 * page is in memory at a time, and the next one is read when the client has taken the last.
 */
import { pipeline, Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import { z } from 'zod';
import { callerOf, ownTeam } from '../http/access.js';
import { invalidFields } from '../http/api-error.js';
import { errorSchema, teamQuery } from '../http/envelope.js';
import type { Api, ServiceContext } from '../http/types.js';
import { EXPORT_PAGE_SIZE, type ExportedEvent } from '../ledger/export-events.js';
import type { Store } from '../store/store.js';
import { CSV_HEAD, csvRow, jsonRow } from './export-columns.js';

/** A day: the slowest reader of the largest export. */
const HANDLER_LIMIT_MS = 86_400_000;
const TIME_MAX_MS = Date.UTC(9999, 11, 31);
const TYPES = { csv: 'text/csv; charset=utf-8; header=present', jsonl: 'application/x-ndjson; charset=utf-8' } as const;

const time = z.iso.datetime({ offset: true, error: 'must be a full ISO-8601 date-time' }).optional();
const querystring = z.object({
  ...teamQuery,
  from: time.describe('by the time that windows count, included; default: the first event'),
  to: time.describe('not included; default: no end'),
  format: z.enum(['csv', 'jsonl'], { error: 'must be csv or jsonl' }).default('csv'),
});

/** Registers the route. It takes a write key: prompts and addresses of people are in the events. */
export function installExport(api: Api, { store, log }: ServiceContext, prefix: string, described: boolean): void {
  api.get(
    `${prefix}/fusewire/export`,
    {
      config: { access: 'write' },
      handlerTimeout: HANDLER_LIMIT_MS,
      schema: {
        summary: 'All metered events of a range with their prices, oldest first, as CSV or JSON lines; gzip is spoken',
        tags: ['metering'],
        hide: !described,
        querystring,
        response: { 200: z.string(), 400: errorSchema, 401: errorSchema, 403: errorSchema },
      },
    },
    async (request, reply) => {
      const teamId = ownTeam(callerOf(request), [request.query.teamId]);
      const { from, to, format } = request.query;
      const fromMs = from === undefined ? 0 : Date.parse(from);
      const untilMs = to === undefined ? TIME_MAX_MS : Date.parse(to);
      if (untilMs < fromMs) throw invalidFields([{ field: 'to', problem: 'must not be before from' }]);
      const pages = pagesOf(store, teamId, fromMs, untilMs);
      // Before anything is answered: a store that takes no question is an error of its own.
      const first = await pages.next();
      const text = Readable.from(linesOf(first, pages, format), { objectMode: false, highWaterMark: 65_536 });
      reply.header('content-type', TYPES[format]).header('cache-control', 'no-store').header('vary', 'accept-encoding');
      // The schema describes what comes over the wire: text.
      if (!/\bgzip\b/.test(request.headers['accept-encoding'] ?? '')) return reply.send(text as never);
      const gzip = createGzip();
      // Ends the reading when the client hangs up, and the answer when the reading fails.
      pipeline(text, gzip, (error) => {
        if (error) log.debug('an export ended early', { error: String(error) });
      });
      return reply.header('content-encoding', 'gzip').send(gzip as never);
    },
  );
}

type Pages = AsyncGenerator<readonly ExportedEvent[], void, undefined>;

async function* pagesOf(store: Pick<Store, 'exportEvents'>, teamId: string, fromMs: number, untilMs: number): Pages {
  let afterMs = fromMs;
  let afterId = '';
  for (;;) {
    const rows = await store.exportEvents(teamId, { untilMs, afterMs, afterId });
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
  format: 'csv' | 'jsonl',
): AsyncGenerator<string, void, undefined> {
  if (format === 'csv') yield CSV_HEAD;
  const row = format === 'csv' ? csvRow : jsonRow;
  for (let page = first; page.done !== true; page = await rest.next()) yield page.value.map(row).join('');
}
