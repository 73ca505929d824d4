/** A {@link Store} over anything that runs the ledger's operations. */
import type { HoldOperation, HoldOutcome, Runtime } from 'fusewire/internal';
import { FeedCache } from '../compile/feed-cache.js';
import type { FeedReads } from '../compile/feed-compiler.js';
import { FeedPurger } from '../compile/feed-purger.js';
import type { ListedCustomer } from '../ledger/customers.js';
import { eventFactsOf } from '../ledger/event-facts.js';
import { receiptAnswer } from '../ledger/receipt.js';
import type { AreaStore } from './area-store.js';
import { alertReads, alertWrites } from './areas/alerts.js';
import { customerReads, customerWrites } from './areas/customers.js';
import { directoryReads, directoryWrites } from './areas/directory.js';
import { enforcementReads, enforcementWrites } from './areas/enforcement.js';
import { explainReads } from './areas/explain.js';
import { feedReads, feedWrites } from './areas/feed.js';
import { gatewayBookReads } from './areas/gateway-books.js';
import { holdFigureReads } from './areas/hold-figures.js';
import { holdReads, holdWrites } from './areas/holds.js';
import { jobReads, jobWrites } from './areas/jobs.js';
import { maintenanceReads, maintenanceWrites } from './areas/maintenance.js';
import { priceReads, priceWrites } from './areas/prices.js';
import { raiseReads, raiseWrites } from './areas/raises.js';
import { requestReads, requestWrites } from './areas/requests.js';
import { settingReads, settingWrites } from './areas/settings.js';
import { usageReads } from './areas/usage.js';
import { Filler } from './filler.js';
import { fillNext, turnAll, verifyAll } from './housekeeping.js';
import { type KeySource, KnownKeys } from './known-keys.js';
import { Lanes } from './lanes.js';
import type { EffectsListener, Executor, OperationName } from './operations.js';
import { RecordLanes } from './record-lanes.js';
import { Repricer } from './repricer.js';
import type { ItemOutcome, RecordResult, Store } from './store.js';
import { StoreError } from './store-error.js';

/** Builds the store. `connect` opens the executor and tells the listener what commits change. */
export async function createLedgerStore(
  runtime: Runtime,
  connect: (listener: EffectsListener) => Promise<Executor>,
): Promise<Store> {
  const feeds = new FeedCache(
    runtime,
    feedReadsOf(() => executor),
  );
  const source: KeySource = {
    findKey: (hash) => executor.execute('findKey', hash),
    getTeam: (teamId) => executor.execute('getTeam', teamId),
    revokeKey: (id) => executor.execute('revokeKey', id),
    findGatewayKey: (hash) => executor.execute('findGatewayKey', hash),
  };
  const known = new KnownKeys(source, () => executor.isFresh?.() ?? true);
  const executor = await connect({
    moved: (teamId, revision) => feeds.moved(teamId, revision),
    touched: (teamId) => feeds.touched(teamId),
    keysMoved: () => known.forget(),
    kept: () => feeds.kept(),
  });
  const lanes = new RecordLanes((teamId, items) => executor.execute('record', teamId, items));
  const holdLanes = holdLanesOf(executor);
  const filler = new Filler(runtime, () => fillNext(executor));
  const repricer = new Repricer(runtime, executor);
  // Before anything is priced: a later catalogue may move prices further than it may without a word.
  for (const teamId of await executor.execute('noteCatalogue')) await executor.execute('reviewCatalogue', teamId);
  // What was under way when the process before this one ended.
  filler.start();
  repricer.start();
  const purger = new FeedPurger(runtime, () => executor.execute('purgeFeedChanges'));
  purger.start();
  return {
    ...areaMethods(executor),
    ...priceMethods(executor, repricer),
    createTeam: (name) => executor.execute('createTeam', name),
    getTeam: (teamId) => known.getTeam(teamId),
    listTeams: () => executor.execute('listTeams'),
    addKey: (key) => executor.execute('addKey', key),
    findKey: (hash) => known.findKey(hash),
    listKeys: (teamId) => executor.execute('listKeys', teamId),
    revokeKey: (id) => known.revokeKey(id),
    ...recordMethods(lanes),
    operateHolds: (teamId, operations) => holdLanes.run(teamId, operations),
    findEvents: (teamId, query) => executor.execute('findEvents', teamId, query),
    listConflicts: (teamId, query) => executor.execute('listConflicts', teamId, query),
    ...controlMethods(executor, filler),
    ...customerMethods(executor, filler, known),
    feed: (teamId, ruleId) => feeds.read(teamId, ruleId),
    feeds,
    async turnWindows() {
      const nextMs = await turnAll(executor);
      filler.start();
      // What another process asked for and did not live to do.
      repricer.start();
      return nextMs;
    },
    verifyBalances: () => verifyAll(executor),
    backUp: (file) => executor.copyTo?.(file) ?? Promise.reject(noCopy()),
    async close() {
      filler.stop();
      feeds.close();
      await purger.stop();
      repricer.stop();
      await lanes.close();
      await holdLanes.close();
      await executor.close();
    },
  };
}

/** Who makes or changes a control waits for it to have met its events. */
function controlMethods(
  executor: Executor,
  filler: Filler,
): Pick<Store, 'createControl' | 'updateControl' | 'deleteControl' | 'getControl' | 'listControls'> {
  return {
    async createControl(teamId, input, actor) {
      const control = await executor.execute('createControl', teamId, input, actor);
      await filler.filled(control.id);
      return control;
    },
    async updateControl(teamId, id, patch, actor) {
      const control = await executor.execute('updateControl', teamId, id, patch, actor);
      if (control !== undefined) await filler.filled(id);
      return control;
    },
    deleteControl: (teamId, id, actor) => executor.execute('deleteControl', teamId, id, actor),
    getControl: (teamId, id) => executor.execute('getControl', teamId, id),
    listControls: (teamId, query) => executor.execute('listControls', teamId, query),
  };
}

