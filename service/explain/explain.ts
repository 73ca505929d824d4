/**
 * Explains a verdict by the same functions that make it: the filters of the guard's index, the groups and balances of the
 * ledger, the limits of the compiler. Reads only.
 */
import { type HoldRefusal, matchesFilters } from 'fusewire/internal';
import {
  type BalanceValues,
  type CompiledControl,
  compileControl,
  isDepartmentRule,
  isInDepartments,
  valueText,
  verdictOf,
} from '../compile/compiled-control.js';
import { currentWindow } from '../compile/current-window.js';
import { readBalances } from '../compile/feed-balances.js';
import { createTeamScope } from '../compile/team-scope.js';
import { selectBypass } from '../ledger/bypass.js';
import { type LedgerContext, readTeamState } from '../ledger/context.js';
import { selectControls } from '../ledger/control-rows.js';
import { departmentsOf } from '../ledger/counted-event.js';
import { lineOf, loadMembers, personOf, readDirectory } from '../ledger/directory.js';
import { isHard } from '../ledger/hard-fields.js';
import { refusalRank } from '../ledger/holds/admit.js';
import { standingOf } from '../ledger/rolling-balances.js';
import { spokenAmount } from '../ledger/spoken-amount.js';
import { Subscribers } from '../ledger/subscribers.js';
import { readPriceBook } from '../ledger/team-copies.js';
import { NEVER_MS } from '../ledger/window.js';
import type { ControlFilter } from '../store/store.js';
import { type CallerGroups, groupOfCall } from './caller-groups.js';
import type {
  AskedBound,
  AskedCall,
  ExplainedControl,
  ExplainedFilter,
  ExplainedPrice,
  Explanation,
  Reaction,
} from './explanation.js';
import { arithmeticOf, holdingOf, inequalityOf, isTakenUp, standingOfHold } from './holding.js';
import { type AskHold, type HypotheticalHold, hypotheticalHold } from './hypothetical.js';

const NOTHING: BalanceValues = { value: 0n, unknownCount: 0n };

/** Controls that are explained one by one: all that concern the call, and of the others as many as fit (I10). */
const CONTROLS_MAX = 1_000;

/** A control towards the call, before its balance is known. */
export interface Candidate {
  readonly compiled: CompiledControl;
  readonly filters: readonly ExplainedFilter[];
  readonly concerned: boolean;
  readonly group: string | null;
}

/**
 * Explains what a team's controls say about a call; with a bound, also what a hold for it would say. Holds nothing.
 * @throws StoreError `UNKNOWN_TEAM`
 */
export async function explain(
  context: LedgerContext,
  teamId: string,
  call: AskedCall,
  bound?: AskedBound,
): Promise<Explanation> {
  const state = await readTeamState(context, teamId);
  const controls = (await selectControls(context, teamId)).map(compileControl);
  const groups = await groupsOf(context, teamId, state.directoryVersion, call);
  const all = controls.map((compiled) => candidateOf(compiled, call, groups));
  const candidates = [...all].sort((a, b) => rankOf(a) - rankOf(b));
  const shown = candidates.slice(0, CONTROLS_MAX);
  const balances = await readBalances(
    context,
    shown.map(({ compiled, group }) => ({ compiled, groupKey: group ?? '' })),
  );
  const askHold = bound === undefined ? undefined : await hypotheticalHold(context, teamId, state, call, bound);
  const ranked: RankedControl[] = [];
  for (const [i, candidate] of shown.entries()) {
    ranked.push(await explainRanked(context, candidate, balances[i], askHold));
  }
  const bypass = (await selectBypass(context, teamId)) ?? null;
  return {
    revision: state.revision,
    at: new Date(context.nowMs).toISOString(),
    call,
    price: await priceOf(context, teamId, state.pricesVersion, call),
    bypass,
    verdict: verdict(ranked, bypass?.untilMs),
    controls: ranked.map(({ explained }) => explained),
  };
}

/** Those that concern the call come first, and of them departments, as a guard asks them. Within a rank by rule id. */
function rankOf({ compiled, concerned }: Candidate): number {
  if (!concerned) return 2;
  return isDepartmentRule(compiled.control) ? 0 : 1;
}

/** A control, and which of several that refuse is told: as with takes ({@link refusalRank}). */
interface RankedControl {
  readonly explained: ExplainedControl;
  readonly rank: number;
}

/** The first that refuses, in the order in which a guard asks: what the feed refuses, then what no hold is had for. */
function verdict(controls: readonly RankedControl[], bypassUntilMs: number | undefined): Explanation['verdict'] {
  const refusing = controls.filter(({ explained }) => explained.reaction === 'refuse');
  refusing.sort((a, b) => a.rank - b.rank || a.explained.ruleId - b.explained.ruleId);
  const first = refusing[0]?.explained;
  if (first === undefined) {
    return {
      outcome: 'allow',
      controlId: null,
      ruleId: null,
      equation: 'no control that concerns the call refuses it',
    };
  }
  const { controlId, ruleId, equation, name } = first;
  if (bypassUntilMs !== undefined) {
    const until = new Date(bypassUntilMs).toISOString();
    const without = `${name}: ${equation}`;
    return {
      outcome: 'allow',
      controlId,
      ruleId,
      equation: `an operators' bypass is on until ${until}; without it ${without}`,
    };
  }
  return { outcome: 'refuse', controlId, ruleId, equation: `${name}: ${equation}` };
}

