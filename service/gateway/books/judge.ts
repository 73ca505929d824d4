/** The decision on one call by what is known now. Nothing is awaited between the check and the hold. */
import type { Decision, RefuseDecision } from 'fusewire/internal';
import { verdictOf } from '../../compile/compiled-control.js';
import { deltaOf } from '../../ledger/unknown-price.js';
import type { BudgetFacts, GatewayCall, Refusal } from '../types.js';
import { type BudgetView, shareLeft, viewOf } from './budget-view.js';
import type { Cell, CellStanding } from './cell.js';
import type { ControlBook, CountingWindow } from './control-book.js';
import type { HoldEstimates } from './hard-budgets.js';
import { exceeded, tripped, unknownPrice } from './refusal-text.js';
import type { Share } from './shares.js';
import type { PlacedCall, Standing } from './standing.js';

/** A balance that was read longer ago is read again in the background, when it is asked for. */
export const REFRESH_MS = 800;
/** One that was read longer ago is not decided by: the read is waited for. */
export const STALE_MS = 2_000;
/** Where less than a tenth of the limit is left, others may have spent it since: this is how old it may be. */
export const NEAR_STALE_MS = 250;
const NEAR_PARTS = 10n;
/** A call that is admitted so shortly before a window ends may begin after it: it is held in both. */
export const WINDOW_MARGIN_MS = 1_000;

/** What a call knows of reads: what was read after it came is fresh. */
export interface Arrival {
  /** The number of the last read that had begun when the call came. */
  readonly readNumber: number;
  /** Whether reads can be waited for; not after one failed. */
  readonly canRead: boolean;
  /** Monotonic and wall clock. */
  readonly atMs: number;
  readonly nowMs: number;
}

/** What became of it. `read`: these have to be read first; `isNeeded`: without them nothing can be decided. */
export type Judgement =
  | {
      readonly kind: 'admit';
      readonly shares: readonly Share[];
      readonly budget: BudgetFacts | undefined;
      readonly onClientLeave: 'abort' | 'drain' | undefined;
      /** Hard budgets concern the call: it is to be covered by a hold before it is forwarded. */
      readonly holdBy: HoldEstimates | undefined;
    }
  | { readonly kind: 'refuse'; readonly refusal: Refusal; readonly budget: BudgetFacts | undefined }
  | {
      readonly kind: 'read';
      readonly cells: readonly Cell[];
      readonly person: string | undefined;
      readonly isNeeded: boolean;
    };

interface Line {
  readonly book: ControlBook;
  readonly cell: Cell;
  readonly window: CountingWindow;
  readonly standing: CellStanding;
  readonly bound: bigint;
}

/** Judges a call that no bypass lets pass. `refresh` is told of balances that are to be read again in the background. */
export function judge(
  standing: Standing,
  call: GatewayCall,
  decision: Decision,
  arrival: Arrival,
  refresh: (cell: Cell) => void,
): Judgement {
  const { atMs, nowMs, canRead, readNumber } = arrival;
  const placed = standing.placeCall(call, nowMs);
  const person = standing.unknownPerson(call.dimensions);
  const cells = placed.drawn.map(({ cell }) => cell);
  if (person !== undefined || cells.some(({ isLoaded }) => !isLoaded)) {
    return { kind: 'read', cells, person, isNeeded: true };
  }
  let isStale = atMs - standing.readAtMs > STALE_MS;
  for (const cell of cells) {
    cell.usedAtMs = atMs;
    const ageMs = atMs - cell.readAtMs;
    if (ageMs > STALE_MS) isStale = true;
    else if (ageMs > REFRESH_MS) refresh(cell);
  }
  if (isStale && canRead) return { kind: 'read', cells, person, isNeeded: false };
  const lines = placed.drawn.map((one) => lineOf(one, placed, nowMs));
  const refusal = refusalOf(lines, placed, decision, nowMs);
  if (refusal !== undefined) {
    const isFresh = standing.readNumber > readNumber && cells.every((cell) => cell.readNumber > readNumber);
    // Never on numbers from before the call came.
    if (!isFresh && canRead) return { kind: 'read', cells, person, isNeeded: false };
    return { kind: 'refuse', refusal, budget: refusal.budget ?? tightest(lines, nowMs, false) };
  }
  if (canRead && lines.some((line) => !line.book.isHard && atMs - line.cell.readAtMs > NEAR_STALE_MS && isNear(line))) {
    return { kind: 'read', cells, person, isNeeded: false };
  }
  return {
    kind: 'admit',
    shares: sharesOf(lines, nowMs),
    budget: tightest(lines, nowMs, true),
    onClientLeave: leaveOf(lines),
    holdBy: holdByOf(lines),
  };
}

/** The tightest budget that a caller draws on, whatever it asks for; `undefined`: none that is known. */
export function budgetSeen(standing: Standing, dimensions: GatewayCall['dimensions'], nowMs: number) {
  const known = standing.placeCaller(dimensions).filter(({ cell }) => cell.isLoaded);
  const lines = known.map(({ book, cell }): Line => {
    const window = book.windowAt(nowMs);
    return { book, cell, window, standing: cell.standing(window), bound: 0n };
  });
  return tightest(lines, nowMs, false);
}

