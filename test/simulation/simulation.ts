/** Lives one scenario from the beginning to the end, and looks at what came of it. */
import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { newKey } from '../../service/admin/keys.js';
import { LOCAL_ACTOR } from '../../service/ledger/audit.js';
import { SqliteDatabase } from '../../service/store/sqlite/database.js';
import { openSqliteStore } from '../../service/store/sqlite/open-sqlite-store.js';
import type { Store } from '../../service/store/store.js';
import { declared } from '../service/pricing-support.js';
import { handClock, tempFolder } from '../service/store-support.js';
import { createChance } from './chance.js';
import { checkAlways, checkAtTheEnd, type Ends, sameVerdicts } from './checks.js';
import { type Account, Client, type Fates, type WriteHeld } from './client.js';
import { idSource } from './fixed-ids.js';
import { createFront, type Front } from './front.js';
import { HELD_AGENT, HELD_MODEL, INPUT_CENTS, OUTPUT_CENTS } from './hard-acts.js';
import { HardBook } from './hard-book.js';
import { checkHardAtTheEnd, stillHeld, whoCanPay } from './hard-checks.js';
import { FINE, Network } from './network.js';
import { Replica } from './replica.js';
import type { Act, Scenario, Used } from './scenario.js';
import { SharedDatabase } from './shared-database.js';
import { World } from './world.js';

const FRONTS = 3;
/** How long after the trouble everything has to be in order again, in the time of the world. */
const HEAL_MS = 10 * 60_000;
const LOOK_MS = 5_000;
/** No trouble lasts as long as such holds do. */
const LONG_TTL_SECONDS = 60;
/** Pico-dollars a cent. */
const PICO = 10_000_000_000n;

