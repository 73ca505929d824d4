/** An event at a team's prices. */
import type { EventFacts } from '../ledger/event-facts.js';
import type { PriceBook } from './price-book.js';
import { type EventPrice, priceEvent } from './price-event.js';

/** What an event costs by the prices that held at `atMs`, the instant by which it is counted. */
export function priceFacts(book: PriceBook, facts: EventFacts, atMs: number): EventPrice {
  const { provider, modelSource } = facts;
  return priceEvent(facts, (model, serviceTier) => book.find({ provider, modelSource, model, serviceTier, atMs }));
}
