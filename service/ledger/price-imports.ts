/** Price lists: a draft that says what it would change, and its acceptance, which changes it at once. */
import { ANY_MODEL, ANY_TIER } from '../pricing/declared-prices.js';
import type { PriceBook } from '../pricing/price-book.js';
import { differenceOf, type ListedChange } from '../pricing/price-list.js';
import { decodeChanges, encodeChanges } from '../pricing/price-list-json.js';
import { catalogueProviderOf } from '../pricing/provider-names.js';
import { numberOf, type SqlRow, textOf, textOrNull } from '../store/sql.js';
import type { DeclaredPrice, PriceImport } from '../store/store.js';
import type { AuditActor } from './audit.js';
import { readUsedModels, type UsedModel } from './catalogue-uses.js';
import { type LedgerContext, readTeamState } from './context.js';
import { timeOrNull } from './price-rows.js';
import { listPrices, setPrices } from './prices.js';
import { askReprice } from './reprice-runs.js';
import { readPriceBook } from './team-copies.js';

/** A draft that nobody accepts is forgotten after a day. */
export const DRAFT_LIFE_MS = 86_400_000;
/** Lists of a team that are kept, accepted ones included; the oldest go first (I10). */
const IMPORTS_MAX = 50;

/** A list as somebody gives it. */
export interface PriceListInput {
  readonly name: string;
  readonly prices: readonly DeclaredPrice[];
  /** Declared prices that the list does not have are removed. */
  readonly isWhole: boolean;
  readonly createdBy?: string | null;
}

/** What became of an acceptance; only `accepted` changed something. */
export type AcceptResult =
  | { readonly outcome: 'accepted'; readonly list: PriceImport; readonly applied: readonly string[] }
  | { readonly outcome: 'unknown' | 'expired' | 'done' | 'stale' | 'full' }
  | { readonly outcome: 'not-held'; readonly keys: readonly string[] };

/**
 * Keeps a list as a draft and says what it would change now. `undefined`: too many lists wait already. @throws
 * StoreError `UNKNOWN_TEAM`
 */
export async function draftPriceImport(
  context: LedgerContext,
  teamId: string,
  input: PriceListInput,
): Promise<PriceImport | undefined> {
  const state = await readTeamState(context, teamId);
  const { nowMs } = context;
  await context.sql.query('delete-price-imports', { teamId, nowMs });
  await context.sql.query('delete-old-price-imports', { teamId, size: IMPORTS_MAX });
  if ((await listPriceImports(context, teamId)).filter(isOpen).length >= IMPORTS_MAX) return undefined;
  const book = await readPriceBook(context, teamId, state.pricesVersion);
  const holding = (await listPrices(context, teamId)).filter((price) => !isPlanned(price.validFromMs, nowMs));
  const uses = await readUsedModels(context, teamId);
  const list: PriceImport = {
    id: context.newId(),
    teamId,
    name: input.name,
    state: 'draft',
    pricesVersion: state.pricesVersion,
    changes: differenceOf(input.prices, holding, (price) => coveredBy(book, uses, price, nowMs), input.isWhole),
    createdBy: input.createdBy ?? null,
    createdAtMs: nowMs,
    expiresAtMs: nowMs + DRAFT_LIFE_MS,
    acceptedAtMs: null,
  };
  await putImport(context, list);
  return list;
}

/** The lists of a team, the newest first. */
export async function listPriceImports(context: LedgerContext, teamId: string): Promise<readonly PriceImport[]> {
  return (await context.sql.query('select-price-imports', { teamId })).map(importOf);
}

/** One list. */
export async function getPriceImport(
  context: LedgerContext,
  teamId: string,
  id: string,
): Promise<PriceImport | undefined> {
  const [row] = await context.sql.query('select-price-import', { teamId, id });
  return row === undefined ? undefined : importOf(row);
}

/**
 * Declares what a draft lists, all of it in one transaction, except what is held back and not confirmed by its key; that
 * stays in the list, to be confirmed later. `stale`: prices were changed since the difference was shown.
 */
