/** What the routes of prices share. */
import { ApiError } from '../http/api-error.js';
import type { Caller } from '../http/types.js';
import { keyActor, LOCAL_ACTOR } from '../ledger/audit.js';
import { type Declaration, PRICES_MAX } from '../ledger/prices.js';

/** Who declares, for people: the key's label and its last characters, or a command on the service's own machine. */
export function declarerOf({ key }: Caller): string {
  if (key.id === LOCAL_ACTOR.id) return LOCAL_ACTOR.id;
  return key.label === '' ? `key (…${key.hint})` : `key ${key.label} (…${key.hint})`;
}

/** The same for prices that the caller declares. */
export function declarationOf(caller: Caller): Declaration {
  return { declaredBy: declarerOf(caller), actor: keyActor(caller.key) };
}

/** The answer where a team's prices would outgrow their bound. */
export function tooManyPrices(): ApiError {
  return new ApiError(
    409,
    'too_many_prices',
    `a team may have at most ${PRICES_MAX} prices, those of the past included`,
  );
}
