/** Puts the parts of this folder together: what the guard reads, and what keeps it true. */
import type { Dispatcher } from 'undici';
import { harmlessLog } from '../src/log.js';
import type { Runtime } from '../src/runtime.js';
import type { OperatorBypass } from '../src/wire/feed-bypass.js';
import { Capabilities } from './capabilities.js';
import { DiskMirror } from './disk-mirror.js';
import { FeedAddress, parseFeedBase } from './feed-address.js';
import { FeedAsker } from './feed-asker.js';
import { type FeedCredentials, FeedRefresher, type RefreshResult } from './feed-refresher.js';
import { Poller } from './poller.js';
import { createFeedDispatcher } from './request-feed.js';
import { type LoadedRules, RuleCache } from './rule-cache.js';
import { type EnforcementStatus, StatusBook } from './status.js';

/** What an enforcement cache is made of. */
export interface EnforcementCacheOptions {
  readonly runtime: Runtime;
  /** Key and team, read anew at each poll. May throw: that counts as missing. */
  readonly credentials: () => FeedCredentials | undefined;
  /** Scheme, host and context path; anything but http and https is refused with one warning, and nothing is ever sent. */
  readonly baseUrl: string;
  readonly pollIntervalMs: number;
  /** The directory of the mirror; without it nothing is written. */
  readonly cacheDir?: string | undefined;
  /** For tests; the owner closes it. By default a connection of this instance's own. */
  readonly dispatcher?: Dispatcher | undefined;
  /** @defaultValue `'fusewire'` */
  readonly userAgent?: string | undefined;
  /** What the service announced; shared by the parts of an instance. By default an own one. */
  readonly capabilities?: Capabilities | undefined;
  /** Told of the operators' bypass in the rules in force, whenever rules are put in force or forgotten. */
  readonly onBypass?: ((bypass: OperatorBypass | undefined) => void) | undefined;
}

/** The rules of one instance. No method throws (I2). */
export interface EnforcementCache {
  /**
   * What the guard decides on; `undefined` while no rule set was ever loaded. Never waits. The first call starts the
   * poller, and reads a small mirror from disk; later ones wake the poller when the rules are stale.
   */
  current(): LoadedRules | undefined;
  /** Reads a small mirror and starts to poll, if that did not happen yet. */
  start(): void;
  /** Refreshes now, or shares the refresh that is under way. A cool-down that the service asked for is kept. */
  refresh(): Promise<RefreshResult>;
  /**
   * Starts, and resolves to `true` as soon as a rule set is in force, one from the mirror included; to `false` after
   * `timeoutMs`, or at once where none can come: key or team id is missing, the base URL is refused, or it was stopped.
   */
  ready(timeoutMs: number): Promise<boolean>;
  /** The service said in passing what its revision is. One newer than ours is fetched soon. */
  noteRevision(revision: number): void;
  status(): EnforcementStatus;
  /** Ends the polling, waits for what is being written, and forgets the rules. Once only; nothing starts again. */
  stop(): Promise<void>;
}

/** Creates the rules of one instance. Nothing is read or sent before the first use. */
export function createEnforcementCache(options: EnforcementCacheOptions): EnforcementCache {
  return new ComposedCache(options);
}

const DORMANT: RefreshResult = { kind: 'skipped', reason: 'dormant' };

class ComposedCache implements EnforcementCache {
  readonly #runtime: Runtime;
  readonly #rules: RuleCache;
  readonly #book: StatusBook;
  readonly #poller: Poller;
  /** `undefined`: the base URL is refused. */
  readonly #refresher: FeedRefresher | undefined;
  #ownDispatcher: Promise<Dispatcher> | undefined;
  #bypass: OperatorBypass | undefined;
  /** Called with each activation; of `ready()`. */
  readonly #waiting = new Set<() => void>();
  #isStarted = false;
  #isStopped = false;
  #hintedRevision = Number.NEGATIVE_INFINITY;
  #stopped: Promise<void> | undefined;

