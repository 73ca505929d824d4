/** What must be true of a simulated world: at any moment, and in the end. */
import { decide } from '../../enforcement/decide.js';
import type { CallDimensions } from '../../enforcement/decision.js';
import type { operationOf } from '../../service/store/operation-group.js';
import type {
  CostControl,
  EnforcementEvent,
  EventConflict,
  Page,
  PriceOverride,
  StoredEvent,
} from '../../service/store/store.js';
import { type Body, holds, Oracle } from '../service/store-oracle-model.js';
import type { Client, Fates } from './client.js';
import { HELD_MODEL } from './hard-acts.js';
import { heldCents } from './hard-book.js';
import type { Replica } from './replica.js';
import { DECLARED_CENTS } from './scenario.js';
import type { SharedDatabase } from './shared-database.js';
import type { World } from './world.js';

/** What there is to look at. */
export interface Ends {
  readonly world: World;
  readonly database: SharedDatabase;
  readonly replicas: readonly Replica[];
  readonly clients: readonly Client[];
  readonly fates: Fates;
  readonly teamId: string;
  /** What there was to go wrong. */
  readonly found: { events: number; conflicts: number; refused: number };
}

const PAGE = { page: 0, size: 10_000 };
/** Nano-dollars a cent. */
const NANO = 10_000_000n;
/** An event is counted by its own time if that is at most so long before its receipt, or so long after it (I13). */
const BEFORE_MS = 25 * 3_600_000;
const AFTER_MS = 5 * 60_000;
/** The clocks of two replicas are at most so far apart. */
const SKEW_MS = 1_800;

/** At any moment: what was acknowledged is there, nothing is there twice, balances are sums. */
export async function checkAlways(ends: Ends): Promise<string[]> {
  const { items } = await read<Page<StoredEvent>>(ends, 'findEvents', PAGE);
  const problems: string[] = [];
  const stored = new Set(items.map(({ transactionId }) => transactionId));
  if (stored.size !== items.length) problems.push('an event is there twice');
  for (const key of ends.fates.acknowledged) {
    const { transactionId } = eventOf(ends, key);
    if (!stored.has(transactionId)) problems.push(`${transactionId} was acknowledged as ${key} and is not there`);
  }
  for (const [key, reason] of ends.fates.rejected) problems.push(`${key} was rejected: ${reason}`);
  const { wrong } = await read<{ wrong: string[] }>(ends, 'verifyTeam');
  return [...problems, ...wrong.map((one) => `a balance is wrong: ${one}`)];
}

/** In the end: every event that was noted is there, counted by the right instant, at the right price. */
export async function checkAtTheEnd(ends: Ends): Promise<string[]> {
  const { items } = await read<Page<StoredEvent>>(ends, 'findEvents', PAGE);
  const conflicts = await read<Page<EventConflict>>(ends, 'listConflicts', PAGE);
  const prices = await pricesOf(ends);
  ends.found.events = items.length;
  ends.found.conflicts = conflicts.items.length;
  const byTransaction = new Map(items.map((item) => [item.transactionId, item]));
  const problems: string[] = [];
  for (const key of ends.fates.noted.keys()) {
    const noted = eventOf(ends, key);
    const item = byTransaction.get(noted.transactionId);
    if (item === undefined) {
      problems.push(`${key} was never stored`);
      continue;
    }
    const isKept =
      item.body['taskType'] === noted.taskType ||
      conflicts.items.some(
        ({ transactionId, body }) => transactionId === noted.transactionId && body['taskType'] === noted.taskType,
      );
    if (!isKept) problems.push(`${key} disagrees with ${noted.transactionId} and is nowhere`);
    if (item.body['taskType'] === noted.taskType) problems.push(...wrongIn(item, noted, prices));
  }
  return problems;
}