/** What is set aside for a call as of an instant; for calls whose controls or prices are others now. */
export function holdsOf(standing: Standing, call: GatewayCall, nowMs: number): readonly Share[] {
  const placed = standing.placeCall(call, nowMs);
  return sharesOf(
    placed.drawn.map((one) => lineOf(one, placed, nowMs)),
    nowMs,
  );
}

function lineOf({ book, cell }: PlacedCall['drawn'][number], { event }: PlacedCall, nowMs: number): Line {
  const window = book.windowAt(nowMs);
  const bound = deltaOf(book.compiled, event).value;
  return { book, cell, window, standing: cell.standing(window), bound };
}

function sharesOf(lines: readonly Line[], nowMs: number): readonly Share[] {
  const shares: Share[] = [];
  for (const { book, cell, window, bound } of lines) {
    if (bound === 0n || book.isHard) continue;
    shares.push({ cell, startMs: window.startMs, value: bound, unknownCount: 0n });
    const isEnding = nowMs >= window.endMs - WINDOW_MARGIN_MS && book.compiled.control.windowType !== 'ROLLING';
    if (isEnding) shares.push({ cell, startMs: window.endMs, value: bound, unknownCount: 0n });
  }
  return shares;
}

/** The rules of the feed first, then budgets in the order of their rules. */
function refusalOf(lines: readonly Line[], placed: PlacedCall, decision: Decision, nowMs: number): Refusal | undefined {
  // A hard budget decides by a hold, with the newest figures and the whole arithmetic; the others are looked at here.
  const isByHold = lines.some(({ book }) => book.isHard && book.compiled.control.ruleId === decisionRule(decision));
  if (decision.outcome === 'refuse' && !isByHold) return ofRule(decision, lines, placed, nowMs);
  for (const line of lines) {
    const { book, standing: now, bound } = line;
    if (book.isHard) continue;
    const { compiled } = book;
    const { control, limit } = compiled;
    const isMoney = control.metricType === 'TOTAL_COST';
    if (isMoney && placed.event.priceUnknown && control.onUnknownPrice === 'refuse') {
      return unknownPrice(book, viewLine(line, nowMs), placed.event, true);
    }
    if (verdictOf(compiled, now) === 2) {
      const isByPrice = now.value < limit;
      if (isByPrice) return unknownPrice(book, viewLine(line, nowMs), placed.event, false);
      return exceeded(book, viewLine(line, nowMs), now, bound, placed.event);
    }
    if (bound > 0n && now.value + now.held + bound > limit) {
      return exceeded(book, viewLine(line, nowMs), now, bound, placed.event);
    }
  }
  return undefined;
}

function decisionRule(decision: Decision): unknown {
  return decision.outcome === 'refuse' ? decision.rule?.ruleId : undefined;
}

function ofRule(decision: RefuseDecision, lines: readonly Line[], placed: PlacedCall, nowMs: number): Refusal {
  const line = lines.find(({ book }) => book.compiled.control.ruleId === decision.rule?.ruleId);
  const known = line === undefined ? undefined : { book: line.book, view: viewLine(line, nowMs) };
  // It has money left: what stops it are calls that nobody knows the price of.
  const isByPrice =
    line !== undefined && line.standing.unknownCount > 0n && line.standing.value < line.book.compiled.limit;
  if (isByPrice) return unknownPrice(line.book, viewLine(line, nowMs), placed.event, false);
  return tripped(decision, known, placed.event);
}

function isNear({ book, standing: { value, held }, bound }: Line): boolean {
  const { limit } = book.compiled;
  return (limit - value - held - bound) * NEAR_PARTS < limit;
}

/** The one of which the least share is left; with what the call itself holds, where it is admitted. */
function tightest(lines: readonly Line[], nowMs: number, isAdmitted: boolean): BudgetView | undefined {
  let found: Line | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const line of lines) {
    const held = isAdmitted ? line.standing.held + line.bound : line.standing.held;
    const left = shareLeft(line.book, { ...line.standing, held });
    if (left >= least) continue;
    least = left;
    found = line;
  }
  if (found === undefined) return undefined;
  const { standing, bound } = found;
  return viewLine(isAdmitted ? { ...found, standing: { ...standing, held: standing.held + bound } } : found, nowMs);
}

function viewLine({ book, cell, standing, window }: Line, nowMs: number): BudgetView {
  return viewOf(book, cell, standing, window, nowMs);
}

/** `undefined`: no hard budget concerns the call. */
function holdByOf(lines: readonly Line[]): HoldEstimates | undefined {
  let holdBy: HoldEstimates | undefined;
  for (const { book } of lines) {
    if (!book.isHard) continue;
    if (book.compiled.control.estimate === 'expected') return 'expected';
    holdBy = 'worst-case';
  }
  return holdBy;
}

/** Somebody who wants the answer read on for its usage wins over somebody who wants it ended. */
function leaveOf(lines: readonly Line[]): 'abort' | 'drain' | undefined {
  let said: 'abort' | 'drain' | undefined;
  for (const { book } of lines) {
    if (book.onClientLeave === 'drain') return 'drain';
    said ??= book.onClientLeave;
  }
  return said;
}
