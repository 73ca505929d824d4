/** What the ledger reads of a usage event: flat, typed, and the same for every store. */
import { hash } from 'node:crypto';
import { type BillingFacts, billingFactsOf } from '../pricing/billing-facts.js';
import type { IncomingEvent } from '../store/store.js';
import { parseScaled } from './decimal.js';
import { type EventKind, type MediaFacts, mediaFactsOf } from './media-facts.js';

/** Costs that came with the event, in nano-dollars; they win over every rate. */
export interface GivenCosts {
  readonly total?: bigint;
  readonly input?: bigint;
  readonly output?: bigint;
  readonly cacheWrite?: bigint;
  readonly cacheRead?: bigint;
}

/** The job that an event belongs to (contract 5.9), with what the event says of it. */
export interface EventJob {
  readonly agenticJobId: string;
  readonly name: string | undefined;
  /** In lower case. */
  readonly type: string | undefined;
  readonly version: string | undefined;
  readonly environment: string | undefined;
}

/** One event, prepared outside the transaction. Counts are whole and not negative. */
export interface EventFacts {
  readonly kind: EventKind;
  readonly transactionId: string;
  readonly receivedAtMs: number;
  /** Canonical JSON: the same content gives the same text, whatever the order of its keys. */
  readonly bodyText: string;
  /** SHA-256 of `bodyText`, hex: tells a replay from another event under the same id (I4). */
  readonly bodyHash: string;
  readonly requestTimeMs: number | undefined;
  readonly model: string;
  /** What the caller asked for, where the provider answered with another name. */
  readonly requestedModel: string | undefined;
  readonly provider: string;
  readonly modelSource: string | undefined;
  readonly subscriberId: string | undefined;
  readonly subscriberEmail: string | undefined;
  readonly organization: string | undefined;
  readonly product: string | undefined;
  readonly credential: string | undefined;
  readonly credentialName: string | undefined;
  readonly agent: string | undefined;
  readonly taskType: string | undefined;
  /** The departments of its person at its receipt, from the root down: `1/4/9`; set where the team has a directory. */
  readonly departmentLine?: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly totalTokens: number;
  readonly reasoningTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
  /** The part of `cacheWriteTokens` that is kept for an hour, which some providers price higher. */
  readonly cacheWrite1hTokens: number;
  /** It ended in an error: `stopReason` ERROR, a video with `completionStatus` FAILED, a tool call without success. */
  readonly failed: boolean;
  /** For images, audio and video. */
  readonly media: MediaFacts | undefined;
  readonly job: EventJob | undefined;
  readonly traceId: string | undefined;
  /** The hold that it was admitted against. */
  readonly holdId: string | undefined;
  readonly usageState: 'reported' | 'estimated' | 'unknown';
  readonly billingSkipped: boolean;
  readonly cacheInside: boolean | undefined;
  readonly reasoningInside: boolean | undefined;
  readonly costs: GivenCosts;
  readonly billing: BillingFacts;
}

/** A count above this is nonsense; it is cut, so that no sum of a window leaves 64 bits. The body keeps what came. */
const COUNT_MAX = 1_000_000_000_000;

type Json = Readonly<Record<string, unknown>>;

/** Reads an event. Never throws: what has the wrong type counts as absent; validation happened at the door. */
export function eventFactsOf(event: IncomingEvent): EventFacts {
  const { body, kind = 'completion' } = event;
  const attributes = object(body['attributes']);
  const bodyText = canonicalJson(body);
  const inputTokens = count(body['inputTokenCount']);
  const outputTokens = count(body['outputTokenCount']);
  const { model, provider } = namesOf(kind, body);
  const requested = text(attributes['requestedModel']);
  const usageState = attributes['usageState'];
  return {
    kind,
    transactionId: event.transactionId,
    receivedAtMs: event.receivedAtMs,
    bodyText,
    bodyHash: hash('sha256', bodyText),
    requestTimeMs: time(body[kind === 'tool' ? 'timestamp' : 'requestTime']),
    model,
    requestedModel: requested === model ? undefined : requested,
    provider,
    modelSource: text(body['modelSource']),
    ...peopleOf(body),
    inputTokens,
    outputTokens,
    totalTokens: body['totalTokenCount'] === undefined ? inputTokens + outputTokens : count(body['totalTokenCount']),
    reasoningTokens: count(body['reasoningTokenCount']),
    cacheReadTokens: count(body['cacheReadTokenCount']),
    ...cacheWritesOf(body),
    failed: body['stopReason'] === 'ERROR' || body['completionStatus'] === 'FAILED' || body['success'] === false,
    media: mediaFactsOf(kind, body),
    job: jobOf(body),
    traceId: text(body['traceId']),
    holdId: text(body['holdId'])?.toLowerCase(),
    usageState: usageState === 'estimated' || usageState === 'unknown' ? usageState : 'reported',
    billingSkipped: body['billingSkipped'] === true,
    cacheInside: flag(attributes['cacheInside']),
    reasoningInside: flag(attributes['reasoningInside']),
    costs: costsOf(body),
    billing: billingFactsOf(body),
  };
}

