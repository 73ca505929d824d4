/** The fields of usage metadata: names, aliases, limits (contract 1.2 and 5.3). */
import { COST_MAX_USD, COUNT_MAX } from '../wire/event-bounds.js';
import { isRecord } from '../wire/is-record.js';
import { withoutNull } from '../wire/without-null.js';

/** How the value of a field is read. A reader returns `undefined` for a value that is dropped. */
export type FieldReader = (value: unknown) => unknown;

/** One field of usage metadata. */
export interface MetadataField {
  /** Canonical name, as on the wire. */
  readonly name: string;
  /** Deprecated names; a use is reported once. They never reach the wire: the backend silently drops them. */
  readonly deprecated: readonly string[];
  readonly read: FieldReader;
}

const NESTING_MAX = 5;
const ATTRIBUTES_MAX = 64;
const TEXT_MAX = 4096;

const text = (max = TEXT_MAX): FieldReader => {
  return (value) => {
    if (typeof value === 'string') return withoutNull(value.length > max ? value.slice(0, max) : value);
    // An id that is a number in the caller's database is meant as text.
    return typeof value === 'number' && Number.isFinite(value) ? String(value) : undefined;
  };
};
const onlyText =
  (max: number): FieldReader =>
  (value) =>
    typeof value === 'string' ? withoutNull(value.slice(0, max)) : undefined;
/** Over-long or malformed: left out, not cut (DESIGN section 6). */
const word = (max: number): FieldReader => {
  return (value) =>
    typeof value === 'string' && value.length <= max && /^[A-Za-z0-9_-]+$/.test(value) ? value : undefined;
};
const number: FieldReader = (value) => (typeof value === 'number' && Number.isFinite(value) ? value : undefined);
/** From 0 to `max`: a service refuses the whole event for anything else, and its spend would be lost. */
const amount =
  (max: number): FieldReader =>
  (value) => {
    const given = number(value);
    return given !== undefined && Number(given) >= 0 && Number(given) <= max ? given : undefined;
  };
const count: FieldReader = (value) => {
  const given = amount(COUNT_MAX)(value);
  return given === undefined ? undefined : Math.floor(Number(given));
};
/** Not a number means 0 (contract 1.2). */
const retries: FieldReader = (value) => {
  const times = Math.floor(Number(value));
  return Number.isFinite(times) && times >= 0 ? Math.min(times, COUNT_MAX) : 0;
};
/** Contract 5.3 knows two. */
const pricingTier: FieldReader = (value) => {
  const tier = typeof value === 'string' ? value.trim().toUpperCase() : '';
  return tier === 'STANDARD' || tier === 'BATCH' ? tier : undefined;
};
/** Headers and Python callers say it in words. */
const flag: FieldReader = (value) => {
  if (typeof value === 'boolean') return value;
  const word = String(value).toLowerCase();
  return word === 'true' ? true : word === 'false' ? false : undefined;
};
const score: FieldReader = (value) => {
  const given = number(value);
  return given === undefined ? undefined : Math.min(1, Math.max(0, Number(given)));
};
const JOB_ID = /^(?!types$|conversion-funnel$)[a-zA-Z0-9][a-zA-Z0-9._-]{0,254}$/;
const jobId: FieldReader = (value) => (typeof value === 'string' && JOB_ID.test(value) ? value : undefined);

/** A copy that is plain JSON: nesting deeper than 5 levels is cut, exotic values become text. */
export function plainCopy(value: unknown, depth = 0): unknown {
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'string') return withoutNull(value);
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (typeof value !== 'object') return value === undefined ? undefined : String(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? undefined : value.toISOString();
  if (depth >= NESTING_MAX) return undefined;
  if (Array.isArray(value)) return value.slice(0, ATTRIBUTES_MAX).map((item) => plainCopy(item, depth + 1) ?? null);
  const copy: Record<string, unknown> = {};
  for (const [name, item] of Object.entries(value).slice(0, ATTRIBUTES_MAX)) {
    if (name === '__proto__') continue;
    const plain = plainCopy(item, depth + 1);
    if (plain !== undefined) copy[withoutNull(name)] = plain;
  }
  return copy;
}

const attributes: FieldReader = (value) => {
  return isRecord(value) ? plainCopy(value) : undefined;
};

const field = (name: string, read: FieldReader = text(), deprecated: readonly string[] = []): MetadataField => ({
  name,
  read,
  deprecated,
});

/** Every field but `subscriber`, which has a shape of its own. */
export const METADATA_FIELDS: readonly MetadataField[] = [
  field('organizationName', text(), ['organization_id', 'organizationId']),
  field('productName', text(), ['product_id', 'productId']),
  field('subscriptionId'),
  field('subscriberEmailSource'),
  field('agent'),
  field('agentVersion', onlyText(64)),
  field('taskType'),
  field('traceId'),
  field('traceType', word(128)),
  field('traceName', text(256)),
  field('parentTransactionId'),
  field('transactionName'),
  field('retryNumber', retries),
  field('environment', text(255)),
  field('region'),
  field('credentialAlias', text(255)),
  field('ticketId', text(256)),
  field('responseQualityScore', score),
  field('effort', word(16)),
  field('speed', text(16)),
  field('promptId', text(64)),
  field('promptLength', count),
  field('querySource', text(128)),
  field('subagentType', text(128)),
  field('codingAssistantAccountUuid'),
  field('skillName', text(256)),
  field('skillKind'),
  field('skillSource'),
  field('skillPluginName', text(256)),
  field('skillMarketplaceName', text(256)),
  field('skillInvocationTrigger', text(32)),
  field('agenticJobId', jobId),
  field('agenticJobName'),
  field('agenticJobType'),
  field('agenticJobVersion'),
  field('squadId'),
  field('squadName'),
  field('squadRole'),
  field('inputTokenCost', amount(COST_MAX_USD)),
  field('outputTokenCost', amount(COST_MAX_USD)),
  field('cacheCreationTokenCost', amount(COST_MAX_USD)),
  field('cacheReadTokenCost', amount(COST_MAX_USD)),
  field('totalCost', amount(COST_MAX_USD)),
  // One that cannot be is not the factor 1: it goes on, and the price is unknown (src/metering/fit-event.ts).
  field('costMultiplier', number),
  field('mediationLatency', amount(COUNT_MAX)),
  field('requestedServiceTier'),
  field('subscriptionTier'),
  field('pricingTier', pricingTier),
  field('modelHost'),
  field('attributes', attributes),
  field('workflowId'),
  // Not on the wire: whether this call's prompt is kept (contract 5.12).
  field('capturePrompts', flag),
];

/** Fields that are no fields of a usage event: `workflowId` is one of tool events (contract 5.7), the other is for us. */
export const LOCAL_FIELDS: ReadonlySet<string> = new Set(['capturePrompts', 'workflowId']);

/** `organizationName` → `organization_name`. */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
