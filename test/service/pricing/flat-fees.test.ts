import { describe, expect, it } from 'vitest';
import { eventFactsOf } from '../../../service/ledger/event-facts.js';
import { createCatalogue } from '../../../service/pricing/catalogue.js';
import { createPriceBook } from '../../../service/pricing/price-book.js';
import { priceEvent } from '../../../service/pricing/price-event.js';
import { feesOf, flatRate, isFlat, type RateSheet } from '../../../service/pricing/rates.js';
import { decodeRates, encodeRates } from '../../../service/pricing/rates-json.js';
import { override } from '../pricing-support.js';
import { event, NOON } from '../store-support.js';

const price = (rates: RateSheet, fields: Record<string, unknown> = {}) =>
  priceEvent(eventFactsOf(event(NOON, { inputTokenCount: 900, outputTokenCount: 100, ...fields })), () => ({
    kind: 'rates',
    rates: { ...rates, source: 'override:p1' },
  }));
const REQUEST = flatRate(1_000_000_000n);
const MODEL = flatRate(2_000_000_000n);

describe('flat fees', () => {
  it('are both due for each request, whatever it consumes', () => {
    const both = { request: REQUEST, modelFee: MODEL };
    const known = { state: 'known', amountNanoUsd: 3_000_000n, rateSource: 'override:p1' };
    expect(price(both)).toEqual(known);
    expect(price(both, { inputTokenCount: 1_000_000 })).toEqual(known);
    expect(price({ modelFee: MODEL })).toEqual({ ...known, amountNanoUsd: 2_000_000n });
    expect(price({ request: flatRate(0n), modelFee: flatRate(0n) })).toEqual({ ...known, amountNanoUsd: 0n });
  });

  it('of a thousandth of a nano-dollar are summed before the one rounding', () => {
    expect(price({ request: flatRate(300n), modelFee: flatRate(300n) }).amountNanoUsd).toBe(1n);
    expect(price({ request: flatRate(300n) }).amountNanoUsd).toBe(0n);
  });

  it('stand beside rates by the token', () => {
    const rates = { input: flatRate(1_000n), output: flatRate(1_000n), request: REQUEST, modelFee: MODEL };
    expect(isFlat(rates)).toBe(false);
    expect(price(rates).amountNanoUsd).toBe(3_001_000n);
  });

  it('are not due for a call that failed before it consumed anything', () => {
    const failed = { stopReason: 'ERROR', inputTokenCount: 0, outputTokenCount: 0, totalTokenCount: 0 };
    expect(price({ request: REQUEST, modelFee: MODEL }, failed)).toMatchObject({
      amountNanoUsd: 0n,
      rateSource: 'failed',
    });
  });

  it('hold for an Ollama model under each of its names, however the price was declared', () => {
    const find = (provider: string | null, declaredModel: string, model: string) => {
      const prices = [override({ model: declaredModel, provider }, { request: 1n })];
      const book = createPriceBook(prices, createCatalogue());
      return book.look({ provider: 'OLLAMA', model, atMs: NOON }).kind;
    };
    for (const provider of [null, 'ollama']) {
      for (const declaredModel of ['Llama3.2', 'llama3.2:latest', 'library/llama3.2']) {
        for (const model of ['llama3.2', 'llama3.2:LATEST', 'registry.ollama.ai/library/llama3.2']) {
          expect(find(provider, declaredModel, model), `${declaredModel} ${model}`).toBe('rates');
        }
        expect(find(provider, declaredModel, 'llama3.2:1b')).toBe('unknown');
      }
    }
    expect(find('other', 'x:latest', 'x')).toBe('unknown');
  });

  it('are kept apart', () => {
    const rates = { request: REQUEST, modelFee: MODEL };
    expect(decodeRates(encodeRates(rates))).toEqual(rates);
    expect(feesOf(rates)).toEqual([REQUEST, MODEL]);
    expect([isFlat(rates), isFlat({ modelFee: MODEL }), isFlat({}), isFlat({ request: REQUEST, images: [] })]).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});
