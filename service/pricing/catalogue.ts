/** The price catalogue: rates and model matching of `@pydantic/genai-prices`, without its float arithmetic. */
import { type ConditionalPrice, calcPrice, type ModelPrice } from '@pydantic/genai-prices';
import { installedCatalogueVersion } from './catalogue-version.js';
import { type PriceConstraint, type PriceVariant, variantAt } from './price-variants.js';
import {
  picoFromUsd,
  picoPerRequestFromThousand,
  picoPerTokenFromMillion,
  type Rate,
  type RateName,
  type RateSheet,
  type Rates,
} from './rates.js';

/** A model of the catalogue with every price that it has at some time. */
export interface CatalogueEntry {
  /** `openai/gpt-4o-mini`: provider and model as the catalogue names them. */
  readonly name: string;
  readonly variants: readonly PriceVariant[];
}

/** Finds the rates of a model. `undefined` is unknown, never free. */
export interface Catalogue {
  /** The version of the data: entries name it. */
  readonly version: string;
  /** The model's entry, or `undefined` where it is not listed, or listed without a rate that we can apply. */
  entry(provider: string, model: string): CatalogueEntry | undefined;
  /** `atMs` chooses among prices with a validity date or a time of day. */
  find(provider: string, model: string, atMs: number): Rates | undefined;
}

/** Models come from callers: what is remembered of them has a bound (I10). */
const REMEMBERED_MAX = 2_000;
/** Groq bills shorter recordings as ten seconds; the package has this as code, not as data. */
const TEN_SECONDS = new Set(['groq/whisper-large-v3', 'groq/whisper-large-v3-turbo']);

/** Our names of the catalogue's prices by the token. */
const BY_TOKEN: readonly (readonly [RateName, string])[] = [
  ['input', 'input_mtok'],
  ['output', 'output_mtok'],
  ['cacheRead', 'cache_read_mtok'],
  ['cacheWrite', 'cache_write_mtok'],
  ['cacheWrite1h', 'cache_write_1h_mtok'],
  ['reasoning', 'output_reasoning_mtok'],
  ['inputAudio', 'input_audio_mtok'],
  ['outputAudio', 'output_audio_mtok'],
  ['inputImage', 'input_image_mtok'],
  ['outputImage', 'output_image_mtok'],
];

/** The built-in catalogue. Remembers what it found, since matching a model walks the provider's list. */
export function createCatalogue(version: string = installedCatalogueVersion()): Catalogue {
  const remembered = new Map<string, CatalogueEntry | null>();
  const entry = (provider: string, model: string): CatalogueEntry | undefined => {
    const key = `${provider}\n${model}`;
    const known = remembered.get(key);
    if (known !== undefined) return known ?? undefined;
    const found = look(provider, model);
    if (remembered.size >= REMEMBERED_MAX) remembered.clear();
    remembered.set(key, found ?? null);
    return found;
  };
  return {
    version,
    entry,
    find(provider, model, atMs) {
      const found = entry(provider, model);
      return found === undefined ? undefined : ratesAt(found, version, atMs);
    },
  };
}

/** The rates of an entry at an instant, with their source. */
export function ratesAt(entry: CatalogueEntry, version: string, atMs: number): Rates | undefined {
  const rates = variantAt(entry.variants, atMs);
  if (rates === undefined || Object.keys(rates).length === 0) return undefined;
  return { ...rates, source: `catalogue:${entry.name}@${version}` };
}

function look(provider: string, model: string): CatalogueEntry | undefined {
  let match: ReturnType<typeof calcPrice>;
  try {
    // Without usage it only matches; we take the rates and compute with integers.
    match = calcPrice({}, model, { providerId: provider });
  } catch {
    return undefined;
  }
  if (match === null) return undefined;
  const name = `${match.provider.id}/${match.model.id}`;
  const { prices } = match.model;
  const listed: readonly ConditionalPrice[] = Array.isArray(prices) ? prices : [{ prices }];
  const variants = listed.map((price) => ({ ...constraintOf(price), rates: sheetOf(price.prices, name) }));
  return variants.some(({ rates }) => Object.keys(rates).length > 0) ? { name, variants } : undefined;
}

function constraintOf({ constraint }: ConditionalPrice): { constraint?: PriceConstraint } {
  if (constraint === undefined) return {};
  if (constraint.type === 'start_date')
    return { constraint: { kind: 'from', fromMs: Date.parse(constraint.start_date) } };
  const timeMs = (text: string): number => ((Date.parse(`1970-01-01T${text}`) % 86_400_000) + 86_400_000) % 86_400_000;
  return {
    constraint: { kind: 'hours', startMs: timeMs(constraint.start_time), endMs: timeMs(constraint.end_time) },
  };
}

/** Empty for a price without any rate that we can apply. */
function sheetOf(price: ModelPrice, name: string): RateSheet {
  const rates: Partial<Record<RateName, Rate>> = {};
  const put = (ours: RateName, value: ModelPrice[string], convert: (usd: number) => bigint | undefined): void => {
    const converted = rate(value, convert);
    if (converted !== undefined) rates[ours] = converted;
  };
  for (const [ours, theirs] of BY_TOKEN) put(ours, price[theirs], picoPerTokenFromMillion);
  put('audioHour', price['input_audio_hours'] ?? price['audio_hours'], picoFromUsd);
  put('request', price['requests_kcount'], picoPerRequestFromThousand);
  return {
    ...rates,
    // Who tells caches apart and does not list the hour: it costs more than five minutes, and we do not know what.
    ...(rates.cacheWrite !== undefined && rates.cacheWrite1h === undefined ? { cacheWrite1hUnknown: true } : {}),
    ...(TEN_SECONDS.has(name) ? { audioMinimumMs: 10_000 } : {}),
  };
}

function rate(value: ModelPrice[string], convert: (usd: number) => bigint | undefined): Rate | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'number') {
    const picoUsd = convert(value);
    return picoUsd === undefined ? undefined : { basePicoUsd: picoUsd, tiers: [] };
  }
  const basePicoUsd = convert(value.base);
  if (basePicoUsd === undefined) return undefined;
  const tiers: { aboveTokens: bigint; picoUsd: bigint }[] = [];
  for (const tier of [...value.tiers].sort((a, b) => a.start - b.start)) {
    const picoUsd = convert(tier.price);
    if (picoUsd === undefined) return undefined;
    tiers.push({ aboveTokens: BigInt(tier.start), picoUsd });
  }
  return { basePicoUsd, tiers };
}
