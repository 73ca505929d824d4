/**
 * A program with the SDK: the real delivery, the real poller and rule cache, on a simulated machine. Its outbox is on a
 * disk that outlives it, so that whatever it noted is delivered by its next life, under the same keys.
 */
import type { Dispatcher } from 'undici';
import { Capabilities } from '../../cache/capabilities.js';
import { createEnforcementCache, type EnforcementCache } from '../../cache/enforcement-cache.js';
import type { LoadedRules } from '../../cache/rule-cache.js';
import { createDelivery, type Delivery } from '../../src/metering/delivery.js';
import { EntryQueue } from '../../src/metering/entry-queue.js';
import type { Outbox, OutboxEntry } from '../../src/metering/outbox.js';
import { Secret } from '../../src/secret.js';
import type { UsageEvent } from '../../src/wire/usage-event.js';
import type { HeldCall } from './hard-acts.js';
import { type HardFates, HardLife } from './hard-calls.js';
import type { Network } from './network.js';
import type { Machine, World } from './world.js';

const BASE = 'http://fusewire.test';
const POLL_MS = 10_000;

/** Who the client is. */
export interface Account {
  readonly teamId: string;
  readonly key: string;
}

/** What became of the events that clients had. */
export interface Fates {
  /** Noted on a disk that survives. */
  readonly noted: Map<string, OutboxEntry>;
  /** The service said that it has them. */
  readonly acknowledged: Set<string>;
  readonly rejected: Map<string, string>;
  readonly hard: HardFates;
}

/** How the event of a call under a hard budget is written. */
export type WriteHeld = (
  client: Client,
  call: HeldCall,
  output: number,
  startedMs: number,
  holdId: string | undefined,
) => string;

interface Life {
  readonly delivery: Delivery;
  readonly cache: EnforcementCache;
  readonly queue: EntryQueue;
  readonly hard: HardLife;
  isOver: boolean;
}

/** States: off → running → off …; what is noted stays. */
export class Client {
  readonly machine: Machine;
  readonly #world: World;
  readonly #network: Network;
  readonly #account: Account;
  readonly #fates: Fates;
  readonly #hard: { readonly ttlSeconds: number; readonly write: WriteHeld };
  #lives = 0;
  /** Not acknowledged: what is on its disk. */
  readonly #disk = new Map<string, OutboxEntry>();
  #life: Life | undefined;

  constructor(
    world: World,
    name: string,
    network: Network,
    account: Account,
    fates: Fates,
    hard: { readonly ttlSeconds: number; readonly write: WriteHeld },
  ) {
    this.#hard = hard;
    this.#world = world;
    this.machine = world.machine(name);
    this.#network = network;
    this.#account = account;
    this.#fates = fates;
  }

  /** The rules in force; `undefined` while it is off or has none. */
  get rules(): LoadedRules | undefined {
    return this.#life?.cache.current();
  }

  get isOn(): boolean {
    return this.#life !== undefined;
  }

  /** Events that the service has not acknowledged. */
  get depth(): number {
    return this.#disk.size;
  }

  start(): void {
    if (this.#life !== undefined) return;
    const { runtime } = this.machine;
    const isAlive = (): boolean => !life.isOver;
    const dispatcher: Dispatcher = this.#network.dispatcherOf(this.machine, isAlive);
    const capabilities = new Capabilities(runtime);
    const { key, teamId } = this.#account;
    const cache = createEnforcementCache({
      runtime,
      credentials: () => ({ apiKey: key, teamId }),
      baseUrl: BASE,
      pollIntervalMs: POLL_MS,
      dispatcher,
      capabilities,
    });
    const queue = new EntryQueue({ capacity: 1_000, maxAgeMs: 1e12, runtime });
    const endpoint = new URL(BASE);
    const credentials = () => ({ apiKey: new Secret(key), teamId });
    this.#lives += 1;
    const hard = new HardLife({
      world: this.#world,
      machine: this.machine,
      ...{ dispatcher, capabilities, credentials, endpoint, isAlive },
      owner: `${this.machine.name} ${this.#lives}`,
      ttlSeconds: this.#hard.ttlSeconds,
      fates: this.#fates.hard,
      meter: (...of) => this.#hard.write(this, ...of),
    });
    const life: Life = { delivery: undefined as unknown as Delivery, cache, queue, hard, isOver: false };
    for (const entry of this.#disk.values()) queue.add(entry, 'recovered');
    Object.assign(life, {
      delivery: createDelivery({
        outbox: this.#outboxOf(life),
        endpoint: () => endpoint,
        credentials,
        runtime,
        dispatcher,
        capabilities,
        settings: { flushIntervalMs: 5_000, workers: 3 },
        onRevision: (revision) => cache.noteRevision(revision),
      }),
    });
    this.#life = life;
    cache.start();
  }

  /** A call was made: its event is on disk before anything else happens. */
  meter(attemptId: string, event: Record<string, unknown>): void {
    const life = this.#life;
    if (life === undefined) return;
    const createdAtMs = this.machine.runtime.now();
    const entry: OutboxEntry = { idempotencyKey: attemptId, event: event as unknown as UsageEvent, createdAtMs };
    this.#disk.set(attemptId, entry);
    this.#fates.noted.set(attemptId, entry);
    life.queue.add(entry);
  }

  /** Calls under a hard budget. */
  call(calls: readonly HeldCall[]): void {
    for (const one of calls) void this.#life?.hard.call(one);
  }

  /** Calls under way, and holds that are not given back. */
  get isBusy(): boolean {
    return this.#life?.hard.isBusy ?? false;
  }

  /** It is asked to end: it gives back what it can, and is gone. */
  stop(then: () => void): void {
    const life = this.#life;
    if (life === undefined) return;
    void life.hard.holder.close().then(() => {
      if (life.isOver) return;
      this.crash();
      then();
    });
  }

  /** kill -9; `losesDisk`: what it had noted and not delivered is gone with it. */
  crash(losesDisk = false): void {
    const life = this.#life;
    if (life === undefined) return;
    this.#world.say(`${this.machine.name} is killed`);
    life.isOver = true;
    this.#fates.hard.killed.add(life.hard.owner);
    if (losesDisk) {
      for (const key of this.#disk.keys()) this.#fates.noted.delete(key);
      this.#disk.clear();
    }
    this.#life = undefined;
    this.machine.die();
    // Nothing of it goes on; what is still under way in it finds nobody.
    void life.cache.stop();
    void life.delivery.stop();
  }

  #outboxOf(life: Life): Outbox {
    const { queue } = life;
    return {
      note() {},
      forget() {},
      append: (attemptId, event) => this.meter(attemptId, event as unknown as Record<string, unknown>),
      claim: (max, includeDelayed) => queue.claim(max, includeDelayed),
      acknowledge: (entry) => {
        if (life.isOver) return;
        queue.settle(entry, 'acknowledged');
        this.#disk.delete(entry.idempotencyKey);
        this.#fates.acknowledged.add(entry.idempotencyKey);
        life.hard.holder.acknowledged([entry.idempotencyKey]);
      },
      release: (entry, delayMs) => queue.release(entry, delayMs),
      reject: (entry, reason) => {
        if (life.isOver) return;
        queue.settle(entry, 'rejected');
        this.#disk.delete(entry.idempotencyKey);
        this.#fates.rejected.set(entry.idempotencyKey, reason);
        life.hard.holder.lost([entry.idempotencyKey]);
      },
      depth: () => queue.depth(),
      counters: () => queue.counters(),
      onAppend: (listener) => queue.onAppend(listener),
      close: () => Promise.resolve(),
    };
  }
}
