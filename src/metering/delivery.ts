/** From the outbox to the service: several events on their way, retried, never on the caller's path (contract 5.2). */
import type { Dispatcher } from 'undici';
import { Capabilities } from '../../cache/capabilities.js';
import { sleep } from '../../cache/sleep.js';
import type { Runtime, Timer } from '../runtime.js';
import { VERSION } from '../version.js';
import type { BreakerState } from './breaker.js';
import { type DeliveryCredentials, DeliveryGate, type DeliveryObstacle, type Passage } from './delivery-gate.js';
import { EventSender } from './event-sender.js';
import type { Outbox, OutboxEntry } from './outbox.js';
import { createPoster, type Poster } from './poster.js';
import type { DeliveryVerdict } from './read-answer.js';

/** Contract 1.4; each has its environment variable there. */
export interface DeliverySettings {
  /** Events on their way at the same time. Default 8. */
  readonly workers?: number;
  /** Of one request. Default 10,000. */
  readonly timeoutMs?: number;
  /** Default 5,000. */
  readonly connectTimeoutMs?: number;
  /** Tries at once after the first. Default 2. */
  readonly maxRetries?: number;
  /** After those, an event waits for so long. Default 30,000. */
  readonly flushIntervalMs?: number;
}

/** Options of {@link createDelivery}. */
export interface DeliveryOptions {
  readonly outbox: Outbox;
  /** The metering base, in any form of contract 1.6. Read anew for each request. */
  readonly endpoint: () => URL | undefined;
  /** Read anew for each request, so that a key that is set late or rotated is picked up (I9). */
  readonly credentials: () => DeliveryCredentials | undefined;
  readonly runtime: Runtime;
  readonly settings?: DeliverySettings;
  /** An answer said which revision the team's rules have (`fusewire-revision`). */
  readonly onRevision?: (revision: number) => void;
  /** What the service announced; shared by the parts of an instance. By default an own one. */
  readonly capabilities?: Capabilities;
  readonly userAgent?: string;
  /** Instead of connections of its own; for tests. */
  readonly dispatcher?: Dispatcher;
}

/** What delivery is doing. */
export interface DeliveryStatus {
  /** Events that are not acknowledged. */
  readonly queueDepth: number;
  /** Requests under way. */
  readonly inFlight: number;
  /** Events that the service has taken. */
  readonly delivered: number;
  /** Requests that were not answered with success, each retry counted, and events of a batch that were not taken. */
  readonly failed: number;
  /** Requests with more than one event; only to a service that announced that it takes them. */
  readonly batches: number;
  /** Wall clock, ms. */
  readonly lastSuccessAtMs: number | undefined;
  readonly lastError: string | undefined;
  readonly breaker: BreakerState;
  /** Why nothing is sent at the moment, if so. */
  readonly obstacle: DeliveryObstacle | undefined;
}

/** Delivers in the background from the moment it is created. */
export interface Delivery {
  /**
   * Tries to deliver everything now, also what waits for a retry, and holds the process meanwhile. Resolves to whether
   * the outbox is empty, after `timeoutMs` at the latest; earlier where it is clear that nothing can be delivered. Never rejects.
   */
  flush(timeoutMs: number): Promise<boolean>;
  /** Ends delivery. Requests under way are given up and their events released. Once only; never rejects. */
  stop(): Promise<void>;
  status(): DeliveryStatus;
}

/**
 * Events of this time leave together. One by one, each would cost the caller's thread a wake-up right behind the call
 * that it is about. Over loopback, calls back to back: 10 ms add 0.20 ms to the median call, 25 ms and more 0.10 ms,
 * which is what the call costs without delivery (`npm run bench call`). A flush does not wait.
 */
const LINGER_MS = 25;
const BACKOFF_FIRST_MS = 500;
const BACKOFF_MAX_MS = 8_000;
/** While events wait, they are looked at so often: a retry is late by this much at most. */
const LOOK_MS = 5_000;
/** A flush tries a service that is down again after these times, then gives up. */
const FLUSH_PROBES_MS = [500, 1000];

const DEFAULTS: Required<DeliverySettings> = {
  workers: 8,
  timeoutMs: 10_000,
  connectTimeoutMs: 5_000,
  maxRetries: 2,
  flushIntervalMs: 30_000,
};

/** Starts delivery. */
export function createDelivery(options: DeliveryOptions): Delivery {
  return new OutboxDelivery(options);
}

