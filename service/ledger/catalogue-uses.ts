/**
 * Models that a team pays at catalogue prices, with those prices as they were. A later version of the catalogue's
 * package is held against them: what moves far keeps its old price until somebody confirms the new one.
 */
import { isNewer } from '../pricing/catalogue-version.js';
import { type PinnedEntry, type PriceBook, USES_MAX, useKey } from '../pricing/price-book.js';
import { isHeldBack, movesBetweenVariants, type PriceLike, type RateMove } from '../pricing/price-change.js';
import { decodeVariants, encodeVariants, type PriceVariant, variantAt } from '../pricing/price-variants.js';
import { numberOf, type SqlRow, textOf, textOrNull } from '../store/sql.js';
import { type LedgerContext, readTeamState } from './context.js';
import { askReprice } from './reprice-runs.js';

/** A model of the catalogue that a team used. */
export interface CatalogueModel {
  /** `openai/gpt-4o`: what a confirmation names. */
  readonly name: string;
  readonly provider: string;
  readonly model: string;
  /** `held`: the version in force is an older one until the later one is confirmed. */
  readonly state: 'same' | 'changed' | 'held';
  /** The version whose price is in force. */
  readonly version: string;
  /** The version that it is compared with: the one before, or, where it is held, the one that is installed. */
  readonly otherVersion: string | null;
  /** From the older price to the later one. */
  readonly moves: readonly RateMove[];
  readonly reviewedAtMs: number;
}

/** What a team sees of the catalogue. */
export interface CatalogueStatus {
  readonly installed: string;
  /** The versions that the store has run with, oldest first. */
  readonly versions: readonly { readonly version: string; readonly firstSeenMs: number }[];
  readonly models: readonly CatalogueModel[];
}

interface Use {
  readonly provider: string;
  readonly model: string;
  readonly entry: string;
  readonly version: string;
  readonly variants: readonly PriceVariant[];
  readonly state: CatalogueModel['state'];
  readonly previousVersion: string | null;
  readonly previousVariants: readonly PriceVariant[] | null;
  readonly reviewedVersion: string;
  readonly reviewedAtMs: number;
}

/**
 * Keeps what the book priced from the catalogue for the first time, up to {@link USES_MAX} models of a team. To be called
 * in every transaction that prices.
 */
export async function keepCatalogueUses(context: LedgerContext, teamId: string, book: PriceBook): Promise<void> {
  for (const { provider, model, entry } of book.takeUses()) {
    await context.sql.query('insert-catalogue-use', {
      teamId,
      provider,
      model,
      entry: entry.name,
      version: context.catalogue.version,
      variants: encodeVariants(entry.variants),
      nowMs: context.nowMs,
      usesMax: USES_MAX,
    });
  }
}

/** A model as the catalogue finds it. */
export interface UsedModel {
  readonly provider: string;
  readonly model: string;
}

/** The models that a team paid at catalogue prices. */
export async function readUsedModels(context: LedgerContext, teamId: string): Promise<readonly UsedModel[]> {
  const rows = await context.sql.query('select-catalogue-uses', { teamId });
  return rows.map((row) => ({ provider: textOf(row, 'provider'), model: textOf(row, 'model') }));
}

/** The prices of before that a team keeps, by model. */
export async function readPins(context: LedgerContext, teamId: string): Promise<ReadonlyMap<string, PinnedEntry>> {
  const rows = await context.sql.query('select-held-catalogue-uses', { teamId });
  return new Map(
    rows.map((row) => {
      const entry = { name: textOf(row, 'entry'), variants: decodeVariants(textOf(row, 'variants')) };
      return [useKey(textOf(row, 'provider'), textOf(row, 'model')), { entry, version: textOf(row, 'version') }];
    }),
  );
}

/**
 * Notes the version of the catalogue that is installed. Where it is new, events of unknown price are asked to be priced
 * again. Resolves to the teams whose models {@link reviewCatalogue} has to look at before anything is priced.
 */
export async function noteCatalogue(context: LedgerContext): Promise<readonly string[]> {
  const { version } = context.catalogue;
  const [added] = await context.sql.query('insert-catalogue-version', { version, nowMs: context.nowMs });
  if (added !== undefined) {
    for (const row of await context.sql.query('select-unpriced-teams')) {
      await askReprice(context, textOf(row, 'id'), { reason: `catalogue ${version}` });
    }
  }
  return (await context.sql.query('select-catalogue-review-teams', { version })).map((row) => textOf(row, 'team_id'));
}

/**
 * Holds the team's models against the installed version, where that is later than what they were held against. A move
 * of ten times and more, to or from nothing, leaves the old price in force; every other is taken over and noted.
 */
export async function reviewCatalogue(context: LedgerContext, teamId: string): Promise<void> {
  await readTeamState(context, teamId);
  const { catalogue, nowMs } = context;
  const installed = catalogue.version;
  let held = 0;
  for (const use of await readUses(context, teamId)) {
    if (!isNewer(installed, use.reviewedVersion)) continue;
    const reviewed = { ...use, reviewedVersion: installed, reviewedAtMs: nowMs };
    const entry = catalogue.entry(use.provider, use.model);
    const variants = entry?.variants ?? [];
    const isSame = encodeVariants(variants) === encodeVariants(use.variants);
    if (!isSame && isFar(use.variants, variants, nowMs)) {
      held += 1;
      await putUse(context, teamId, { ...reviewed, state: 'held' });
    } else await putUse(context, teamId, takeOver(reviewed, entry?.name ?? use.entry, variants, installed, isSame));
  }
  await context.sql.query('move-prices-version', { id: teamId });
  if (held > 0) {
    context.log.warn('the price catalogue has prices that moved ten times or more; the old ones hold until confirmed', {
      team: teamId,
      models: held,
      version: installed,
    });
  }
}

