/** What one forwarding is given, and what it tells. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AttemptSink } from 'fusewire/internal';
import type { Admission, Dialect, GatewayCall } from '../types.js';

/** An admission that lets the call pass. */
export type Admitted = Extract<Admission, { readonly outcome: 'admit' }>;

/** One call on its way. */
export interface ForwardExchange {
  readonly call: GatewayCall;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** With `sink`: the call is metered. Both are absent where it costs nothing; then the bytes pass and nothing is read. */
  readonly admission?: Admitted | undefined;
  readonly sink?: AttemptSink | undefined;
  /** Name, value, name, value …: put on every answer, ours too. A name that the upstream answers with is the upstream's. */
  readonly extraHeaders: readonly string[];
}

/** Why the gateway itself answers in place of an upstream. */
export type UpstreamFailureCode = 'upstream_unreachable' | 'upstream_failed' | 'upstream_timeout';

/** Writes an answer of ours in the caller's dialect. `headers`: name, value, name, value … */
export type WriteError = (
  response: ServerResponse,
  dialect: Dialect,
  status: number,
  code: UpstreamFailureCode,
  message: string,
  headers: readonly string[],
) => void;

/**
 * How a forwarding ended. `answered`: the upstream's answer came whole, whatever its status. `cut`: it broke. `left`: the
 * caller did. The others never had an answer.
 */
export type ForwardOutcome = 'answered' | 'cut' | 'left' | 'unreachable' | 'failed' | 'timeout';

/** What metrics are told of one forwarding. */
export interface ForwardSummary {
  readonly outcome: ForwardOutcome;
  /** Of the upstream; absent where none came. */
  readonly status: number | undefined;
  /** Of the answer's body, as they came. */
  readonly answerBytes: number;
  /** Read on after the caller had left. */
  readonly drained: boolean;
}

/** Told once of each forwarding. Must not throw. */
export type ForwardEnded = (call: GatewayCall, summary: ForwardSummary) => void;
