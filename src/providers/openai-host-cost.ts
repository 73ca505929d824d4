/** What servers behind OpenAI's protocol say themselves that an attempt cost; it wins over any catalogue. */
import { recordOf } from './openai-usage.js';

/** From the usage object of a finished answer to US dollars, or `undefined` where it says nothing. Never throws. */
export type CostReader = (usage: Readonly<Record<string, unknown>>) => number | undefined;

/**
 * OpenRouter: `cost` is what is taken from the account, in dollars. With a key of one's own (`is_byok`) that is only the
 * fee, and the provider behind it bills `cost_details.upstream_inference_cost` beside it.
 */
export const openRouterCost: CostReader = (usage) => {
  const cost = dollars(usage['cost']);
  if (cost === undefined || usage['is_byok'] !== true) return cost;
  const upstream = dollars(recordOf(usage['cost_details'])?.['upstream_inference_cost']);
  // The fee alone is not what the call cost.
  return upstream === undefined ? undefined : cost + upstream;
};

/** Perplexity: `cost.total_cost`, searches and request fee included. */
export const perplexityCost: CostReader = (usage) => dollars(recordOf(usage['cost'])?.['total_cost']);

const TICKS_PER_USD = 1e10;

/** xAI: `cost_in_usd_ticks`, ten thousand millionths of a dollar; recorded answers agree with the price list so. */
export const xaiCost: CostReader = (usage) => {
  const ticks = dollars(usage['cost_in_usd_ticks']);
  return ticks === undefined ? undefined : ticks / TICKS_PER_USD;
};

function dollars(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
}