/** Whether every guard decides as a naive sum over everything that was stored; what differs, in words. */
export async function sameVerdicts(ends: Ends): Promise<string[]> {
  const { oracle, controls } = await oracleOf(ends);
  const nowMs = ends.world.wallMs;
  const problems = await untoldVerdicts(ends, oracle, controls, nowMs);
  const expectations = CALLS.map((call) => refusedBy(oracle, controls, call, nowMs));
  ends.found.refused = expectations.filter(({ length }) => length > 0).length;
  for (const client of ends.clients) {
    const { rules } = client;
    if (rules === undefined) {
      // A team without an enabled control has no rules to fetch.
      if (controls.some(({ enabled }) => enabled)) problems.push(`${client.machine.name} has no rules`);
      continue;
    }
    for (const [i, call] of CALLS.entries()) {
      const expected = expectations[i]!;
      const decision = decide(rules.ruleSet, dimensionsOf(call), nowMs);
      if ((decision.outcome === 'refuse') === expected.length > 0) continue;
      problems.push(
        `${client.machine.name} at revision ${rules.revision}: ${JSON.stringify(call)} is ${decision.outcome}d ` +
          `and ought to be refused by [${expected.join(', ')}]`,
      );
    }
  }
  return problems;
}

/**
 * A verdict that stands was told by a trip, and one that does not by a reset after it: of controls without groups, window
 * by window. (An event of a new window may trip before a timer has ended the verdict of the old one.)
 */
async function untoldVerdicts(
  ends: Ends,
  oracle: Oracle,
  controls: readonly CostControl[],
  nowMs: number,
): Promise<string[]> {
  const { items } = await read<Page<EnforcementEvent>>(ends, 'listEnforcementEvents', PAGE);
  const asked = controls.filter(
    ({ enabled, shadowMode, groupBy, enforcement }) =>
      enabled && !shadowMode && groupBy === null && enforcement !== 'HARD',
  );
  return asked.flatMap((control) => {
    // In the order in which they were written, whatever the clocks of the replicas said.
    const told = items
      .filter(({ controlId, groupValue }) => controlId === control.id && groupValue === null)
      .filter(({ kind }) => kind === 'trip' || kind === 'reset')
      .sort((one, other) => (one.id < other.id ? -1 : 1));
    const last = new Map(told.map(({ windowKey, kind }) => [windowKey, kind]));
    const open = [...last.values()].filter((kind) => kind === 'trip').length;
    const stands = oracle.breached(control, oracle.sum(control, nowMs));
    if (open === (stands ? 1 : 0)) return [];
    const words = told.map(({ kind, atMs, windowKey }) => `${kind} at ${atMs} of ${windowKey}`).join('; ');
    return [`${control.id} is ${stands ? '' : 'not '}tripped at ${nowMs}, and what was told is ${words}`];
  });
}

type Call = Pick<Body, 'model' | 'id' | 'email' | 'agent'>;

const WHO: readonly Pick<Body, 'id' | 'email'>[] = [{}, { id: 'u1' }, { id: 'u2' }, { email: 'a@x' }, { email: 'b@x' }];
const CALLS: readonly Call[] = ['m1', 'm2', 'm3'].flatMap((model) =>
  WHO.flatMap((who) => [
    { model, ...who },
    { model, ...who, agent: 'bot' },
  ]),
);

function dimensionsOf({ model, id, email, agent }: Call): CallDimensions {
  return { model, provider: 'OPENAI', subscriberId: id, subscriberEmail: email, agent };
}

function refusedBy(oracle: Oracle, controls: readonly CostControl[], call: Call, nowMs: number): string[] {
  const body = { ...call, provider: 'OPENAI', cents: 0, tokens: 0, failed: false, minutesAgo: 0, repeat: 'no' } as Body;
  const refusing = controls.filter((control) => {
    if (!control.enabled || control.shadowMode || control.enforcement === 'HARD') return false;
    if (!control.filters.every((filter) => holds(filter, body))) return false;
    if (control.groupBy === null) return oracle.breached(control, oracle.sum(control, nowMs));
    const group = oracle.group(control, { body, atMs: nowMs });
    if (group === undefined) return false;
    const sum = oracle.sum(control, nowMs, group);
    return sum.any && oracle.breached(control, sum);
  });
  return refusing.map(({ id, metricType, windowType, groupBy }) => `${id} ${metricType} ${windowType} ${groupBy}`);
}