/** What scenarios share: a database with a team and a key in it, and routers. */
export class Stage {
  readonly #folder = tempFolder();
  readonly template = join(this.#folder.path, 'template.db');
  readonly file = join(this.#folder.path, 'world.db');
  fronts: readonly Front[] = [];
  account: Account = { teamId: '', key: '' };

  async open(): Promise<void> {
    const store = await openSqliteStore({ file: this.template, runtime: handClock().runtime, inProcess: true });
    const { id } = await store.createTeam('simulated');
    const { key, kept } = newKey(id, 'metering', 'simulated');
    await store.addKey(kept);
    const rates = { input: BigInt(INPUT_CENTS) * PICO, output: BigInt(OUTPUT_CENTS) * PICO };
    await store.setPrice(id, declared({ model: HELD_MODEL }, rates));
    await store.close();
    this.account = { teamId: id, key };
    this.fronts = await Promise.all(Array.from({ length: FRONTS }, createFront));
  }

  /** A database of its own for the next scenario. Flushes protect from nothing here: this machine does not lose power. */
  async database(): Promise<SqliteDatabase> {
    for (const ending of ['', '-wal', '-shm']) rmSync(this.file + ending, { force: true });
    copyFileSync(this.template, this.file);
    const database = await SqliteDatabase.open(this.file);
    database.exec('PRAGMA synchronous = OFF');
    return database;
  }

  async close(): Promise<void> {
    for (const front of this.fronts) await front.close();
    this.#folder.remove();
  }
}

/** What a scenario came to. */
export interface Outcome {
  readonly problems: readonly string[];
  readonly trace: readonly string[];
  readonly counts: Readonly<Record<string, number>>;
}

/** Lives it. Never rejects for anything that goes wrong in it. */
export async function simulate(stage: Stage, scenario: Scenario): Promise<Outcome> {
  const simulation = new Simulation(stage, scenario, await stage.database());
  try {
    return await simulation.live();
  } finally {
    await simulation.close();
  }
}

class Simulation implements Ends {
  readonly world: World;
  readonly database: SharedDatabase;
  readonly replicas: readonly Replica[];
  readonly clients: readonly Client[];
  readonly book = new HardBook();
  readonly fates: Fates = {
    ...{ noted: new Map(), acknowledged: new Set(), rejected: new Map() },
    hard: {
      killed: new Set(),
      counts: { held: 0, local: 0, refusedHolds: 0, unavailable: 0, grown: 0 },
      loosen: (why) => this.book.loosen(why),
    },
  };
  readonly teamId: string;
  readonly problems: string[] = [];
  readonly found = { events: 0, conflicts: 0, refused: 0 };
  readonly #network: Network;
  readonly #scenario: Scenario;
  readonly #controls: string[] = [];
  #calls = 0;
  /** Holds may end before their owners are heard of: clocks jumped, or they live no longer than some trouble does. */
  #mayCharge = false;
  #healing = false;

  constructor(stage: Stage, scenario: Scenario, database: SqliteDatabase) {
    idSource.chance = createChance(scenario.seed, 'ids');
    const world = new World(createChance(scenario.seed, 'world'), scenario.startMs);
    this.world = world;
    this.#scenario = scenario;
    this.#mayCharge = scenario.hard.ttlSeconds < LONG_TTL_SECONDS;
    this.teamId = stage.account.teamId;
    this.database = new SharedDatabase(world, database);
    this.database.onCommit = () => this.book.look(world.wallMs, this.#balances);
    this.replicas = scenario.replicaClocksMs.map((offsetMs, i) => {
      const replica: Replica = new Replica({
        world,
        name: `replica-${i}`,
        front: stage.fronts[i]!,
        database: this.database,
        teamId: this.teamId,
        onCommitted: (from, { effects }) => this.#spread(from, effects.moved),
      });
      replica.machine.clockOffsetMs = offsetMs;
      return replica;
    });
    this.#network = new Network(world, this.replicas, (client, asked, answer) => {
      const known = /^"(\d+)-/.exec(asked['if-none-match'] ?? '')?.[1];
      const told = answer.headers['fusewire-revision'];
      if (known === undefined || told === undefined || Number(told) >= Number(known)) return;
      this.problems.push(`${client} has revision ${known} and was answered with ${told}`);
    });
    this.clients = scenario.clientClocksMs.map((offsetMs, i) => {
      const hard = { ttlSeconds: scenario.hard.ttlSeconds, write: this.#writeHeld };
      const client = new Client(world, `client-${i}`, this.#network, stage.account, this.fates, hard);
      client.machine.clockOffsetMs = offsetMs;
      return client;
    });
  }

  async live(): Promise<Outcome> {
    for (const replica of this.replicas) replica.start();
    await this.world.pass(100);
    for (const input of this.#scenario.hard.controls) {
      this.#ask(0, async (store) => this.book.add(await store.createControl(this.teamId, input)));
      await this.world.pass(50);
    }
    for (const client of this.clients) client.start();
    await this.world.pass(1_000);
    let passedMs = 0;
    for (const { atMs, act } of this.#scenario.acts) {
      await this.world.pass(atMs - passedMs);
      passedMs = atMs;
      await this.#do(act);
      this.problems.push(...this.book.problems);
      if (this.problems.length > 0) break;
    }
    if (this.problems.length === 0) await this.#heal();
    const { requests, lost, duplicated, reset } = this.#network.counts;
    const kills = this.world.trace.filter((line) => line.endsWith(' is killed')).length;
    const counts = {
      ...{ requests, lost, duplicated, reset, kills, commits: this.database.commits },
      ...this.found,
      ...this.fates.hard.counts,
    };
    return { problems: this.problems, trace: this.world.trace, counts };
  }

  async close(): Promise<void> {
    for (const client of this.clients) client.crash();
    for (const replica of this.replicas) replica.crash();
    await this.world.pass(0);
    this.database.close();
  }

  /** NOTIFY: soon, mostly. What is lost is found by looking. */
  #spread(from: Replica, moved: ReadonlyMap<string, number>): void {
    for (const replica of this.replicas) {
      if (replica === from) continue;
      for (const [teamId, revision] of moved) {
        if (this.world.chance.is(0.2)) continue;
        this.world.after(this.world.chance.int(0, 150), () => replica.hear(teamId, revision));
      }
    }
  }

  async #do(act: Act): Promise<void> {
    if (act.kind !== 'call' && act.kind !== 'check') this.world.say(JSON.stringify(act));
    switch (act.kind) {
      case 'call':
        for (const used of act.uses) this.#call(this.clients[act.client], used);
        return;
      case 'create':
        return this.#ask(act.replica, async (store) => {
          this.#controls.push((await store.createControl(this.teamId, act.input)).id);
        });
      case 'change':
        return this.#askOn(act, (store, id) => store.updateControl(this.teamId, id, act.patch));
      case 'delete':
        return this.#askOn(act, (store, id) => store.deleteControl(this.teamId, id));
      case 'price':
        return this.#ask(act.replica, (store) =>
          store.setPrice(this.teamId, declared({ model: act.model }, { input: BigInt(act.cents) * PICO })),
        );
      case 'reprice':
        return this.#ask(act.replica, (store) => store.startReprice(this.teamId, { reason: 'asked', scope: 'all' }));
      case 'kill-replica': {
        const replica = this.replicas[act.replica]!;
        if (act.death === undefined) replica.crash(act.downMs);
        else replica.crashIn(act.death, act.downMs);
        return;
      }
      case 'kill-client': {
        const client = this.clients[act.client]!;
        client.crash(act.losesDisk);
        this.world.after(act.downMs, () => client.start());
        return;
      }
      case 'stop-client': {
        const client = this.clients[act.client]!;
        client.stop(() => this.world.after(act.downMs, () => client.start()));
        return;
      }
      case 'hold-call':
        this.clients[act.client]?.call(act.calls);
        return;
      case 'raise':
        return this.#onBudget(act, (store, id) => {
          this.book.raise(id, act.amount);
          const untilMs = this.replicas[act.replica]!.machine.runtime.now() + act.forMs;
          return store.raiseControl(this.teamId, id, { amount: act.amount, untilMs, reason: 'simulated' });
        });
      case 'change-hard':
        return this.#onBudget(act, (store, id) => {
          this.book.change(id);
          return store.updateControl(this.teamId, id, act.patch);
        });
      case 'release':
        return this.#ask(act.replica, async (store) => {
          const { items } = await store.listHolds(this.teamId, { page: 0, size: 50 });
          const hold = items[act.which % Math.max(1, items.length)];
          if (hold === undefined) return;
          this.book.loosen('an operator gave a hold back');
          await store.releaseHold(this.teamId, hold.id, LOCAL_ACTOR);
        });
      case 'bypass':
        this.book.loosen('the bypass is on');
        return this.#ask(act.replica, (store) => {
          const untilMs = this.replicas[act.replica]!.machine.runtime.now() + act.forMs;
          return store.setBypass(this.teamId, { untilMs, reason: 'simulated' }, LOCAL_ACTOR);
        });
      case 'disk-full':
        this.database.isDiskFull = true;
        this.world.after(act.forMs, () => {
          this.database.isDiskFull = false;
        });
        return;
      case 'weather':
        if (!this.#healing) this.#network.weather = act;
        return;
      case 'jump':
        this.#mayCharge = true;
        this.world.jump(act.ms);
        return;
      case 'check':
        await this.#check();
    }
  }

  async #check(): Promise<void> {
    this.problems.push(...(await checkAlways(this)));
  }

  /** Through a replica, if it is there; whether it was done may stay unknown. */
  #ask(replica: number, ask: (store: Store) => Promise<unknown>): void {
    const { store } = this.replicas[replica]!;
    if (store === undefined) return;
    ask(store).then(
      () => this.world.stir(),
      (error: unknown) => this.world.say(`it was not done: ${String(error)}`),
    );
  }

  #askOn(act: { replica: number; which: number }, ask: (store: Store, id: string) => Promise<unknown>): void {
    const id = this.#controls[act.which % Math.max(1, this.#controls.length)];
    if (id !== undefined) this.#ask(act.replica, (store) => ask(store, id));
  }

  #onBudget(act: { replica: number; which: number }, ask: (store: Store, id: string) => Promise<unknown>): void {
    const { ids } = this.book;
    const id = ids[act.which % Math.max(1, ids.length)];
    if (id !== undefined) this.#ask(act.replica, (store) => ask(store, id));
  }

  readonly #balances = (controlId: string) => this.database.query('select-balances', { controlId });

  readonly #writeHeld: WriteHeld = (client, call, output, startedMs, holdId) => {
    this.#calls += 1;
    const startedAt = new Date(startedMs).toISOString();
    const transactionId = `h-${this.#calls}`;
    const key = `k-${this.#calls}`;
    client.meter(key, {
      ...{ transactionId, model: HELD_MODEL, provider: 'OPENAI', costType: 'AI', operationType: 'CHAT' },
      ...{ stopReason: 'END', isStreamed: call.end === 'stream', taskType: 'first', agent: HELD_AGENT },
      ...{ inputTokenCount: call.inputTokens, outputTokenCount: output, totalTokenCount: call.inputTokens + output },
      ...{ requestTime: startedAt, completionStartTime: startedAt, responseTime: startedAt, requestDuration: 0 },
      ...(call.subscriber && { subscriber: call.subscriber }),
      ...(holdId !== undefined && { holdId }),
    });
    this.world.say(
      `${client.machine.name} was billed ${output} for ${transactionId} of ${holdId} ${JSON.stringify(call)}`,
    );
    return key;
  };

  #call(client: Client | undefined, used: Used): void {
    if (client === undefined || !client.isOn) return;
    this.#calls += 1;
    const transactionId = `t-${this.#calls}`;
    const requestMs = client.machine.runtime.now() - used.minutesAgo * 60_000;
    const body = (variant: string, tokens: number) => ({
      transactionId,
      model: used.model,
      provider: 'OPENAI',
      costType: 'AI',
      operationType: 'CHAT',
      stopReason: used.failed ? 'ERROR' : 'END',
      isStreamed: false,
      // Something was consumed, so that a failure has no price by itself.
      inputTokenCount: 1,
      outputTokenCount: 0,
      totalTokenCount: tokens,
      requestTime: new Date(requestMs).toISOString(),
      completionStartTime: new Date(requestMs).toISOString(),
      responseTime: new Date(requestMs).toISOString(),
      requestDuration: 0,
      taskType: variant,
      ...(used.cents === null ? {} : { totalCost: used.cents / 100 }),
      ...(used.agent && { agent: used.agent }),
      ...(used.subscriber && { subscriber: used.subscriber }),
    });
    this.world.say(`${client.machine.name} calls ${transactionId} ${JSON.stringify(used)}`);
    client.meter(`k-${this.#calls}`, body('first', used.tokens));
    if (used.again === 'same') client.meter(`k-${this.#calls}-again`, body('first', used.tokens));
    if (used.again === 'other') client.meter(`k-${this.#calls}-other`, body('other', used.tokens + 1));
  }

  /** The trouble is over: everything comes back by itself, and in the end everything is right. */
  async #heal(): Promise<void> {
    this.#healing = true;
    this.#network.weather = FINE;
    this.database.isDiskFull = false;
    for (const replica of this.replicas) replica.start();
    for (const client of this.clients) client.start();
    let left: readonly string[] = [];
    for (let passedMs = 0; passedMs < HEAL_MS; passedMs += LOOK_MS) {
      await this.world.pass(LOOK_MS);
      if (this.replicas.some(({ isUp }) => !isUp) || this.clients.some(({ depth }) => depth > 0)) {
        left = ['not everything was delivered, or a replica did not come back'];
        continue;
      }
      if (this.clients.some(({ isBusy }) => isBusy)) {
        left = ['calls or holds do not end'];
        continue;
      }
      left = [...(await sameVerdicts(this)), ...(await stillHeld(this))];
      if (left.length === 0) break;
    }
    this.problems.push(...left, ...(await checkAlways(this)), ...(await checkAtTheEnd(this)));
    this.problems.push(...(await checkHardAtTheEnd(this, this.book, this.#mayCharge)));
    if (this.problems.length === 0) this.problems.push(...(await whoCanPay(this, this.book)));
  }
}
