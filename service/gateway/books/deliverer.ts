/** Events from the outbox into the ledger, in batches. */
import type { DiskOutbox, Log, MeteredEvent, OutboxEntry } from 'fusewire/internal';
import type { EventTools } from '../../ingest/canonical-fields.js';
import type { ItemOutcome } from '../../store/store.js';
import type { WorkOutcome } from './book-loop.js';
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
  /** Is told what the ledger has, and what it never will. */
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
  }

  /** Delivers what is oldest. Never rejects. */
  async deliver(): Promise<WorkOutcome> {
    const { outbox, store, teamId } = this.#parts;
    const claimed = outbox.claim(BATCH);
    if (claimed.length === 0) return this.#rest();
    const ready = claimed.flatMap((entry) => this.#prepare(entry) ?? []);
    if (ready.length === 0) return 'done';
    try {
      const outcomes = await store.record(
        teamId,
        ready.map(({ prepared }) => prepared),
      );
      const there = ready.filter(({ entry }, i) => this.#isThere(entry, outcomes[i])).map(({ entry }) => entry);
      outbox.acknowledgeAll(there);
      for (const entry of there) this.#end(entry, true);
      this.#parts.hard.acknowledged(there.map(({ idempotencyKey }) => idempotencyKey));
      this.#sayWorks();
      return claimed.length >= MUCH && claimed.length < BATCH ? 'much' : 'done';
    } catch (error) {
      for (const { entry } of ready) outbox.release(entry);
      this.#sayFails(error);
      return 'failed';
    }
  }

  /** What is left waits for its turn; where nothing is, nothing weighs on balances either. */
  #rest(): WorkOutcome {
    const { outbox, settled, log, teamId } = this.#parts;
    if (outbox.depth() > 0) return 'failed';
    if (settled.size === 0) return 'idle';
    log.error('usage events of the gateway were dropped by a bound of the outbox', { teamId, events: settled.size });
    for (const event of settled.values()) event.end(false);
    settled.clear();
    return 'idle';
  }

  /** Of an event of this process it is there already; one that was found on the disk is read as from anybody. */
  #prepare(entry: OutboxEntry): Ready | undefined {
    const { outbox, tools, settled, log } = this.#parts;
    const known = settled.get(entry.event)?.prepared;
    if (known !== undefined) return { entry, prepared: known };
    try {
      const prepared = prepareFound(entry.event, entry.createdAtMs, tools);
      if (typeof prepared !== 'string') return { entry, prepared };
      outbox.reject(entry, prepared);
      log.error('a usage event of the gateway cannot be read and is put aside', { problem: prepared });
    } catch (error) {
      outbox.reject(entry, String(error));
      log.error('a usage event of the gateway cannot be read and is put aside', { error: String(error) });
    }
    this.#end(entry, false);
    return undefined;
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
    this.#failures.delete(entry.idempotencyKey);
    this.#parts.log.error('a usage event of the gateway cannot be recorded and is put aside', { teamId, error });
    outbox.reject(entry, error);
    this.#end(entry, false);
    return false;
  }

  #end({ event, idempotencyKey }: OutboxEntry, isThere: boolean): void {
    const { settled, hard } = this.#parts;
    if (!isThere) hard.lost([idempotencyKey]);
    settled.get(event)?.end(isThere);
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
