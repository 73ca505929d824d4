import { calcPrice, findProvider } from '@pydantic/genai-prices';
import { describe, expect, test } from 'vitest';
import { createCatalogue } from '../../../service/pricing/catalogue.js';
import { installedCatalogueVersion, isNewer } from '../../../service/pricing/catalogue-version.js';
import { decodeVariants, encodeVariants, variantAt } from '../../../service/pricing/price-variants.js';
import type { Rate } from '../../../service/pricing/rates.js';
import { decodeRates, encodeRates } from '../../../service/pricing/rates-json.js';
import { DAY, NOON } from '../store-support.js';

const catalogue = createCatalogue();
const PROVIDERS = ['openai', 'azure', 'anthropic', 'aws', 'google', 'x-ai', 'groq', 'mistral', 'deepseek', 'cohere'];
/** Days on which prices begin, and the hours of those that hold by the hour, before, at and after. */
const INSTANTS = [
  ...['2025-06-10', '2026-03-13', '2026-08-05', '2026-08-17', '2027-01-01'].map((day) => Date.parse(day)),
  ...[0.5, 1, 4, 6, 10, 16.5, 23].map((hour) => Date.UTC(2026, 8, 2) + hour * 3_600_000),
].flatMap((atMs) => [atMs - 1, atMs, atMs + 1]);

const MODELS = PROVIDERS.flatMap((id) =>
  (findProvider({ providerId: id })?.models ?? []).map((model) => [id, model.id] as const),
);

describe('the catalogue', () => {
  test('chooses among prices by day and hour as the package does, for every model', () => {
    let compared = 0;
    for (const [provider, model] of MODELS) {
      for (const atMs of INSTANTS) {
        const theirs = calcPrice({}, model, { providerId: provider, timestamp: new Date(atMs) })?.model_price;
        const ours = catalogue.find(provider, model, atMs);
        expect([model, atMs, perMillion(ours?.input)]).toEqual([model, atMs, theirs?.['input_mtok'] ?? undefined]);
        expect([model, perMillion(ours?.output)]).toEqual([model, theirs?.['output_mtok'] ?? undefined]);
        compared += 1;
      }
    }
    expect(compared).toBeGreaterThan(5_000);
  });

  test('names its version with every price', () => {
    expect(catalogue.version).toMatch(/^\d+\.\d+\.\d+/);
    expect(installedCatalogueVersion()).toBe(catalogue.version);
    expect(catalogue.find('openai', 'gpt-4o', NOON)?.source).toBe(`catalogue:openai/gpt-4o@${catalogue.version}`);
  });

  test('can be kept as text, every price of every model', () => {
    for (const [provider, model] of MODELS) {
      const variants = catalogue.entry(provider, model)?.variants ?? [];
      expect(decodeVariants(encodeVariants(variants))).toEqual(variants);
      const rates = variantAt(variants, NOON + DAY) ?? {};
      expect(decodeRates(encodeRates(rates))).toEqual(rates);
    }
  });

  test('I5: does not take the price of a five-minute cache for that of an hour', () => {
    expect(catalogue.find('aws', 'global.anthropic.claude-sonnet-5-v1:0', NOON)?.cacheWrite1hUnknown).toBe(true);
    expect(catalogue.find('anthropic', 'claude-sonnet-4-5', NOON)?.cacheWrite1h?.basePicoUsd).toBe(6_000_000n);
    expect(catalogue.find('openai', 'gpt-4o', NOON)?.cacheWrite1hUnknown).toBeUndefined();
  });

  test.each([
    ['0.1.9', '0.1.8', true],
    ['0.1.8', '0.1.8', false],
    ['0.1.10', '0.1.9', true],
    ['0.1.9', '0.1.10', false],
    ['1.0.0', '0.9.9', true],
    ['0.1.8', 'unknown', true],
    ['unknown', '0.1.8', false],
  ])('%s comes after %s: %s', (one, other, newer) => {
    expect(isNewer(one, other)).toBe(newer);
  });
});

/** Dollars a million, as the package has it: a number, or base and tiers. */
function perMillion(rate: Rate | undefined): unknown {
  if (rate === undefined) return undefined;
  const base = Number(rate.basePicoUsd) / 1e6;
  if (rate.tiers.length === 0) return base;
  const tiers = rate.tiers.map((tier) => ({ start: Number(tier.aboveTokens), price: Number(tier.picoUsd) / 1e6 }));
  return expect.objectContaining({ base, tiers });
}
