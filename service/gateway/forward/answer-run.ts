/** One request on its way to an upstream, and its answer on its way to the caller. */
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { Dispatcher } from 'undici';
import { answerHeaders, cleanHeaders } from './answer-headers.js';
import type { CallMeter } from './call-meter.js';
import type { DueQueue } from './due-queue.js';
import type { ForwardEnded, ForwardExchange, ForwardOutcome, WriteError } from './exchange.js';
import { requestHeaders } from './request-headers.js';
import { upstreamFailureOf } from './upstream-failure.js';
import type { UpstreamHealth } from './upstream-health.js';
import type { UpstreamRoute } from './upstream-pools.js';

/** What all runs of a gateway share. */
export interface RunDesk {
  /** Callers that have bytes to read and do not; due when they count as gone. */
  readonly blocked: DueQueue<AnswerRun>;
  /** Answers whose callers are gone and that are read for their usage; due when they are given up. */
  readonly drains: DueQueue<AnswerRun>;
  readonly drainsMax: number;
  readonly health: UpstreamHealth;
  readonly writeError: WriteError;
  readonly ended: ForwardEnded | undefined;
}

const FIRST_FINAL_STATUS = 200;
/** The reasons of aborts; never shown to anybody. One each, since a stack for every call would cost and say nothing. */
const CALLER_IS_GONE = new Error('the caller is gone');
const HOLD_IS_USED_UP = new Error('the hold is used up');

/**
 * States of the upstream's side: queued (no connection yet) → sent → answering → over; of the caller's: here → gone. The
 * attempt is settled in the step that leads to `over`, and there is one. A caller that goes earlier either takes the
 * upstream's side to `over` at once, or leaves it to a drain that does so later.
 */
export class AnswerRun implements Dispatcher.DispatchHandler {
  /** Resolves when the caller's answer is over; what is still read then belongs to a drain. */
  readonly done: Promise<void>;
  readonly #exchange: ForwardExchange;
  readonly #meter: CallMeter | undefined;
  readonly #desk: RunDesk;
  readonly #response: ServerResponse;
  #controller: Dispatcher.DispatchController | undefined;
  #upstream: 'queued' | 'sent' | 'answering' | 'over' = 'queued';
  #isCallerHere = true;
  #isBlocked = false;
  #isWaiting = false;
  #hasBlocked = false;
  #hasWritten = false;
  #hasLength = false;
  #isGathering = false;
  #isEnding = false;
  #drained = false;
  #status: number | undefined;
  #bytes = 0;
  #resolve: () => void = () => undefined;

