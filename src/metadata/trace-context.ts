/** A trace that another program began: W3C Trace Context (w3.org/TR/trace-context, section 3.2). */
import { currentScope, runInScope, scopeInside } from './scope.js';

/** What a `traceparent` names. */
export interface TraceContext {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** Of the span that called: 16 hexadecimal digits. */
  readonly spanId: string;
}

/**
 * The id of the trace that the calling code is in, for calls to which neither their caller nor a scope named one. Asked
 * for each of those, so it must be cheap; one that throws costs the id.
 */
export type TraceSource = () => string | undefined;

/** A later version may add fields after another dash; version 00 may not, and ff is none. */
const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/;
const ZEROS = /^0+$/;

/** Reads a `traceparent`; `undefined` for what is none. Pure. */
export function parseTraceparent(text: unknown): TraceContext | undefined {
  const match = typeof text === 'string' ? TRACEPARENT.exec(text.trim()) : null;
  const [, version = '', traceId = '', spanId = '', more] = match ?? [];
  if (match === null || ZEROS.test(traceId) || ZEROS.test(spanId)) return undefined;
  return version === '00' && more !== undefined ? undefined : { traceId, spanId };
}

/** Headers of a request in any form that Node, `fetch` or a framework has, or a `traceparent` alone. */
export type TraceCarrier =
  | string
  | { get(name: string): string | null | undefined }
  | { readonly [header: string]: string | readonly string[] | undefined };

/**
 * Takes over the trace of whoever called this program: every guarded call and tool that `task` runs, directly or after
 * any `await`, carries the trace id of `traceparent` as its `traceId`, unless a call, a scope or the instance names
 * another. Without a well-formed `traceparent`, `task` runs as it would without this.
 *
 * @returns what `task` returns.
 * @throws what `task` throws; nothing of its own.
 * @example
 * import { createServer } from 'node:http';
 * createServer((incoming, outgoing) => withTraceContext(incoming.headers, () => outgoing.end()));
 */
export function withTraceContext<T>(carrier: TraceCarrier, task: () => T): T {
  const trace = parseTraceparent(traceparentIn(carrier));
  if (trace === undefined) return task();
  const inner = { fields: {}, deprecations: [], dropped: [], trace };
  return runInScope(scopeInside(currentScope(), inner), task);
}

/** The text of the header; a carrier that cannot be read has none. */
function traceparentIn(carrier: unknown): unknown {
  if (typeof carrier !== 'object' || carrier === null) return carrier;
  try {
    const get: unknown = Reflect.get(carrier, 'get');
    if (typeof get === 'function') return Reflect.apply(get, carrier, ['traceparent']);
    const name = Object.keys(carrier).find((key) => key.toLowerCase() === 'traceparent');
    const value: unknown = name === undefined ? undefined : Reflect.get(carrier, name);
    return Array.isArray(value) && value.length === 1 ? value[0] : value;
  } catch {
    return undefined;
  }
}
