/** Refused calls, reported back to a service that announced that it records them (I1). Never on the caller's path. */
import type { Capabilities } from '../../cache/capabilities.js';
import type { CallDimensions, RefuseDecision } from '../../enforcement/decision.js';
import type { ReactionKind } from '../holds/hold-reactions.js';
import type { Runtime, Timer } from '../runtime.js';
import type { DeliveryCredentials } from './delivery-gate.js';
import { refusalsUrl } from './metering-url.js';
import { createPoster, type Poster } from './poster.js';
import { readAnswer } from './read-answer.js';
import { RefusalTally, type ReportedRefusal } from './refusal-tally.js';

/** What a {@link RefusalReporter} is made of. */
export interface RefusalReporterOptions {
  readonly runtime: Runtime;
  /** The metering base, in any form of contract 1.6. */
  readonly endpoint: URL;
  readonly credentials: () => DeliveryCredentials | undefined;
  readonly capabilities: Capabilities;
  readonly userAgent: string;
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
  /** Of the rules in force. */
  readonly revision: () => number | undefined;
}

/** Counts of refused calls since the instance was made; each is exact. */
export interface RefusalStatus {
  /** Taken by the service. */
  readonly reported: number;
  /** Not sent yet, or not acknowledged. */
  readonly waiting: number;
  /** Not for this service: it does not record them, or no rule of it is the reason. */
  readonly unreported: number;
  /** Given up: refused by the service, or too many to keep. What waits when the process dies is lost, too. */
  readonly lost: number;
}

/** Refusals of this time are counted together: a loop that runs into a limit makes one report, not thousands. */
const GATHER_MS = 1_000;
/** Of one request; the service takes 500. */
const REPORTS_MAX = 500;
const BACKOFF_FIRST_MS = 1_000;
const BACKOFF_MAX_MS = 60_000;
/** Whether the service records refusals is known with its first answer. */
const LOOK_MS = 5_000;

type Outcome = 'sent' | 'later' | 'nothing';

/** Gathers, sends, tries again. No method throws. */
export class RefusalReporter {
  readonly #options: RefusalReporterOptions;
  readonly #tally: RefusalTally;
  readonly #poster: Poster;
  readonly #target: { readonly origin: string; readonly path: string };
  readonly #stopping = new AbortController();
  #timer: Timer | undefined;
  #running: Promise<Outcome> | undefined;
  #backoffMs = BACKOFF_FIRST_MS;
  #reportsMax = REPORTS_MAX;
  #reported = 0;
  #unreported = 0;
  #lost = 0;

  constructor(options: RefusalReporterOptions) {
    const { runtime, timeoutMs, connectTimeoutMs, endpoint } = options;
    this.#options = options;
    this.#tally = new RefusalTally(runtime);
    this.#poster = createPoster({ runtime, connections: 1, timeoutMs, connectTimeoutMs });
    const url = refusalsUrl(endpoint);
    this.#target = { origin: url.origin, path: url.pathname };
  }

