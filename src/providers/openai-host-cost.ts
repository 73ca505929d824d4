/** What servers behind OpenAI's protocol say themselves that an attempt cost; it wins over any catalogue. */
import { recordOf } from './values.js';

/** From the usage object of a finished answer to US dollars, or `undefined` where it says nothing. Never throws. */
export type CostReader = (usage: Readonly<Record<string, unknown>>) => number | undefined;

/**
 * OpenRouter: `cost` is what is taken from the account, in dollars. With a key of one's own (`is_byok`) that is only the
 * fee, and the provider behind it bills `cost_details.upstream_inference_cost` beside it.
 */
export const openRouterCost: CostReader = (usage) => {
  const cost = dollars(usage['cost']);
  const upstream = dollars(recordOf(usage['cost_details'])?.['upstream_inference_cost']);
  // Nothing is taken from the account, and somebody bills: a key of one's own, whether it is said or not.
  const isOwnKey = usage['is_byok'] === true || (usage['is_byok'] !== false && cost === 0 && (upstream ?? 0) > 0);
  if (cost === undefined || !isOwnKey) return cost;
  // The fee alone is not what the call cost.
  return upstream === undefined ? undefined : cost + upstream;
};

/** Perplexity: `cost.total_cost`, searches and request fee included. */
export const perplexityCost: CostReader = (usage) => price(recordOf(usage['cost'])?.['total_cost']);

const TICKS_PER_USD = 1e10;

/** xAI: `cost_in_usd_ticks`, ten thousand millionths of a dollar; recorded answers agree with the price list so. */
export const xaiCost: CostReader = (usage) => {
  const ticks = price(usage['cost_in_usd_ticks']);
  return ticks === undefined ? undefined : ticks / TICKS_PER_USD;
};

/** Of a server that gives nothing away: 0 is no price, and the catalogue knows better (I5). */
function price(value: unknown): number | undefined {
  const amount = dollars(value);
  return amount === 0 ? undefined : amount;
}

function dollars(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
}
