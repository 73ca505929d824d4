/** The decision: `spend + held + asked <= limit + raised`, under every control that concerns the call, all or nothing (I7). */
import type { HoldMetric, HoldRefusal } from 'fusewire/internal';
import {
  type BalanceValues,
  type CompiledControl,
  digitsOf,
  isDepartmentRule,
  verdictOf,
} from '../../compile/compiled-control.js';
import { bigintOf, numberOf } from '../../store/sql.js';
import type { LedgerContext } from '../context.js';
import { parseScaled } from '../decimal.js';
import { isGraded } from '../hard-fields.js';
import { spanNow } from '../rolling-balances.js';
import { bucketLeavesAt } from '../rolling-window.js';
import { spokenAmount, spokenValue } from '../spoken-amount.js';
import { NEVER_MS } from '../window.js';
import { type Cell, type CellStanding, moveHeld, standingNow } from './cells.js';
import { reactionsOf } from './hold-terms.js';

/** One owner takes at most this part of what is left beyond what it needs, so that others find some. */
const SLICE_DIVISOR = 8n;
/** Less than this part of the limit left: slices are small. */
const TIGHT_DIVISOR = 5n;
/** What others hold comes back soon, when they are told. */
const RETRY_MS = 250;

/** What is asked of one cell. */
export interface CellAsk {
  readonly cell: Cell;
  /** No less; `unknown`: nobody knows what the call costs. */
  readonly least: bigint | 'unknown';
  /** For how many calls, of how much each. */
  readonly each: bigint;
  readonly calls: bigint;
  /** A call that is under way already: it is not refused because the limit is reached, if it needs nothing. */
  readonly isUnderWay: boolean;
}

/** What each ask got, in their order; or why nobody got anything. */
export type Admission =
  | { readonly isAdmitted: true; readonly grants: readonly bigint[]; readonly isTight: boolean }
  | { readonly isAdmitted: false; readonly refusal: HoldRefusal; readonly short: readonly Cell[] };

/** Decides, and sets aside what is granted. */
export async function admit(
  context: LedgerContext,
  asks: readonly CellAsk[],
  isFilling: (controlId: string) => boolean,
): Promise<Admission> {
  const standings: CellStanding[] = [];
  for (const { cell } of asks) standings.push(await standingNow(context, cell));
  let first: { readonly ask: CellAsk; readonly standing: CellStanding; readonly why: Why } | undefined;
  const short: Cell[] = [];
  for (const [i, ask] of asks.entries()) {
    const standing = standings[i]!;
    const why = whyNot(ask, standing, isFilling);
    if (why === undefined) continue;
    if (why === 'short' && fitsWithoutHolds(ask, standing)) short.push(ask.cell);
    if (first === undefined || rankOf(ask, standing) < rankOf(first.ask, first.standing)) {
      first = { ask, standing, why };
    }
  }
  if (first !== undefined) {
    return { isAdmitted: false, refusal: await refusalOf(context, first.ask, first.standing, first.why), short };
  }
  const grants = sharesOf(asks, standings);
  let isTight = false;
  for (const [i, { cell, each, calls, least }] of asks.entries()) {
    const grant = grants[i]!;
    await moveHeld(context, cell, grant);
    const want = wantOf(each * calls, least);
    isTight ||= grant < want || isTightAt(cell.compiled, availableOf(cell.compiled, standings[i]!) - grant);
  }
  return { isAdmitted: true, grants, isTight };
}

/** What is left in a cell; below 0 where more is spent and held than the limit says. */
export function availableOf({ limit }: CompiledControl, { spend, held }: Pick<CellStanding, 'held' | 'spend'>): bigint {
  return limit - spend - held;
}

/** Whether so little is left that slices are small. */
export function isTightAt({ limit }: CompiledControl, available: bigint): boolean {
  return available * TIGHT_DIVISOR < limit;
}

/** Why an ask would be refused as its cell stands; `undefined`: it fits. Changes nothing. */
export async function refusalFor(
  context: LedgerContext,
  ask: CellAsk,
  standing: CellStanding,
  isFilling: (controlId: string) => boolean,
): Promise<HoldRefusal | undefined> {
  const why = whyNot(ask, standing, isFilling);
  return why === undefined ? undefined : await refusalOf(context, ask, standing, why);
}

/**
 * Which of several refusals is told: the lowest comes first, among equals that of the lowest rule id. What every feed
 * refuses comes before what only a hold does, departments first, so that a guard with the newest feed tells the same.
 */
export function refusalRank(compiled: CompiledControl, values: BalanceValues): number {
  if (isGraded(compiled.control) || verdictOf(compiled, values) < 2) return 2;
  return isDepartmentRule(compiled.control) ? 0 : 1;
}

function rankOf({ cell: { compiled } }: CellAsk, { spend, unknownCount }: CellStanding): number {
  return refusalRank(compiled, { value: spend, unknownCount });
}

type Why = 'filling' | 'short' | 'spent' | 'unknown-price' | 'unpriced-events';

function whyNot(ask: CellAsk, standing: CellStanding, isFilling: (controlId: string) => boolean): Why | undefined {
  const { cell, least, isUnderWay } = ask;
  const { compiled } = cell;
  const { control, limit, unknownFloor } = compiled;
  const isUnpriced = least === 'unknown' && control.onUnknownPrice === 'refuse';
  const asked = amountOf(ask);
  if (isUnderWay && asked === 0n && !isUnpriced) return undefined;
  if (standing.unknownCount > unknownFloor) return 'unpriced-events';
  if (isFilling(control.id)) return 'filling';
  // As the polled verdict has it: who has spent the limit is refused whatever is asked.
  if (standing.spend >= limit) return isUnderWay ? 'short' : 'spent';
  if (isUnpriced) return 'unknown-price';
  return asked > availableOf(compiled, standing) ? 'short' : undefined;
}

