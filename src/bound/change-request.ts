/** How a request is changed where a budget lets it pass only as another one (DESIGN section 5, graded reactions). Pure. */
import type { RequestReading } from '../providers/adapter.js';
import { isRecord } from '../wire/is-record.js';
import { outputBound } from './output-bound.js';
import { type LimitEdit, type LimitedReading, outputLimitEdits } from './output-limit.js';

/**
 * The same request with an output limit that lets no more than `tokens` come, all its answers together, in its protocol's
 * own field. A copy: what was given stays as it is. `undefined`: its endpoint has no such limit, what is left is too little
 * for one, or it is limited so already; a limit is lowered and never raised. Never throws.
 */
export function withOutputLimit(
  reading: LimitedReading,
  body: object,
  tokens: number,
): Record<string, unknown> | undefined {
  try {
    return isPlain(body) ? limited(reading, body, tokens) : undefined;
  } catch {
    // A body that cannot be read is not one that can be changed.
    return undefined;
  }
}

function limited(
  reading: LimitedReading,
  body: Record<string, unknown>,
  tokens: number,
): Record<string, unknown> | undefined {
  // Perplexity's asynchronous chat wraps the request.
  if (reading.endpoint === 'async.chat.completions') {
    const inner = body['request'];
    const request = isPlain(inner) ? limited(asSync(reading), inner, tokens) : undefined;
    return request === undefined ? undefined : withMember(body, 'request', request);
  }
  const edits = outputLimitEdits(reading, body, tokens - predictedOf(reading, body));
  return edits?.reduce<Record<string, unknown>>(applied, body);
}

function asSync(reading: LimitedReading): LimitedReading {
  return { provider: reading.provider, operationType: reading.operationType, endpoint: 'chat.completions' };
}

/** What a prediction adds to the output, whatever the limit. */
function predictedOf(reading: LimitedReading, body: Record<string, unknown>): number {
  if (reading.endpoint !== 'chat.completions' || !isRecord(body['prediction'])) return 0;
  try {
    return outputBound(reading, { prediction: body['prediction'] }, 0).tokens;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

function applied(body: Record<string, unknown>, { path: [outer, inner], value }: LimitEdit): Record<string, unknown> {
  if (inner === undefined) return withMember(body, outer, value);
  const holder = body[outer];
  return withMember(body, outer, withMember(isPlain(holder) ? holder : {}, inner, value));
}

/** Members that let a model answer that is not the one that is named. */
const OTHER_MODELS = ['models', 'fallbacks', 'fallback_models', 'preset'] as const;

/**
 * The same request for another model of the same server. A copy. `undefined` where the model is not the body's to name
 * (it stands in the address, or a deployment stands for it), or where others may answer in its place. Never throws.
 */
export function withModel(
  reading: Pick<RequestReading, 'model' | 'provider'>,
  body: object,
  model: string,
): Record<string, unknown> | undefined {
  if (model === '' || reading.provider === 'Azure') return undefined;
  try {
    return isPlain(body) ? renamed(reading, body, model) : undefined;
  } catch {
    return undefined;
  }
}

function renamed(
  reading: Pick<RequestReading, 'model'>,
  body: Record<string, unknown>,
  model: string,
): Record<string, unknown> | undefined {
  if (reading.model === undefined || OTHER_MODELS.some((name) => (body[name] ?? null) !== null)) return undefined;
  if (body['model'] === reading.model) return withMember(body, 'model', model);
  const inner = body['request'];
  // Perplexity's asynchronous chat.
  return isPlain(inner) && inner['model'] === reading.model && body['model'] === undefined
    ? withMember(body, 'request', withMember(inner, 'model', model))
    : undefined;
}

/** A form, bytes and the like are no bodies that a member can be changed of. */
function isPlain(value: unknown): value is Record<string, unknown> {
  if (!isRecord(value) || ArrayBuffer.isView(value)) return false;
  return !(value instanceof FormData || value instanceof URLSearchParams || value instanceof Blob);
}

/** A shallow copy of the same prototype; a member of any name stays a member. */
function withMember(body: Record<string, unknown>, name: string, value: unknown): Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(body);
  if (prototype === Object.prototype) return { ...body, [name]: value };
  const copy = Object.create(prototype as object | null, Object.getOwnPropertyDescriptors(body)) as Record<
    string,
    unknown
  >;
  Object.defineProperty(copy, name, { value, writable: true, enumerable: true, configurable: true });
  return copy;
}
