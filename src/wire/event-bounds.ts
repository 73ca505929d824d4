/** What a service takes in one event; whatever is beyond it is refused with the whole event. */

/** Above this a count is a mistake: it bounds the sums that a ledger keeps (a thousand billion tokens in one call). */
export const COUNT_MAX = 1_000_000_000_000;
/** Dollars; above this a price of one call is a mistake. */
export const COST_MAX_USD = 1_000_000_000;
/** A factor on a price; above this it is a mistake. */
export const MULTIPLIER_MAX = 1_000_000;
/** Above this a duration is a mistake: 115 days. */
export const SECONDS_MAX = 10_000_000;
/** Credits of one call, and what one of them costs. */
export const CREDITS_MAX = 1_000_000;
/** Characters of an id. */
export const ID_MAX = 512;
/** Characters of the name of a model or a provider. */
export const NAME_MAX = 256;