/** A flush under way. */
interface Flush {
  /** Monotonic. */
  readonly until: number;
  probes: number;
  /** For the next probe. */
  isWaiting: boolean;
  readonly finish: () => void;
}

/**
 * One timer wakes the pump: at each append (coalesced), after each delivery, and now and then while events wait. The
 * pump asks the gate and hands entries to workers; a worker tries, backs off, and settles or releases its entry.
 */
class OutboxDelivery implements Delivery {
  readonly #outbox: Outbox;
  readonly #runtime: Runtime;
  readonly #settings: Required<DeliverySettings>;
  readonly #gate: DeliveryGate;
  readonly #poster: Poster;
  readonly #sender: EventSender;
  readonly #stopping = new AbortController();
  readonly #sending = new Set<Promise<void>>();
  readonly #flushes = new Set<Flush>();
  #wake: { readonly at: number; readonly timer: Timer } | undefined;
  #stopped: Promise<void> | undefined;
  /** Entries that workers have. */
  #claimed = 0;
  #delivered = 0;
  #lastSuccessAtMs: number | undefined;
  #obstacle: DeliveryObstacle | undefined;

  constructor(options: DeliveryOptions) {
    const { outbox, endpoint, credentials, runtime, dispatcher } = options;
    this.#outbox = outbox;
    this.#runtime = runtime;
    this.#settings = { ...DEFAULTS, ...options.settings };
    const { workers: connections, timeoutMs, connectTimeoutMs, flushIntervalMs } = this.#settings;
    this.#gate = new DeliveryGate({ endpoint, credentials, runtime, flushIntervalMs });
    const own = dispatcher === undefined ? {} : { dispatcher };
    this.#poster = createPoster({ runtime, connections, timeoutMs, connectTimeoutMs, ...own });
    this.#sender = new EventSender({
      runtime,
      gate: this.#gate,
      poster: this.#poster,
      capabilities: options.capabilities ?? new Capabilities(runtime),
      userAgent: options.userAgent ?? `fusewire/${VERSION}`,
      signal: this.#stopping.signal,
      onRevision: (revision) => options.onRevision?.(revision),
    });
    outbox.onAppend(() => this.#wakeIn(LINGER_MS));
    if (outbox.depth() > 0) this.#wakeIn(0);
  }

  async flush(timeoutMs: number): Promise<boolean> {
    if (this.#outbox.depth() === 0 || this.#isStopping) return this.#outbox.depth() === 0;
    await new Promise<void>((resolve) => {
      const onDeadline = () => {
        this.#poster.dropConnecting();
        flush.finish();
      };
      const deadline = this.#runtime.setTimer(onDeadline, timeoutMs, { keepAlive: true });
      const finish = () => {
        deadline.cancel();
        this.#flushes.delete(flush);
        resolve();
      };
      const flush: Flush = { until: this.#runtime.monotonicNow() + timeoutMs, probes: 0, isWaiting: false, finish };
      this.#flushes.add(flush);
      this.#gate.probe();
      this.#pump();
    });
    return this.#outbox.depth() === 0;
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  status(): DeliveryStatus {
    return {
      queueDepth: this.#outbox.depth(),
      inFlight: this.#sending.size,
      delivered: this.#delivered,
      failed: this.#sender.failed,
      batches: this.#sender.batches,
      lastSuccessAtMs: this.#lastSuccessAtMs,
      lastError: this.#sender.lastError,
      breaker: this.#gate.breaker(),
      obstacle: this.#obstacle,
    };
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake?.timer.cancel();
    this.#wake = undefined;
    await Promise.all(this.#sending);
    for (const flush of this.#flushes) flush.finish();
    await this.#poster.close();
  }

  #wakeIn(delayMs: number): void {
    if (this.#isStopping) return;
    const at = this.#runtime.monotonicNow() + delayMs;
    if (this.#wake !== undefined && this.#wake.at <= at) return;
    this.#wake?.timer.cancel();
    this.#wake = { at, timer: this.#runtime.setTimer(() => this.#pump(), delayMs) };
  }

  #pump(): void {
    this.#wake?.timer.cancel();
    this.#wake = undefined;
    if (this.#isStopping) return;
    try {
      const passage = this.#gate.pass();
      if (passage.open) this.#fillWorkers(passage);
      this.#obstacle = passage.open ? undefined : passage.obstacle;
      if (this.#outbox.depth() > this.#claimed) {
        this.#wakeIn(Math.min(LOOK_MS, this.#settings.flushIntervalMs, passage.open ? LOOK_MS : passage.waitMs));
      }
      for (const flush of [...this.#flushes]) this.#advance(flush, passage);
    } catch (error) {
      this.#runtime.log.error('delivery of usage events failed; please report this', { error: String(error) });
      this.#wakeIn(LOOK_MS);
    }
  }

  #fillWorkers(passage: Extract<Passage, { open: true }>): void {
    const workers = passage.concurrency === 'one' ? 1 : this.#settings.workers;
    while (this.#sending.size < workers) {
      const entries = this.#outbox.claim(this.#sender.eventsMax(passage), this.#flushes.size > 0);
      if (entries.length === 0) return;
      this.#claimed += entries.length;
      const task = this.#deliver(entries)
        .catch((error: unknown) => {
          this.#runtime.log.error('usage events could not be sent; please report this', { error: String(error) });
          // An entry that is settled already is not changed by this.
          for (const entry of entries) this.#outbox.release(entry, this.#settings.flushIntervalMs);
        })
        .finally(() => {
          this.#claimed -= entries.length;
          this.#sending.delete(task);
          this.#pump();
        });
      this.#sending.add(task);
    }
  }

  /** Ends a flush that is done, or that cannot get further. */
  #advance(flush: Flush, passage: Passage): void {
    if (this.#outbox.depth() === 0) flush.finish();
    if (!this.#flushes.has(flush) || this.#sending.size > 0 || passage.open || flush.isWaiting) return;
    const isShort = this.#runtime.monotonicNow() + passage.waitMs < flush.until;
    if (passage.obstacle === 'retry-after' && isShort) return;
    const probeInMs = passage.obstacle === 'breaker' ? FLUSH_PROBES_MS[flush.probes] : undefined;
    if (probeInMs === undefined) {
      flush.finish();
      return;
    }
    flush.probes += 1;
    flush.isWaiting = true;
    this.#runtime.setTimer(() => {
      flush.isWaiting = false;
      if (!this.#flushes.has(flush)) return;
      this.#gate.probe();
      this.#pump();
    }, probeInMs);
  }

  /** Brings claimed entries to their end: each is acknowledged, rejected or released. */
  async #deliver(entries: readonly OutboxEntry[]): Promise<void> {
    let left = entries;
    for (let retries = 0; left.length > 0; retries += 1) {
      const results = await this.#sender.send(left);
      const again: OutboxEntry[] = [];
      let askedMs = 0;
      for (const [index, entry] of left.entries()) {
        const verdict = results[index];
        if (!this.#settle(entry, verdict, retries)) continue;
        again.push(entry);
        if (verdict?.outcome === 'retryable') askedMs = Math.max(askedMs, verdict.afterMs ?? 0);
      }
      left = again;
      if (left.length === 0) return;
      const backoffMs = Math.min(BACKOFF_FIRST_MS * 2 ** retries, BACKOFF_MAX_MS) * (1 - 0.25 * this.#runtime.random());
      await sleep(this.#runtime, Math.max(backoffMs, askedMs), this.#stopping.signal);
    }
  }

  /** Does with an entry what its verdict says; returns whether it is to be sent again soon. */
  #settle(entry: OutboxEntry, verdict: DeliveryVerdict | undefined, retries: number): boolean {
    const { maxRetries, flushIntervalMs } = this.#settings;
    const outbox = this.#outbox;
    // Nothing could be sent: the gate closed meanwhile, delivery stops, or fewer events go into a request than before.
    if (verdict === undefined) outbox.release(entry);
    else if (verdict.outcome === 'accepted') {
      this.#delivered += 1;
      this.#lastSuccessAtMs = this.#runtime.now();
      outbox.acknowledge(entry);
    } else if (verdict.outcome === 'rejected') outbox.reject(entry, verdict.reason);
    // A delay, so that the next try is made with another event: this one alone may be what is refused.
    else if (verdict.outcome === 'unauthorized') outbox.release(entry, flushIntervalMs);
    else if (!verdict.atOnce || retries >= maxRetries) {
      if (verdict.keep) outbox.release(entry, Math.max(flushIntervalMs, verdict.afterMs ?? 0));
      else outbox.reject(entry, verdict.reason);
    } else {
      // A worker does not sleep for long: the gate remembers what the service asked for.
      const askedMs = verdict.afterMs ?? 0;
      if (askedMs <= BACKOFF_MAX_MS && this.#gate.breaker() !== 'open') return true;
      outbox.release(entry, askedMs);
    }
    return false;
  }
}