/** A tool is not a model: it gets a name that no model has, so that a filter on models does not meet it. */
function namesOf(kind: EventKind, body: Json): { model: string; provider: string } {
  if (kind === 'tool') return { model: `tool:${text(body['toolId']) ?? 'unknown'}`, provider: 'tool' };
  if (kind === 'event') return { model: `event:${text(body['sourceType']) ?? 'UNKNOWN'}`, provider: 'event' };
  return { model: text(body['model']) ?? 'unknown', provider: text(body['provider']) ?? 'unknown' };
}

function jobOf(body: Json): EventJob | undefined {
  const agenticJobId = text(body['agenticJobId']);
  if (agenticJobId === undefined) return undefined;
  return {
    agenticJobId,
    name: text(body['agenticJobName']),
    type: text(body['agenticJobType'])?.toLowerCase(),
    version: text(body['agenticJobVersion']),
    environment: text(body['environment']),
  };
}

function peopleOf(body: Json) {
  const subscriber = object(body['subscriber']);
  const credential = object(subscriber['credential']);
  return {
    subscriberId: text(subscriber['id']),
    subscriberEmail: text(subscriber['email']),
    organization: text(body['organizationName']),
    product: text(body['productName']),
    credential: text(credential['value']),
    credentialName: text(credential['name']),
    agent: text(body['agent']),
    taskType: text(body['taskType']),
  };
}

/** The buckets stand beside the total, or instead of it. */
function cacheWritesOf(body: Json): { cacheWriteTokens: number; cacheWrite1hTokens: number } {
  const fiveMinutes = count(body['cacheCreation5mTokenCount']);
  const oneHour = count(body['cacheCreation1hTokenCount']);
  const total = Math.max(count(body['cacheCreationTokenCount']), fiveMinutes + oneHour);
  return { cacheWriteTokens: total, cacheWrite1hTokens: oneHour };
}

function costsOf(body: Json): GivenCosts {
  const given: Record<string, bigint> = {};
  const put = (name: string, field: string): void => {
    const amount = nanoUsd(body[field]);
    if (amount !== undefined) given[name] = amount;
  };
  put('total', 'totalCost');
  // A tool event's own name for it (contract 5.7).
  put('total', 'costUsd');
  put('input', 'inputTokenCost');
  put('output', 'outputTokenCost');
  put('cacheWrite', 'cacheCreationTokenCost');
  put('cacheRead', 'cacheReadTokenCost');
  return given;
}

/** A JSON number's shortest decimal text is what its sender wrote, up to 17 digits: no arithmetic on the float. */
function nanoUsd(value: unknown): bigint | undefined {
  if (typeof value !== 'number' && typeof value !== 'string') return undefined;
  const amount = parseScaled(String(value), 9);
  return amount === undefined || amount < 0n ? undefined : amount;
}

/** JSON with sorted keys; `undefined` members are left out as JSON does. */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value !== 'object') return scalarJson(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  let members = '';
  for (const name of Object.keys(value).sort()) {
    const member = (value as Json)[name];
    if (member === undefined) continue;
    members += `${members === '' ? '' : ','}${textJson(name)}:${canonicalJson(member)}`;
  }
  return `{${members}}`;
}

/** As `JSON.stringify`, which is slower for values as small as most of an event's. */
function scalarJson(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return textJson(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'number':
      return Number.isFinite(value) ? String(value) : 'null';
    default:
      return JSON.stringify(value) ?? 'null';
  }
}

/** Texts of nothing but characters that stand in JSON as they are, and not long. */
const PLAIN = /^[ !#-[\]-~]{0,128}$/;

function textJson(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}

function object(value: unknown): Json {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Json) : {};
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function flag(value: unknown): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined;
}

function count(value: unknown): number {
  if (typeof value !== 'number' || !(value > 0)) return 0;
  return Math.min(Math.floor(value), COUNT_MAX);
}

function time(value: unknown): number | undefined {
  if (typeof value !== 'string') return undefined;
  const parsed = Date.parse(value);
  return Number.isNaN(parsed) ? undefined : parsed;
}
