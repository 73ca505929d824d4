/**
 * `GET …/fusewire/export`: all events of a range with their prices, as CSV or as JSON lines (an extension of Fusewire).
 */
import { z } from 'zod';
import { callerOf, ownTeam } from '../http/access.js';
import { invalidFields } from '../http/api-error.js';
import { errorSchema, teamQuery } from '../http/envelope.js';
import type { Api, ServiceContext } from '../http/types.js';
import { CSV_FORM, EXPORT_LIMIT_MS, JSON_LINES_FORM, sendEvents } from './stream-events.js';

const TIME_MAX_MS = Date.UTC(9999, 11, 31);
const FORMS = { csv: CSV_FORM, jsonl: JSON_LINES_FORM } as const;

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
      handlerTimeout: EXPORT_LIMIT_MS,
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
      const form = FORMS[format];
      // The schema describes what comes over the wire: text.
      return sendEvents(request, reply, log, (page) => store.exportEvents(teamId, page), {
        form,
        fromMs,
        untilMs,
      }) as never;
    },
  );
}
