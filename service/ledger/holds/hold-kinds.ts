/** Kinds of calls as the ledger sees them: which hard controls concern them, in which groups, and what they cost at most. */
import { type HoldCall, type HoldNeed, meterOf, type PartMeter, type RateBound, ratesKeyOf } from 'fusewire/internal';
import { type CompiledControl, groupOf } from '../../compile/compiled-control.js';
import type { TeamScope } from '../../compile/team-scope.js';
import type { PriceBook } from '../../pricing/price-book.js';
import { rateBoundOf } from '../../pricing/rate-bound.js';
import type { LedgerContext, TeamState } from '../context.js';
import { type CountedEvent, departmentsOf } from '../counted-event.js';
import { lineOf, loadMembers, personOf, readDirectory } from '../directory.js';
import { Subscribers } from '../subscribers.js';
import type { Cell } from './cells.js';
import { partTermsOf } from './hold-terms.js';

/** A hard control that concerns a kind of call. */
export interface Concern {
  readonly cell: Cell;
  /** What one call is to set aside. `unknown`: nobody knows what it costs, and nothing is assumed. */
  amount(need: HoldNeed): bigint | 'unknown';
}

/** A kind of call. */
export interface HoldKind {
  /** In the order of their rule ids. */
  readonly concerns: readonly Concern[];
  /** The call, JSON. */
  readonly callText: string;
  ratesOf(need: HoldNeed): RateBound;
}

/** What kinds are read with. */
export interface KindSource {
  readonly teamId: string;
  readonly state: TeamState;
  readonly scope: TeamScope;
  readonly book: PriceBook;
}

/** Whether calls are held against a control: it is enabled, else it would not be in the scope. */
export function isHard({ control }: CompiledControl): boolean {
  return control.enforcement === 'HARD' && !control.shadowMode;
}

/**
 * The kinds of calls, in their order. Who a call is by is learned as from an event: a call that names an address alone is
 * the same person's as one that named it with an id.
 */
export async function readKinds(
  context: LedgerContext,
  source: KindSource,
  calls: readonly HoldCall[],
): Promise<readonly HoldKind[]> {
  const { teamId, scope, state } = source;
  if (calls.length === 0) return [];
  if (!scope.controls.some(isHard)) return calls.map(() => FREE);
  const texts = calls.map((call) => JSON.stringify(call));
  const distinct = new Map(texts.map((text, i) => [text, calls[i]!]));
  const alone = [...distinct.values()];
  const subscribers = new Subscribers(context, teamId, scope);
  await subscribers.load(alone.map(({ dimensions }) => named(dimensions)));
  const departments = await departmentsOfCalls(context, teamId, state.directoryVersion, alone);
  const kinds = new Map<string, HoldKind>();
  // Whoever is learned of last is the same person in all of them.
  for (const { dimensions } of alone) await subscribers.groupOf(named(dimensions));
  for (const [text, call] of distinct) {
    const group = await subscribers.groupOf(named(call.dimensions));
    const event = eventOf(context, call, group, departments[kinds.size]!);
    kinds.set(text, kindOf(context, source, call, event, text));
  }
  await subscribers.keep();
  return texts.map((text) => kinds.get(text)!);
}

const FREE: HoldKind = { concerns: [], callText: '', ratesOf: () => ({ state: 'unknown', lines: [] }) };

function named({ subscriberId, subscriberEmail }: HoldCall['dimensions']) {
  return { subscriberId: subscriberId || undefined, subscriberEmail: subscriberEmail || undefined };
}

async function departmentsOfCalls(
  context: LedgerContext,
  teamId: string,
  version: number,
  calls: readonly HoldCall[],
): Promise<readonly (readonly number[])[]> {
  if (version === 0) return calls.map(() => []);
  const directory = await readDirectory(context, teamId, version);
  const people = calls.map(({ dimensions }) => personOf(named(dimensions)));
  const addresses = people.filter((person) => person !== undefined);
  await loadMembers(context, teamId, directory, addresses);
  return people.map((person) => departmentsOf(lineOf(directory, person) || null));
}

/** The call as if it were an event: so it meets the controls that its event will meet. */
function eventOf(
  context: LedgerContext,
  { dimensions, model, provider }: HoldCall,
  subscriberGroup: string | undefined,
  departments: readonly number[],
): CountedEvent {
  return {
    id: '',
    windowTimeMs: context.nowMs,
    asked: { ...dimensions, model: dimensions.model ?? model, provider: dimensions.provider ?? provider },
    answeredModel: undefined,
    subscriberGroup,
    departments,
    inputTokens: 0,
    outputTokens: 0,
    totalTokens: 0,
    cachedTokens: 0,
    failed: false,
    imageCount: 0,
    videoCount: 0,
    audioCount: 0,
    characterCount: 0,
    creditsNano: 0n,
    amountNanoUsd: 0n,
    priceUnknown: false,
  };
}

function kindOf(
  context: LedgerContext,
  { scope, book }: KindSource,
  call: HoldCall,
  event: CountedEvent,
  callText: string,
): HoldKind {
  const rates = new Map<string, RateBound>();
  const ratesOf = ({ worst }: HoldNeed): RateBound => {
    const key = ratesKeyOf(worst);
    let bound = rates.get(key);
    if (bound === undefined) {
      bound = rateBoundOf(book, call, worst, context.nowMs);
      rates.set(key, bound);
    }
    return bound;
  };
  const concerns: Concern[] = [];
  for (const compiled of scope.touchedBy(event)) {
    if (!isHard(compiled)) continue;
    const { control } = compiled;
    const groupKey = control.groupBy === null ? '' : groupOf(control, event);
    // Without a group it draws on no budget of a grouped control.
    if (groupKey === undefined || (control.groupBy !== null && groupKey === '')) continue;
    const window = context.cache.windows.of(control, context.nowMs);
    const meters = new Map<RateBound, PartMeter>();
    concerns.push({
      cell: { compiled, groupKey, window },
      amount(need) {
        const bound = ratesOf(need);
        let meter = meters.get(bound);
        if (meter === undefined) {
          meter = meterOf(partTermsOf(compiled), bound, call.operationType);
          meters.set(bound, meter);
        }
        return meter.amount(need);
      },
    });
  }
  concerns.sort((a, b) => a.cell.compiled.control.ruleId - b.cell.compiled.control.ruleId);
  return { concerns, callText, ratesOf };
}
