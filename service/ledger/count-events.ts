/** Events under the cost controls that cover them: balances read together, moved in the order of the events. */
import type { CompiledControl } from '../compile/compiled-control.js';
import type { TeamScope } from '../compile/team-scope.js';
import type { EventPrice } from '../pricing/price-event.js';
import type { SqlParams } from '../store/sql.js';
import { type BalanceKey, ENTRIES_MAX } from './balance-book.js';
import { balanceKeysOf, countEvent } from './balances.js';
import type { LedgerContext } from './context.js';
import { type CountedEvent, countedFromFacts } from './counted-event.js';
import type { EventFacts } from './event-facts.js';
import { type FillCursors, isAhead } from './fill-cursors.js';
import type { HeldHold, HoldBook } from './holds/hold-book.js';
import { drawEvent, placementsIn, tellRolling } from './holds/settle.js';
import type { StoredFacts } from './record-events.js';
import { Subscribers } from './subscribers.js';

/** An event that was stored in this transaction, with its price. */
export type PricedFacts = StoredFacts & { readonly price: EventPrice };

/** What counts events. */
export interface Counting {
  readonly teamId: string;
  readonly scope: TeamScope;
  readonly fills: FillCursors;
  /** Those that the events name; `undefined`: none of them names one. */
  readonly holds?: HoldBook | undefined;
}

interface Planned {
  readonly facts: PricedFacts;
  /** With the group that its subscriber is expected to have; an event before it may still change that. */
  readonly expected: CountedEvent;
  readonly touched: readonly CompiledControl[];
  /** The hold that it names, with all controls that cover the event: one that is behind draws it all the same. */
  readonly hold: { readonly hold: HeldHold; readonly covering: readonly CompiledControl[] } | undefined;
}

/** Balances of a part of the events, which are read together. */
const KEYS_MAX = ENTRIES_MAX / 2;

/** Counts events that are new, each under every control that covers it. Returns whether a verdict changed. */
export async function countEvents(
  context: LedgerContext,
  counting: Counting,
  events: readonly PricedFacts[],
): Promise<boolean> {
  const { holds } = counting;
  const subscribers = new Subscribers(context, counting.teamId, counting.scope, (...merged) =>
    holds?.rename(...merged),
  );
  await subscribers.load(events.map(({ facts }) => facts));
  let changed = false;
  let part: Planned[] = [];
  let keys: BalanceKey[] = [];
  const placed: SqlParams[] = [];
  const countPart = async (): Promise<void> => {
    await context.balances.load(keys);
    for (const planned of part) if (await countOne(context, subscribers, planned, holds)) changed = true;
    part = [];
    keys = [];
  };
  for (const event of events) {
    const planned = plan(context, counting, subscribers, event);
    const own = planned.touched.flatMap((compiled) => balanceKeysOf(context, compiled, planned.expected));
    if (planned.expected.placements !== undefined) {
      placed.push({ id: event.id, placements: JSON.stringify(planned.expected.placements) });
    }
    if (keys.length + own.length > KEYS_MAX) await countPart();
    part.push(planned);
    // An event under more controls than that has the rest of them read one by one.
    for (const key of own.slice(0, KEYS_MAX)) keys.push(key);
  }
  await countPart();
  await subscribers.keep();
  await context.sql.many('place-event', placed);
  await holds?.keep();
  return changed;
}

function plan(
  context: LedgerContext,
  { scope, fills, holds }: Counting,
  subscribers: Subscribers,
  event: PricedFacts,
): Planned {
  const natural = countedFromFacts(
    event.id,
    event.facts,
    event.windowTimeMs,
    event.price,
    subscribers.expectedGroupOf(event.facts),
  );
  const covering = scope.touchedBy(natural);
  const named = event.facts.holdId === undefined ? undefined : holds?.get(event.facts.holdId);
  const hold = named === undefined ? undefined : { hold: named, covering };
  const placements = named === undefined ? undefined : placementsIn(context, named, natural, covering);
  const expected = placements === undefined ? natural : { ...natural, placements };
  if (fills.size === 0) return { facts: event, expected, touched: covering, hold };
  // The fill of a control that is behind will meet the event.
  const touched = covering.filter(({ control }) => !isAhead(expected, fills.get(control.id)));
  return { facts: event, expected, touched, hold };
}

async function countOne(
  context: LedgerContext,
  subscribers: Subscribers,
  { facts: { facts }, expected, touched, hold }: Planned,
  holds: HoldBook | undefined,
): Promise<boolean> {
  const subscriberGroup = await subscribers.groupOf(facts);
  const same = subscriberGroup === expected.subscriberGroup;
  const counted = same ? expected : { ...expected, subscriberGroup };
  if (hold !== undefined && holds !== undefined) return settleOne(context, holds, hold, counted, touched, facts);
  let changed = false;
  for (const compiled of touched) {
    if (await countEvent(context, compiled, counted, facts.transactionId)) changed = true;
  }
  return changed;
}

async function settleOne(
  context: LedgerContext,
  holds: HoldBook,
  { hold, covering }: Planned['hold'] & object,
  counted: CountedEvent,
  touched: readonly CompiledControl[],
  { transactionId }: EventFacts,
): Promise<boolean> {
  let changed = false;
  for (const compiled of covering) {
    const settlement = await drawEvent(context, holds, hold, compiled, counted);
    // The fill of a control that is behind will count it.
    if (touched !== covering && !touched.includes(compiled)) continue;
    if (await countEvent(context, compiled, counted, transactionId, undefined, settlement)) changed = true;
    if (await tellRolling(context, compiled, settlement)) changed = true;
  }
  return changed;
}
