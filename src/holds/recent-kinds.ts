/** Kinds of calls that were met lately, found without the text that names one: this runs before each call. */
import type { CallDimensions } from '../../enforcement/decision.js';
import { ratesNumberOf } from '../bound/rates-key.js';
import type { HoldCall } from './hold-types.js';
import type { HoldAsk } from './holder-types.js';

/** A power of two. A kind whose place another one takes is found by its text, as one that was never met. */
const PLACES = 256;

interface Known<T> {
  readonly call: HoldCall;
  readonly rates: number;
  readonly size: string | undefined;
  readonly value: T;
}

/** Finds exactly what a map by `scopeKey` would, or nothing. */
export class RecentKinds<T> {
  readonly #places: (Known<T> | undefined)[] = Array.from({ length: PLACES }, () => undefined);

  find({ call, need, size }: HoldAsk): T | undefined {
    const known = this.#places[placeOf(call)];
    if (known === undefined || known.rates !== ratesNumberOf(need.worst) || known.size !== size) return undefined;
    return isSameCall(known.call, call) && isSameCaller(known.call.dimensions, call.dimensions)
      ? known.value
      : undefined;
  }

  remember({ call, need, size }: HoldAsk, value: T): void {
    const rates = ratesNumberOf(need.worst);
    if (rates !== undefined) this.#places[placeOf(call)] = { call, rates, size, value };
  }

  clear(): void {
    this.#places.fill(undefined);
  }
}

/** Where a kind has its place: by what differs between callers, most often. */
function placeOf({ dimensions, model }: HoldCall): number {
  let place = mixed(0, model);
  place = mixed(place, dimensions.subscriberId);
  place = mixed(place, dimensions.organization);
  place = mixed(place, dimensions.credential);
  place = mixed(place, dimensions.agent);
  place = mixed(place, dimensions.taskType);
  return place & (PLACES - 1);
}

/** Ids differ at their ends. */
function mixed(place: number, text: string | undefined): number {
  if (text === undefined || text === '') return Math.imul(place, 31);
  const { length } = text;
  const end = text.charCodeAt(length - 1) + text.charCodeAt(length >> 1) * 7;
  return Math.imul(place, 31) + end + (length > 1 ? text.charCodeAt(length - 2) * 13 : 0) + length;
}

function isSameCall(one: HoldCall, other: HoldCall): boolean {
  return (
    one.model === other.model &&
    one.provider === other.provider &&
    one.modelSource === other.modelSource &&
    one.operationType === other.operationType &&
    one.requestedServiceTier === other.requestedServiceTier &&
    one.pricingTier === other.pricingTier &&
    one.billingUnit === other.billingUnit &&
    one.quality === other.quality &&
    one.resolution === other.resolution &&
    (one.hasVisionContent === true) === (other.hasVisionContent === true)
  );
}

function isSameCaller(one: CallDimensions, other: CallDimensions): boolean {
  return (
    one.model === other.model &&
    one.provider === other.provider &&
    one.subscriberId === other.subscriberId &&
    one.subscriberEmail === other.subscriberEmail &&
    one.organization === other.organization &&
    one.product === other.product &&
    one.credential === other.credential &&
    one.credentialName === other.credentialName &&
    one.agent === other.agent &&
    one.taskType === other.taskType
  );
}
