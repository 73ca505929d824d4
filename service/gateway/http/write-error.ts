/** The answers that the forwarding writes where an upstream gave none, and the headers that every answer of a call has. */
import type { ServerResponse } from 'node:http';
import type { BudgetFacts, Dialect } from '../types.js';
import { budgetHeaders } from './budget-headers.js';
import { errorBody } from './dialects.js';
import type { Exchange } from './exchange.js';
import { Failure } from './failure.js';

/**
 * Headers for a forwarded answer, beside those of its upstream: our request id, the caller's budget, and what browsers of
 * allowed origins need. Names and values, alternating.
 */
export function answerHeadersOf(exchange: Exchange, budget: BudgetFacts | undefined): string[] {
  return ['x-request-id', exchange.requestId, ...exchange.corsHeaders, ...budgetHeaders(budget)];
}

/**
 * Writes an error in the caller's dialect onto a response that may have no exchange at hand; `headers` are those of
 * {@link answerHeadersOf} and more.
 */
export function writeError(
  response: ServerResponse,
  dialect: Dialect,
  status: number,
  code: string,
  message: string,
  headers: readonly string[],
): void {
  if (response.headersSent || response.destroyed) return;
  const requestId = headerIn(headers, 'x-request-id');
  const text = errorBody(dialect, new Failure(status, code, message), requestId);
  const all = [
    'content-type',
    'application/json; charset=utf-8',
    'content-length',
    String(Buffer.byteLength(text)),
    ...headers,
  ];
  if (dialect === 'anthropic' && requestId !== '') all.push('request-id', requestId);
  response.writeHead(status, all).end(text);
}

function headerIn(headers: readonly string[], name: string): string {
  const at = headers.findIndex((text, index) => index % 2 === 0 && text === name);
  return at < 0 ? '' : headers[at + 1]!;
}
