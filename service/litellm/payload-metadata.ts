/**
 * Who a call through a LiteLLM proxy was for (contract 6.4). What the caller put into the request's own metadata beats
 * the headers that came with it; the virtual key says the rest. Pure.
 */
import { normaliseMetadata, readMetadataHeaders, type Subscriber, type UsageMetadataFields } from 'fusewire/internal';
import { type Fields, fieldsOf, textOf } from './values.js';

/** Where a payload of LiteLLM says who it was for. */
export interface MetadataSources {
  /** The request's headers, as far as the proxy hands them on. */
  readonly headers: unknown;
  /** `user_api_key_*`: what the proxy knows of the virtual key. */
  readonly key: Fields;
  /** The metadata of the request's body, and any `usage_metadata` in it. */
  readonly explicit: readonly unknown[];
  /** The end user that the request's body names. */
  readonly endUser?: unknown;
}

/** What they say together. */
export interface PayloadMetadata {
  readonly fields: UsageMetadataFields;
  readonly operationSubtype: string | undefined;
  readonly capturePrompts: boolean;
  /** The caller's own meter names the call so. */
  readonly transactionId: string | undefined;
}

/** LiteLLM's name for whoever uses its master key: nobody. */
const NOBODY = 'default_user_id';

/** Merges the sources, field by field; a subscriber is taken whole from one of them, but for the key that was used. */
export function payloadMetadata({ headers, key, explicit, endUser }: MetadataSources): PayloadMetadata {
  const told = readMetadataHeaders(headers);
  const levels = [...explicit.flatMap(levelsOf), told.metadata].map((level) =>
    withoutCosts(normaliseMetadata(level).fields),
  );
  const ofKey = keyFields(key, endUser);
  const merged: Record<string, unknown> = { ...ofKey };
  for (const level of levels.reverse()) Object.assign(merged, level);
  const subscriber = withKey(merged['subscriber'] as Subscriber | undefined, ofKey.subscriber);
  if (subscriber !== undefined) merged['subscriber'] = subscriber;
  if (merged['traceId'] === undefined && told.sessionId !== undefined) merged['traceId'] = told.sessionId;
  return {
    fields: merged as UsageMetadataFields,
    operationSubtype: told.operationSubtype,
    capturePrompts: told.capturePrompts,
    transactionId: textOf(told.transactionId, 255),
  };
}

/** Who asks through a proxy does not say what it costs: that would be a way past every budget. */
const COSTS = new Set([
  ...['totalCost', 'inputTokenCost', 'outputTokenCost', 'cacheReadTokenCost', 'cacheCreationTokenCost'],
  ...['costMultiplier', 'pricingTier', 'requestedServiceTier', 'capturePrompts'],
]);

function withoutCosts(fields: UsageMetadataFields): UsageMetadataFields {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !COSTS.has(name)));
}

/** A metadata object, nearest first: what it holds for us, then its own fields of our names. */
function levelsOf(value: unknown): readonly unknown[] {
  const given = fieldsOf(value);
  const ours = [given['usage_metadata'], given['usageMetadata']].filter((one) => one !== undefined && one !== null);
  return [...ours, given];
}

function keyFields(key: Fields, endUser: unknown): UsageMetadataFields {
  const of = (name: string) => textOf(key[`user_api_key_${name}`]);
  const user = of('user_id');
  const id = textOf(endUser) ?? of('end_user_id') ?? (user === NOBODY ? undefined : user);
  const email = of('user_email');
  const name = of('alias');
  const organizationName = of('org_alias') ?? of('org_id') ?? of('team_alias') ?? of('team_id');
  const productName = of('project_alias') ?? of('project_id');
  const subscriber: Subscriber = {
    ...(id === undefined ? {} : { id }),
    ...(email === undefined ? {} : { email }),
    ...(name === undefined ? {} : { credential: { name } }),
  };
  return {
    ...(organizationName === undefined ? {} : { organizationName }),
    ...(productName === undefined ? {} : { productName }),
    ...(Object.keys(subscriber).length === 0 ? {} : { subscriber }),
  };
}

/** The person of one source, the key of another: who asks and with which key are two questions. */
function withKey(subscriber: Subscriber | undefined, ofKey: Subscriber | undefined): Subscriber | undefined {
  if (subscriber === undefined || ofKey === undefined || subscriber === ofKey) return subscriber ?? ofKey;
  const isPerson = subscriber.id !== undefined || subscriber.email !== undefined;
  const person = isPerson ? subscriber : { ...ofKey, ...subscriber };
  const credential = subscriber.credential ?? ofKey.credential;
  return credential === undefined ? person : { ...person, credential };
}
