/** A {@link Store} over anything that runs the ledger's operations. */
import type { Runtime } from 'fusewire/internal';
import { feedSnapshotOf } from '../compile/feed-body.js';
import { FeedCache } from '../compile/feed-cache.js';
import { eventFactsOf } from '../ledger/event-facts.js';
import type { AreaStore } from './area-store.js';
import { alertReads, alertWrites } from './areas/alerts.js';
import { directoryReads, directoryWrites } from './areas/directory.js';
import { enforcementReads, enforcementWrites } from './areas/enforcement.js';
import { feedReads, feedWrites } from './areas/feed.js';
import { jobReads, jobWrites } from './areas/jobs.js';
import { priceReads, priceWrites } from './areas/prices.js';
import { requestReads, requestWrites } from './areas/requests.js';
import { Filler } from './filler.js';
import { KnownKeys } from './known-keys.js';
import type { EffectsListener, Executor, OperationName } from './operations.js';
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
  const filler = new Filler(runtime, () => executor.execute('fillNext'));
  // What was under way when the process before this one ended.
  filler.start();
  const known = new KnownKeys({
    findKey: (hash) => executor.execute('findKey', hash),
    getTeam: (teamId) => executor.execute('getTeam', teamId),
    revokeKey: (id) => executor.execute('revokeKey', id),
  });
  return {
    ...areaMethods(executor),
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
    async createControl(teamId, input) {
      const control = await executor.execute('createControl', teamId, input);
      await filler.filled(control.id);
      return control;
    },
    async updateControl(teamId, id, patch) {
      const control = await executor.execute('updateControl', teamId, id, patch);
      if (control !== undefined) await filler.filled(id);
      return control;
    },
    deleteControl: (teamId, id) => executor.execute('deleteControl', teamId, id),
    getControl: (teamId, id) => executor.execute('getControl', teamId, id),
    listControls: (teamId, query) => executor.execute('listControls', teamId, query),
    feed: (teamId, ruleId) => (ruleId === undefined ? feeds.read(teamId) : narrowedFeed(executor, teamId, ruleId)),
    async turnWindows() {
      const nextMs = await executor.execute('turnWindows');
      filler.start();
      return nextMs;
    },
    verifyBalances: () => executor.execute('verifyBalances'),
    close() {
      filler.stop();
      return executor.close();
    },
  };
}

/** The methods that are nothing but their operations. */
function areaMethods(executor: Executor): AreaStore {
  const areas = [
    ...[jobReads, jobWrites, priceReads, priceWrites, directoryReads, directoryWrites, feedReads, feedWrites],
    ...[enforcementReads, enforcementWrites, alertReads, alertWrites, requestReads, requestWrites],
  ];
  const execute = executor.execute.bind(executor) as (name: OperationName, ...input: unknown[]) => Promise<unknown>;
  const names = areas.flatMap((area) => Object.keys(area) as OperationName[]);
  const methods = names.map((name) => [name, (...input: unknown[]) => execute(name, ...input)] as const);
  return Object.fromEntries(methods) as unknown as AreaStore;
}

/** An inspection read of one rule: rare, so it is compiled for each (contract 2.1). */
async function narrowedFeed(executor: Executor, teamId: string, controlId: string): Promise<FeedSnapshot> {
  return feedSnapshotOf(await executor.execute('compileFeed', teamId, controlId), { departmentMaps: false });
}