/** The models that the team used, and how their prices differ between versions of the catalogue. */
export async function readCatalogue(context: LedgerContext, teamId: string): Promise<CatalogueStatus> {
  const versions = await context.sql.query('select-catalogue-versions');
  const uses = await readUses(context, teamId);
  return {
    installed: context.catalogue.version,
    versions: versions.map((row) => ({
      version: textOf(row, 'version'),
      firstSeenMs: numberOf(row, 'first_seen_ms'),
    })),
    models: uses.map((use) => modelOf(context, use)),
  };
}

/**
 * Confirms held prices by name, `*` for all: the installed version's hold from now on. Resolves to the names that were
 * confirmed, and to those that are not held. @throws StoreError `UNKNOWN_TEAM`
 */
export async function acceptCatalogue(
  context: LedgerContext,
  teamId: string,
  names: readonly string[],
): Promise<{ readonly confirmed: readonly string[]; readonly notHeld: readonly string[] }> {
  await readTeamState(context, teamId);
  const { catalogue, nowMs } = context;
  const held = (await readUses(context, teamId)).filter(({ state }) => state === 'held');
  const known = new Set(held.map(nameOf));
  const notHeld = names.filter((name) => name !== '*' && !known.has(name));
  if (notHeld.length > 0) return { confirmed: [], notHeld };
  const asked = new Set(names);
  const confirmed: string[] = [];
  for (const use of held) {
    if (!asked.has('*') && !asked.has(nameOf(use))) continue;
    const entry = catalogue.entry(use.provider, use.model);
    const reviewed = { ...use, reviewedVersion: catalogue.version, reviewedAtMs: nowMs };
    const taken = takeOver(reviewed, entry?.name ?? use.entry, entry?.variants ?? [], catalogue.version, false);
    await putUse(context, teamId, taken);
    confirmed.push(nameOf(use));
  }
  if (confirmed.length > 0) await context.sql.query('move-prices-version', { id: teamId });
  return { confirmed, notHeld };
}

function takeOver(use: Use, entry: string, variants: readonly PriceVariant[], version: string, isSame: boolean): Use {
  if (isSame) return { ...use, entry, version, state: use.state === 'held' ? 'same' : use.state };
  const { version: previousVersion, variants: previousVariants } = use;
  return { ...use, entry, version, variants, state: 'changed', previousVersion, previousVariants };
}

function isFar(older: readonly PriceVariant[], newer: readonly PriceVariant[], nowMs: number): boolean {
  return isHeldBack(likeAt(older, nowMs), likeAt(newer, nowMs), movesBetweenVariants(older, newer, nowMs));
}

function likeAt(variants: readonly PriceVariant[], nowMs: number): PriceLike {
  const rates = variantAt(variants, nowMs);
  return rates === undefined || Object.keys(rates).length === 0 ? { kind: 'unknown' } : { kind: 'rates', rates };
}

function modelOf(context: LedgerContext, use: Use): CatalogueModel {
  const { provider, model, state, version, reviewedAtMs } = use;
  const named = { name: nameOf(use), provider, model, state, version, reviewedAtMs };
  if (state === 'held') {
    const variants = context.catalogue.entry(provider, model)?.variants ?? [];
    const moves = movesBetweenVariants(use.variants, variants, context.nowMs);
    return { ...named, otherVersion: context.catalogue.version, moves };
  }
  const before = use.previousVariants;
  const moves = before === null ? [] : movesBetweenVariants(before, use.variants, context.nowMs);
  return { ...named, otherVersion: use.previousVersion, moves };
}

function nameOf({ provider, model }: { readonly provider: string; readonly model: string }): string {
  return `${provider}/${model}`;
}

async function readUses(context: LedgerContext, teamId: string): Promise<readonly Use[]> {
  const rows = await context.sql.query('select-catalogue-uses', { teamId });
  return rows.slice(0, USES_MAX).map(useOf);
}

function useOf(row: SqlRow): Use {
  const previous = textOrNull(row, 'previous_variants');
  return {
    provider: textOf(row, 'provider'),
    model: textOf(row, 'model'),
    entry: textOf(row, 'entry'),
    version: textOf(row, 'version'),
    variants: decodeVariants(textOf(row, 'variants')),
    state: textOf(row, 'state') as Use['state'],
    previousVersion: textOrNull(row, 'previous_version'),
    previousVariants: previous === null ? null : decodeVariants(previous),
    reviewedVersion: textOf(row, 'reviewed_version'),
    reviewedAtMs: numberOf(row, 'reviewed_at_ms'),
  };
}

async function putUse(context: LedgerContext, teamId: string, use: Use): Promise<void> {
  const { variants, previousVariants, ...others } = use;
  await context.sql.query('update-catalogue-use', {
    ...others,
    teamId,
    variants: encodeVariants(variants),
    previousVariants: previousVariants === null ? null : encodeVariants(previousVariants),
  });
}
