/** Usage metadata as request headers of a LiteLLM proxy (contract 6.4), both ways. Pure. */
import type { Subscriber, UsageMetadataFields } from '../wire/usage-event.js';

const PREFIX = 'x-revenium-';

/** Names the event of the caller's own meter, so that a proxy that meters too names the same one. */
export const TRANSACTION_HEADER = 'x-revenium-transaction-id';
/** LiteLLM's own id of a call: taken over from a request, and told with every answer. */
export const CALL_ID_HEADER = 'x-litellm-call-id';

/** Fields that are text in both. */
const TEXTS: readonly (readonly [header: string, field: keyof UsageMetadataFields])[] = [
  ['trace-id', 'traceId'],
  ['task-type', 'taskType'],
  ['agent', 'agent'],
  ['agent-version', 'agentVersion'],
  ['organization-name', 'organizationName'],
  ['product-name', 'productName'],
  ['subscription-id', 'subscriptionId'],
  ['environment', 'environment'],
  ['parent-transaction-id', 'parentTransactionId'],
  ['transaction-name', 'transactionName'],
  ['region', 'region'],
  ['credential-alias', 'credentialAlias'],
  ['trace-type', 'traceType'],
  ['trace-name', 'traceName'],
  ['skill-name', 'skillName'],
  ['skill-source', 'skillSource'],
  ['skill-kind', 'skillKind'],
  ['skill-plugin-name', 'skillPluginName'],
  ['skill-marketplace-name', 'skillMarketplaceName'],
  ['skill-invocation-trigger', 'skillInvocationTrigger'],
  ['effort', 'effort'],
  ['agentic-job-id', 'agenticJobId'],
  ['agentic-job-name', 'agenticJobName'],
  ['agentic-job-type', 'agenticJobType'],
  ['agentic-job-version', 'agenticJobVersion'],
];

/** Old names, read where the new one is missing; never written. */
const DEPRECATED: readonly (readonly [header: string, field: string])[] = [
  ['organization-id', 'organizationName'],
  ['product-id', 'productName'],
];

/** A header's value is bounded; the service cuts texts at the same length. */
const VALUE_MAX = 1_024;
/** What a header can carry: Latin-1 without control characters, and no blank at either end, which HTTP takes off. */
const CARRIED = /^(?! )[\x20-\x7e\xa0-\xff]+(?<! )$/;

/** Headers to write, and the names of fields whose value no header can carry. */
export interface MetadataHeaders {
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly leftOut: readonly string[];
}

/**
 * Usage metadata as headers, in lower case. The value of a subscriber's credential is somebody's live key and is never
 * among them (I12); its name is. A value that is empty says nothing and is not written.
 */
export function metadataHeaders(fields: UsageMetadataFields): MetadataHeaders {
  const headers: (readonly [string, string])[] = [];
  const leftOut: string[] = [];
  const write = (header: string, field: string, value: unknown) => {
    if (value === undefined || value === null || value === '') return;
    const text = String(value);
    if (text.length <= VALUE_MAX && CARRIED.test(text)) headers.push([`${PREFIX}${header}`, text]);
    else leftOut.push(field);
  };
  for (const [header, field] of TEXTS) write(header, field, fields[field]);
  const { subscriber } = fields;
  write('subscriber-id', 'subscriber.id', subscriber?.id);
  write('subscriber-email', 'subscriber.email', subscriber?.email);
  write('subscriber-credential-name', 'subscriber.credential.name', subscriber?.credential?.name);
  write('retry-number', 'retryNumber', fields.retryNumber);
  write('response-quality-score', 'responseQualityScore', fields.responseQualityScore);
  if (Reflect.get(fields, 'capturePrompts') === true) write('capture-prompts', 'capturePrompts', 'true');
  return { headers, leftOut };
}

/** What request headers say, as usage metadata that is still to be normalised. */
export interface HeaderMetadata {
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly operationSubtype: string | undefined;
  readonly capturePrompts: boolean;
  /** See {@link TRANSACTION_HEADER}. */
  readonly transactionId: string | undefined;
  /** `x-claude-code-session-id`: stands for the trace where nothing names one. */
  readonly sessionId: string | undefined;
}

/** LiteLLM puts this for a header whose value it keeps to itself. */
const WITHHELD = '[present]';

/** Reads request headers, whatever their letter case. Never throws on an odd shape. */
export function readMetadataHeaders(headers: unknown): HeaderMetadata {
  const given = new Map<string, string>();
  if (typeof headers === 'object' && headers !== null) {
    for (const [name, value] of Object.entries(headers)) {
      const text = typeof value === 'string' ? value.trim() : '';
      if (text !== '' && text !== WITHHELD) given.set(name.toLowerCase(), text);
    }
  }
  const of = (header: string) => given.get(`${PREFIX}${header}`);
  const metadata: Record<string, unknown> = {};
  for (const [header, field] of DEPRECATED) put(metadata, field, of(header));
  for (const [header, field] of TEXTS) put(metadata, field, of(header));
  put(metadata, 'subscriber', subscriberOf(of));
  const retryNumber = of('retry-number');
  if (retryNumber !== undefined && /^\d{1,9}$/.test(retryNumber)) metadata['retryNumber'] = Number(retryNumber);
  const score = Number(of('response-quality-score'));
  if (Number.isFinite(score)) metadata['responseQualityScore'] = score;
  return {
    metadata,
    operationSubtype: of('operation-subtype'),
    capturePrompts: of('capture-prompts')?.toLowerCase() === 'true',
    transactionId: given.get(TRANSACTION_HEADER),
    sessionId: given.get('x-claude-code-session-id'),
  };
}

function subscriberOf(of: (header: string) => string | undefined): Subscriber | undefined {
  const subscriber: Record<string, unknown> = {};
  put(subscriber, 'id', of('subscriber-id'));
  put(subscriber, 'email', of('subscriber-email'));
  const credential: Record<string, unknown> = {};
  put(credential, 'name', of('subscriber-credential-name'));
  put(credential, 'value', of('subscriber-credential'));
  if (Object.keys(credential).length > 0) subscriber['credential'] = credential;
  return Object.keys(subscriber).length === 0 ? undefined : (subscriber as Subscriber);
}

function put(fields: Record<string, unknown>, name: string, value: unknown): void {
  if (value !== undefined) fields[name] = value;
}
