/** The terminal summary (contract 5.11): what a call was, and what it cost as far as the service can say by then. */
import type { Attempt, AttemptObserver, AttemptWatch } from '../metering/attempt.js';
import type { Runtime } from '../runtime.js';
import type { UsageEvent } from '../wire/usage-event.js';
import { humanSummary, jsonSummary, type Summary } from './summary-text.js';

/** Human text, one JSON line, or nothing (`REVENIUM_PRINT_SUMMARY`). */
export type SummaryForm = 'human' | 'json';

/** What a terminal summary is made of. */
export interface TerminalSummaryOptions {
  readonly runtime: Pick<Runtime, 'setTimer' | 'log'>;
  readonly form: SummaryForm;
  /** Writes to standard output. */
  readonly print: (text: string) => void;
  /** Without a team id no cost can be asked for. */
  readonly teamId: () => string | undefined;
  /**
   * Asks the service what the event cost, in dollars; `undefined` where it does not know yet. May reject.
   */
  readonly lookUpCost: (event: UsageEvent, teamId: string) => Promise<number | undefined>;
}

/** Tries of the cost lookup, and what is between them. */
const TRIES = 3;
const PAUSE_MS = 2_000;
/** Summaries that wait for their cost; with more, they are printed without (I10). */
const WAITING_MAX = 16;

/**
 * Prints one summary for each metered attempt. Never throws and never holds the process; what waits for its cost when
 * the process ends is printed without by {@link flush}.
 */
export class TerminalSummary implements AttemptObserver {
  readonly #options: TerminalSummaryOptions;
  readonly #waiting = new Map<UsageEvent, () => void>();

  constructor(options: TerminalSummaryOptions) {
    this.#options = options;
  }

  refused(): void {
    // Nothing was used. The error that the caller gets says why.
  }

  began(_attempt: Attempt): AttemptWatch {
    return { metered: (event) => this.#metered(event), withdrawn: () => undefined };
  }

  /** Prints what still waits for its cost. Synchronous: for the end of the process. */
  flush(): void {
    for (const print of [...this.#waiting.values()]) print();
  }

  #metered(event: UsageEvent): void {
    const teamId = this.#options.teamId();
    if (teamId === undefined || this.#waiting.size >= WAITING_MAX) {
      this.#print(event, { cost: null, costStatus: teamId === undefined ? 'unavailable' : 'pending' });
      return;
    }
    this.#waiting.set(event, () => this.#finish(event, undefined));
    void this.#lookUp(event, teamId, 1);
  }

  async #lookUp(event: UsageEvent, teamId: string, attempt: number): Promise<void> {
    const cost = await this.#options.lookUpCost(event, teamId).catch(() => undefined);
    if (!this.#waiting.has(event)) return;
    if (cost !== undefined || attempt >= TRIES) this.#finish(event, cost);
    else this.#options.runtime.setTimer(() => void this.#lookUp(event, teamId, attempt + 1), PAUSE_MS);
  }

  #finish(event: UsageEvent, cost: number | undefined): void {
    if (!this.#waiting.delete(event)) return;
    this.#print(event, cost === undefined ? { cost: null, costStatus: 'pending' } : { cost });
  }

  #print(event: UsageEvent, cost: Pick<Summary, 'cost' | 'costStatus'>): void {
    try {
      const summary: Summary = {
        model: event.model,
        provider: event.provider,
        durationSeconds: event.requestDuration / 1000,
        inputTokenCount: event.inputTokenCount,
        outputTokenCount: event.outputTokenCount,
        totalTokenCount: event.totalTokenCount,
        ...cost,
        ...(event.traceId === undefined ? {} : { traceId: event.traceId }),
      };
      this.#options.print(this.#options.form === 'json' ? jsonSummary(summary) : humanSummary(summary));
    } catch (error) {
      this.#options.runtime.log.debug('a summary could not be printed', { error: String(error) });
    }
  }
}