/** Everything that is stored, in the order of the ledger, summed anew for every question. */
async function oracleOf(ends: Ends): Promise<{ oracle: Oracle; controls: readonly CostControl[] }> {
  const { items } = await read<Page<StoredEvent>>(ends, 'findEvents', PAGE);
  const { items: controls } = await read<Page<CostControl>>(ends, 'listControls', PAGE);
  const prices = await pricesOf(ends);
  const oracle = new Oracle();
  for (const item of [...items].sort((one, other) => (one.id < other.id ? -1 : 1))) {
    const { body, windowTimeMs } = item;
    const subscriber = (body['subscriber'] ?? {}) as { id?: string; email?: string };
    oracle.add(
      {
        model: String(body['model']),
        provider: 'OPENAI',
        cents: centsOf(body, prices),
        ...subscriber,
        ...(body['agent'] === undefined ? {} : { agent: String(body['agent']) }),
        tokens: Number(body['totalTokenCount']),
        failed: body['stopReason'] === 'ERROR',
        minutesAgo: 0,
        repeat: 'no',
      },
      windowTimeMs,
    );
  }
  return { oracle, controls };
}

function wrongIn(item: StoredEvent, noted: NotedEvent, prices: ReadonlySet<string>): string[] {
  const requestMs = Date.parse(noted.requestTime);
  const { receivedAtMs, windowTimeMs, transactionId, amountNanoUsd, priceState } = item;
  const isUsable = requestMs >= receivedAtMs - BEFORE_MS && requestMs <= receivedAtMs + AFTER_MS;
  const countedMs = isUsable ? requestMs : receivedAtMs;
  // A call with a hold was not made before that was taken, by the clock of a replica.
  const isPutOff =
    item.body['holdId'] !== undefined && windowTimeMs > countedMs && windowTimeMs <= receivedAtMs + SKEW_MS;
  const problems: string[] = [];
  if (!isPutOff && (windowTimeMs !== countedMs || item.windowFlagged === isUsable)) {
    problems.push(`${transactionId} is counted at ${windowTimeMs}, was made at ${requestMs}, came at ${receivedAtMs}`);
  }
  const cents = centsOf(item.body, prices);
  if ((cents === null) !== (priceState === 'unknown')) problems.push(`the price of ${transactionId} is ${priceState}`);
  if (amountNanoUsd !== BigInt(cents ?? 0) * NANO) problems.push(`${transactionId} costs ${amountNanoUsd}`);
  return problems;
}

interface NotedEvent {
  readonly transactionId: string;
  readonly taskType: string;
  readonly requestTime: string;
}

function eventOf({ fates }: Ends, key: string): NotedEvent {
  return fates.noted.get(key)!.event as unknown as NotedEvent;
}

function centsOf(body: Readonly<Record<string, unknown>>, prices: ReadonlySet<string>): number | null {
  const given = body['totalCost'];
  if (given !== undefined) return Math.round(Number(given) * 100);
  const model = String(body['model']);
  if (model === HELD_MODEL) return heldCents(body);
  return prices.has(model) ? (DECLARED_CENTS[model] ?? null) : null;
}

/** Models whose price somebody declared. */
async function pricesOf(ends: Ends): Promise<ReadonlySet<string>> {
  const prices = await read<readonly PriceOverride[]>(ends, 'listPrices', {});
  return new Set(prices.map(({ model }) => model));
}

/** From the database itself, with nothing remembered. */
export async function read<T>(
  { database, teamId, world }: Ends,
  operation: Parameters<typeof operationOf>[0],
  ...input: unknown[]
) {
  const log = { debug() {}, info() {}, warn() {}, error() {}, isDebug: () => false };
  const command = { operation, input: [teamId, ...input], nowMs: world.wallMs };
  const { outcomes } = await database.run([command], database.surroundings(log));
  const [outcome] = outcomes;
  if (outcome?.ok !== true) throw new Error(`${operation} failed: ${String(outcome?.error)}`);
  return outcome.value as T;
}
