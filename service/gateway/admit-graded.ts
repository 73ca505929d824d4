/**
 * What a hard budget does before it refuses (DESIGN section 5), each step only where the control has it: the output limit
 * is lowered to what is left, then a cheaper model is asked, then the caller is told to come back. Every form of the call
 * passes {@link GatewayBooks.admit} like any other.
 */
import { limitToInject, OUTPUT_TOKENS_MIN } from 'fusewire/internal';
import { Failure, tooMany } from './http/failure.js';
import type { ArrivedRequest, CallChanges, ReadCall } from './read-call.js';
import type { Admission, GatewayBooks, GatewayCall, Refusal } from './types.js';

/** What it needs of the gateway. */
export interface GradedParts {
  readonly books: Pick<GatewayBooks, 'admit' | 'reacted'>;
  readonly readCall: ReadCall;
}

/** The form in which the call may go, or why it may not; a failure tells the caller to come back. */
export interface GradedAdmission {
  readonly call: GatewayCall;
  readonly admission: Admission | Failure;
}

type Admitted = Extract<Admission, { outcome: 'admit' }>;
type Refused = Extract<Admission, { outcome: 'refuse' }>;

/** Others take what was left between two questions: then it is less. */
const CLAMPS_MAX = 3;

/** Admits a call, as it is or as its budgets let it pass. */
export function admitGraded(
  parts: GradedParts,
  arrived: ArrivedRequest,
  call: GatewayCall,
): GradedAdmission | Promise<GradedAdmission> {
  const admission = parts.books.admit(call);
  // As a rule all is known, and nothing is waited for.
  if (admission instanceof Promise) return admission.then((one) => react(parts, arrived, call, one));
  return react(parts, arrived, call, admission);
}

function react(
  parts: GradedParts,
  arrived: ArrivedRequest,
  call: GatewayCall,
  admission: Admission,
): GradedAdmission | Promise<GradedAdmission> {
  if (admission.outcome === 'unavailable') return { call, admission };
  if (admission.outcome === 'admit') return injected(parts, arrived, call, admission);
  const { instead } = admission.refusal;
  return instead === undefined ? { call, admission } : reactTo(parts, arrived, call, admission, instead);
}

async function reactTo(
  parts: GradedParts,
  arrived: ArrivedRequest,
  call: GatewayCall,
  admission: Refused,
  instead: NonNullable<Refusal['instead']>,
): Promise<GradedAdmission> {
  const changed =
    (await clamped(parts, arrived, {}, admission, 'clamped')) ?? (await downgraded(parts, arrived, call, admission));
  if (changed !== undefined) return changed;
  const { reactions, retryAfterMs } = instead;
  if (reactions.throttleMs === null || retryAfterMs === null) {
    parts.books.reacted(call, 'refused', admission.refusal);
    return { call, admission };
  }
  parts.books.reacted(call, 'throttled', admission.refusal);
  return { call, admission: comeBack(admission.refusal, Math.min(retryAfterMs, reactions.throttleMs)) };
}

/** Ends what was set aside for a call that is not forwarded. */
export function giveBack({ ticket, hold }: Admitted): void {
  hold?.release();
  ticket.release();
}

/** What the answer says of the form in which its call was let pass. Names and values, alternating. */
export function adjustmentHeaders({ adjustment }: GatewayCall): readonly string[] {
  if (adjustment === undefined) return NONE;
  const { maxTokens, model, downgradedFrom } = adjustment;
  const headers: string[] = [];
  if (maxTokens !== undefined) headers.push('fusewire-max-tokens', String(maxTokens));
  if (model !== undefined) headers.push('fusewire-model', encodeURIComponent(model));
  if (downgradedFrom !== undefined) headers.push('fusewire-downgraded-from', encodeURIComponent(downgradedFrom));
  return headers;
}

const NONE: readonly string[] = Object.freeze([]);

/** A call that names no output limit gets the one that its budgets hold for, where they want that. */
function injected(
  { readCall }: GradedParts,
  arrived: ArrivedRequest,
  call: GatewayCall,
  admission: Admitted,
): GradedAdmission {
  const { hold } = admission;
  const limit = hold === undefined ? undefined : limitToInject(hold.parts, call.bound);
  if (limit === undefined) return { call, admission };
  const { model } = call.adjustment ?? {};
  // Not what is expected: what is longer than that as a rule would be cut as a rule.
  const limited = readCall(arrived, { model, outputTokensMax: limit });
  if (limited instanceof Failure) return { call, admission };
  const adjustment = { ...call.adjustment, maxTokens: limit };
  return { call: { ...limited, adjustment }, admission };
}

async function clamped(
  { books, readCall }: GradedParts,
  arrived: ArrivedRequest,
  changes: CallChanges,
  refused: Refused,
  kind: 'clamped' | undefined,
): Promise<{ readonly call: GatewayCall; readonly admission: Admitted } | undefined> {
  let { refusal } = refused;
  for (let clamps = 0; clamps < CLAMPS_MAX; clamps += 1) {
    const { instead } = refusal;
    if (instead?.reactions.clampOutput !== true || instead.outputTokensMax < OUTPUT_TOKENS_MIN) return undefined;
    const { outputTokensMax } = instead;
    const limited = readCall(arrived, { ...changes, outputTokensMax });
    if (limited instanceof Failure) return undefined;
    const call = { ...limited, adjustment: { maxTokens: outputTokensMax } };
    const admission = await books.admit(call);
    if (admission.outcome === 'unavailable') return undefined;
    if (admission.outcome === 'admit') {
      if (kind !== undefined) books.reacted(call, kind, refusal);
      return { call, admission };
    }
    ({ refusal } = admission);
  }
  return undefined;
}

async function downgraded(
  parts: GradedParts,
  arrived: ArrivedRequest,
  asked: GatewayCall,
  refused: Refused,
): Promise<GradedAdmission | undefined> {
  const model = refused.refusal.instead?.reactions.downgradeTo ?? null;
  if (model === null || model === asked.reading.model) return undefined;
  const substitute = parts.readCall(arrived, { model });
  if (substitute instanceof Failure) return undefined;
  const change = { model, downgradedFrom: asked.reading.model ?? '' };
  const call = { ...substitute, adjustment: change };
  const admission = await parts.books.admit(call);
  if (admission.outcome === 'unavailable') return undefined;
  if (admission.outcome === 'admit') {
    parts.books.reacted(call, 'downgraded', refused.refusal);
    return injected(parts, arrived, call, admission);
  }
  const limited = await clamped(parts, arrived, { model }, admission, undefined);
  if (limited === undefined) return undefined;
  const both = { ...limited.call, adjustment: { ...change, ...limited.call.adjustment } };
  parts.books.reacted(both, 'downgraded', refused.refusal);
  return { call: both, admission: limited.admission };
}

/** 429: there will be room when calls that are under way have ended. */
function comeBack({ code, message }: Refusal, afterMs: number): Failure {
  return tooMany(code, message, afterMs / 1_000);
}