/** An unknown price counts 0 where the control only flags it, as in the ledger. */
function amountOf({ least }: CellAsk): bigint {
  return least === 'unknown' ? 0n : least;
}

function fitsWithoutHolds(ask: CellAsk, { spend }: CellStanding): boolean {
  const { limit } = ask.cell.compiled;
  return spend < limit && spend + amountOf(ask) <= limit;
}

function wantOf(want: bigint, least: bigint | 'unknown'): bigint {
  return least !== 'unknown' && want < least ? least : want;
}

/** As much for each as is wanted, within what one owner may take; and no part for more calls than every other part covers. */
function sharesOf(asks: readonly CellAsk[], standings: readonly CellStanding[]): readonly bigint[] {
  let covered: bigint | undefined;
  const most = asks.map((ask, i) => {
    const share = availableOf(ask.cell.compiled, standings[i]!) / SLICE_DIVISOR;
    const least = amountOf(ask);
    const want = wantOf(ask.each * ask.calls, least);
    const within = share > least ? share : least;
    const grant = want < within ? want : within;
    if (ask.each > 0n && !ask.isUnderWay) {
      const calls = (grant + ask.each - 1n) / ask.each;
      covered = covered === undefined || calls < covered ? calls : covered;
    }
    return grant;
  });
  return most.map((grant, i) => {
    const ask = asks[i]!;
    if (covered === undefined || ask.each === 0n || ask.isUnderWay) return grant;
    const useful = wantOf(covered * ask.each, amountOf(ask));
    return grant < useful ? grant : useful;
  });
}

async function refusalOf(context: LedgerContext, ask: CellAsk, standing: CellStanding, why: Why): Promise<HoldRefusal> {
  const { compiled, groupKey } = ask.cell;
  const { control, limit } = compiled;
  const raised = parseScaled(control.raised ?? '0', digitsOf(control.metricType), 'ceiling') ?? 0n;
  const asked = amountOf(ask);
  const left = availableOf(compiled, standing);
  const isHeldByOthers = why === 'short' && fitsWithoutHolds(ask, standing);
  return {
    code: why === 'unknown-price' || why === 'unpriced-events' ? 'UNKNOWN_PRICE' : 'BUDGET_EXCEEDED',
    message: messageOf(compiled, groupKey, standing, asked, why),
    controlId: control.id,
    ruleId: control.ruleId,
    name: control.name,
    metric: control.metricType as HoldMetric,
    periodType: control.windowType,
    group: control.groupBy === null ? null : groupKey,
    limit: String(limit - raised),
    raised: String(raised),
    spend: String(standing.spend),
    held: String(standing.held),
    asked: String(asked),
    remaining: String(left > 0n ? left : 0n),
    resetsAt: await resetsAtOf(context, ask.cell, standing, asked),
    isHeldByOthers,
    retryAfterMs: isHeldByOthers || why === 'filling' ? RETRY_MS : null,
    reactions: reactionsOf(compiled),
  };
}

function messageOf(
  compiled: CompiledControl,
  groupKey: string,
  { spend, held, unknownCount }: CellStanding,
  asked: bigint,
  why: Why,
): string {
  const { control, limit } = compiled;
  const whose = control.groupBy === null ? `'${control.name}'` : `'${control.name}' for ${groupKey}`;
  const text = (value: bigint) => spokenValue(compiled, value);
  switch (why) {
    case 'unknown-price':
      return `${whose}: nobody knows what the call costs, and the control refuses such calls; declare a price for its model`;
    case 'unpriced-events':
      return `${whose}: ${unknownCount} events of unknown price are counted, and the control refuses then; declare their prices`;
    case 'filling':
      return `${whose}: its events are still being counted; ask again`;
    default: {
      const { metricType, raised } = control;
      const raise = raised === undefined ? '' : ` (${spokenAmount(metricType, raised)} of it raised)`;
      const sum = `${text(spend)} spent + ${text(held)} held + ${text(asked)} asked`;
      if (spend >= limit) return `${whose}: ${sum}, and the limit of ${text(limit)}${raise} is reached`;
      return `${whose}: ${sum} is more than ${text(limit)}${raise}`;
    }
  }
}

/** Of a ROLLING control the earliest time at which enough has left its window. */
async function resetsAtOf(
  context: LedgerContext,
  { compiled, groupKey, window }: Cell,
  { spend, held }: CellStanding,
  asked: bigint,
): Promise<string | null> {
  const { control, limit } = compiled;
  if (control.windowType !== 'ROLLING') return window.endMs >= NEVER_MS ? null : new Date(window.endMs).toISOString();
  const span = spanNow(context, control);
  const { fromMs, toMs } = span;
  let left = spend;
  for (const row of await context.sql.query('select-buckets', { controlId: control.id, groupKey, fromMs, toMs })) {
    left -= bigintOf(row, 'value');
    if (left >= limit || left + held + asked > limit) continue;
    return new Date(bucketLeavesAt(span, numberOf(row, 'window_start_ms'))).toISOString();
  }
  return null;
}
