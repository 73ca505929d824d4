/** A {@link Store} over anything that runs the ledger's operations. */
import type { Runtime } from 'fusewire/internal';
import { feedSnapshotOf } from '../compile/feed-body.js';
import { FeedCache } from '../compile/feed-cache.js';
import { eventFactsOf } from '../ledger/event-facts.js';
import { KnownKeys } from './known-keys.js';
import type { EffectsListener, Executor } from './operations.js';
import type { FeedSnapshot, Store } from './store.js';

/** Builds the store. `connect` opens the executor and tells the listener what commits change. */
export async function createLedgerStore(
  runtime: Runtime,
  connect: (listener: EffectsListener) => Promise<Executor>,
): Promise<Store> {
  const feeds = new FeedCache(runtime, (teamId) => executor.execute('compileFeed', teamId));
  const executor = await connect({
    moved: (teamId, revision) => feeds.moved(teamId, revision),
    touched: (teamId) => feeds.touched(teamId),
  });
  const known = new KnownKeys({
    findKey: (hash) => executor.execute('findKey', hash),
    getTeam: (teamId) => executor.execute('getTeam', teamId),
    revokeKey: (id) => executor.execute('revokeKey', id),
  });
  return {
    createTeam: (name) => executor.execute('createTeam', name),
    getTeam: (teamId) => known.getTeam(teamId),
    listTeams: () => executor.execute('listTeams'),
    addKey: (key) => executor.execute('addKey', key),
    findKey: (hash) => known.findKey(hash),
    listKeys: (teamId) => executor.execute('listKeys', teamId),
    revokeKey: (id) => known.revokeKey(id),
    recordEvents: (teamId, events) => executor.execute('recordEvents', teamId, events.map(eventFactsOf)),
    recordOnce: (teamId, { event, ...keyed }) =>
      executor.execute('recordOnce', teamId, { ...keyed, facts: eventFactsOf(event) }),
    findEvents: (teamId, query) => executor.execute('findEvents', teamId, query),
    listConflicts: (teamId, query) => executor.execute('listConflicts', teamId, query),
    createControl: (teamId, input) => executor.execute('createControl', teamId, input),
    updateControl: (teamId, id, patch) => executor.execute('updateControl', teamId, id, patch),
    deleteControl: (teamId, id) => executor.execute('deleteControl', teamId, id),
    getControl: (teamId, id) => executor.execute('getControl', teamId, id),
    listControls: (teamId, query) => executor.execute('listControls', teamId, query),
    feed: (teamId, ruleId) => (ruleId === undefined ? feeds.read(teamId) : narrowedFeed(executor, teamId, ruleId)),
    listEnforcementEvents: (teamId, query) => executor.execute('listEnforcementEvents', teamId, query),
    setPrice: (teamId, price) => executor.execute('setPrice', teamId, price),
    listPrices: (teamId) => executor.execute('listPrices', teamId),
    turnWindows: () => executor.execute('turnWindows'),
    verifyBalances: () => executor.execute('verifyBalances'),
    close: () => executor.close(),
  };
}

/** An inspection read of one rule: rare, so it is compiled for each (contract 2.1). */
async function narrowedFeed(executor: Executor, teamId: string, controlId: string): Promise<FeedSnapshot> {
  return feedSnapshotOf(await executor.execute('compileFeed', teamId, controlId), { departmentMaps: false });
}
