/** The books of one team. */
import type {
  Attempt,
  AttemptSink,
  Decision,
  DiskOutbox,
  ExpectedCounts,
  HoldTicket,
  MeteredEvent,
  RefuseDecision,
} from 'fusewire/internal';
import { TeamRules } from '../../litellm/team-guards.js';
import type { Catalogue } from '../../pricing/catalogue.js';
import type { ReactionKind } from '../../store/enforcement-event.js';
import { createCallerMetadata } from '../read/caller-metadata.js';
import type { Admission, BudgetFacts, GatewayCall, GatewayCaller, Refusal } from '../types.js';
import { BookLoop } from './book-loop.js';
import type { Cell } from './cell.js';
import { DeadLetterBook } from './dead-letter-book.js';
import { Deliverer } from './deliverer.js';
import { HardBudgets, type HoldEstimates } from './hard-budgets.js';
import { refusedByHold } from './hold-refusal.js';
import { type Arrival, budgetSeen, holdsOf, type Judgement, judge, REFRESH_MS, STALE_MS } from './judge.js';
import { type GatewayBooksParts, OUTBOX_CAPACITY, OUTBOX_RESERVE } from './parts.js';
import { jsonOf, type PreparedEvent, prepareOwn } from './prepare-event.js';
import { StandingReader, WAIT_MAX_MS } from './reader.js';
import { RefusalLog } from './refusal-log.js';
import { SettledEvent } from './settled-event.js';
import { Standing } from './standing.js';
import { FREE_TICKET, OpenTicket } from './ticket.js';
import { watchOutbox } from './watched-outbox.js';

/** What the books of all teams share. */
export interface SharedParts extends GatewayBooksParts {
  readonly catalogue: Catalogue;
  estimateTokens(text: string): number;
  readonly expected: ExpectedCounts;
}

/** A call waits for so many reads at most: rules and controls may be others after each. */
const TURNS_MAX = 4;
const RETRY_AFTER_SECONDS = 2;
/** As the outbox looks after a disk that failed. */
const DISK_RETRY_SECONDS = 10;

/** States: open → closed. What it meters is durable from the first note on. */
export class TeamBooks {
  readonly sink: AttemptSink;
  readonly #parts: SharedParts;
  readonly #outbox: DiskOutbox;
  readonly #rules: TeamRules;
  readonly #standing: Standing;
  readonly #reader: StandingReader;
  readonly #loop: BookLoop;
  readonly #refusals: RefusalLog;
  readonly #hard: HardBudgets;
  readonly #letters: DeadLetterBook;
  readonly #settled = new Map<MeteredEvent, SettledEvent>();
  readonly #tools: { newId(): string; protect(value: string): string };
  readonly #callerOf = createCallerMetadata();
  #isClosed = false;

