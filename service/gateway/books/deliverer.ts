/** Events from the outbox into the ledger, in batches. */
import type { DiskOutbox, Log, MeteredEvent, OutboxEntry } from 'fusewire/internal';
import type { EventTools } from '../../ingest/canonical-fields.js';
import type { ItemOutcome } from '../../store/store.js';
import type { WorkOutcome } from './book-loop.js';
import type { DeadLetterBook } from './dead-letter-book.js';
import type { HardBudgets } from './hard-budgets.js';
import type { GatewayBooksParts } from './parts.js';
import { type PreparedEvent, prepareFound } from './prepare-event.js';
import type { SettledEvent } from './settled-event.js';

/** Events of one transaction. */
export const BATCH = 500;
/** So many at once show that as many come soon; a full batch leaves more behind, which is not to wait. */
const MUCH = 16;
/** What the ledger refuses alone is tried again so often, ever slower, before it goes to the dead letters. */
const FAILURES_MAX = 10;
const FAILURE_DELAY_MS = 1_000;

/** Of one team. */
export interface DelivererParts extends Pick<GatewayBooksParts, 'store' | 'metrics' | 'ingest'> {
  readonly teamId: string;
  readonly log: Log;
  readonly outbox: DiskOutbox;
  readonly tools: EventTools;
  /** Events that were metered by this process, until they are in the ledger. */
  readonly settled: Map<MeteredEvent, SettledEvent>;
  /** Counts an event from now on. */
  weigh(prepared: PreparedEvent): SettledEvent;
  /** What the ledger does not take goes on to count there. */
  readonly letters: Pick<DeadLetterBook, 'add'>;
  /** Is told what the ledger has, and what it does not take. */
  readonly hard: Pick<HardBudgets, 'acknowledged' | 'lost'>;
}

interface Ready {
  readonly entry: OutboxEntry;
  readonly prepared: PreparedEvent;
}

/** Called by the loop. */
export class Deliverer {
  readonly #parts: DelivererParts;
  readonly #failures = new Map<string, number>();
  #isFailing = false;

  constructor(parts: DelivererParts) {
    this.#parts = parts;
    parts.outbox.onDrop((entry) => this.#putAside(entry, 'a bound of the outbox removed it'));
  }

  /** Delivers what is oldest. Never rejects. */
  async deliver(): Promise<WorkOutcome> {
    const { outbox, store, teamId } = this.#parts;
    const claimed = outbox.claim(BATCH);
    if (claimed.length === 0) return this.#rest();
    const ready = claimed.map((entry) => this.#prepare(entry));
    try {
      const outcomes = await store.record(
        teamId,
        ready.map(({ prepared }) => prepared),
      );
      const there = ready.filter(({ entry }, i) => this.#isThere(entry, outcomes[i])).map(({ entry }) => entry);
      outbox.acknowledgeAll(there);
      for (const entry of there) this.#end(entry);
      this.#parts.hard.acknowledged(there.map(({ idempotencyKey }) => idempotencyKey));
      this.#sayWorks();
      return claimed.length >= MUCH && claimed.length < BATCH ? 'much' : 'done';
    } catch (error) {
      for (const { entry } of ready) outbox.release(entry);
      this.#sayFails(error);
      return 'failed';
    }
  }

  /** What is left waits for its turn. */
  #rest(): WorkOutcome {
    return this.#parts.outbox.depth() > 0 ? 'failed' : 'idle';
  }

  /**
   * Of an event of this process it is there already; one that was found on the disk is read as from anybody, and counts from
   * now on, however long the ledger does not take it.
   */
  #prepare(entry: OutboxEntry): Ready {
    const { tools, settled, log, teamId, weigh } = this.#parts;
    const { event, createdAtMs } = entry;
    const known = settled.get(event)?.prepared;
    if (known !== undefined) return { entry, prepared: known };
    const say = (problem: string): void => {
      const { transactionId } = event;
      log.error('a usage event that was found is not as it should be', { teamId, transactionId, problem });
    };
    const prepared = prepareFound(event, createdAtMs, tools, say);
    try {
      settled.set(event, weigh(prepared));
    } catch (error) {
      // It is delivered all the same, and counts from then on.
      say(`it cannot be counted: ${error}`);
    }
    return { entry, prepared };
  }

  /** Whether the ledger has it. What it refused alone waits, or is put aside. */
  #isThere(entry: OutboxEntry, outcome: ItemOutcome | undefined): boolean {
    const { outbox, metrics, ingest, teamId } = this.#parts;
    if (outcome?.state === 'recorded') {
      metrics?.events(outcome.result.outcome, 1);
      ingest?.note(teamId, outcome.result.revision);
      this.#failures.delete(entry.idempotencyKey);
      return true;
    }
    metrics?.events('failed', 1);
    const error = String(outcome?.state === 'failed' ? outcome.error : outcome?.state);
    const failures = (this.#failures.get(entry.idempotencyKey) ?? 0) + 1;
    if (failures < FAILURES_MAX) {
      this.#failures.set(entry.idempotencyKey, failures);
      outbox.release(entry, FAILURE_DELAY_MS * 2 ** (failures - 1));
      return false;
    }
    // Where it cannot be put aside either it comes again.
    this.#failures.delete(entry.idempotencyKey);
    if (outbox.putAside(entry, error)) this.#isAside(entry, error, true);
    return false;
  }

  /** A bound removed it. */
  #putAside(entry: OutboxEntry, reason: string): void {
    this.#isAside(entry, reason, this.#parts.outbox.putAside(entry, reason));
  }

  #isAside(entry: OutboxEntry, reason: string, isWritten: boolean): void {
    const { settled, hard, letters } = this.#parts;
    this.#prepare(entry);
    letters.add(entry.idempotencyKey, settled.get(entry.event), isWritten, reason);
    settled.delete(entry.event);
    hard.lost([entry.idempotencyKey]);
  }

  #end({ event }: OutboxEntry): void {
    const { settled } = this.#parts;
    settled.get(event)?.end();
    settled.delete(event);
  }

  #sayFails(error: unknown): void {
    if (this.#isFailing) return;
    this.#isFailing = true;
    const { log, teamId } = this.#parts;
    log.error('usage events of the gateway cannot be recorded; they are kept on disk', {
      teamId,
      error: String(error),
    });
  }

  #sayWorks(): void {
    if (!this.#isFailing) return;
    this.#isFailing = false;
    this.#parts.log.info('usage events of the gateway are recorded again', { teamId: this.#parts.teamId });
  }
}
