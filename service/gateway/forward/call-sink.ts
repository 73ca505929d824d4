/** What one attempt of the gateway is metered with: the team's sink, and the ticket that ends with the attempt. */
import type {
  Attempt,
  AttemptEnd,
  AttemptObserver,
  AttemptSink,
  AttemptWatch,
  CallDimensions,
  Decision,
  MeteredEvent,
  Outbox,
  RefuseDecision,
  RequestReading,
  ResolvedMetadata,
  Runtime,
  Timer,
} from 'fusewire/internal';
import type { Ticket } from '../types.js';

const NO_TIMER: Timer = Object.freeze({ cancel: () => undefined });

/**
 * The runtime without timers. An attempt sets one for answers that nobody reads; the gateway reads every answer itself,
 * and who leaves is seen by it, so a timer for each call would only cost.
 */
export function withoutTimers(runtime: Runtime): Runtime {
  const untimed = Object.create(runtime) as { setTimer: Runtime['setTimer'] };
  untimed.setTimer = () => NO_TIMER;
  return untimed as Runtime;
}

/** The end of a ticket: settled or released, once, whatever is told later. */
export class TicketEnd implements AttemptObserver, AttemptWatch {
  readonly #ticket: Ticket;
  readonly #next: AttemptObserver | undefined;
  #watch: AttemptWatch | undefined;
  #isOver = false;

  constructor(ticket: Ticket, next: AttemptObserver | undefined) {
    this.#ticket = ticket;
    this.#next = next;
  }

  began(attempt: Attempt, metadata: ResolvedMetadata, decision: Decision): AttemptWatch {
    this.#watch = this.#next?.began(attempt, metadata, decision);
    return this;
  }

  refused(request: RequestReading, metadata: ResolvedMetadata, decision: Parameters<AttemptObserver['refused']>[2]) {
    this.#next?.refused(request, metadata, decision);
  }

  metered(event: MeteredEvent, end: AttemptEnd): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#ticket.settle(event);
    }
    this.#watch?.metered(event as Parameters<AttemptWatch['metered']>[0], end);
  }

  withdrawn(): void {
    this.release();
    this.#watch?.withdrawn();
  }

  /** What was not settled by now never will be. */
  release(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#ticket.release();
  }
}

/** The sink of a team, told by one call. */
export class CallSink implements AttemptSink {
  readonly runtime: Runtime;
  readonly outbox: Outbox;
  readonly middlewareSource: string;
  readonly open: Set<Attempt>;
  readonly observer: AttemptObserver;
  readonly capture: AttemptSink['capture'];
  readonly #team: AttemptSink;

  constructor(team: AttemptSink, runtime: Runtime, end: TicketEnd) {
    this.runtime = runtime;
    this.outbox = team.outbox;
    this.middlewareSource = team.middlewareSource;
    this.open = team.open;
    this.observer = end;
    this.capture = team.capture === undefined ? undefined : team.capture.bind(team);
    this.#team = team;
  }

  refused(decision: RefuseDecision, call: CallDimensions): void {
    this.#team.refused(decision, call);
  }

  started(request: RequestReading, metered: boolean): void {
    this.#team.started(request, metered);
  }

  estimateTokens(text: string): number {
    return this.#team.estimateTokens(text);
  }
}
