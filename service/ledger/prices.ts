/** The prices that a team declared. None is ever changed: entries name it, and events of its time are priced by it. */
import { keyOf, startOf } from '../pricing/declared-prices.js';
import { numberOf } from '../store/sql.js';
import type { DeclaredPrice, PriceOverride } from '../store/store.js';
import { type AuditActor, SERVICE_ACTOR } from './audit.js';
import { type LedgerContext, readTeamState } from './context.js';
import { notePrices } from './price-audit.js';
import { priceOf, priceParams } from './price-rows.js';
import { askReprice } from './reprice-runs.js';

/** Prices that a team may have, those of the past included (I10). */
export const PRICES_MAX = 20_000;

/** Who declares, and with which list. */
export interface Declaration {
  readonly declaredBy?: string | null;
  readonly importId?: string | null;
  /** For the audit. @defaultValue the service itself */
  readonly actor?: AuditActor;
}

/** Every price that may hold for some event, in the order in which they were declared. */
export async function selectPrices(context: LedgerContext, teamId: string): Promise<readonly PriceOverride[]> {
  return (await context.sql.query('select-price-overrides', { teamId })).map(priceOf);
}

/**
 * The prices that hold now or will, each with nothing declared over it; with `all` also those of the past, and the
 * withdrawals. In the order in which they were declared.
 */
export async function listPrices(
  context: LedgerContext,
  teamId: string,
  query: { readonly all?: boolean } = {},
): Promise<readonly PriceOverride[]> {
  const prices = await selectPrices(context, teamId);
  if (query.all === true) return prices;
  const holding = new Map<string, PriceOverride>();
  for (const price of prices) {
    if (startOf(price) > context.nowMs || isOver(price, context.nowMs)) continue;
    const key = keyOf(price.provider, price.model, price.serviceTier);
    const other = holding.get(key);
    if (other === undefined || startOf(other) <= startOf(price)) holding.set(key, price);
  }
  const kept = new Set(holding.values());
  return prices.filter((price) => {
    if (isOver(price, context.nowMs)) return false;
    return startOf(price) > context.nowMs || (kept.has(price) && price.kind !== 'withdrawn');
  });
}

/** One price, also of the past. */
export async function getPrice(context: LedgerContext, teamId: string, id: string): Promise<PriceOverride | undefined> {
  const [row] = await context.sql.query('select-price-override', { teamId, id });
  return row === undefined ? undefined : priceOf(row);
}

/**
 * Declares a price. Events whose price was unknown and that it covers are priced again, in slices, after this. Resolves
 * to `undefined` where the team has {@link PRICES_MAX} prices. @throws StoreError `UNKNOWN_TEAM`
 */
export async function setPrice(
  context: LedgerContext,
  teamId: string,
  price: DeclaredPrice,
  declaration: Declaration = {},
): Promise<PriceOverride | undefined> {
  const [declared] = (await setPrices(context, teamId, [price], declaration)) ?? [];
  if (declared !== undefined) await askReprice(context, teamId, { reason: 'a price was declared' });
  return declared;
}

/**
 * Ends what is declared for the name of a price from now on: what is wider holds then, or the catalogue. Events of
 * before keep it, and planned prices still begin. Resolves to `false` where there is no such price, or it is over.
 */
export async function withdrawPrice(
  context: LedgerContext,
  teamId: string,
  id: string,
  declaration: Declaration = {},
): Promise<boolean> {
  await readTeamState(context, teamId);
  const price = (await listPrices(context, teamId)).find((one) => one.id === id);
  if (price === undefined) return false;
  return (await setPrices(context, teamId, [withdrawalOf(price, context.nowMs)], declaration)) !== undefined;
}

/** From now on nothing is declared for the price's name; one that was planned never begins. */
export function withdrawalOf(price: PriceOverride, nowMs: number): DeclaredPrice {
  const { provider, model, serviceTier, validFromMs, validUntilMs } = price;
  const isPlanned = validFromMs !== null && validFromMs > nowMs;
  const range = isPlanned ? { validFromMs, validUntilMs } : { validFromMs: null, validUntilMs: null };
  return { provider, model, serviceTier, kind: 'withdrawn', rates: {}, ...range };
}

/** Keeps prices under one new version of the team's prices. `undefined`: they would be too many. */
export async function setPrices(
  context: LedgerContext,
  teamId: string,
  prices: readonly DeclaredPrice[],
  { declaredBy = null, importId = null, actor = SERVICE_ACTOR }: Declaration,
): Promise<readonly PriceOverride[] | undefined> {
  await readTeamState(context, teamId);
  const before = await selectPrices(context, teamId);
  if (before.length + prices.length > PRICES_MAX) return undefined;
  const [row] = await context.sql.query('move-prices-version', { id: teamId });
  const version = row === undefined ? 0 : numberOf(row, 'prices_version');
  const kept: PriceOverride[] = [];
  for (const price of prices) {
    const id = context.newId();
    const override = { ...price, id, teamId, declaredBy, importId, version, createdAtMs: context.nowMs };
    const { validFromMs: fromMs, validUntilMs: untilMs } = price;
    const nameKey = keyOf(price.provider, price.model, price.serviceTier);
    if (fromMs !== null) {
      await context.sql.query('replace-price-overrides', { teamId, nameKey, fromMs, untilMs, atMs: context.nowMs });
    }
    await context.sql.query('insert-price-override', priceParams(override));
    kept.push(override);
  }
  await notePrices(context, { teamId, actor, importId, before, after: kept });
  return kept;
}

function isOver(price: PriceOverride, nowMs: number): boolean {
  return price.validUntilMs !== null && price.validUntilMs <= nowMs;
}
