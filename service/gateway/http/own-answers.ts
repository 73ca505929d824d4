/** Answers of the gateway's own: errors and refusals in the caller's dialect, its lists, its health. */
import type { IncomingMessage } from 'node:http';
import type { BudgetFacts, Refusal } from '../types.js';
import { budgetHeaders } from './budget-headers.js';
import { errorBody } from './dialects.js';
import type { Exchange } from './exchange.js';
import { Failure } from './failure.js';

/** Where a refusal is explained to whoever meets it; operators can name a page of theirs. */
export const REFUSAL_DOCUMENTATION = 'docs/gateway.md#refused-calls';

/** An unread body of this size is read and thrown away, so that the connection serves on. */
const DISCARDED_BYTES_MAX = 262_144;
/** How much more of a body is let come in, unread, so that its sender gets to read why it is not wanted. */
const LINGER_BYTES_MAX = 8 * 1_048_576;
/** Of which nobody knows what came before it. */
const INTERNAL_ERROR = 500;
const NO_HEADERS: readonly string[] = Object.freeze([]);

/** Answers with an error. Does nothing where an answer was begun already or the client is gone. */
export function sendFailure(exchange: Exchange, failure: Failure, budget?: BudgetFacts): void {
  exchange.code = failure.code;
  const { retryAfterSeconds, shouldRetry, headers } = failure.options;
  if (budget !== undefined) exchange.budget = budget;
  const all = [...(headers ?? NO_HEADERS)];
  // Nothing was sent to an upstream: a caller that meters its own calls need not meter this one.
  if (failure.status !== INTERNAL_ERROR) all.push('fusewire-refused', failure.code);
  if (retryAfterSeconds !== undefined) all.push('retry-after', String(retryAfterSeconds));
  if (shouldRetry !== undefined) all.push('x-should-retry', String(shouldRetry));
  sendText(exchange, failure.status, errorBody(exchange.dialect, failure, exchange.requestId), all);
}

/** Answers a call that is not let through: 402, and no reason for any client to try again. */
export function sendRefusal(
  exchange: Exchange,
  refusal: Refusal,
  budget: BudgetFacts | undefined,
  page?: string,
): void {
  sendFailure(exchange, refusalFailure(refusal, page), refusal.budget ?? budget);
}

/** A refusal with its arithmetic as fields; amounts are decimal text, `null` is what does not apply. */
export function refusalFailure(refusal: Refusal, page: string = REFUSAL_DOCUMENTATION): Failure {
  const { rule, scope, budget } = refusal;
  return new Failure(402, refusal.code, refusal.message, {
    shouldRetry: false,
    fields: {
      rule: rule === null ? null : { id: rule.id, rule_id: rule.ruleId, name: rule.name },
      scope: { kind: scope.kind, value: scope.value },
      metric: budget?.metric ?? null,
      group: budget?.group ?? null,
      limit: budget?.ownLimit ?? budget?.limit ?? null,
      raised: budget?.raised ?? null,
      spend: budget?.spend ?? null,
      held: budget?.held ?? null,
      remaining: budget?.remaining ?? null,
      asked: refusal.asked ?? null,
      resets_at: budget?.resetsAt ?? null,
      documentation: page,
    },
  });
}

/** Answers with JSON; further headers as names and values, alternating. */
export function sendJson(exchange: Exchange, status: number, value: unknown, headers = NO_HEADERS): void {
  sendText(exchange, status, JSON.stringify(value), headers);
}

/** Answers with a text that is written already. */
export function sendText(
  exchange: Exchange,
  status: number,
  text: string,
  headers: readonly string[] = NO_HEADERS,
  type = 'application/json; charset=utf-8',
): void {
  const { request, response, requestId, dialect, corsHeaders } = exchange;
  if (response.headersSent || response.destroyed) return;
  const length = String(Buffer.byteLength(text));
  const all = ['content-type', type, 'content-length', length, 'x-request-id', requestId];
  if (dialect === 'anthropic') all.push('request-id', requestId);
  all.push(...corsHeaders, ...budgetHeaders(exchange.budget), ...headers);
  const rest = bytesToCome(request);
  if (rest > DISCARDED_BYTES_MAX) {
    response.shouldKeepAlive = false;
    response.writeHead(status, all);
    endAfterBody(exchange, text);
    return;
  }
  response.writeHead(status, all);
  // A text goes out in one piece with its head, bytes would not.
  response.end(request.method === 'HEAD' ? undefined : text);
  // What is small is thrown away: Node does so with what nobody reads once the answer is out.
}

/** An upper bound of what the client still sends of its body. */
function bytesToCome(request: IncomingMessage): number {
  if (request.complete) return 0;
  if (request.headers['transfer-encoding'] !== undefined) return Number.POSITIVE_INFINITY;
  const length = request.headers['content-length'];
  return length === undefined ? 0 : Number(length);
}

/**
 * The whole answer is on its way, but the connection is closed only when the client stopped sending: a connection closed
 * on unread bytes is reset, and with it an answer that the client did not read yet. Bounded in bytes here, and in time by
 * the server's limit for whole requests.
 */
function endAfterBody({ request, response }: Exchange, text: string): void {
  response.write(text);
  let discarded = 0;
  const end = () => {
    if (!response.writableEnded) response.end();
  };
  request.on('data', (piece: Buffer) => {
    discarded += piece.length;
    if (discarded > LINGER_BYTES_MAX) end();
  });
  request.once('end', end).once('close', end).once('error', end);
  request.resume();
}
