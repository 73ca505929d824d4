/**
 * One line for each request: debug where it went well, info where it did not. Never a query, a key, a prompt or an answer
 * (I12). Whoever sends a thousand wrong requests a second does not fill the disk with them (I10).
 */
import type { Log, Runtime } from 'fusewire/internal';
import { loggedPath } from '../../http/logger.js';
import type { Exchange } from './exchange.js';

/** Info lines of one second; what is beyond is counted, and said with the next one. */
const LINES_PER_SECOND = 50;
const PATH_MAX = 120;

/** Writes the lines. */
export interface RequestLog {
  /** `status`: as answered, or `undefined` where the client left before. */
  request(exchange: Exchange, status: number | undefined, ms: number): void;
}

/** Makes it. */
export function createRequestLog(log: Log, runtime: Pick<Runtime, 'monotonicNow'>): RequestLog {
  let second = Number.NEGATIVE_INFINITY;
  let lines = 0;
  let leftOut = 0;

  /** Whether one more line fits into this second; the first one of a second tells what did not fit before. */
  function fits(): boolean {
    const now = Math.floor(runtime.monotonicNow() / 1_000);
    if (now !== second) {
      second = now;
      lines = 0;
      if (leftOut > 0) log.info('requests that went wrong were not all logged', { leftOut });
      leftOut = 0;
    }
    lines += 1;
    if (lines <= LINES_PER_SECOND) return true;
    leftOut += 1;
    return false;
  }

  return {
    request(exchange, status, ms) {
      if (status !== undefined && status < 400) {
        if (log.isDebug()) log.debug('gateway request', fieldsOf(exchange, status, ms));
        return;
      }
      if (fits()) log.info('gateway request', fieldsOf(exchange, status, ms));
    },
  };
}

function fieldsOf(exchange: Exchange, status: number | undefined, ms: number): Record<string, unknown> {
  const { request, requestId, surface, caller, code } = exchange;
  const path = loggedPath(surface?.path ?? request.url ?? '').slice(0, PATH_MAX);
  return {
    requestId,
    method: request.method,
    path,
    status: status ?? 'client left',
    ms: Math.round(ms * 10) / 10,
    ...(code === undefined ? {} : { code }),
    ...(caller === undefined ? {} : { customer: caller.customer.id, caller: caller.key.id }),
  };
}
