/** The numbers of a price: their names on the wire, their units, and the way from one to the other, exactly (I6). */
import { z } from 'zod';
import type { FieldProblem } from '../http/api-error.js';
import { divide, formatScaled, parseScaled } from '../ledger/decimal.js';
import type { Rate, RateName, RateSheet } from '../pricing/rates.js';
import { readAmount } from './amount.js';

/** Dollars a million × 10⁶ are pico-dollars for one: six decimals are exact. */
const MILLION_DIGITS = 6;
/** Dollars for one × 10¹². */
const ONE_DIGITS = 12;

interface RateField {
  readonly rate: RateName;
  readonly digits: number;
  /** How many of it the rate is kept for: 60 minutes are an hour. */
  readonly times: bigint;
  readonly about: string;
}

const perMillion = (rate: RateName, about: string): RateField => ({ rate, digits: MILLION_DIGITS, times: 1n, about });
const perOne = (rate: RateName, about: string, times = 1n): RateField => ({ rate, digits: ONE_DIGITS, times, about });

/** Rates by the token: they may have tiers. */
const TOKEN_FIELDS = {
  inputPerMillion: perMillion('input', 'dollars a million input tokens'),
  outputPerMillion: perMillion('output', 'dollars a million output tokens'),
  cacheReadPerMillion: perMillion('cacheRead', 'read from a cache; the input rate where it is left out'),
  cacheWritePerMillion: perMillion(
    'cacheWrite',
    'written to a cache of 5 minutes; the input rate where it is left out',
  ),
  cacheWrite1hPerMillion: perMillion(
    'cacheWrite1h',
    'written to a cache of an hour; as the other where it is left out',
  ),
  reasoningPerMillion: perMillion('reasoning', 'the output rate where it is left out'),
  inputAudioPerMillion: perMillion('inputAudio', 'the input rate where it is left out'),
  outputAudioPerMillion: perMillion('outputAudio', 'the output rate where it is left out'),
  outputImagePerMillion: perMillion('outputImage', 'of image models; the output rate where it is left out'),
} as const;

/** All, in the order in which they are shown. */
export const RATE_FIELDS = {
  ...TOKEN_FIELDS,
  perImage: perOne('image', 'dollars an image'),
  perAudioHour: perOne('audioHour', 'dollars an hour of sound'),
  perAudioMinute: perOne('audioHour', 'the same by the minute', 60n),
  perAudioSecond: perOne('audioHour', 'the same by the second', 3_600n),
  perVideoHour: perOne('videoHour', 'dollars an hour of film'),
  perVideoMinute: perOne('videoHour', 'the same by the minute', 60n),
  perVideoSecond: perOne('videoHour', 'the same by the second', 3_600n),
  perMillionCharacters: perMillion('character', 'dollars a million characters'),
  perCredit: perOne('credit', 'dollars a credit'),
  perRequest: perOne('request', 'dollars a request, beside all others; alone it covers everything'),
  perModel: perOne('modelFee', 'dollars a request more, for this model; with perRequest or alone it covers everything'),
} as const satisfies Record<string, RateField>;

/** The wire name of a rate. */
export type RateFieldName = keyof typeof RATE_FIELDS;
type Numbers = { readonly [N in RateFieldName]?: number | string | null | undefined };

const NAMES = Object.keys(RATE_FIELDS) as RateFieldName[];
const TOKEN_NAMES = Object.keys(TOKEN_FIELDS) as (keyof typeof TOKEN_FIELDS)[];
const usd = z.union([z.number(), z.string()], { error: 'must be a number' }).nullish();

function shapeOf<N extends RateFieldName>(names: readonly N[]): { [K in N]: typeof usd } {
  return Object.fromEntries(names.map((name) => [name, usd.describe(RATE_FIELDS[name].about)])) as {
    [K in N]: typeof usd;
  };
}

const name = z.string({ error: 'must be text' }).trim().min(1, { error: 'must not be empty' }).max(64);
const tierSchema = z.object({
  aboveTokens: z
    .int({ error: 'must be a whole number' })
    .min(1, { error: 'must be at least 1' })
    .max(1_000_000_000, { error: 'must be at most 1000000000' })
    .describe('holds for a whole context, caches included, of more tokens than that'),
  ...shapeOf(TOKEN_NAMES),
});
const imageSchema = z.object({ quality: name.nullish(), resolution: name.nullish(), perImage: usd });

/** Rates as they are written. */
export const ratesShape = {
  ...shapeOf(NAMES),
  tiers: z.array(tierSchema, { error: 'must be a list' }).max(10, { error: 'must have at most 10 tiers' }).nullish(),
  images: z
    .array(imageSchema, { error: 'must be a list' })
    .max(100, { error: 'must have at most 100 prices' })
    .nullish()
    .describe('images of a quality or a resolution; perImage is for every other'),
};
/** Rates as they are shown. */
export const shownRatesShape = Object.fromEntries(NAMES.map((field) => [field, z.number().nullable()])) as {
  [N in RateFieldName]: z.ZodNullable<z.ZodNumber>;
};
/** Tiers and images as they are shown. */
export const shownListsShape = {
  tiers: z.array(z.looseObject({ aboveTokens: z.int() })),
  images: z.array(
    z.object({ quality: z.string().nullable(), resolution: z.string().nullable(), perImage: z.number() }),
  ),
};