/** Whose budgets a call draws on that have to be looked up. */
export async function groupsOf(
  context: LedgerContext,
  teamId: string,
  directoryVersion: number,
  call: AskedCall,
): Promise<CallerGroups> {
  const person = { subscriberId: call.subscriberId, subscriberEmail: call.subscriberEmail };
  const subscribers = new Subscribers(context, teamId, createTeamScope([]));
  await subscribers.load([person]);
  const subscriber = subscribers.expectedGroupOf(person);
  if (directoryVersion === 0) return { subscriber, departments: [] };
  const directory = await readDirectory(context, teamId, directoryVersion);
  const address = personOf(person);
  await loadMembers(context, teamId, directory, address === undefined ? [] : [address]);
  return { subscriber, departments: departmentsOf(lineOf(directory, address) || null) };
}

/** How a control stands towards a call, before its balance is known. */
export function candidateOf(compiled: CompiledControl, call: AskedCall, groups: CallerGroups): Candidate {
  const { control } = compiled;
  const filters = control.filters.map((filter) => explainFilter(filter, call, groups));
  const group = groupOfCall(control, call, groups) ?? null;
  const concerned =
    control.enabled && filters.every(({ holds }) => holds) && (control.groupBy === null || group !== null);
  return { compiled, filters, concerned, group };
}

function explainFilter(filter: ControlFilter, call: AskedCall, { departments }: CallerGroups): ExplainedFilter {
  const { dimension, operator, value, values } = filter;
  const operand = values === undefined ? (value ?? '') : `(${values.join(', ')})`;
  if (dimension === 'DEPARTMENT') {
    const below = filter.includeDescendants === true ? ' and what lies below it' : '';
    const holds = isInDepartments({ filters: [filter] }, departments);
    const actual = departments.length === 0 ? null : departments.join('/');
    return { filter: `DEPARTMENT IS ${operand}${below}`, holds, actual };
  }
  return {
    filter: `${dimension} ${operator} ${operand}`,
    holds: matchesFilters([filter], call),
    actual: actualOf(filter, call) ?? null,
  };
}

function actualOf({ dimension }: ControlFilter, call: AskedCall): string | undefined {
  switch (dimension) {
    case 'MODEL':
      return call.model;
    case 'PROVIDER':
      return call.provider;
    case 'SUBSCRIBER':
      return call.subscriberId ?? call.subscriberEmail;
    case 'ORGANIZATION':
      return call.organization;
    case 'PRODUCT':
      return call.product;
    case 'CREDENTIAL':
      return call.credentialName;
    case 'AGENT':
      return call.agent;
    case 'TASK_TYPE':
      return call.taskType;
    default:
      return call.subscriberEmail;
  }
}

/** A control with its arithmetic. */
export async function explainOne(
  context: LedgerContext,
  candidate: Candidate,
  balance: BalanceValues | undefined,
): Promise<ExplainedControl> {
  return (await explainRanked(context, candidate, balance, undefined)).explained;
}

async function explainRanked(
  context: LedgerContext,
  candidate: Candidate,
  balance: BalanceValues | undefined,
  askHold: AskHold | undefined,
): Promise<RankedControl> {
  const { compiled, filters, group } = candidate;
  const { control } = compiled;
  const window = currentWindow(control, context.nowMs, context.cache.windows);
  const isRolling = control.windowType === 'ROLLING';
  const standing = isRolling && candidate.concerned ? await standingOf(context, compiled, group ?? '') : undefined;
  const values = standing?.values ?? balance ?? NOTHING;
  // A group that spent nothing in the window is past no limit, not even past one of 0; a hold against one is not to be had.
  const isFresh = group !== null && balance === undefined && !isHard(control);
  const resetsAtMs = standing === undefined ? window.resetsAtMs : standing.fallsAtMs;
  const { shown, held } = await holdingOf(context, candidate);
  const asked = isHard(control) && candidate.concerned ? await askHold?.(candidate) : undefined;
  const { reaction, equation } =
    asked === undefined ? react(candidate, values, held, isFresh) : reactTo(candidate, values, held, asked);
  const explained: ExplainedControl = {
    controlId: control.id,
    ruleId: control.ruleId,
    name: control.name,
    metricType: control.metricType,
    enabled: control.enabled,
    shadowMode: control.shadowMode,
    filters,
    groupBy: control.groupBy,
    group,
    spend: valueText(compiled, values.value),
    unknownPrices: Number(values.unknownCount),
    limit: control.hardLimit,
    ...shown,
    ...standingOfHold(candidate, values, held, asked),
    warnThreshold: control.warnThreshold,
    window: {
      type: control.windowType,
      key: window.key,
      start: new Date(window.startMs).toISOString(),
      // As whoever asks for the hold is told: when there is room for this call, of a ROLLING window.
      resetsAt: asked?.refusal === undefined ? isoOf(resetsAtMs) : asked.refusal.resetsAt,
      timeZone: control.timeZone ?? 'UTC',
    },
    reaction,
    equation,
  };
  return { explained, rank: refusalRank(compiled, values) };
}

