/** A {@link Store} over anything that runs the ledger's operations. */
import type { Runtime } from 'fusewire/internal';
import { feedSnapshotOf } from '../compile/feed-body.js';
import { FeedCache } from '../compile/feed-cache.js';
import { eventFactsOf } from '../ledger/event-facts.js';
import { receiptAnswer } from '../ledger/receipt.js';
import type { AreaStore } from './area-store.js';
import { alertReads, alertWrites } from './areas/alerts.js';
import { directoryReads, directoryWrites } from './areas/directory.js';
import { enforcementReads, enforcementWrites } from './areas/enforcement.js';
import { feedReads, feedWrites } from './areas/feed.js';
import { jobReads, jobWrites } from './areas/jobs.js';
import { priceReads, priceWrites } from './areas/prices.js';
import { requestReads, requestWrites } from './areas/requests.js';
import { Filler } from './filler.js';
import { type KeySource, KnownKeys } from './known-keys.js';
import type { EffectsListener, Executor, OperationName } from './operations.js';
import { RecordLanes } from './record-lanes.js';
import type { FeedSnapshot, ItemOutcome, RecordResult, Store } from './store.js';

/**
 * Builds the store. `connect` opens the executor and tells the listener what commits change. `shared`: other processes
 * write the same database.
 */
export async function createLedgerStore(
  runtime: Runtime,
  connect: (listener: EffectsListener) => Promise<Executor>,
  options: { readonly shared?: boolean } = {},
): Promise<Store> {
  const feeds = new FeedCache(runtime, (teamId) => executor.execute('compileFeed', teamId), options);
  const source: KeySource = {
    findKey: (hash) => executor.execute('findKey', hash),
    getTeam: (teamId) => executor.execute('getTeam', teamId),
    revokeKey: (id) => executor.execute('revokeKey', id),
  };
  const known = new KnownKeys(source, () => executor.isFresh?.() ?? true);
  const executor = await connect({
    moved: (teamId, revision) => feeds.moved(teamId, revision),
    touched: (teamId) => feeds.touched(teamId),
    keysMoved: () => known.forget(),
    watched: () => feeds.watched(),
  });
  const lanes = new RecordLanes((teamId, items) => executor.execute('record', teamId, items));
  const filler = new Filler(runtime, () => executor.execute('fillNext'));
  // What was under way when the process before this one ended.
  filler.start();
  return {
    ...areaMethods(executor),
    createTeam: (name) => executor.execute('createTeam', name),
    getTeam: (teamId) => known.getTeam(teamId),
    listTeams: () => executor.execute('listTeams'),
    addKey: (key) => executor.execute('addKey', key),
    findKey: (hash) => known.findKey(hash),
    listKeys: (teamId) => executor.execute('listKeys', teamId),
    revokeKey: (id) => known.revokeKey(id),
    ...recordMethods(lanes),
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
    async close() {
      filler.stop();
      await lanes.close();
      await executor.close();
    },
  };
}

/** One way in for single events, events under a key, and batches. */
function recordMethods(lanes: RecordLanes): Pick<Store, 'record' | 'recordEvents' | 'recordOnce'> {
  return {
    record: (teamId, items) =>
      lanes.record(
        teamId,
        items.map(({ event, key }) => ({ facts: eventFactsOf(event), key })),
      ),
    async recordEvents(teamId, events) {
      const items = events.map((event) => ({ facts: eventFactsOf(event) }));
      return (await lanes.record(teamId, items)).map(resultOf);
    },
    async recordOnce(teamId, { key, bodyHash, event }) {
      const item = { facts: eventFactsOf(event), key: { key, bodyHash } };
      const [outcome] = await lanes.record(teamId, [item]);
      if (outcome === undefined) throw new Error('an event was recorded without an outcome');
      if (outcome.state !== 'recorded') return outcome;
      return { ...outcome, answer: receiptAnswer(outcome.result) };
    },
  };
}

function resultOf(outcome: ItemOutcome): RecordResult {
  if (outcome.state !== 'recorded') throw new Error('an event without a key was not recorded');
  return outcome.result;
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
