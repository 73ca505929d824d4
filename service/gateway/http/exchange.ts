/** One request and its answer: what every step of the gateway gets to know, and hands on. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { BudgetFacts, Dialect, GatewayCaller, Surface } from '../types.js';

/** What {@link Exchange} is made of. */
export interface ExchangeFacts {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  readonly surface: Surface | undefined;
  readonly dialect: Dialect;
  readonly corsHeaders: readonly string[];
  readonly startedAtMs: number;
}

/** Lives as long as its answer is under way; {@link Exchange.whenOver} tells of its end, once. */
export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** In the log, and in `x-request-id` of our own answers. */
  readonly requestId: string;
  /** `undefined`: a path that is not served. */
  readonly surface: Surface | undefined;
  /** What our own answers are written in. */
  readonly dialect: Dialect;
  /** For every answer, forwarded ones too; empty but for browsers of allowed origins. Names and values, alternating. */
  readonly corsHeaders: readonly string[];
  /** By the monotonic clock. */
  readonly startedAtMs: number;
  /** Set by whoever authenticates; for the log. */
  caller: GatewayCaller | undefined;
  /** The caller's tightest budget, for the headers of our own answers. */
  budget: BudgetFacts | undefined;
  /** The code of our own answer, where it was not a success. */
  code: string | undefined;
  /** Whether the client waits for `100 Continue` before it sends its body. */
  expectsContinue = false;
  #tasks: (() => void)[] | undefined;
  #isOver = false;

  constructor(facts: ExchangeFacts) {
    this.request = facts.request;
    this.response = facts.response;
    this.requestId = facts.requestId;
    this.surface = facts.surface;
    this.dialect = facts.dialect;
    this.corsHeaders = facts.corsHeaders;
    this.startedAtMs = facts.startedAtMs;
  }

  /** The answer was sent or its client is gone: in both cases nothing can be sent any more. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Runs `task` once, when the answer was sent or the client left; at once where that was already. */
  whenOver(task: () => void): void {
    if (this.#isOver) task();
    else if (this.#tasks === undefined) this.#tasks = [task];
    else this.#tasks.push(task);
  }

  /** Called by the server, once the response is closed. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const tasks = this.#tasks;
    this.#tasks = undefined;
    if (tasks === undefined) return;
    for (const task of tasks) task();
  }
}
