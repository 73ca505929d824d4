/** Whether delivery may send now, and with what: address, key, breaker and pauses in one place. */
import type { Runtime } from '../runtime.js';
import { BoundNotice } from './bound-notice.js';
import { Breaker, type BreakerState } from './breaker.js';
import { type ForeignKey, keyLooksForeign } from './key-kind.js';
import type { DeliveryVerdict } from './read-answer.js';

/** Why nothing is sent at the moment. */
export type DeliveryObstacle = 'no-endpoint' | 'no-key' | 'foreign-key' | 'unauthorized' | 'retry-after' | 'breaker';

/** Key and team, as they are now. */
export interface DeliveryCredentials {
  readonly apiKey: { reveal(): string };
  readonly teamId?: string | undefined;
}

/** What {@link DeliveryGate} needs. */
export interface DeliveryGateOptions {
  readonly endpoint: () => URL | undefined;
  readonly credentials: () => DeliveryCredentials | undefined;
  readonly runtime: Runtime;
  /** Pause after a refused key; doubled up to {@link UNAUTHORIZED_MAX_MS}. */
  readonly flushIntervalMs: number;
}

/** May be sent, or not before `waitMs`. */
export type Passage =
  | { readonly open: true; readonly endpoint: URL; readonly apiKey: string; readonly concurrency: 'one' | 'all' }
  | { readonly open: false; readonly obstacle: DeliveryObstacle; readonly waitMs: number };

/** How often a missing key or address is looked for again, besides at each new event. */
const RECHECK_MS = 5_000;
/** A refused key is tried again at least so often (I9). */
export const UNAUTHORIZED_MAX_MS = 5 * 60_000;

/** Keeps what answers said. Nothing here stops for good: every obstacle ends by time or by a new key. */
export class DeliveryGate {
  readonly #options: DeliveryGateOptions;
  readonly #breaker = new Breaker();
  readonly #notices: Readonly<Record<'key' | 'endpoint' | 'unauthorized' | 'breaker', BoundNotice>>;
  #holdUntil = Number.NEGATIVE_INFINITY;
  #refused: { readonly apiKey: string; readonly until: number; readonly pauseMs: number } | undefined;
  #judged: { readonly apiKey: string; readonly origin: string; readonly verdict: ForeignKey | undefined } | undefined;

  constructor(options: DeliveryGateOptions) {
    this.#options = options;
    const notice = (beginning: string, end: string) => new BoundNotice(options.runtime.log, beginning, end);
    this.#notices = {
      key: notice(
        'no metering key is set (REVENIUM_METERING_API_KEY); usage events wait for one',
        'a metering key is set; usage events are delivered',
      ),
      endpoint: notice('no metering address is known; usage events wait for one', 'a metering address is known'),
      unauthorized: notice(
        'the service refuses the metering key; usage events wait and are tried again now and then',
        'the service takes the metering key again',
      ),
      breaker: notice(
        'usage events cannot be delivered; they are kept and tried again every 30 s',
        'usage events are delivered again',
      ),
    };
  }

  /** What may be done now. Reads address and key anew. */
  pass(): Passage {
    const now = this.#options.runtime.monotonicNow();
    const endpoint = this.#options.endpoint();
    if (endpoint === undefined) return this.#missing('endpoint', 'no-endpoint');
    this.#notices.endpoint.over();
    const credentials = this.#options.credentials();
    const apiKey = credentials?.apiKey.reveal();
    if (apiKey === undefined || apiKey === '') return this.#missing('key', 'no-key');
    this.#notices.key.over();
    if (this.#judge(apiKey, credentials?.teamId, endpoint) === 'local-key-to-hosted-service') {
      return { open: false, obstacle: 'foreign-key', waitMs: RECHECK_MS };
    }
    // Another key than the refused one is tried at once.
    const refused = this.#refused?.apiKey === apiKey ? this.#refused : undefined;
    if (refused !== undefined && refused.until > now) {
      return { open: false, obstacle: 'unauthorized', waitMs: refused.until - now };
    }
    if (this.#holdUntil > now) return { open: false, obstacle: 'retry-after', waitMs: this.#holdUntil - now };
    const openForMs = this.#breaker.openForMs(now);
    if (openForMs > 0) return { open: false, obstacle: 'breaker', waitMs: openForMs };
    const isProbe = refused !== undefined || this.#breaker.state(now) === 'half-open';
    return { open: true, endpoint, apiKey, concurrency: isProbe ? 'one' : 'all' };
  }

  /** Learns from what an answer meant for the request that was sent with `apiKey`. */
  learn(verdict: DeliveryVerdict, apiKey: string): void {
    const now = this.#options.runtime.monotonicNow();
    if (verdict.outcome === 'retryable') {
      this.#breaker.failure(now);
      if (this.#breaker.state(now) === 'open') this.#notices.breaker.reached({ reason: verdict.reason });
      if (verdict.afterMs !== undefined) this.#holdUntil = Math.max(this.#holdUntil, now + verdict.afterMs);
      return;
    }
    this.#breaker.success();
    if (this.#breaker.state(now) === 'closed') this.#notices.breaker.over();
    if (verdict.outcome === 'unauthorized') {
      this.#refuse(apiKey, now, verdict.reason);
      return;
    }
    this.#refused = undefined;
    this.#notices.unauthorized.over();
  }

  /** Ends the breaker's open time early. */
  probe(): void {
    this.#breaker.probe();
  }

  breaker(): BreakerState {
    return this.#breaker.state(this.#options.runtime.monotonicNow());
  }

  #refuse(apiKey: string, now: number, reason: string): void {
    const last = this.#refused?.apiKey === apiKey ? this.#refused : undefined;
    // Several requests of one moment are refused together: that is one refusal.
    if (last !== undefined && last.until > now) return;
    const pauseMs = Math.min(
      last === undefined ? this.#options.flushIntervalMs : last.pauseMs * 2,
      UNAUTHORIZED_MAX_MS,
    );
    this.#refused = { apiKey, until: now + pauseMs, pauseMs };
    this.#notices.unauthorized.reached({ reason });
  }

  #missing(notice: 'key' | 'endpoint', obstacle: DeliveryObstacle): Passage {
    this.#notices[notice].reached();
    return { open: false, obstacle, waitMs: RECHECK_MS };
  }

  /** Judges a key once for each address, and says so once. */
  #judge(apiKey: string, teamId: string | undefined, endpoint: URL): ForeignKey | undefined {
    if (this.#judged?.apiKey === apiKey && this.#judged.origin === endpoint.origin) return this.#judged.verdict;
    const verdict = keyLooksForeign(apiKey, teamId, endpoint);
    this.#judged = { apiKey, origin: endpoint.origin, verdict };
    const { log } = this.#options.runtime;
    if (verdict === 'local-key-to-hosted-service') {
      log.error('the metering key belongs to a self-hosted service and is not sent elsewhere; set its base URL', {
        host: endpoint.host,
      });
    } else if (verdict === 'key-of-another-team') {
      log.warn('the metering key names another team than REVENIUM_TEAM_ID', { host: endpoint.host, teamId });
    }
    return verdict;
  }
}