  constructor(exchange: ForwardExchange, meter: CallMeter | undefined, desk: RunDesk) {
    this.#exchange = exchange;
    this.#meter = meter;
    this.#desk = desk;
    this.#response = exchange.response;
    this.done = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  start(route: UpstreamRoute): void {
    const { request } = this.#exchange;
    const response = this.#response;
    const closed = () => this.#closed();
    response.on('error', ignore);
    response.on('close', closed);
    // An answer that waits behind another one on its connection is not told when that is closed.
    if (response.socket === null) request.socket.once('close', closed);
    if (response.destroyed || request.socket.destroyed) {
      this.#closed();
      return;
    }
    this.#afterWrite(() => this.#dispatch(route));
  }

  #dispatch(route: UpstreamRoute): void {
    if (this.#upstream === 'over') return;
    const { call, request } = this.#exchange;
    const headers = requestHeaders(route.head, request.headers);
    const body = call.body.length === 0 ? null : call.body;
    try {
      route.pool.dispatch({ path: call.upstreamPath, method: call.surface.method, headers, body }, this);
    } catch (error) {
      this.#fail(error, false);
    }
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Thrown, it takes the request back and leaves the connection to the next one; an abort would close it.
    if (this.#upstream === 'over') throw CALLER_IS_GONE;
    this.#controller = controller;
    this.#upstream = 'sent';
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (status < FIRST_FINAL_STATUS || this.#upstream === 'over') return;
    this.#upstream = 'answering';
    this.#status = status;
    this.#desk.health.answered(this.#exchange.call.upstream.name);
    this.#meter?.head(status, headers);
    if (!this.#isCallerHere) return;
    this.#writeHead(status, answerHeaders(headers, this.#meter?.rewrites === true, this.#extraHeaders()));
    this.#gather();
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length;
    const meter = this.#meter;
    const passed = meter === undefined ? chunk : meter.take(chunk);
    if (this.#isCallerHere && passed.length > 0) {
      this.#hasWritten = true;
      this.#gather();
      if (!this.#response.write(passed)) this.#block(controller);
    }
    if (meter?.isSpent === true) this.#stop(meter);
    else if (meter?.waiting !== undefined) this.#await(meter, meter.waiting);
  }

  /** What the call holds has passed, and more is asked for: nothing is read until that is answered. */
  #await(meter: CallMeter, waiting: Promise<void>): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.#controller?.pause();
    void waiting.then(() => {
      this.#isWaiting = false;
      if (this.#upstream !== 'answering') return;
      if (meter.isSpent) this.#stop(meter);
      else if (meter.waiting !== undefined) this.#await(meter, meter.waiting);
      else if (!this.#isBlocked) this.#controller?.resume();
    });
  }

  /** No more is to be had: the answer ends in its own dialect, and what the upstream would still say is given up. */
  #stop(meter: CallMeter): void {
    const ending = meter.cut();
    this.#over(this.#isCallerHere ? 'answered' : 'left');
    this.#controller?.abort(HOLD_IS_USED_UP);
    if (!this.#isCallerHere) return;
    this.#hasWritten = true;
    this.#isEnding = true;
    this.#afterWrite(() => this.#end(ending));
  }

  onResponseEnd(): void {
    if (this.#upstream === 'over') return;
    const held = this.#meter?.finish();
    this.#over(this.#isCallerHere ? 'answered' : 'left');
    if (!this.#isCallerHere) return;
    this.#hasWritten = true;
    this.#isEnding = true;
    this.#afterWrite(() => this.#end(held));
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    if (this.#upstream === 'over') return;
    if (this.#upstream === 'answering') this.#cut(this.#meter?.broke(error), error);
    else this.#fail(error, this.#upstream === 'sent');
  }

  /** The turn is over: what came in it goes on. A head goes on at once, also where nothing of its body came. */
  letGo(): void {
    // The end of the answer takes it along.
    if (this.#isEnding || !this.#isGathering) return;
    this.#isGathering = false;
    if (!this.#hasWritten && this.#isCallerHere && !this.#response.destroyed) this.#response.flushHeaders();
    this.#response.socket?.uncork();
  }

  /** The caller has read nothing for too long. */
  tooSlow(): void {
    this.#response.destroy();
    this.#closed();
  }

  /**
   * The upstream is not read any more: what was seen is metered, and its connection is closed. (undici then opens another
   * one, on which nothing is asked; the next call has it, or it is closed with the idle ones.)
   */
  abort(): void {
    if (this.#upstream === 'over') return;
    this.#meter?.left();
    this.#over('left');
    this.#controller?.abort(CALLER_IS_GONE);
  }

  /** What comes in one turn of the event loop leaves in one piece. */
  #gather(): void {
    const { socket } = this.#response;
    if (this.#isGathering || socket === null) return;
    this.#isGathering = true;
    socket.cork();
    setImmediate(letGo, this);
  }

  /** Nothing leaves before the attempt's note is on the disk, and no answer ends before its event is (I4). */
  #afterWrite(task: () => void): void {
    const outbox = this.#meter === undefined ? undefined : this.#exchange.sink?.outbox;
    if (outbox?.whenWritten === undefined) task();
    else outbox.whenWritten(task);
  }

  #end(held: Uint8Array | undefined): void {
    if (!this.#isCallerHere) return;
    if (held !== undefined && held.length > 0) this.#response.write(held);
    this.#response.end();
    this.#desk.blocked.add(this);
  }

  /** The caller's connection is over: after the whole answer, or before. */
  #closed(): void {
    if (!this.#isCallerHere) return;
    this.#isCallerHere = false;
    this.#desk.blocked.delete(this);
    if (this.#upstream === 'queued') {
      this.#meter?.unsent();
      this.#over('left');
    } else if (this.#upstream !== 'over') this.#leave();
    this.#resolve();
  }

  #leave(): void {
    const { call, admission } = this.#exchange;
    const wanted = admission?.onClientLeave ?? call.upstream.onClientLeave;
    const { drains, drainsMax } = this.#desk;
    // Those that wait are let wait: a loop of callers that hang up must not push the others out.
    if (wanted === 'abort' || this.#meter === undefined || drains.size >= drainsMax) {
      this.abort();
      return;
    }
    this.#drained = true;
    drains.add(this);
    if (this.#isBlocked) this.#unblock();
  }

  #block(controller: Dispatcher.DispatchController): void {
    if (this.#isBlocked) return;
    this.#isBlocked = true;
    controller.pause();
    this.#desk.blocked.add(this);
    if (this.#hasBlocked) return;
    this.#hasBlocked = true;
    this.#response.on('drain', () => {
      if (this.#isBlocked) this.#unblock();
    });
  }

  #unblock(): void {
    this.#isBlocked = false;
    this.#desk.blocked.delete(this);
    if (this.#upstream === 'answering' && !this.#isWaiting) this.#controller?.resume();
  }

  /** The answer never began. */
  #fail(error: unknown, sent: boolean): void {
    const failure = upstreamFailureOf(error, sent);
    const { call } = this.#exchange;
    this.#desk.health.failed(call.upstream.name, failure, error);
    this.#meter?.unanswered(failure, error, sent);
    this.#over(failure.outcome);
    if (!this.#isCallerHere) return;
    const { status, code, message } = failure;
    this.#desk.writeError(this.#response, call.surface.dialect, status, code, message, this.#extraHeaders());
    this.#desk.blocked.add(this);
  }

  /**
   * The answer broke: what came of it goes to the caller, and its connection ends without the end of the answer, so that
   * the break is seen as one. Where nothing but the connection marks the end, a reset says so.
   */
  #cut(held: Uint8Array | undefined, error: Error): void {
    this.#desk.health.failed(this.#exchange.call.upstream.name, undefined, error);
    this.#over('cut');
    if (!this.#isCallerHere) return;
    const response = this.#response;
    this.letGo();
    if (held !== undefined && held.length > 0) response.write(held);
    else if (!this.#hasWritten) response.flushHeaders();
    this.#hasWritten = true;
    const { socket } = response;
    if (socket === null) response.destroy();
    else if (response.chunkedEncoding || this.#hasLength) socket.destroySoon();
    else socket.resetAndDestroy();
    this.#desk.blocked.add(this);
  }

  #writeHead(status: number, headers: string[]): void {
    this.#hasLength = headers.includes('content-length');
    try {
      this.#response.writeHead(status, headers);
    } catch {
      this.#response.writeHead(status, cleanHeaders(headers));
    }
  }

  #extraHeaders(): readonly string[] {
    const { extraHeaders } = this.#exchange;
    return this.#meter === undefined ? extraHeaders : ['fusewire-transaction-id', this.#meter.id, ...extraHeaders];
  }

  #over(outcome: ForwardOutcome): void {
    this.#upstream = 'over';
    this.#desk.drains.delete(this);
    const { ended } = this.#desk;
    if (ended === undefined) return;
    ended(this.#exchange.call, {
      outcome,
      status: this.#status,
      answerBytes: this.#bytes,
      drained: this.#drained,
    });
  }
}

function letGo(run: AnswerRun): void {
  run.letGo();
}

/** A caller that goes while it is written to is no error; its connection's end is told by `close`. */
function ignore(): void {}
