/** The books of the gateway: one choke point for all calls, and one way into the ledger for all that they cost. */
import { existsSync } from 'node:fs';
import { createTokenEstimator, type DiskOutbox, learnExpected, openDiskOutbox } from 'fusewire/internal';
import { createCatalogue } from '../../pricing/catalogue.js';
import type { ReactionKind } from '../../store/enforcement-event.js';
import type { Admission, BudgetFacts, GatewayBooks, GatewayCall, GatewayCaller, Refusal } from '../types.js';
import { outboxFolder, outboxOwner, outboxRoot } from './outbox-folder.js';
import { type GatewayBooksParts, OUTBOX_CAPACITY } from './parts.js';
import { type SharedParts, TeamBooks } from './team-books.js';

export type { GatewayBooksParts } from './parts.js';

/** What was consumed does not stop to count because a database was away for a weekend. */
const KEPT_MS = 30 * 86_400_000;
/** Room for all entries of a full outbox, and for as much again from processes that died. */
const FILE_BYTES_MAX = 1024 * 1_048_576;
const RECOVERY_MS = 15_000;
const CLOSING_MS = 10_000;

/** Opens the books. Nothing is read or written before they are asked. */
export function createGatewayBooks(parts: GatewayBooksParts): GatewayBooks {
  return new Books(parts);
}

class Books implements GatewayBooks {
  readonly #parts: SharedParts;
  readonly #teams = new Map<string, TeamBooks>();
  #closing: Promise<void> | undefined;

  constructor(parts: GatewayBooksParts) {
    const estimator = createTokenEstimator();
    const { estimate: estimateTokens } = estimator;
    this.#parts = { ...parts, catalogue: createCatalogue(), estimateTokens, expected: learnExpected(estimator) };
  }

  admit(call: GatewayCall): Admission | Promise<Admission> {
    try {
      const admission = this.#teamOf(call.caller.team.id).admit(call);
      return admission instanceof Promise ? admission.catch((error) => this.#broken(error)) : admission;
    } catch (error) {
      return this.#broken(error);
    }
  }

  seen(caller: GatewayCaller): BudgetFacts | undefined {
    try {
      return this.#teamOf(caller.team.id).seen(caller);
    } catch (error) {
      this.#parts.log.error('a budget could not be shown; please report this', { error: String(error) });
      return undefined;
    }
  }

  async look(caller: GatewayCaller): Promise<BudgetFacts | undefined> {
    await this.#teamOf(caller.team.id)
      .refresh(caller)
      .catch(() => undefined);
    return this.seen(caller);
  }

  reacted(call: GatewayCall, kind: ReactionKind | 'refused', refusal: Refusal): void {
    try {
      this.#teamOf(call.caller.team.id).reacted(call, kind, refusal);
    } catch (error) {
      this.#parts.log.error('a reaction could not be noted; please report this', { error: String(error) });
    }
  }

  sinkOf(teamId: string) {
    return this.#teamOf(teamId).sink;
  }

  async recover(): Promise<void> {
    const { store, log } = this.#parts;
    const isOver = this.#deadline(RECOVERY_MS);
    try {
      const teams = await store.listTeams();
      const left = teams.filter(({ id }) => existsSync(outboxFolder(this.#parts.dataDir, id)));
      await Promise.all(left.map(({ id }) => this.#teamOf(id).recover(isOver)));
      if (isOver()) log.warn('usage events that an earlier process left are still being recorded');
    } catch (error) {
      log.error('usage events that an earlier process left cannot be recorded yet', { error: String(error) });
    }
  }

  trouble(): string | undefined {
    for (const team of this.#teams.values()) {
      const trouble = team.trouble();
      if (trouble !== undefined) return trouble;
    }
    return undefined;
  }

  deadLetters(): number {
    let sum = 0;
    for (const team of this.#teams.values()) sum += team.deadLetters();
    return sum;
  }

  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  async #closeAll(): Promise<void> {
    const isOver = this.#deadline(CLOSING_MS);
    await Promise.all([...this.#teams.values()].map((team) => team.close(isOver)));
  }

  #teamOf(teamId: string): TeamBooks {
    let team = this.#teams.get(teamId);
    if (team === undefined) {
      const open = this.#parts.openOutbox ?? ((id: string) => this.#openOutbox(id));
      const outbox = open(teamId);
      // Opens the file: a call is admitted only where it can be noted.
      void outbox.adopt();
      team = new TeamBooks(this.#parts, teamId, outbox);
      this.#teams.set(teamId, team);
    }
    return team;
  }

  #openOutbox(teamId: string): DiskOutbox {
    return openDiskOutbox({
      directory: outboxRoot(this.#parts.dataDir),
      owner: outboxOwner(teamId),
      capacity: OUTBOX_CAPACITY,
      maxAgeMs: KEPT_MS,
      maxBytes: FILE_BYTES_MAX,
      // What all sockets bring in one turn of the event loop is written at once.
      gather: setImmediate,
      runtime: { ...this.#parts.runtime, log: this.#parts.log },
    });
  }

  #deadline(limitMs: number): () => boolean {
    const { runtime } = this.#parts;
    const untilMs = runtime.monotonicNow() + limitMs;
    return () => runtime.monotonicNow() >= untilMs;
  }

  #broken(error: unknown): Admission {
    this.#parts.log.error('a call could not be decided on; please report this', { error: String(error) });
    return { outcome: 'unavailable', reason: 'the call could not be decided on', retryAfterSeconds: 1 };
  }
}
