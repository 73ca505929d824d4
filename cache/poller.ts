/** Station 10, the clock: when the service is asked. */
import type { Runtime, Timer } from '../src/runtime.js';
import type { RefreshResult } from './feed-refresher.js';

/** Every poll is moved by up to this part of the interval, either way, so that processes do not poll in step. */
const JITTER = 0.1;
/** While key or team id is missing they are looked for this often; nothing is sent. Milliseconds. */
const LOOK_FOR_CREDENTIALS_MS = 5_000;
/** After a refresh that asked nothing, reads do not lead to another one for this time. Milliseconds. */
const SKIPPED_BACK_OFF_MS = 1_000;
/** Hints of a newer revision lead to at most one refresh in this time. Milliseconds. */
const HINT_SPACING_MS = 50;
/** A timer takes no longer delay than this, and fires at once instead. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** A hint during a wait means that the waiting replica is about to answer; one that lags is given up after this. Milliseconds. */
const HINT_GRACE_MS = 100;
/** Two waits begin at least so far apart, however fast the feed changes. Milliseconds. */
const WAIT_SPACING_MS = 50;
/** "Nothing changed" sooner than this was no wait: asked on and on, such a service would be flooded. Milliseconds. */
const HEEDED_MIN_MS = 1_000;

/** What is polled. */
export interface Pollable {
  /** With `interrupt` the service may be asked to wait for a change; its abort ends that wait. */
  refresh(signal: AbortSignal, interrupt?: AbortSignal): Promise<RefreshResult>;
  /** When the next poll follows on one that succeeded: now, now as one that waits, or after the interval. */
  next(): 'now' | 'wait' | 'interval';
  coolDownLeftMs(): number;
  /** Whether what was hinted at is still newer than what is there; asked after a refresh that hints came into. */
  isBehind(): boolean;
}

/**
 * Polls at an interval; each timer is armed when the work before it is done, and never holds the process. States: idle →
 * polling → stopped. Whatever a refresh comes to, the next one is armed (I9); only {@link stop} ends it.
 *
 * At most one refresh is under way; who asks meanwhile shares it. After a failed one, a wake-up by a read or by a hint is
 * ignored for one interval; the polls go on.
 *
 * Where the service can, a poll waits for a change there, and the next one follows at once: the interval is then only
 * for failures. A wait is given up for a refresh that somebody asks for, and for a hint that it does not answer soon.
 */
export class Poller {
  readonly #pollable: Pollable;
  readonly #runtime: Runtime;
  readonly #intervalMs: number;
  readonly #stopping = new AbortController();
  #started = false;
  #running: Promise<RefreshResult> | undefined;
  #next: Timer | undefined;
  #hinted: Timer | undefined;
  #isHinted = false;
  /** Set while a refresh under way may be waiting. */
  #wait: AbortController | undefined;
  /** Waits in a row that were answered at once, with nothing. */
  #unheeded = 0;
  /** Monotonic times. */
  #startedRunAt = Number.NEGATIVE_INFINITY;
  #backOffUntil = Number.NEGATIVE_INFINITY;

  constructor(pollable: Pollable, runtime: Runtime, intervalMs: number) {
    this.#pollable = pollable;
    this.#runtime = runtime;
    this.#intervalMs = Math.min(intervalMs, TIMER_MAX_MS / 2);
  }

