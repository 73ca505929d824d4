/** One replica of the service: the real store logic and routes on a simulated machine, with an end that may come at any time. */
import { createWindowTimer } from '../../service/admin/window-timer.js';
import { FeedWaiters } from '../../service/feed/feed-waiters.js';
import { IngestState } from '../../service/ingest/ingest-state.js';
import { createLedgerStore } from '../../service/store/ledger-store.js';
import type { GroupResult } from '../../service/store/operation-group.js';
import type { EffectsListener } from '../../service/store/operations.js';
import type { Store } from '../../service/store/store.js';
import type { Front } from './front.js';
import { ReplicaExecutor } from './replica-executor.js';
import type { Death, SharedDatabase } from './shared-database.js';
import type { Machine, World } from './world.js';

/** How often a replica looks for what others did, whatever it was told. */
const LOOK_MS = 1_000;
/** A process that could not start is started again after this. */
const START_AGAIN_MS = 700;

interface Process {
  readonly executor: ReplicaExecutor;
  listener: EffectsListener;
  store?: Store;
  waiters?: FeedWaiters;
}

/** States: down → starting → up → down …; each life is a process of its own. */
export class Replica {
  readonly machine: Machine;
  readonly front: Front;
  readonly #world: World;
  readonly #database: SharedDatabase;
  readonly #teamId: string;
  /** Told what was committed here. */
  readonly #onCommitted: (from: Replica, result: GroupResult) => void;
  #process: Process | undefined;
  /** For the death that waits. */
  #downMs = 0;
  /** Counts lives. */
  life = 0;

  constructor(parts: {
    readonly world: World;
    readonly name: string;
    readonly front: Front;
    readonly database: SharedDatabase;
    readonly teamId: string;
    readonly onCommitted: (from: Replica, result: GroupResult) => void;
  }) {
    this.#world = parts.world;
    this.machine = parts.world.machine(parts.name);
    this.front = parts.front;
    this.#database = parts.database;
    this.#teamId = parts.teamId;
    this.#onCommitted = parts.onCommitted;
  }

  /** The store of a replica that answers. */
  get store(): Store | undefined {
    return this.#process?.store;
  }

  get isUp(): boolean {
    return this.store !== undefined;
  }

  /** Starts a process; one that cannot start is started again. */
  start(): void {
    if (this.#process !== undefined) return;
    this.life += 1;
    const { life } = this;
    void this.#open(life).catch((error: unknown) => {
      if (life !== this.life) return;
      this.#world.say(`${this.machine.name} cannot start: ${String(error)}`);
      this.#end();
      this.#world.after(START_AGAIN_MS, () => this.start());
    });
  }

  /** kill -9, now; somebody starts it again after `downMs`. */
  crash(downMs?: number): void {
    if (this.#process === undefined) return;
    this.#world.say(`${this.machine.name} is killed`);
    this.#end();
    if (downMs !== undefined) this.#world.after(downMs, () => this.start());
  }

  /** kill -9, in the middle of the next transaction. */
  crashIn(death: Death, downMs: number): void {
    if (this.#process === undefined) return;
    this.#process.executor.death = death;
    this.#downMs = downMs;
  }

  /** Another replica committed, and the database said so. */
  hear(teamId: string, revision: number): void {
    this.#process?.listener.moved(teamId, revision);
  }

  #end(): void {
    const { executor, waiters } = this.#process ?? {};
    this.#process = undefined;
    this.life += 1;
    this.machine.die();
    executor?.end();
    waiters?.close();
  }

  async #open(life: number): Promise<void> {
    const { runtime } = this.machine;
    const store = await createLedgerStore(runtime, async (listener) => {
      const executor = new ReplicaExecutor({
        world: this.#world,
        machine: this.machine,
        database: this.#database,
        listener,
        onKilled: () => {
          if (life === this.life) this.crash(this.#downMs);
        },
        onCommitted: (result) => this.#onCommitted(this, result),
      });
      this.#process = { executor, listener };
      return executor;
    });
    if (life !== this.life || this.#process === undefined) return;
    const waiters = new FeedWaiters(runtime, store.feeds);
    this.front.serve({ store, waiters, runtime, ingest: new IngestState() });
    this.#process.waiters = waiters;
    this.#process.store = store;
    createWindowTimer(store, runtime, runtime.log).start();
    this.#look(life);
    this.#world.say(`${this.machine.name} is up`);
  }

  /** As the watcher on PostgreSQL: what was missed is found twice a second, here once. */
  #look(life: number): void {
    if (life !== this.life) return;
    void this.#database.query('select-team-state', { id: this.#teamId }).then(([row]) => {
      if (life !== this.life || row === undefined) return;
      this.#process?.listener.moved(this.#teamId, Number(row['revision']));
      this.#process?.listener.touched(this.#teamId);
    });
    this.machine.runtime.setTimer(() => this.#look(life), LOOK_MS);
  }
}
