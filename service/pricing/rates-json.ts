/** Rates as text for the store: integers as decimal text, since JSON numbers are floats (I6). */
import { type ImageRate, RATE_NAMES, type Rate, type RateSheet } from './rates.js';

type Plain = Readonly<Record<string, unknown>>;

/** The same rates give the same text. */
export function encodeRates(rates: RateSheet): string {
  const plain: Record<string, unknown> = {};
  for (const name of RATE_NAMES) {
    const rate = rates[name];
    if (rate === undefined) continue;
    plain[name] = [
      String(rate.basePicoUsd),
      ...rate.tiers.map((tier) => [String(tier.aboveTokens), String(tier.picoUsd)]),
    ];
  }
  if (rates.images !== undefined && rates.images.length > 0) {
    plain['images'] = rates.images.map(({ quality, resolution, picoUsd }) => ({
      quality,
      resolution,
      picoUsd: String(picoUsd),
    }));
  }
  if (rates.cacheWrite1hUnknown === true) plain['cacheWrite1hUnknown'] = true;
  if (rates.audioMinimumMs !== undefined) plain['audioMinimumMs'] = rates.audioMinimumMs;
  return JSON.stringify(plain);
}

/** The inverse of {@link encodeRates}; takes nothing but what that wrote. */
export function decodeRates(text: string): RateSheet {
  const plain = JSON.parse(text) as Plain;
  const rates: Record<string, unknown> = {};
  for (const name of RATE_NAMES) {
    const kept = plain[name];
    if (kept !== undefined) rates[name] = decodeRate(kept as readonly [string, ...[string, string][]]);
  }
  if (Array.isArray(plain['images'])) rates['images'] = plain['images'].map(decodeImage);
  if (plain['cacheWrite1hUnknown'] === true) rates['cacheWrite1hUnknown'] = true;
  if (typeof plain['audioMinimumMs'] === 'number') rates['audioMinimumMs'] = plain['audioMinimumMs'];
  return rates;
}

function decodeRate([base, ...tiers]: readonly [string, ...[string, string][]]): Rate {
  return {
    basePicoUsd: BigInt(base),
    tiers: tiers.map(([aboveTokens, picoUsd]) => ({ aboveTokens: BigInt(aboveTokens), picoUsd: BigInt(picoUsd) })),
  };
}

function decodeImage(kept: Plain): ImageRate {
  const { quality, resolution, picoUsd } = kept as { quality?: string; resolution?: string; picoUsd: string };
  return {
    ...(quality === undefined ? {} : { quality }),
    ...(resolution === undefined ? {} : { resolution }),
    picoUsd: BigInt(picoUsd),
  };
}
