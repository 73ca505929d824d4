import { describe, expect, it } from 'vitest';
import { eventFactsOf } from '../../../service/ledger/event-facts.js';
import { createCatalogue } from '../../../service/pricing/catalogue.js';
import { createPriceBook } from '../../../service/pricing/price-book.js';
import { priceFacts } from '../../../service/pricing/price-facts.js';
import type { PriceOverride } from '../../../service/store/store.js';
import { override } from '../pricing-support.js';
import { event, NOON } from '../store-support.js';

/** An event that asked for `gpt-4o`, and was answered by a version of it. */
function priced(prices: readonly PriceOverride[], answered = 'gpt-4o-2024-08-06') {
  const attributes = { requestedModel: 'gpt-4o' };
  const facts = eventFactsOf(event(NOON, { model: answered, inputTokenCount: 1_000_000, attributes }));
  return priceFacts(createPriceBook(prices, createCatalogue()), facts, NOON);
}
const price = (id: string, model: string, fields: Partial<PriceOverride> = {}) =>
  override({ id, model, provider: 'OPENAI', ...fields }, { request: 1_000_000_000_000n });

describe('a price that is declared for a model', () => {
  it('holds for the calls that ask for it, under whichever version they are answered', () => {
    expect(priced([price('a', 'gpt-4o')])).toMatchObject({ rateSource: 'override:a', amountNanoUsd: 1_000_000_000n });
    expect(priced([price('a', 'gpt-4o', { kind: 'free' })])).toMatchObject({ state: 'free' });
    expect(priced([price('a', 'gpt-4o')], 'something-new')).toMatchObject({ rateSource: 'override:a' });
  });

  it('gives way to one for the very version, and goes before one for every model', () => {
    const both = [price('a', 'gpt-4o'), price('b', 'gpt-4o-2024-08-06')];
    expect(priced(both)).toMatchObject({ rateSource: 'override:b' });
    expect(priced([price('a', 'gpt-4o'), price('c', '*')])).toMatchObject({ rateSource: 'override:a' });
    expect(priced([price('c', '*')])).toMatchObject({ rateSource: 'override:c' });
  });

  it('is none when it is withdrawn, over, or another model’s', () => {
    const catalogue = { rateSource: expect.stringMatching(/^catalogue:openai\/gpt-4o/), amountNanoUsd: 2_500_000_000n };
    expect(priced([price('a', 'gpt-4o', { kind: 'withdrawn' })])).toMatchObject(catalogue);
    expect(priced([price('a', 'gpt-4o', { validUntilMs: NOON - 1 })])).toMatchObject(catalogue);
    expect(priced([price('a', 'gpt-4o-mini')])).toMatchObject(catalogue);
  });
});
