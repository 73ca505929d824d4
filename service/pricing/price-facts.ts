/** An event at a team's prices. */
import type { EventFacts } from '../ledger/event-facts.js';
import type { PriceBook, PriceQuery } from './price-book.js';
import { type EventPrice, priceEvent } from './price-event.js';

/** What an event costs by the prices that held at `atMs`, the instant by which it is counted. */
export function priceFacts(book: PriceBook, facts: EventFacts, atMs: number): EventPrice {
  const { provider, modelSource } = facts;
  const query = (model: string, serviceTier: string | undefined) => ({
    provider,
    modelSource,
    model,
    serviceTier,
    atMs,
  });
  return priceEvent(billedFacts(book, facts, query), (model, serviceTier) => book.find(query(model, serviceTier)));
}

/**
 * Providers answer under the name of a version (`gpt-4o-2024-08-06`). Who declares a price for the model that is asked for
 * means these calls too: it holds unless the version has a declared price of its own, before the catalogue's.
 */
function billedFacts(
  book: PriceBook,
  facts: EventFacts,
  query: (model: string, serviceTier: string | undefined) => PriceQuery,
): EventFacts {
  const { model, requestedModel, billing } = facts;
  if (requestedModel === undefined) return facts;
  const tier = billing.multiplierNano === undefined ? billing.serviceTier : undefined;
  if (book.isDeclared(query(model, tier)) || !book.isDeclared(query(requestedModel, tier))) return facts;
  return { ...facts, model: requestedModel, requestedModel: undefined };
}
