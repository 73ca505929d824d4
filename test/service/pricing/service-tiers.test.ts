import { describe, expect, test } from 'vitest';
import { eventFactsOf } from '../../../service/ledger/event-facts.js';
import { billingFactsOf } from '../../../service/pricing/billing-facts.js';
import { createCatalogue } from '../../../service/pricing/catalogue.js';
import { createPriceBook } from '../../../service/pricing/price-book.js';
import { priceFacts } from '../../../service/pricing/price-facts.js';
import type { PriceOverride } from '../../../service/store/store.js';
import { override } from '../pricing-support.js';
import { event, NOON } from '../store-support.js';

const catalogue = createCatalogue();

/** A thousand tokens of gpt-4o-mini are 150,000 nano-dollars in the standard tier. */
function priceOf(fields: Record<string, unknown>, overrides: readonly PriceOverride[] = []) {
  const facts = eventFactsOf(event(NOON, { inputTokenCount: 1_000, ...fields }));
  return priceFacts(createPriceBook(overrides, catalogue), facts, NOON);
}

describe('the service tier of an event', () => {
  test.each([
    [{}, undefined],
    [{ actualServiceTier: 'default' }, undefined],
    [{ actualServiceTier: 'Standard', requestedServiceTier: 'priority' }, undefined],
    [{ requestedServiceTier: 'auto' }, undefined],
    [{ requestedServiceTier: 'flex' }, 'flex'],
    [{ requestedServiceTier: 'auto', actualServiceTier: 'Priority' }, 'priority'],
    [{ pricingTier: 'STANDARD' }, undefined],
    [{ pricingTier: 'BATCH' }, 'batch'],
    [{ pricingTier: 'BATCH', actualServiceTier: 'standard' }, 'batch'],
    [{ speed: 'fast' }, 'fast'],
    [{ speed: 'standard' }, undefined],
    [{ speed: 'fast', actualServiceTier: 'standard' }, 'fast'],
  ])('%j is %s', (body, tier) => {
    expect(billingFactsOf(body).serviceTier).toBe(tier);
  });
});

describe('I5: a tier that may cost something else', () => {
  test('has no price where the catalogue does not list it', () => {
    expect(priceOf({ actualServiceTier: 'default' })).toMatchObject({ state: 'known', amountNanoUsd: 150_000n });
    for (const tier of [{ pricingTier: 'BATCH' }, { actualServiceTier: 'priority' }, { speed: 'fast' }]) {
      expect(priceOf(tier)).toMatchObject({ state: 'unknown', amountNanoUsd: 0n });
    }
  });

  test('has the price of the catalogue where that lists it', () => {
    const model = { provider: 'OPENROUTER', model: 'openai/gpt-6-luna' };
    const standard = priceOf(model);
    expect(priceOf({ ...model, pricingTier: 'BATCH' })).toMatchObject({
      state: 'known',
      amountNanoUsd: standard.amountNanoUsd / 2n,
      rateSource: `catalogue:openrouter/openai/gpt-6-luna:batch@${catalogue.version}`,
    });
    expect(priceOf({ ...model, actualServiceTier: 'flex' }).state).toBe('unknown');
  });

  test('has the price that is declared for it, else the one for every tier, never the one for the standard tier', () => {
    const standard = override({ id: 'standard' }, { input: 1_000n });
    const batch = override({ id: 'batch', serviceTier: 'batch' }, { input: 500n });
    const every = override({ id: 'every', serviceTier: '*' }, { input: 2_000n });
    const source = (fields: Record<string, unknown>, ...overrides: PriceOverride[]) =>
      priceOf(fields, overrides).rateSource;
    expect(source({ pricingTier: 'BATCH' }, standard)).toBe('none');
    expect(source({ pricingTier: 'BATCH' }, standard, every, batch)).toBe('override:batch');
    expect(source({ actualServiceTier: 'flex' }, standard, every, batch)).toBe('override:every');
    expect(source({}, standard, every, batch)).toBe('override:standard');
    expect(source({}, every)).toBe('override:every');
  });

  test('is free where the model is free', () => {
    expect(priceOf({ pricingTier: 'BATCH' }, [override({ kind: 'free' })]).state).toBe('free');
  });
});

describe('a multiplier that the caller gives', () => {
  test.each([
    [0.5, 75_000n],
    [1, 150_000n],
    [0, 0n],
    [1.25, 187_500n],
    [0.000_000_001, 0n],
    [0.000_003_333, 0n],
    [0.000_003_334, 1n],
  ])('I6: %d is laid on the computed price, which is rounded once', (costMultiplier, amountNanoUsd) => {
    expect(priceOf({ costMultiplier })).toMatchObject({ state: 'known', amountNanoUsd });
  });

  test('says what its tier costs', () => {
    const half = priceOf({ costMultiplier: 0.5, pricingTier: 'BATCH' });
    expect(half).toMatchObject({ state: 'known', amountNanoUsd: 75_000n });
  });

  test('does not change what came with the event', () => {
    expect(priceOf({ costMultiplier: 0.5, totalCost: 1 }).amountNanoUsd).toBe(1_000_000_000n);
    const part = priceOf({ costMultiplier: 0.5, inputTokenCost: 1, outputTokenCount: 1_000 });
    expect(part.amountNanoUsd).toBe(1_000_000_000n + 300_000n);
  });

  test.each([-1, 1_000.5, '2'])('I5: of %j makes no sense: the price is unknown', (costMultiplier) => {
    expect(priceOf({ costMultiplier })).toMatchObject({ state: 'unknown', rateSource: 'out-of-range' });
  });
});
