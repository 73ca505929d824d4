/** What cost controls did, summed up (contract 4.7): in all, over time, and whom it met. */
import { z } from 'zod';
import { callerOf, ownTeam } from '../http/access.js';
import { errorSchema } from '../http/envelope.js';
import type { Api, ServiceContext } from '../http/types.js';
import type { AffectedRow, EnforcementCount } from '../ledger/enforcement-reading.js';
import { timeZoneName } from '../ledger/time-zone.js';
import { BUCKETS, byOutcome, historyOf } from './enforcement-history.js';
import { filterQuery, oneOf, type RangedFilter, readFilter, unprocessable } from './enforcement-query.js';

/** Rules that a summary names, and rows of whom it met; the totals count them all (I10). */
export const ROWS_MAX = 100;

const outcomes = z.record(z.string(), z.int());
const range = { since: z.iso.datetime(), until: z.iso.datetime() };
const summarySchema = z.object({
  ...range,
  totalEvents: z.int(),
  refusedCalls: z.int().describe('calls that clients refused and reported'),
  byOutcome: outcomes,
  byKind: outcomes,
  byMode: z.object({ ENFORCED: z.int(), SHADOW: z.int() }),
  totalRules: z.int(),
  rules: z.array(
    z.object({
      ruleId: z.string().nullable(),
      feedRuleId: z.int().nullable(),
      ruleName: z.string().nullable(),
      events: z.int(),
      lastEvent: z.iso.datetime(),
    }),
  ),
});
const historySchema = z.object({
  ...range,
  bucket: z.enum(BUCKETS),
  zone: z.string(),
  buckets: z.array(
    z.object({
      start: z.iso.datetime(),
      end: z.iso.datetime(),
      label: z.string(),
      events: z.int(),
      byOutcome: outcomes,
      refusedCalls: z.int(),
    }),
  ),
});
const affectedSchema = z.object({
  ...range,
  total: z.int().describe('all of them; the rows are the first 100'),
  rows: z.array(
    z.object({
      groupBy: z.string(),
      groupValue: z.string(),
      groupLabel: z.string().nullable(),
      subscriberEmail: z.string().nullable(),
      events: z.int(),
      count: z.int(),
      firstEvent: z.iso.datetime(),
      lastEvent: z.iso.datetime(),
    }),
  ),
});
const config = { access: 'write' as const };
const errors = { 400: errorSchema, 401: errorSchema, 403: errorSchema, 422: errorSchema };
type Summary = z.output<typeof summarySchema>;

/** Registers `GET {prefix}/ai/enforcement-events/summary`, `/history` and `/affected`. */
export function installEnforcementSummaries(
  api: Api,
  context: ServiceContext,
  prefix: string,
  described: boolean,
): void {
  const path = `${prefix}/ai/enforcement-events`;
  installSummary(api, context, `${path}/summary`, !described);
  installHistory(api, context, `${path}/history`, !described);
  installAffected(api, context, `${path}/affected`, !described);
}

function installSummary(api: Api, { store, runtime }: ServiceContext, path: string, hide: boolean): void {
  const querystring = z.object(filterQuery);
  const summary = 'How often cost controls acted; level and mode do not narrow it';
  const schema = { summary, tags: ['enforcement'], hide, querystring, response: { 200: summarySchema, ...errors } };
  api.get(path, { config, schema }, async (request): Promise<Summary> => {
    const teamId = ownTeam(callerOf(request), [request.query.teamId], true);
    const { level: _level, isShadow: _isShadow, ...filter } = readFilter(request.query, runtime.now());
    const { counts, rules } = await store.summarizeEnforcement(teamId, filter, ROWS_MAX);
    return {
      ...rangeOf(filter),
      totalEvents: sum(counts),
      refusedCalls: counts.filter(({ kind }) => kind === 'refusal').reduce((all, { times }) => all + times, 0),
      byOutcome: byOutcome(counts),
      byKind: byKind(counts),
      byMode: {
        ENFORCED: sum(counts.filter((one) => !one.isShadow)),
        SHADOW: sum(counts.filter((one) => one.isShadow)),
      },
      totalRules: rules.totalElements,
      rules: rules.items.map(({ controlId, ruleId, ruleName, events, lastAtMs }) => ({
        ...{ ruleId: controlId, feedRuleId: ruleId, ruleName, events },
        lastEvent: new Date(lastAtMs).toISOString(),
      })),
    };
  });
}

function installHistory(api: Api, { store, runtime }: ServiceContext, path: string, hide: boolean): void {
  const querystring = z.object({
    ...filterQuery,
    bucket: oneOf(BUCKETS).describe('default DAY; weeks begin on Monday'),
    zone: z.string().max(64).optional().describe('IANA name, default UTC'),
  });
  const summary = 'How often cost controls acted, over time; a bucket that is absent had no events';
  const schema = { summary, tags: ['enforcement'], hide, querystring, response: { 200: historySchema, ...errors } };
  api.get(path, { config, schema }, async (request): Promise<z.output<typeof historySchema>> => {
    const teamId = ownTeam(callerOf(request), [request.query.teamId], true);
    const filter = readFilter(request.query, runtime.now());
    const zone = readZone(request.query.zone);
    const bucket = request.query.bucket ?? 'DAY';
    const slots = await store.enforcementSlots(teamId, filter);
    return { ...rangeOf(filter), bucket, zone, buckets: [...historyOf(slots, bucket, zone)] };
  });
}

function installAffected(api: Api, { store, runtime }: ServiceContext, path: string, hide: boolean): void {
  const querystring = z.object({ ...filterQuery, affectedSearch: z.string().max(256).optional() });
  const summary = 'Whom cost controls met: the group of a rule, else the subscriber; the most affected first';
  const schema = { summary, tags: ['enforcement'], hide, querystring, response: { 200: affectedSchema, ...errors } };
  api.get(path, { config, schema }, async (request): Promise<z.output<typeof affectedSchema>> => {
    const teamId = ownTeam(callerOf(request), [request.query.teamId], true);
    const filter = { ...readFilter(request.query, runtime.now()), affected: request.query.affectedSearch };
    const found = await store.affectedByEnforcement(teamId, filter, ROWS_MAX);
    return { ...rangeOf(filter), total: found.totalElements, rows: found.items.map(affectedRow) };
  });
}

function affectedRow(row: AffectedRow) {
  const { groupBy, groupValue, groupLabel, subscriberEmail, events, times } = row;
  const [firstEvent, lastEvent] = [new Date(row.firstAtMs).toISOString(), new Date(row.lastAtMs).toISOString()];
  return { groupBy, groupValue, groupLabel, subscriberEmail, events, count: times, firstEvent, lastEvent };
}

/** Offsets are not zones: they know no daylight saving. */
function readZone(given: string | undefined): string {
  if (given === undefined || given === '') return 'UTC';
  const name = timeZoneName(given);
  if (name !== undefined) return name;
  throw unprocessable('zone', 'must be the IANA name of a time zone, for instance Europe/Vienna');
}

function rangeOf({ sinceMs, untilMs }: Pick<RangedFilter, 'sinceMs' | 'untilMs'>) {
  return { since: new Date(sinceMs).toISOString(), until: new Date(untilMs).toISOString() };
}

function sum(counts: readonly EnforcementCount[]): number {
  return counts.reduce((all, { events }) => all + events, 0);
}

function byKind(counts: readonly EnforcementCount[]): Record<string, number> {
  const sums = new Map<string, number>();
  for (const { kind, events } of counts) sums.set(kind, (sums.get(kind) ?? 0) + events);
  return Object.fromEntries(sums);
}
