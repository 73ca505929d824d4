/** The fields of a usage event (contract 5.3) and what may be in them. */

/** What a field takes. */
export type FieldKind =
  /** `maxLength` characters at most, and not empty. */
  | { readonly kind: 'text'; readonly maxLength: number }
  | { readonly kind: 'one-of'; readonly members: readonly string[] }
  /** Whole, 0 or more. */
  | { readonly kind: 'count' }
  | { readonly kind: 'number'; readonly min: number; readonly max: number }
  | { readonly kind: 'integer' }
  | { readonly kind: 'flag' }
  | { readonly kind: 'time' }
  | { readonly kind: 'subscriber' }
  | { readonly kind: 'object' };

/** Members of contract 5.8. */
const OPERATION_TYPES = [
  'CHAT',
  'GENERATE',
  'EMBED',
  'CLASSIFY',
  'SUMMARIZE',
  'TRANSLATE',
  'OTHER',
  'TOOL_CALL',
  'RERANK',
  'SEARCH',
  'MODERATION',
  'VISION',
  'TRANSFORM',
  'GUARDRAIL',
  'AUDIO',
  'VIDEO',
  'IMAGE',
];
const STOP_REASONS = [
  'END',
  'END_SEQUENCE',
  'TIMEOUT',
  'TOKEN_LIMIT',
  'COST_LIMIT',
  'COMPLETION_LIMIT',
  'ERROR',
  'CANCELLED',
];

const TEXT_MAX = 1000;
const text = (maxLength = TEXT_MAX): FieldKind => ({ kind: 'text', maxLength });
const AMOUNT: FieldKind = { kind: 'number', min: 0, max: Number.MAX_VALUE };

function fields(kind: FieldKind, names: string): [string, FieldKind][] {
  return names.split(' ').map((name) => [name, kind]);
}

/** Every field that an event can have. */
export const EVENT_FIELDS: ReadonlyMap<string, FieldKind> = new Map([
  ...fields(text(255), 'transactionId environment credentialAlias'),
  ...fields(text(), 'model provider modelSource operationSubtype middlewareSource systemFingerprint actualServiceTier'),
  ...fields(text(), 'organizationName productName subscriptionId subscriberEmailSource agent taskType traceId'),
  ...fields(text(), 'parentTransactionId transactionName region errorReason skillKind skillSource agenticJobName'),
  ...fields(text(), 'agenticJobType agenticJobVersion squadId squadName squadRole'),
  ...fields(text(), 'codingAssistantAccountUuid requestedServiceTier subscriptionTier pricingTier modelHost'),
  ...fields(text(64), 'agentVersion promptId'),
  ...fields(text(128), 'traceType querySource subagentType'),
  ...fields(text(255), 'agenticJobId'),
  ...fields(text(256), 'traceName ticketId skillName skillPluginName skillMarketplaceName'),
  ...fields(text(32), 'skillInvocationTrigger'),
  ...fields(text(16), 'effort speed'),
  ...fields({ kind: 'count' }, 'inputTokenCount outputTokenCount totalTokenCount reasoningTokenCount'),
  ...fields({ kind: 'count' }, 'cacheCreationTokenCount cacheReadTokenCount cacheCreation5mTokenCount'),
  ...fields({ kind: 'count' }, 'cacheCreation1hTokenCount retryNumber'),
  ...fields(AMOUNT, 'requestDuration timeToFirstToken mediationLatency inputTokenCost outputTokenCost'),
  ...fields(AMOUNT, 'cacheCreationTokenCost cacheReadTokenCost totalCost costMultiplier promptLength'),
  ...fields({ kind: 'number', min: 0, max: 1 }, 'responseQualityScore'),
  ...fields({ kind: 'number', min: -Number.MAX_VALUE, max: Number.MAX_VALUE }, 'temperature'),
  ...fields({ kind: 'integer' }, 'errorCode'),
  ...fields({ kind: 'flag' }, 'isStreamed'),
  ...fields({ kind: 'time' }, 'requestTime responseTime completionStartTime'),
  ...fields({ kind: 'one-of', members: ['AI'] }, 'costType'),
  ...fields({ kind: 'one-of', members: OPERATION_TYPES }, 'operationType'),
  ...fields({ kind: 'one-of', members: STOP_REASONS }, 'stopReason'),
  ...fields({ kind: 'subscriber' }, 'subscriber'),
  ...fields({ kind: 'object' }, 'attributes'),
]);

/** What is wrong with a value, as the end of a sentence that begins with the field's name; `undefined` where nothing is. */
export function problemOf(value: unknown, field: FieldKind): string | undefined {
  switch (field.kind) {
    case 'text':
      if (typeof value !== 'string' || value.trim() === '') return 'must be a text that is not empty';
      return value.length > field.maxLength ? `must have at most ${field.maxLength} characters` : undefined;
    case 'one-of':
      return field.members.some((member) => member === value)
        ? undefined
        : `must be one of ${field.members.join(', ')}`;
    case 'count':
      return Number.isSafeInteger(value) && Number(value) >= 0 ? undefined : 'must be a whole number of 0 or more';
    case 'integer':
      return Number.isSafeInteger(value) ? undefined : 'must be a whole number';
    case 'number': {
      const isInside = Number.isFinite(value) && Number(value) >= field.min && Number(value) <= field.max;
      const range = field.max === 1 ? ' between 0 and 1' : field.min === 0 ? ' of 0 or more' : '';
      return isInside ? undefined : `must be a number${range}`;
    }
    case 'flag':
      return typeof value === 'boolean' ? undefined : 'must be true or false';
    case 'time':
      return isTime(value) ? undefined : 'must be an ISO-8601 time, a Date or milliseconds since the epoch';
    case 'subscriber':
      return subscriberProblem(value);
    case 'object':
      return isObject(value) && isJson(value) ? undefined : 'must be an object that can be written as JSON';
  }
}

function isTime(value: unknown): boolean {
  if (typeof value !== 'string' && typeof value !== 'number' && !(value instanceof Date)) return false;
  return !Number.isNaN(new Date(value).getTime());
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isJson(value: unknown): boolean {
  try {
    return typeof JSON.stringify(value) === 'string';
  } catch {
    return false;
  }
}

function subscriberProblem(value: unknown): string | undefined {
  const wanted = 'must be an object with id, email and credential {name, value}, all of them texts';
  if (!isObject(value)) return wanted;
  const { credential, ...person } = value;
  const hasOnlyTexts = (part: Record<string, unknown>, names: readonly string[]) =>
    Object.entries(part).every(
      ([name, item]) => names.includes(name) && (item === undefined || typeof item === 'string'),
    );
  if (!hasOnlyTexts(person, ['id', 'email'])) return wanted;
  if (credential === undefined) return undefined;
  return isObject(credential) && hasOnlyTexts(credential, ['name', 'value']) ? undefined : wanted;
}
