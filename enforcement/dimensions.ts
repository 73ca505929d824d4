/** How a dimension is read of a call. */
import type { CallDimensions } from './decision.js';

/** The dimensions that a call can carry a value for. DEPARTMENT is not one: it acts through the department maps. */
const CALL_DIMENSIONS = [
  'MODEL',
  'PROVIDER',
  'SUBSCRIBER',
  'ORGANIZATION',
  'PRODUCT',
  'CREDENTIAL',
  'AGENT',
  'TASK_TYPE',
] as const;

/** How many dimensions a call can carry; dimension numbers are below this. */
export const DIMENSION_COUNT = CALL_DIMENSIONS.length;

/** A dimension has at most so many values in one call: id and e-mail, or a credential's name and value. */
export const CANDIDATES_MAX = 2;

const NUMBERS = new Map<string, number>(CALL_DIMENSIONS.map((name, number) => [name, number]));
const PROVIDER = 1;

/** The number of a dimension, for tables; -1 for one that no call carries. */
export function dimensionNumber(name: string): number {
  return NUMBERS.get(name) ?? -1;
}

/** A value in the form in which it is compared: as it is, but PROVIDER in lower case (docs/decisions). */
export function comparable(dimension: number, value: string): string {
  return dimension === PROVIDER ? value.toLowerCase() : value;
}

/**
 * The call that a decision reads: what the metadata says, and the request's model and provider. Written out, because a
 * spread of the same ten fields takes 0.9 µs (Node 20), three times the decision.
 */
export function callOf(
  metadata: Omit<CallDimensions, 'model' | 'provider'>,
  model: string | undefined,
  provider: string | undefined,
): CallDimensions {
  return {
    model,
    provider,
    subscriberId: metadata.subscriberId,
    subscriberEmail: metadata.subscriberEmail,
    organization: metadata.organization,
    product: metadata.product,
    credential: metadata.credential,
    credentialName: metadata.credentialName,
    agent: metadata.agent,
    taskType: metadata.taskType,
  };
}

/**
 * The value of a dimension, in the form in which it is compared. `which` is 0 or 1: SUBSCRIBER is the id, then the
 * e-mail; CREDENTIAL the name, then the value; all others have one. An empty text counts as absent.
 */
export function candidate(call: CallDimensions, dimension: number, which: number): string | undefined {
  const value = which === 0 ? firstCandidate(call, dimension) : secondCandidate(call, dimension);
  return typeof value === 'string' && value !== '' ? comparable(dimension, value) : undefined;
}

function firstCandidate(call: CallDimensions, dimension: number): string | undefined {
  switch (dimension) {
    case 0:
      return call.model;
    case PROVIDER:
      return call.provider;
    case 2:
      return call.subscriberId;
    case 3:
      return call.organization;
    case 4:
      return call.product;
    case 5:
      return call.credentialName;
    case 6:
      return call.agent;
    case 7:
      return call.taskType;
    default:
      return undefined;
  }
}

function secondCandidate(call: CallDimensions, dimension: number): string | undefined {
  if (dimension === 2) return call.subscriberEmail;
  return dimension === 5 ? call.credential : undefined;
}