export async function acceptPriceImport(
  context: LedgerContext,
  teamId: string,
  id: string,
  request: {
    readonly confirm: readonly string[];
    readonly acceptedBy?: string | null;
    readonly actor?: AuditActor;
  },
): Promise<AcceptResult> {
  const state = await readTeamState(context, teamId);
  const list = await getPriceImport(context, teamId, id);
  if (list === undefined) return { outcome: 'unknown' };
  if (list.state === 'accepted') return { outcome: 'done' };
  if (list.expiresAtMs <= context.nowMs) return { outcome: 'expired' };
  if (list.pricesVersion !== state.pricesVersion) return { outcome: 'stale' };
  const confirmed = new Set(request.confirm);
  const waiting = list.changes.filter((change) => change.change !== 'unchanged' && !change.applied);
  const held = new Set(waiting.filter(({ heldBack }) => heldBack).map(({ key }) => key));
  const keys = request.confirm.filter((key) => !held.has(key));
  if (keys.length > 0) return { outcome: 'not-held', keys };
  const taken = waiting.filter(({ key, heldBack }) => !heldBack || confirmed.has(key));
  const declaration = {
    declaredBy: request.acceptedBy ?? null,
    importId: id,
    ...(request.actor === undefined ? {} : { actor: request.actor }),
  };
  const declared = await setPrices(
    context,
    teamId,
    taken.map((change) => pricesOf(change)),
    declaration,
  );
  if (declared === undefined) return { outcome: 'full' };
  await askReprice(context, teamId, { reason: `price list ${list.name}`, askedBy: request.acceptedBy ?? null });
  const applied = new Set(taken.map(({ key }) => key));
  const changes = list.changes.map((change) => (applied.has(change.key) ? { ...change, applied: true } : change));
  const isDone = taken.length === waiting.length;
  const next: PriceImport = {
    ...list,
    changes,
    state: isDone ? 'accepted' : 'partly',
    // What it changed itself makes it no older.
    pricesVersion: (await readTeamState(context, teamId)).pricesVersion,
    acceptedAtMs: context.nowMs,
  };
  await putImport(context, next);
  return { outcome: 'accepted', list: next, applied: [...applied] };
}

function pricesOf({ change, price }: ListedChange): DeclaredPrice {
  if (change !== 'removed') return price;
  return { ...price, kind: 'withdrawn', rates: {}, validFromMs: null, validUntilMs: null };
}

/**
 * What the models cost now that a price would cover: the one that it names; for a price of any provider or any model those
 * that the team used at catalogue prices.
 */
function coveredBy(book: PriceBook, uses: readonly UsedModel[], price: DeclaredPrice, atMs: number) {
  const { provider, model, serviceTier } = price;
  const tier = serviceTier === ANY_TIER ? undefined : (serviceTier ?? undefined);
  if (provider !== null && model !== ANY_MODEL) return [book.look({ provider, model, serviceTier: tier, atMs })];
  const listed = provider === null ? undefined : catalogueProviderOf(provider, undefined);
  const isNamed = (use: UsedModel): boolean =>
    (provider === null || use.provider === listed) && (model === ANY_MODEL || use.model === model.trim().toLowerCase());
  return uses.filter(isNamed).map((use) => book.look({ ...use, serviceTier: tier, atMs }));
}

function isOpen({ state }: PriceImport): boolean {
  return state !== 'accepted';
}

function isPlanned(validFromMs: number | null, nowMs: number): boolean {
  return validFromMs !== null && validFromMs > nowMs;
}

async function putImport(context: LedgerContext, list: PriceImport): Promise<void> {
  const { changes, ...others } = list;
  await context.sql.query('put-price-import', { ...others, entries: encodeChanges(changes) });
}

function importOf(row: SqlRow): PriceImport {
  return {
    id: textOf(row, 'id'),
    teamId: textOf(row, 'team_id'),
    name: textOf(row, 'name'),
    state: textOf(row, 'state') as PriceImport['state'],
    pricesVersion: numberOf(row, 'prices_version'),
    changes: decodeChanges(textOf(row, 'entries')),
    createdBy: textOrNull(row, 'created_by'),
    createdAtMs: numberOf(row, 'created_at_ms'),
    expiresAtMs: numberOf(row, 'expires_at_ms'),
    acceptedAtMs: timeOrNull(row, 'accepted_at_ms'),
  };
}