/** What may stop a key holds for every later look, and a new budget has met its events, as any control. */
function customerMethods(executor: Executor, filler: Filler, known: KnownKeys) {
  const filled = async <T extends ListedCustomer | undefined>(changed: Promise<T>): Promise<T> => {
    const customer = await changed;
    if (typeof customer?.budgetControlId === 'string') await filler.filled(customer.budgetControlId);
    return customer;
  };
  return {
    createCustomer: (...input) => filled(executor.execute('createCustomer', ...input)),
    updateCustomer: (...input) => filled(known.afterChange(executor.execute('updateCustomer', ...input))),
    deleteCustomer: (...input) => known.afterChange(executor.execute('deleteCustomer', ...input)),
    findGatewayKey: (hash) => known.findGatewayKey(hash),
    rotateGatewayKey: (...input) => known.afterChange(executor.execute('rotateGatewayKey', ...input)),
    revokeGatewayKey: (...input) => known.afterChange(executor.execute('revokeGatewayKey', ...input)),
  } satisfies Partial<Store>;
}

/** Operations on holds share transactions, as events do. */
function holdLanesOf(executor: Executor): Lanes<HoldOperation, HoldOutcome> {
  return new Lanes((teamId, operations) => executor.execute('operateHolds', teamId, operations), {
    tooMany: 'too many operations on holds wait; send them again',
  });
}

/** One way in for single events, events under a key, and batches. */
function recordMethods(lanes: RecordLanes): Pick<Store, 'record' | 'recordEvents' | 'recordOnce'> {
  return {
    record: (teamId, items) =>
      lanes.record(
        teamId,
        items.map(({ event, key, facts }) => ({ facts: facts ?? eventFactsOf(event), key })),
        true,
      ),
    async recordEvents(teamId, events) {
      const items = events.map((event) => ({ facts: eventFactsOf(event) }));
      return (await lanes.record(teamId, items)).map(resultOf);
    },
    async recordOnce(teamId, { key, bodyHash, event }) {
      const item = { facts: eventFactsOf(event), key: { key, bodyHash } };
      const [outcome] = await lanes.record(teamId, [item]);
      if (outcome === undefined) throw new Error('an event was recorded without an outcome');
      if (outcome.state === 'failed') throw outcome.error;
      if (outcome.state !== 'recorded') return outcome;
      return { ...outcome, answer: receiptAnswer(outcome.result) };
    },
  };
}

function resultOf(outcome: ItemOutcome): RecordResult {
  if (outcome.state === 'failed') throw outcome.error;
  if (outcome.state !== 'recorded') throw new Error('an event without a key was not recorded');
  return outcome.result;
}

/** What may leave events to be priced again. */
function priceMethods(executor: Executor, repricer: Repricer) {
  const thenReprice = async <T>(changed: Promise<T>): Promise<T> => {
    const result = await changed;
    repricer.start();
    return result;
  };
  return {
    setPrice: (...input) => thenReprice(executor.execute('setPrice', ...input)),
    acceptPriceImport: (...input) => thenReprice(executor.execute('acceptPriceImport', ...input)),
    acceptCatalogue: (...input) => thenReprice(executor.execute('acceptCatalogue', ...input)),
    startReprice: (...input) => thenReprice(executor.execute('startReprice', ...input)),
  } satisfies Partial<Store>;
}

/** The methods that are nothing but their operations. */
function areaMethods(executor: Executor): AreaStore {
  const areas = [
    ...[jobReads, jobWrites, priceReads, priceWrites, directoryReads, directoryWrites, feedReads, feedWrites],
    ...[gatewayBookReads, raiseReads, raiseWrites],
    ...[holdReads, holdFigureReads, holdWrites],
    ...[enforcementReads, enforcementWrites, explainReads, alertReads, alertWrites, requestReads, requestWrites],
    ...[maintenanceReads, maintenanceWrites, settingReads, settingWrites, customerReads, customerWrites, usageReads],
  ];
  const execute = executor.execute.bind(executor) as (name: OperationName, ...input: unknown[]) => Promise<unknown>;
  const names = areas.flatMap((area) => Object.keys(area) as OperationName[]);
  const methods = names.map((name) => [name, (...input: unknown[]) => execute(name, ...input)] as const);
  return Object.fromEntries(methods) as unknown as AreaStore;
}

/** A database on a server is copied by its own tool. */
function noCopy(): StoreError {
  const problem = 'a PostgreSQL database is backed up with pg_dump';
  return new StoreError('INVALID', problem, { problems: { file: problem } });
}

/** What feeds are compiled from. The executor is there when the first one is asked for. */
function feedReadsOf(executor: () => Executor): FeedReads {
  return {
    feedTeam: (...input) => executor().execute('feedTeam', ...input),
    feedControls: (...input) => executor().execute('feedControls', ...input),
    feedDepartments: (...input) => executor().execute('feedDepartments', ...input),
    feedGroups: (...input) => executor().execute('feedGroups', ...input),
    feedGroupsOf: (...input) => executor().execute('feedGroupsOf', ...input),
    feedTotals: (...input) => executor().execute('feedTotals', ...input),
    feedChanges: (...input) => executor().execute('feedChanges', ...input),
  };
}
