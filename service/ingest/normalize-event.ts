/** From a body that passed the schema to the canonical event that the ledger keeps (contract 5.3). Pure. */
import { PROMPT_FIELDS, TEXT_LIMITS, TEXT_PATTERNS, type UsageEventInput } from 'fusewire/internal';

/** For texts without a limit of their own, in characters. */
const TEXT_MAX = 1_024;
const FLAT_SUBSCRIBER = new Set([
  'subscriber',
  'subscriberId',
  'subscriberEmail',
  'subscriberCredentialName',
  'subscriberCredential',
]);
/** Fields whose text is bounded by the schema and never cut. */
const WHOLE = new Set(['transactionId', 'model', 'provider', 'agenticJobId']);
const NUMBERS = new Set(['number', 'boolean', 'object']);

/** A canonical event: names of contract 5.3 only, no `null`, the subscriber nested. */
export type CanonicalEvent = Record<string, unknown> & { transactionId: string };

interface CanonicalSubscriber {
  id?: string;
  email?: string;
  credential?: { name?: string; value?: string };
}

/**
 * Drops what is `null`, cuts what is too long, leaves out what is malformed, nests the subscriber (nested wins over
 * flat, field by field) and sets the defaults of the contract. `newId` gives the transaction id where there is none;
 * `protect` replaces the credential's value.
 */
export function normalizeEvent(
  input: UsageEventInput,
  newId: () => string,
  protect: (value: string) => string,
): CanonicalEvent {
  const fields: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(input)) {
    if (value === null || value === undefined || FLAT_SUBSCRIBER.has(name)) continue;
    const kept = keep(name, value);
    if (kept !== undefined) fields[name] = kept;
  }
  const subscriber = subscriberOf(input, protect);
  const given = input.transactionId;
  const hasId = given !== undefined && given !== null && String(given).trim() !== '';
  return {
    costType: 'AI',
    operationType: 'CHAT',
    stopReason: 'END',
    isStreamed: false,
    ...fields,
    ...(subscriber === undefined ? {} : { subscriber }),
    ...usageStateOf(input),
    transactionId: hasId ? String(given) : newId(),
  };
}

function keep(name: string, value: unknown): unknown {
  if (name === 'agentVersion' && typeof value !== 'string') return undefined;
  if (name === 'responseQualityScore') return Math.min(1, Math.max(0, value as number));
  if (name === 'agenticJobType') return String(value).slice(0, TEXT_MAX).toLowerCase();
  if (typeof value === 'number' && isTextField(name)) return String(value);
  if (NUMBERS.has(typeof value) || WHOLE.has(name) || PROMPT_FIELDS.has(name)) return value;
  const text = String(value);
  const pattern = TEXT_PATTERNS[name];
  if (pattern !== undefined) return pattern.test(text) ? text : undefined;
  return text.slice(0, TEXT_LIMITS[name] ?? TEXT_MAX);
}

/** A text field may come as a number (ids often do); it is kept as text, so that it compares as text. */
function isTextField(name: string): boolean {
  return !/(Count|Cost|Duration|FirstToken|Latency|^retryNumber|^promptLength|Multiplier|^errorCode|^temperature)$/.test(
    name,
  );
}

function subscriberOf(input: UsageEventInput, protect: (value: string) => string): CanonicalSubscriber | undefined {
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
  return Object.keys(subscriber).length === 0 ? undefined : subscriber;
}

function textOf(value: string | number | null | undefined): string | undefined {
  return value === null || value === undefined ? undefined : String(value).slice(0, TEXT_MAX);
}

/** An event without any count and without a price of its own is one whose usage nobody knows (I5). */
function usageStateOf(input: UsageEventInput): { attributes?: Record<string, unknown> } {
  const known = [input.inputTokenCount, input.outputTokenCount, input.totalTokenCount, input.totalCost];
  const attributes = input.attributes ?? {};
  if (known.some((value) => value !== null && value !== undefined) || attributes['usageState'] !== undefined) return {};
  return { attributes: { ...attributes, usageState: 'unknown' } };
}