  /** A call was refused, or a step before that was taken. Costs one look into a table. */
  note(decision: RefuseDecision, call: CallDimensions, kind?: ReactionKind): void {
    const { capabilities, revision } = this.#options;
    const isForNobody = capabilities.isKnown(this.#target.origin) && !this.#isAnnounced;
    if (isForNobody || decision.rule === null || !Number.isSafeInteger(decision.rule.ruleId)) this.#unreported += 1;
    else if (!this.#tally.add(decision, decision.rule, call, revision, kind)) this.#lost += 1;
    else this.#wakeIn(GATHER_MS);
  }

  /** Sends what waits, in at most `timeoutMs`. Resolves to whether nothing waits any more. */
  async flush(timeoutMs: number): Promise<boolean> {
    if (this.#tally.waiting === 0 || this.#isStopping) return this.#tally.waiting === 0;
    await new Promise<void>((resolve) => {
      const onDeadline = () => {
        this.#poster.dropConnecting();
        resolve();
      };
      const deadline = this.#options.runtime.setTimer(onDeadline, timeoutMs, { keepAlive: true });
      const sendAll = async () => {
        // What is under way may have left before the last refusals were noted.
        await this.#running;
        await this.#send();
      };
      void sendAll().finally(() => {
        deadline.cancel();
        resolve();
      });
    });
    return this.#tally.waiting === 0;
  }

  status(): RefusalStatus {
    return {
      reported: this.#reported,
      waiting: this.#tally.waiting,
      unreported: this.#unreported,
      lost: this.#lost,
    };
  }

  /** Ends it. What waits is lost with the process. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#timer?.cancel();
    await this.#running;
    await this.#poster.close();
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  get #isAnnounced(): boolean {
    return this.#options.capabilities.has(this.#target.origin, 'refusals');
  }

  #wakeIn(delayMs: number): void {
    if (this.#timer !== undefined || this.#running !== undefined || this.#isStopping) return;
    this.#timer = this.#options.runtime.setTimer(() => {
      this.#timer = undefined;
      void this.#send();
    }, delayMs);
  }

  /** Sends all there is, one request after the other, until one fails. Single flight. */
  #send(): Promise<Outcome> {
    this.#running ??= this.#sendAll()
      .catch((error: unknown): Outcome => {
        this.#options.runtime.log.error('refusals could not be reported; please report this', { error: String(error) });
        return 'later';
      })
      .then((outcome) => {
        this.#running = undefined;
        if (this.#tally.waiting > 0) this.#wakeIn(outcome === 'sent' ? GATHER_MS : this.#nextDelay());
        return outcome;
      });
    return this.#running;
  }

  async #sendAll(): Promise<Outcome> {
    for (;;) {
      const outcome = await this.#sendSome();
      if (outcome !== 'sent' || this.#tally.waiting === 0) return outcome;
    }
  }

  async #sendSome(): Promise<Outcome> {
    const { capabilities, credentials, userAgent, runtime } = this.#options;
    const reports = this.#tally.take(this.#reportsMax);
    if (reports.length === 0 || this.#isStopping) return 'nothing';
    if (!capabilities.isKnown(this.#target.origin)) return 'later';
    if (!this.#isAnnounced) {
      this.#unreported += this.#tally.settleAll();
      return 'nothing';
    }
    const apiKey = credentials()?.apiKey.reveal();
    if (apiKey === undefined || apiKey === '') return 'later';
    const headers = {
      'x-api-key': apiKey,
      'content-type': 'application/json',
      accept: 'application/json',
      'user-agent': userAgent,
    };
    const body = JSON.stringify({ refusals: reports });
    const answer = await this.#poster.post(this.#target, headers, body, this.#stopping.signal);
    if (answer.kind === 'none') return 'later';
    capabilities.learn(this.#target.origin, answer.status, answer.headers);
    const verdict = readAnswer(answer, runtime.now());
    if (verdict.outcome === 'accepted') {
      this.#reported += this.#tally.settle(reports);
      this.#backoffMs = BACKOFF_FIRST_MS;
      return 'sent';
    }
    runtime.log.debug('refusals were not taken', { reason: verdict.reason });
    return this.#learnFailure(answer.status, verdict.outcome === 'rejected', reports);
  }

  #learnFailure(status: number, isRejected: boolean, reports: readonly ReportedRefusal[]): Outcome {
    if (status === 404 || status === 405 || status === 415) {
      this.#options.capabilities.refuse(this.#target.origin, 'refusals');
      this.#unreported += this.#tally.settleAll();
      return 'nothing';
    }
    if (status === 413 && reports.length > 1) {
      this.#reportsMax = Math.max(1, Math.floor(reports.length / 2));
      return 'sent';
    }
    if (!isRejected) return 'later';
    this.#lost += this.#tally.settle(reports);
    return 'sent';
  }

  #nextDelay(): number {
    if (!this.#options.capabilities.isKnown(this.#target.origin)) return LOOK_MS;
    const delayMs = this.#backoffMs * (1 + 0.25 * this.#options.runtime.random());
    this.#backoffMs = Math.min(this.#backoffMs * 2, BACKOFF_MAX_MS);
    return delayMs;
  }
}