  get isStopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  /** Begins with a refresh. Once only. */
  start(): void {
    if (this.#started || this.isStopped) return;
    this.#started = true;
    void this.refresh();
  }

  /** Refreshes now, whatever the back-off says, or shares the refresh that is under way; one that waits is hurried. Never rejects. */
  refresh(): Promise<RefreshResult> {
    if (this.isStopped) return Promise.resolve({ kind: 'skipped', reason: 'stopped' });
    this.#started = true;
    this.#wait?.abort();
    this.#running ??= this.#run(false);
    return this.#running;
  }

  /** A read met stale rules, or none: refreshes, unless the last refresh failed a short time ago. Cheap. */
  wake(): void {
    if (this.#running !== undefined || !this.#started || this.isStopped) return;
    if (this.#runtime.monotonicNow() < this.#backOffUntil) return;
    void this.refresh();
  }

  /** There is something newer: refreshes soon. Hints are gathered; one that a refresh under way does not satisfy asks for another. */
  hint(): void {
    if (this.isStopped) return;
    this.#isHinted = true;
    this.#followHint();
  }

  /** Ends what waits, waits for what is under way, and never arms again. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#next?.cancel();
    this.#hinted?.cancel();
    await this.#running;
  }

  async #run(mayWait: boolean): Promise<RefreshResult> {
    this.#next?.cancel();
    this.#hinted?.cancel();
    this.#hinted = undefined;
    this.#isHinted = false;
    const startedAt = this.#runtime.monotonicNow();
    this.#startedRunAt = startedAt;
    let result = await this.#refreshOnce(mayWait);
    const isInterrupted = result.kind === 'skipped' && result.reason === 'interrupted';
    if (isInterrupted && !this.isStopped) {
      this.#startedRunAt = this.#runtime.monotonicNow();
      result = await this.#refreshOnce(false);
    }
    this.#running = undefined;
    if (this.isStopped) return result;
    const now = this.#runtime.monotonicNow();
    if (mayWait && !isInterrupted)
      this.#unheeded = result.kind === 'not-modified' && now - startedAt < HEEDED_MIN_MS ? this.#unheeded + 1 : 0;
    this.#backOffUntil = now + this.#backOffAfter(result);
    this.#arm(result);
    if (this.#pollable.isBehind()) this.#followHint();
    else this.#isHinted = false;
    return result;
  }

  async #refreshOnce(mayWait: boolean): Promise<RefreshResult> {
    this.#wait = mayWait ? new AbortController() : undefined;
    // Whatever is thrown here must not end the polling (I9).
    const result = await this.#pollable
      .refresh(this.#stopping.signal, this.#wait?.signal)
      .catch((error): RefreshResult => ({ kind: 'failed', reason: `unexpected: ${String(error)}` }));
    this.#wait = undefined;
    return result;
  }

  /** The next poll. */
  #arm(result: RefreshResult): void {
    const isGood = result.kind === 'activated' || result.kind === 'not-modified';
    const next = isGood ? this.#pollable.next() : 'interval';
    if (next === 'interval') {
      this.#next = this.#runtime.setTimer(() => void this.refresh(), this.#delayAfter(result));
      return;
    }
    const spacedMs = this.#startedRunAt + WAIT_SPACING_MS - this.#runtime.monotonicNow();
    const unheededMs = this.#unheeded === 0 ? 0 : HEEDED_MIN_MS * 2 ** Math.min(this.#unheeded, 10);
    this.#next = this.#runtime.setTimer(
      () => {
        this.#running ??= this.#run(next === 'wait');
      },
      Math.max(0, spacedMs, Math.min(unheededMs, this.#intervalMs)),
    );
  }

  #followHint(): void {
    if (!this.#isHinted || this.#hinted !== undefined) return;
    if (this.#running !== undefined) {
      if (this.#wait !== undefined) this.#hinted = this.#runtime.setTimer(() => this.#hurry(), HINT_GRACE_MS);
      return;
    }
    const now = this.#runtime.monotonicNow();
    // The hint is as good as kept: the next poll comes soon after the back-off.
    if (now < this.#backOffUntil) return;
    const delayMs = this.#startedRunAt + HINT_SPACING_MS - now;
    if (delayMs <= 0) void this.refresh();
    else this.#hinted = this.#runtime.setTimer(() => void this.refresh(), delayMs);
  }

  /** The replica that waits for us does not know yet what another one said: ask anew, whoever answers. */
  #hurry(): void {
    this.#hinted = undefined;
    if (this.#pollable.isBehind()) this.#wait?.abort();
  }

  /** How long reads and hints do not lead to another refresh. */
  #backOffAfter(result: RefreshResult): number {
    if (result.kind === 'failed') return Math.max(this.#intervalMs, this.#pollable.coolDownLeftMs());
    return result.kind === 'skipped' ? Math.max(SKIPPED_BACK_OFF_MS, this.#pollable.coolDownLeftMs()) : 0;
  }

  #delayAfter(result: RefreshResult): number {
    const delayMs = this.#intervalMs * (1 + JITTER * (2 * this.#runtime.random() - 1));
    const coolDownMs = this.#pollable.coolDownLeftMs();
    if (coolDownMs > 0) {
      // Moved on by up to a tenth of the interval: all clients of a service were sent away until the same moment.
      const afterCoolDownMs = coolDownMs + 1 + this.#intervalMs * JITTER * this.#runtime.random();
      return result.kind === 'skipped' ? afterCoolDownMs : Math.max(delayMs, afterCoolDownMs);
    }
    const isUnconfigured = result.kind === 'skipped' && result.reason === 'unconfigured';
    return isUnconfigured ? Math.min(delayMs, LOOK_FOR_CREDENTIALS_MS) : delayMs;
  }
}
