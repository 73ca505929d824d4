/** `GET …/customers/{ref}/usage/export`: the events of a customer with their prices, in the columns of every export. */
import { z } from 'zod';
import { customerBy } from '../admin/customer-reference.js';
import {
  CSV_FORM,
  type EventForm,
  EXPORT_LIMIT_MS,
  JSON_LINES_FORM,
  jsonForm,
  sendEvents,
} from '../export/stream-events.js';
import { callerOf, ownTeam } from '../http/access.js';
import { errorSchema, teamQuery } from '../http/envelope.js';
import type { Api, ServiceContext } from '../http/types.js';
import type { ListedCustomer } from '../ledger/customers.js';
import { customerParams, showCustomer } from './shown-customer.js';
import { readRange, type UsageRange } from './usage-range.js';
import { rangeQuery } from './usage-route.js';

const format = z.enum(['csv', 'json', 'ndjson'], { error: 'must be csv, json or ndjson' }).default('csv');

/** Registers the route. It takes a write key: what people asked for may be in the events. */
export function installUsageExport(api: Api, context: ServiceContext, prefix: string, described: boolean): void {
  const { store, runtime, log } = context;
  const failures = { 400: errorSchema, 401: errorSchema, 403: errorSchema, 404: errorSchema };
  api.get(
    `${prefix}/customers/:ref/usage/export`,
    {
      config: { access: 'write' },
      handlerTimeout: EXPORT_LIMIT_MS,
      schema: {
        summary: 'The metered events of a customer with their prices, oldest first; gzip is spoken',
        tags: ['customers'],
        hide: !described,
        params: customerParams,
        querystring: z.object({ ...teamQuery, ...rangeQuery, format }),
        response: { 200: z.string(), ...failures },
      },
    },
    async (request, reply) => {
      const teamId = ownTeam(callerOf(request), [request.query.teamId]);
      const range = readRange(request.query, runtime.now());
      const customer = await customerBy(store, teamId, request.params.ref);
      const form = formOf(request.query.format, customer, range);
      const { startMs: fromMs, endMs: untilMs } = range;
      const read: Parameters<typeof sendEvents>[3] = (page) => store.exportSubscriberEvents(teamId, customer.id, page);
      // The schema describes what comes over the wire: text.
      return sendEvents(request, reply, log, read, { form, fromMs, untilMs }) as never;
    },
  );
}

function formOf(name: z.output<typeof format>, customer: ListedCustomer, range: UsageRange): EventForm {
  if (name === 'csv') return CSV_FORM;
  if (name === 'ndjson') return JSON_LINES_FORM;
  return jsonForm({
    customer: showCustomer(customer),
    start: new Date(range.startMs).toISOString(),
    end: new Date(range.endMs).toISOString(),
    timeZone: range.timeZone,
  });
}
