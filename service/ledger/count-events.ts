/** Events under the cost controls that cover them: balances read together, moved in the order of the events. */
import type { CompiledControl } from '../compile/compiled-control.js';
import type { TeamScope } from '../compile/team-scope.js';
import type { EventPrice } from '../pricing/price-event.js';
import { type BalanceKey, ENTRIES_MAX } from './balance-book.js';
import { balanceKeysOf, countEvent } from './balances.js';
import type { LedgerContext } from './context.js';
import { type CountedEvent, countedFromFacts } from './counted-event.js';
import { type FillCursors, isAhead } from './fill-cursors.js';
import type { StoredFacts } from './record-events.js';
import { Subscribers } from './subscribers.js';

/** An event that was stored in this transaction, with its price. */
export type PricedFacts = StoredFacts & { readonly price: EventPrice };

/** What counts events. */
export interface Counting {
  readonly teamId: string;
  readonly scope: TeamScope;
  readonly fills: FillCursors;
}

interface Planned {
  readonly facts: PricedFacts;
  /** With the group that its subscriber is expected to have; an event before it may still change that. */
  readonly expected: CountedEvent;
  readonly touched: readonly CompiledControl[];
}

/** Balances of a part of the events, which are read together. */
const KEYS_MAX = ENTRIES_MAX / 2;

/** Counts events that are new, each under every control that covers it. Returns whether a verdict changed. */
export async function countEvents(
  context: LedgerContext,
  counting: Counting,
  events: readonly PricedFacts[],
): Promise<boolean> {
  const subscribers = new Subscribers(context, counting.teamId, counting.scope);
  await subscribers.load(events.map(({ facts }) => facts));
  let changed = false;
  let part: Planned[] = [];
  let keys: BalanceKey[] = [];
  const countPart = async (): Promise<void> => {
    await context.balances.load(keys);
    for (const planned of part) if (await countOne(context, subscribers, planned)) changed = true;
    part = [];
    keys = [];
  };
  for (const event of events) {
    const planned = plan(counting, subscribers, event);
    const own = planned.touched.flatMap((compiled) => balanceKeysOf(context, compiled, planned.expected));
    if (keys.length + own.length > KEYS_MAX) await countPart();
    part.push(planned);
    // An event under more controls than that has the rest of them read one by one.
    for (const key of own.slice(0, KEYS_MAX)) keys.push(key);
  }
  await countPart();
  await subscribers.keep();
  return changed;
}

function plan({ scope, fills }: Counting, subscribers: Subscribers, event: PricedFacts): Planned {
  const expected = countedFromFacts(
    event.id,
    event.facts,
    event.windowTimeMs,
    event.price,
    subscribers.expectedGroupOf(event.facts),
  );
  const covering = scope.touchedBy(expected);
  if (fills.size === 0) return { facts: event, expected, touched: covering };
  // The fill of a control that is behind will meet the event.
  const touched = covering.filter(({ control }) => !isAhead(expected, fills.get(control.id)));
  return { facts: event, expected, touched };
}

async function countOne(
  context: LedgerContext,
  subscribers: Subscribers,
  { facts: { facts }, expected, touched }: Planned,
): Promise<boolean> {
  const subscriberGroup = await subscribers.groupOf(facts);
  const same = subscriberGroup === expected.subscriberGroup;
  const counted = same ? expected : { ...expected, subscriberGroup };
  let changed = false;
  for (const compiled of touched) {
    if (await countEvent(context, compiled, counted, facts.transactionId)) changed = true;
  }
  return changed;
}
