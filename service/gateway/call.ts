/**
 * One request through the gateway, from its first byte to its last. Read this first: who calls, what do they call, may
 * they, then on to the upstream. Every call passes {@link GatewayBooks.admit}, the one choke point; nothing below it asks
 * again and nothing beside it forwards.
 */
import { adjustmentHeaders, admitGraded, giveBack } from './admit-graded.js';
import type { Forwarder } from './forward/forwarder.js';
import { answerHealth } from './http/answer-health.js';
import type { Authenticate } from './http/authenticate.js';
import type { Exchange } from './http/exchange.js';
import { Failure, unavailable } from './http/failure.js';
import type { GatewayMetrics } from './http/gateway-metrics.js';
import type { Health } from './http/health.js';
import type { KeyLimits } from './http/key-limits.js';
import { sendFailure, sendRefusal } from './http/own-answers.js';
import type { BodyReader } from './http/read-body.js';
import { unknownPath } from './http/unknown-path.js';
import { answerHeadersOf } from './http/write-error.js';
import type { AnswerModels } from './models/answer-models.js';
import type { ReadCall } from './read-call.js';
import type { Admission, GatewayBooks, GatewayCall, GatewayCaller, Surface } from './types.js';

/** What a request passes, in this order. */
export interface CallParts {
  readonly health: Health;
  readonly authenticate: Authenticate;
  readonly keyLimits: KeyLimits;
  readonly models: AnswerModels;
  readonly bodies: BodyReader;
  readonly readCall: ReadCall;
  readonly books: GatewayBooks;
  readonly forwarder: Forwarder;
  /** By the monotonic clock. */
  readonly now: () => number;
  readonly metrics: Pick<GatewayMetrics, 'own'>;
}

/** Answers one request, whatever it asks for. Rejects only where something of ours is broken. */
export async function answerRequest(parts: CallParts, exchange: Exchange): Promise<void> {
  const { request, surface } = exchange;
  if (surface === undefined) {
    return sendFailure(exchange, unknownPath(request.method ?? '', request.url ?? ''));
  }
  if (surface.kind === 'health') return answerHealth(exchange, parts.health);
  const caller = await parts.authenticate(request.headers, request.socket.remoteAddress);
  if (caller instanceof Failure) return sendFailure(exchange, caller);
  exchange.caller = caller;
  const place = parts.keyLimits.enter(caller.key);
  if (place instanceof Failure) return sendFailure(exchange, place, parts.books.seen(caller));
  exchange.whenOver(() => place.release());
  if (surface.kind !== 'call') exchange.budget = await parts.books.look(caller);
  if (surface.kind === 'models') return parts.models(exchange, surface, caller);
  return answerCall(parts, exchange, surface, caller);
}

async function answerCall(
  parts: CallParts,
  exchange: Exchange,
  surface: Surface,
  caller: GatewayCaller,
): Promise<void> {
  const { request, response } = exchange;
  const body = await parts.bodies.read(exchange);
  // The caller left before it had said what it wants.
  if (body === undefined) return;
  if (body instanceof Failure) return sendFailure(exchange, body, parts.books.seen(caller));
  const wholeAtMs = parts.now();
  const arrived = { caller, surface, url: request.url ?? '', headers: request.headers, body };
  const call = parts.readCall(arrived);
  if (call instanceof Failure) return sendFailure(exchange, call, parts.books.seen(caller));
  if (surface.kind === 'free') {
    return parts.forwarder.forward({
      call,
      request,
      response,
      extraHeaders: answerHeadersOf(exchange, exchange.budget),
    });
  }
  const pending = admitGraded(parts, arrived, call);
  const admitted = pending instanceof Promise ? await pending : pending;
  const { admission } = admitted;
  if (admission instanceof Failure) return sendFailure(exchange, admission, parts.books.seen(caller));
  if (admission.outcome !== 'admit') return turnAway(exchange, admission);
  if (exchange.isOver) return giveBack(admission);
  parts.metrics.own(parts.now() - wholeAtMs);
  return forward(parts, exchange, admitted.call, admission);
}

/** From here on the call is under way: the forwarder ends its ticket, whatever happens. */
function forward(
  { books, forwarder }: CallParts,
  exchange: Exchange,
  call: GatewayCall,
  admission: Extract<Admission, { outcome: 'admit' }>,
): Promise<void> {
  const { request, response } = exchange;
  const extraHeaders = [...answerHeadersOf(exchange, admission.budget), ...adjustmentHeaders(call)];
  const sink = books.sinkOf(call.caller.team.id);
  return forwarder.forward({ call, request, response, admission, sink, extraHeaders });
}

function turnAway(exchange: Exchange, admission: Exclude<Admission, { outcome: 'admit' }>): void {
  if (admission.outcome === 'unavailable') {
    sendFailure(exchange, unavailable('cannot_decide', admission.reason, admission.retryAfterSeconds));
    return;
  }
  sendRefusal(exchange, admission.refusal, admission.budget);
}