  constructor(parts: SharedParts, teamId: string, outbox: DiskOutbox) {
    const { runtime, log, store } = parts;
    this.#parts = parts;
    this.#outbox = outbox;
    this.#tools = { newId: runtime.newId, protect: (value) => parts.protectCredential(teamId, value) };
    this.#rules = new TeamRules(teamId, store.feeds, runtime, log);
    // A control or a price that changes moves the feed: versions are read at once.
    this.#rules.watch(() => {
      this.#hard.forget();
      this.#readVersions();
    });
    this.#standing = new Standing(parts.catalogue);
    this.#reader = new StandingReader(store, runtime, teamId, this.#standing);
    this.#refusals = new RefusalLog(parts, teamId);
    this.#hard = new HardBudgets(parts, teamId);
    const tools = this.#tools;
    const weigh = (prepared: PreparedEvent) => new SettledEvent(prepared, this.#standing);
    this.#letters = new DeadLetterBook({ runtime, log, teamId, tools, weigh, folder: () => outbox.folder() });
    const ends = { settled: this.#settled, hard: this.#hard, letters: this.#letters };
    const deliverer = new Deliverer({ ...parts, teamId, outbox, tools, weigh, ...ends });
    this.#loop = new BookLoop(runtime, { deliver: () => deliverer.deliver(), read: () => this.#reader.read() });
    outbox.onAppend(() => this.#loop.wake());
    this.sink = {
      runtime,
      outbox: watchOutbox(outbox, (event) => this.#count(event)),
      middlewareSource: 'fusewire-gateway',
      open: new Set<Attempt>(),
      // Refusals are told where they are made, with their arithmetic.
      refused(_decision: RefuseDecision) {},
      started() {},
      estimateTokens: parts.estimateTokens,
    };
  }

  /** Takes over what earlier processes left and delivers it; until `isOver` says that it took too long. */
  async recover(isOver: () => boolean): Promise<void> {
    await Promise.all([this.#outbox.adopt(), this.#letters.read()]);
    this.#loop.wake(true);
    while (this.#outbox.depth() > 0 && !isOver()) await this.#pause(20);
  }

  /** Why calls cannot be metered now; `undefined`: they can. */
  trouble(): string | undefined {
    if (this.#isClosed) return 'the gateway is closing';
    if (!this.#outbox.isDurable()) return 'the outbox of the gateway cannot be written to disk';
    if (this.#outbox.depth() + this.sink.open.size >= OUTBOX_CAPACITY - OUTBOX_RESERVE) {
      return 'too many usage events of the gateway wait for the ledger';
    }
    return this.#letters.trouble();
  }

  /** Events that the ledger did not take, and that count here. */
  deadLetters(): number {
    return this.#letters.size;
  }

  /** See `GatewayBooks.admit`. */
  admit(call: GatewayCall): Admission | Promise<Admission> {
    const trouble = this.trouble();
    if (trouble !== undefined) {
      return { outcome: 'unavailable', reason: trouble, retryAfterSeconds: DISK_RETRY_SECONDS };
    }
    const arrived = this.#reader.begun;
    const turn = this.#decide(call, arrived, true);
    if (turn.kind === 'done') return this.#cover(call, turn);
    return this.#admitLater(call, arrived, turn).then((done) => this.#cover(call, done));
  }

  /** What hard budgets concern goes on only against a hold. What the others set aside for it meanwhile ends with it. */
  #cover(call: GatewayCall, { admission, holdBy }: Done): Admission | Promise<Admission> {
    if (holdBy === undefined || admission.outcome !== 'admit') return admission;
    const covered = this.#hard.cover(call, holdBy);
    if (covered === 'free') return admission;
    if (!(covered instanceof Promise)) return this.#held(call, admission, covered);
    return covered.then((answer): Admission => {
      if (answer.outcome === 'free') return admission;
      if (answer.outcome === 'held') return this.#held(call, admission, answer.ticket);
      admission.ticket.release();
      if (answer.outcome === 'unavailable') return this.#unknown();
      const refusal = refusedByHold(call, answer.refusal, answer.affordable);
      return this.#refuse(call, { kind: 'refuse', refusal, budget: refusal.budget }, undefined).admission;
    });
  }

  #held(call: GatewayCall, admission: Admitted, hold: HoldTicket): Admission {
    return { ...admission, hold, observe: this.#hard.observer(call, hold) };
  }

  /** See `GatewayBooks.reacted`. */
  reacted(call: GatewayCall, kind: ReactionKind | 'refused', refusal: Refusal): void {
    this.#refusals.add(call, refusal, undefined, kind === 'refused' ? undefined : kind);
  }

  /** See `GatewayBooks.seen`. */
  seen(caller: GatewayCaller): BudgetFacts | undefined {
    return budgetSeen(this.#standing, this.#callerOf(caller, {}).dimensions, this.#parts.runtime.now());
  }

  /** Reads the balances that a caller draws on, where they are not known or are old. */
  async refresh(caller: GatewayCaller): Promise<void> {
    const dimensions = this.#callerOf(caller, {}).dimensions;
    const oldest = this.#parts.runtime.monotonicNow() - STALE_MS;
    // Which balances there are is known after the controls were read.
    for (let turn = 0; turn < 2; turn += 1) {
      const standing = this.#standing;
      const cells = standing.placeCaller(dimensions).map(({ cell }) => cell);
      const person = standing.versions === undefined ? undefined : standing.unknownPerson(dimensions);
      const isKnown = standing.versions !== undefined && standing.readAtMs >= oldest && person === undefined;
      if (isKnown && cells.every((cell) => cell.isLoaded && cell.readAtMs >= oldest)) return;
      if (!(await this.#wait({ kind: 'wait', cells, person, rules: false, isNeeded: true }))) return;
    }
  }

  /** Delivers what is left, until `isOver`; what stays is on the disk. */
  async close(isOver: () => boolean): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#loop.wake(true);
    while (this.#outbox.depth() > 0 && !isOver()) await this.#pause(20);
    this.#rules.unwatch();
    this.#letters.close();
    this.#reader.close();
    await this.#loop.close();
    await this.#hard.close();
    await this.#refusals.close();
    await this.#outbox.close();
  }

  /** What has to come to nothing when all calls have ended and the ledger has everything. For tests and metrics. */
  weighing(): number {
    return this.#standing.weights.size;
  }

  async #admitLater(call: GatewayCall, arrived: number, first: Pending): Promise<Done> {
    let pending = first;
    for (let turn = 1; ; turn += 1) {
      const isRead = await this.#wait(pending);
      if (!isRead && pending.isNeeded) return { kind: 'done', admission: this.#unknown() };
      const next = this.#decide(call, arrived, isRead && turn < TURNS_MAX);
      if (next.kind === 'done') return next;
      if (!isRead || turn >= TURNS_MAX) return { kind: 'done', admission: this.#unknown() };
      pending = next;
    }
  }

  #unknown(): Admission {
    const reason = 'the budgets of this call cannot be read now';
    return { outcome: 'unavailable', reason, retryAfterSeconds: RETRY_AFTER_SECONDS };
  }

  /** Whether what was missing is there. */
  async #wait({ cells, person, rules }: Pending): Promise<boolean> {
    const isKnown = this.#standing.versions !== undefined && cells.every(({ isLoaded }) => isLoaded);
    // While the store does not answer nobody waits for it who can be decided on without.
    const reading = isKnown && person === undefined && this.#loop.isBlind ? false : this.#reader.next(cells, person);
    this.#loop.wake(reading !== false);
    const refreshing = rules ? this.#freshRules() : true;
    return (await reading) && (await refreshing);
  }

  /** Whether the rules are those of now; nobody waits for long. */
  #freshRules(): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (isDone: boolean): void => {
        timer.cancel();
        resolve(isDone);
      };
      const timer = this.#parts.runtime.setTimer(() => end(false), WAIT_MAX_MS, { keepAlive: true });
      this.#rules.fresh().then(
        () => end(true),
        () => end(false),
      );
    });
  }

  #decide(call: GatewayCall, arrived: number, canRead: boolean): Turn {
    const { runtime } = this.#parts;
    const decided = this.#rules.decide(call.dimensions);
    if (decided === undefined) return { kind: 'wait', cells: [], person: undefined, rules: true, isNeeded: true };
    const { decision, revision } = decided;
    if (decision.code === 'BYPASSED') {
      const admission = { outcome: 'admit', ticket: FREE_TICKET, decision, bypassed: true, budget: undefined } as const;
      return { kind: 'done', admission };
    }
    const atMs = runtime.monotonicNow();
    if (this.#standing.versions === undefined) {
      return { kind: 'wait', cells: [], person: undefined, rules: false, isNeeded: true };
    }
    this.#keepVersions(atMs);
    if (this.#hasNewBudget(call, arrived)) {
      return { kind: 'wait', cells: [], person: undefined, rules: false, isNeeded: true };
    }
    const arrival: Arrival = { readNumber: arrived, canRead, atMs, nowMs: runtime.now() };
    const judgement = judge(this.#standing, call, decision, arrival, this.#refresh);
    if (judgement.kind === 'read') {
      return { ...judgement, kind: 'wait', rules: decision.outcome === 'refuse' };
    }
    if (judgement.kind === 'refuse') return this.#refuse(call, judgement, revision);
    const { shares, budget, onClientLeave, holdBy } = judgement;
    const ticket = new OpenTicket(call, arrival.nowMs, shares, this.#standing.weights, this.#holdsOf);
    const passed = passedBy(decision);
    const admission = { outcome: 'admit', ticket, decision: passed, bypassed: false, budget, onClientLeave } as const;
    return { kind: 'done', admission, holdBy };
  }

  /** The customer's budget was made since controls were read: its first calls are not decided on without it. */
  #hasNewBudget({ caller }: GatewayCall, arrived: number): boolean {
    const { budgetControlId } = caller.customer;
    if (budgetControlId === null || this.#standing.knowsControl(budgetControlId)) return false;
    if (this.#standing.readNumber <= arrived) return true;
    this.#standing.noteOff(budgetControlId);
    return false;
  }

  #refuse(call: GatewayCall, { refusal, budget }: Refused, revision: number | undefined): Done {
    // What is done instead is told by whoever tries, and at last the refusal.
    const isLast = refusal.instead === undefined && call.adjustment === undefined;
    try {
      if (isLast) this.#refusals.add(call, refusal, revision);
    } catch (error) {
      this.#parts.log.error('a refusal could not be noted; please report this', { error: String(error) });
    }
    return { kind: 'done', admission: { outcome: 'refuse', refusal, budget } };
  }

  /** An event was metered: it counts from now on, whoever gives back what was set aside for it. Returns its JSON. */
  #count(event: MeteredEvent): string | undefined {
    const { runtime, log } = this.#parts;
    try {
      const prepared = prepareOwn(event, runtime.now(), this.#tools);
      this.#settled.set(event, new SettledEvent(prepared, this.#standing));
      return jsonOf(prepared);
    } catch (error) {
      // It is delivered all the same, and counts from then on.
      log.error('a usage event of the gateway could not be counted; please report this', { error: String(error) });
      return undefined;
    }
  }

  readonly #holdsOf = (call: GatewayCall, atMs: number) => holdsOf(this.#standing, call, atMs);

  readonly #refresh = (cell: Cell): void => {
    this.#reader.want(cell);
    this.#loop.wake();
  };

  #keepVersions(atMs: number): void {
    if (atMs - this.#standing.readAtMs <= REFRESH_MS) return;
    this.#reader.wantVersions();
    this.#loop.wake();
  }

  #readVersions(): void {
    if (this.#standing.versions === undefined) return;
    this.#reader.wantVersions();
    this.#loop.wake();
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#parts.runtime.setTimer(resolve, delayMs, { keepAlive: true });
    });
  }
}

/** A feed that refuses for a hard budget is older than the hold that it gives. */
function passedBy(decision: Decision): Decision {
  if (decision.outcome !== 'refuse') return decision;
  const { observed } = decision;
  return { outcome: 'allow', code: 'ALLOWED', ...(observed === undefined ? {} : { observed }) };
}

type Refused = Extract<Judgement, { kind: 'refuse' }>;
type Admitted = Extract<Admission, { outcome: 'admit' }>;

/** What has to be read before a call can be decided on. */
interface Pending {
  readonly kind: 'wait';
  readonly cells: readonly Cell[];
  readonly person: string | undefined;
  /** The rules of the feed too. */
  readonly rules: boolean;
  /** Without it nothing can be decided. */
  readonly isNeeded: boolean;
}

interface Done {
  readonly kind: 'done';
  readonly admission: Admission;
  readonly holdBy?: HoldEstimates | undefined;
}

type Turn = Pending | Done;
