/** What every kind of event has in common on its way from a body to the canonical form that the ledger keeps. Pure. */
import { PROMPT_FIELDS, TEXT_LIMITS, TEXT_PATTERNS } from 'fusewire/internal';
import { cutText } from './cut-text.js';

/** For texts without a limit of their own, in characters. */
const TEXT_MAX = 1_024;
/** As `model` itself has. */
const MODEL_MAX = 256;
const FLAT_SUBSCRIBER = new Set([
  'subscriber',
  'subscriberId',
  'subscriberEmail',
  'subscriberCredentialName',
  'subscriberCredential',
]);
/** Fields whose text is bounded by the schema and never cut. */
const WHOLE = new Set(['transactionId', 'model', 'provider', 'agenticJobId', 'toolId', 'payload']);
const NUMBERS = new Set(['number', 'boolean', 'object']);
const NUMBER_FIELDS =
  /(Count|Cost|Duration|FirstToken|Latency|Seconds|Consumed|creditRate|sampleRate|fps|costUsd|durationMs|^retryNumber|^promptLength|Multiplier|^errorCode|^temperature)$/;

/** A canonical event: names of contract 5.3 to 5.7 only, no `null`, the subscriber nested. */
export type CanonicalEvent = Record<string, unknown> & { transactionId: string };

/** What a canonical event is made with: `newId` names one that has no id, `protect` replaces a credential (I12). */
export interface EventTools {
  newId(): string;
  protect(value: string): string;
}

interface CanonicalSubscriber {
  id?: string;
  email?: string;
  credential?: { name?: string; value?: string };
}

type TextLike = string | number | null | undefined;

/** A subscriber in either form, nested or flat. */
export interface SubscriberInput {
  readonly subscriber?:
    | {
        readonly id?: TextLike;
        readonly email?: TextLike;
        readonly credential?: { readonly name?: TextLike; readonly value?: TextLike } | null | undefined;
      }
    | null
    | undefined;
  readonly subscriberId?: TextLike;
  readonly subscriberEmail?: TextLike;
  readonly subscriberCredentialName?: TextLike;
  readonly subscriberCredential?: TextLike;
}

/**
 * Drops what is `null`, cuts what is too long and leaves out what is malformed. A text that came as a number is kept as
 * text, so that it compares as text; `numbers` names fields that are numbers in this kind of event only.
 */
export function canonicalFields(input: object, numbers?: ReadonlySet<string>): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(input)) {
    if (value === null || value === undefined || FLAT_SUBSCRIBER.has(name)) continue;
    const kept = numbers?.has(name) === true ? value : keep(name, value);
    if (kept !== undefined) fields[name] = kept;
  }
  return fields;
}

/** The subscriber, nested; nested wins over flat, field by field. Empty where there is none. */
export function canonicalSubscriber(
  input: SubscriberInput,
  protect: EventTools['protect'],
): { subscriber?: CanonicalSubscriber } {
  const nested = input.subscriber ?? {};
  const id = textOf(nested.id ?? input.subscriberId);
  const email = textOf(nested.email ?? input.subscriberEmail);
  const name = textOf(nested.credential?.name ?? input.subscriberCredentialName);
  const value = nested.credential?.value ?? input.subscriberCredential;
  const credential = {
    ...(name === undefined ? {} : { name }),
    ...(value === undefined || value === null || value === '' ? {} : { value: protect(String(value)) }),
  };
  const subscriber = {
    ...(id === undefined ? {} : { id }),
    ...(email === undefined ? {} : { email }),
    ...(Object.keys(credential).length === 0 ? {} : { credential }),
  };
  return Object.keys(subscriber).length === 0 ? {} : { subscriber };
}

/** The event's own id, or a new one where it is missing or blank. */
export function transactionIdOf(given: TextLike, newId: EventTools['newId']): string {
  const hasId = given !== undefined && given !== null && String(given).trim() !== '';
  return hasId ? String(given) : newId();
}

function keep(name: string, value: unknown): unknown {
  if (name === 'agentVersion' && typeof value !== 'string') return undefined;
  if (name === 'responseQualityScore') return Math.min(1, Math.max(0, value as number));
  if (name === 'agenticJobType') return cutText(String(value), TEXT_MAX).toLowerCase();
  if (typeof value === 'number' && !NUMBER_FIELDS.test(name)) return String(value);
  if (name === 'attributes') return keepAttributes(value as Record<string, unknown>);
  if (NUMBERS.has(typeof value) || WHOLE.has(name) || PROMPT_FIELDS.has(name)) return value;
  const text = String(value);
  const pattern = TEXT_PATTERNS[name];
  if (pattern !== undefined) return pattern.test(text) ? text : undefined;
  const limit = TEXT_LIMITS[name];
  return limit === undefined ? cutText(text, TEXT_MAX) : cutText(text, limit, 3 * limit);
}

/** Free, but for what the ledger reads: the model that was asked for is a model's name. */
function keepAttributes(attributes: Record<string, unknown>): Record<string, unknown> {
  const { requestedModel } = attributes;
  if (typeof requestedModel !== 'string' || requestedModel.length <= MODEL_MAX) return attributes;
  return { ...attributes, requestedModel: cutText(requestedModel, MODEL_MAX) };
}

function textOf(value: TextLike): string | undefined {
  return value === null || value === undefined ? undefined : cutText(String(value), TEXT_MAX);
}