function isoOf(atMs: number | null): string | null {
  return atMs === null || atMs >= NEVER_MS ? null : new Date(atMs).toISOString();
}

/** With what a hold for the call would say. */
function reactTo(
  candidate: Candidate,
  values: BalanceValues,
  held: bigint,
  asked: HypotheticalHold,
): { readonly reaction: Reaction; readonly equation: string } {
  const { refusal } = asked;
  const { control } = candidate.compiled;
  const arithmetic = inequalityOf(candidate, values, held, asked, true);
  if (refusal === undefined) {
    const isWarned = verdictOf(candidate.compiled, values) === 1;
    const past = isWarned ? `, past the warning at ${warningOf(control)}` : '';
    return { reaction: isWarned ? 'warn' : 'allow', equation: `${arithmetic}${past}: passes` };
  }
  const isShort = refusal.code === 'BUDGET_EXCEEDED' && refusal.retryAfterMs === null;
  const cause = isShort || refusal.isHeldByOthers ? arithmetic : `${arithmetic}: ${withoutName(refusal)}`;
  if (control.shadowMode)
    return { reaction: 'observe', equation: `${cause}: would be refused, but the control only observes` };
  return { reaction: 'refuse', equation: `${cause}: refused` };
}

function react(
  candidate: Candidate,
  values: BalanceValues,
  held: bigint,
  isFresh: boolean,
): { readonly reaction: Reaction; readonly equation: string } {
  const { compiled, filters, group, concerned } = candidate;
  const { control } = compiled;
  if (!concerned) return { reaction: 'not-concerned', equation: whyNot(control, filters, group) };
  if (isFresh && held === 0n)
    return { reaction: 'allow', equation: `nothing spent by ${group} in this window: passes` };
  const level = verdictOf(compiled, values);
  const arithmetic = arithmeticOf(candidate, values, held);
  const unknown = values.unknownCount > 0n ? `, with ${values.unknownCount} events of unknown price` : '';
  if (level === 2) {
    const byPrice = values.value < compiled.limit;
    const cause = byPrice
      ? `${values.unknownCount} events of unknown price, and onUnknownPrice is refuse`
      : `${arithmetic}${unknown}`;
    if (control.shadowMode)
      return { reaction: 'observe', equation: `${cause}: would be refused, but the control only observes` };
    return { reaction: 'refuse', equation: `${cause}: refused` };
  }
  const within = `${arithmetic}${unknown}`;
  if (isTakenUp(candidate, values, held)) {
    const cause = `${within}: what is left is set aside for others`;
    if (control.shadowMode) return { reaction: 'observe', equation: `${cause}, but the control only observes` };
    return { reaction: 'refuse', equation: `${cause}, refused` };
  }
  if (level === 1)
    return { reaction: 'warn', equation: `${within}, past the warning at ${warningOf(control)}: passes` };
  return { reaction: 'allow', equation: `${within}: passes` };
}

/** The explanation names the control already. */
function withoutName({ message, name, group }: HoldRefusal): string {
  const prefix = `'${name}'${group === null ? '' : ` for ${group}`}: `;
  return message.startsWith(prefix) ? message.slice(prefix.length) : message;
}

function warningOf({ metricType, warnThreshold }: CompiledControl['control']): string {
  return spokenAmount(metricType, warnThreshold ?? '0');
}

function whyNot(
  control: CompiledControl['control'],
  filters: readonly ExplainedFilter[],
  group: string | null,
): string {
  if (!control.enabled) return 'the control is not enabled';
  const failed = filters.filter(({ holds }) => !holds);
  if (failed.length > 0) {
    return failed
      .map(({ filter, actual }) => `${filter}: the call has ${actual === null ? 'nothing there' : `'${actual}'`}`)
      .join('; ');
  }
  return group === null ? `grouped by ${control.groupBy}, and the call belongs to no group` : 'not concerned';
}

async function priceOf(
  context: LedgerContext,
  teamId: string,
  version: number,
  call: AskedCall,
): Promise<ExplainedPrice | null> {
  if (call.model === undefined) return null;
  const book = await readPriceBook(context, teamId, version);
  const found = book.look({ provider: call.provider ?? '', model: call.model, atMs: context.nowMs });
  if (found.kind === 'unknown') return { state: 'unknown', source: 'none' };
  if (found.kind === 'free') return { state: 'free', source: found.source };
  return { state: 'known', source: found.rates.source };
}