type Written = z.output<z.ZodObject<typeof ratesShape>>;

/** Reads rates; what is wrong goes to `problems`, under `prefix`. */
export function readRates(written: Written, problems: FieldProblem[], prefix = ''): RateSheet {
  const rates: Partial<Record<RateName, Rate>> = {};
  for (const field of NAMES) {
    const { rate } = RATE_FIELDS[field];
    const picoUsd = readNumber(written, field, problems, prefix);
    if (picoUsd === undefined) continue;
    if (rates[rate] !== undefined)
      problems.push({ field: `${prefix}${field}`, problem: 'says the same as another one' });
    else rates[rate] = { basePicoUsd: picoUsd, tiers: [] };
  }
  readTiers(written, rates, problems, prefix);
  const images = (written.images ?? []).map((image, i) => {
    const at = `${prefix}images.${i}.`;
    const picoUsd = readNumber(image, 'perImage', problems, at);
    if (picoUsd === undefined) problems.push({ field: `${at}perImage`, problem: 'perImage is required' });
    const { quality, resolution } = image;
    if (!quality && !resolution) problems.push({ field: `${at}quality`, problem: 'needs a quality or a resolution' });
    return { ...(quality ? { quality } : {}), ...(resolution ? { resolution } : {}), picoUsd: picoUsd ?? 0n };
  });
  return images.length === 0 ? rates : { ...rates, images };
}

function readTiers(
  written: Written,
  rates: Partial<Record<RateName, Rate>>,
  problems: FieldProblem[],
  prefix: string,
): void {
  const tiers = [...(written.tiers ?? []).entries()].sort(([, a], [, b]) => a.aboveTokens - b.aboveTokens);
  for (const [position, [i, tier]] of tiers.entries()) {
    const at = `${prefix}tiers.${i}.`;
    if (tiers[position - 1]?.[1].aboveTokens === tier.aboveTokens) {
      problems.push({ field: `${at}aboveTokens`, problem: 'stands there twice' });
    }
    for (const field of TOKEN_NAMES) {
      const picoUsd = readNumber(tier, field, problems, at);
      if (picoUsd === undefined) continue;
      const { rate } = RATE_FIELDS[field];
      const base = rates[rate];
      if (base === undefined) problems.push({ field: `${at}${field}`, problem: `needs ${field} outside of the tiers` });
      else rates[rate] = { ...base, tiers: [...base.tiers, { aboveTokens: BigInt(tier.aboveTokens), picoUsd }] };
    }
  }
}

function readNumber(
  written: Numbers,
  field: RateFieldName,
  problems: FieldProblem[],
  prefix: string,
): bigint | undefined {
  const value = written[field];
  if (value === null || value === undefined) return undefined;
  const { digits, times } = RATE_FIELDS[field];
  const amount = readAmount(value, digits);
  if (amount.ok) return (parseScaled(amount.text, digits) ?? 0n) * times;
  problems.push({ field: `${prefix}${field}`, problem: amount.problem });
  return undefined;
}

/** Rates as numbers; a rate by the minute or second of one that was declared by the hour may be rounded. */
export function showRates(rates: RateSheet): { [N in RateFieldName]: number | null } {
  const shown = NAMES.map((field) => [field, showRate(field, rates[RATE_FIELDS[field].rate]?.basePicoUsd)] as const);
  return Object.fromEntries(shown) as { [N in RateFieldName]: number | null };
}

/** Tiers by their threshold, and prices of images. */
export function showLists(rates: RateSheet) {
  const byTokens = new Map<bigint, Record<string, number | null>>();
  for (const field of TOKEN_NAMES) {
    for (const { aboveTokens, picoUsd } of rates[RATE_FIELDS[field].rate]?.tiers ?? []) {
      byTokens.set(aboveTokens, { ...byTokens.get(aboveTokens), [field]: showRate(field, picoUsd) });
    }
  }
  const tiers = [...byTokens].sort(([a], [b]) => Number(a - b));
  return {
    tiers: tiers.map(([aboveTokens, shown]) => ({ ...shown, aboveTokens: Number(aboveTokens) })),
    images: (rates.images ?? []).map(({ quality, resolution, picoUsd }) => ({
      quality: quality ?? null,
      resolution: resolution ?? null,
      perImage: showRate('perImage', picoUsd) ?? 0,
    })),
  };
}

function showRate(field: RateFieldName, picoUsd: bigint | undefined): number | null {
  const { digits, times } = RATE_FIELDS[field];
  return picoUsd === undefined ? null : Number(formatScaled(divide(picoUsd, times), digits));
}

/** The wire name of a rate, for a difference: `input above 200000` is `inputPerMillion above 200000`. */
export function wireRate(part: string): { readonly field: string; readonly digits: number } {
  const [rate = part, ...rest] = part.split(' ');
  const field = NAMES.find((one) => RATE_FIELDS[one].rate === rate && RATE_FIELDS[one].times === 1n);
  const digits = field === undefined ? MILLION_DIGITS : RATE_FIELDS[field].digits;
  return { field: [field ?? rate, ...rest].join(' '), digits };
}