  constructor(options: EnforcementCacheOptions) {
    const runtime: Runtime = { ...options.runtime, log: harmlessLog(options.runtime.log) };
    this.#runtime = runtime;
    this.#book = new StatusBook(runtime);
    this.#rules = new RuleCache(runtime, () => this.#poller.wake());
    const base = parseFeedBase(options.baseUrl);
    if (base !== undefined) {
      this.#refresher = new FeedRefresher({
        runtime,
        credentials: options.credentials,
        origin: base.origin,
        asker: new FeedAsker({
          runtime,
          address: new FeedAddress(base),
          dispatcher: async () => {
            if (options.dispatcher !== undefined) return options.dispatcher;
            this.#ownDispatcher ??= createFeedDispatcher(base.origin);
            return await this.#ownDispatcher;
          },
          userAgent: options.userAgent ?? 'fusewire',
          capabilities: options.capabilities ?? new Capabilities(runtime),
          book: this.#book,
        }),
        rules: this.#rules,
        mirror: options.cacheDir === undefined ? undefined : new DiskMirror(options.cacheDir, runtime),
        book: this.#book,
        pollIntervalMs: options.pollIntervalMs,
        onActivated: () => this.#tellWaiting(),
        onBypass: (bypass) => {
          this.#bypass = bypass;
          options.onBypass?.(bypass);
        },
      });
    }
    const refresher = this.#refresher;
    this.#poller = new Poller(
      {
        refresh: async (signal, interrupt) => {
          const result = (await refresher?.refresh(signal, interrupt)) ?? DORMANT;
          this.#tellWaiting();
          return result;
        },
        next: () => refresher?.next() ?? 'interval',
        coolDownLeftMs: () => refresher?.coolDownLeftMs() ?? 0,
        isBehind: () => this.#hintedRevision > (this.#rules.peek()?.revision ?? Number.POSITIVE_INFINITY),
      },
      runtime,
      options.pollIntervalMs,
    );
  }

  current(): LoadedRules | undefined {
    if (!this.#isStarted) this.start();
    return this.#rules.read();
  }

  start(): void {
    if (this.#isStarted || this.#isStopped) return;
    this.#isStarted = true;
    if (this.#refresher === undefined) {
      this.#runtime.log.warn('the enforcement base URL is neither http nor https: enforcement stays without rules');
      return;
    }
    this.#refresher.loadMirrorNow();
    this.#poller.start();
  }

  async refresh(): Promise<RefreshResult> {
    this.start();
    if (this.#refresher === undefined) return DORMANT;
    return await this.#holding(this.#poller.refresh());
  }

  async ready(timeoutMs: number): Promise<boolean> {
    this.start();
    const isLoaded = () => this.#rules.peek() !== undefined;
    const isHopeless = () => this.#isStopped || this.#refresher?.isConfigured !== true;
    if (isLoaded() || isHopeless()) return isLoaded();
    return await new Promise((resolve) => {
      const finish = () => {
        timer.cancel();
        this.#waiting.delete(look);
        resolve(isLoaded());
      };
      const look = () => {
        if (isLoaded() || isHopeless()) finish();
      };
      const timer = this.#runtime.setTimer(finish, timeoutMs, { keepAlive: true });
      this.#waiting.add(look);
    });
  }

  noteRevision(revision: number): void {
    if (this.#isStopped || !this.#isStarted || !Number.isSafeInteger(revision)) return;
    // A feed that names no revision cannot be compared: then each hint counts once.
    const known = this.#rules.peek()?.revision ?? this.#hintedRevision;
    if (revision <= known) return;
    this.#hintedRevision = revision;
    this.#poller.hint();
  }

  status(): EnforcementStatus {
    const book = this.#book;
    const coolDownMs = this.#refresher?.coolDownLeftMs() ?? 0;
    return {
      lastRequestMs: book.lastRequestMs,
      lastSuccessMs: book.lastSuccessMs,
      lastActivationMs: book.lastActivationMs,
      lastMirrorWriteMs: book.lastMirrorWriteMs,
      revision: this.#rules.peek()?.revision,
      generation: this.#rules.generation,
      source: book.source,
      ruleCount: book.ruleCount,
      lastError: book.lastError,
      bypass: this.#bypass,
      mirrorError: this.#refresher?.mirrorError,
      coolDownUntilMs: coolDownMs > 0 ? this.#runtime.now() + coolDownMs : undefined,
      state: this.#state(),
      counters: { ...book.counters },
    };
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#isStopped = true;
    await this.#holding(this.#poller.stop());
    this.#refresher?.clear();
    this.#tellWaiting();
    await (await this.#ownDispatcher?.catch(() => undefined))?.destroy().catch(() => undefined);
  }

  #tellWaiting(): void {
    for (const look of this.#waiting) look();
  }

  #state(): EnforcementStatus['state'] {
    if (this.#isStopped) return 'stopped';
    if (this.#refresher === undefined) return 'dormant';
    if (!this.#isStarted) return 'idle';
    return this.#refresher.isConfigured ? 'polling' : 'unconfigured';
  }

  /** Sockets and timers of the poller do not hold the process; while somebody waits for it, this does. */
  async #holding<T>(work: Promise<T>): Promise<T> {
    const anchor = this.#runtime.setTimer(() => undefined, 2 ** 31 - 1, { keepAlive: true });
    try {
      return await work;
    } finally {
      anchor.cancel();
    }
  }
}
