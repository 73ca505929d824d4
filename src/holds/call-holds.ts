/**
 * Between the decision and the request: a call that a hard budget concerns is admitted only against a hold (DESIGN section
 * 5, ring 3). From a slice that is here at once, else by a round trip; where none can be asked for, by the fail mode.
 */

import type { BudgetExceededError } from '../../enforcement/budget-exceeded-error.js';
import type { CallDimensions, Decision, RefuseDecision } from '../../enforcement/decision.js';
import { callOf } from '../../enforcement/dimensions.js';
import type { FailMode } from '../../enforcement/guard.js';
import type { CallBound } from '../bound/types.js';
import type { Admission } from '../call.js';
import type { ResolvedMetadata } from '../metadata/resolver.js';
import type { RequestReading } from '../providers/adapter.js';
import type { Runtime } from '../runtime.js';
import { limitToInject } from './amounts.js';
import type { BodyEdits } from './body-edits.js';
import { CallHold } from './call-hold.js';
import { boundOf, type ExpectedCounts, holdAskOf } from './hold-ask.js';
import { type CallForm, type CoveredForm, type ReactionKind, tryForm, withLimit } from './hold-reactions.js';
import type { HoldRefusal } from './hold-types.js';
import type { HoldAnswer, HoldAsk, Holder, HolderStatus, HoldTicket } from './holder-types.js';
import { decisionOfRefusal } from './refused-by-hold.js';
import type { SecureOptions } from './secure-options.js';
import { aborted, pause } from './throttle.js';
import { UnbegunHoldSet } from './unbegun-holds.js';

/** What the rules in force say of hard budgets. */
export interface HardRules {
  /** Whether one could concern the call; `false` is certain. Well under a microsecond. */
  concern(call: CallDimensions): boolean;
  /** The refusal that stands in for a hold where none can be asked for. */
  exhausted(call: CallDimensions): RefuseDecision | undefined;
}

/** What {@link CallHolds} is made of. */
export interface CallHoldsOptions {
  readonly runtime: Runtime;
  readonly rules: HardRules;
  readonly holder: Holder;
  readonly failMode: FailMode;
  readonly edits: BodyEdits;
  readonly expected?: ExpectedCounts | undefined;
  /** A step before a refusal was taken; for the service's enforcement events. */
  onReaction?(kind: ReactionKind, decision: RefuseDecision, call: CallDimensions): void;
}

/** What the main path lends it. */
export interface CallHoldsPath {
  decide(call: CallDimensions): Decision;
  /** Records the refusal; the error is to be thrown. */
  refusal(
    request: RequestReading,
    metadata: ResolvedMetadata,
    decision: RefuseDecision,
    call: CallDimensions,
  ): BudgetExceededError;
}

/** Counts since the instance was made. */
export interface CallHoldsStatus extends HolderStatus {
  /** Calls that a hard budget concerns and that were let through without a hold: fail-open, and no service answered. */
  readonly unheld: number;
  /** Secured, and not sent yet. */
  readonly unbegun: number;
}

/** Of one instance. No method throws anything but a refusal. */
export class CallHolds {
  readonly rules: HardRules;
  readonly #options: CallHoldsOptions;
  readonly #unbegun: UnbegunHoldSet;
  #unheld = 0;
  #isAway = false;

  constructor(options: CallHoldsOptions) {
    this.#options = options;
    this.rules = options.rules;
    this.#unbegun = new UnbegunHoldSet(options.runtime);
  }

  /** See `CallPath.secure`. `heldFor` are the dimensions of the call. */
  secure(
    path: CallHoldsPath,
    admission: Admission,
    heldFor: CallDimensions,
    options: SecureOptions,
  ): Admission | Promise<Admission> {
    takeOver(admission);
    // What is not metered never becomes spend: there is nothing to set aside for it.
    if (!admission.metered) return this.#byVerdict(path, admission, heldFor);
    const ask = this.#askOf(admission.request, heldFor);
    const drawn = this.#options.holder.draw(ask);
    if (drawn === undefined) return this.#take(path, admission, heldFor, options);
    if (drawn === 'free') return { ...admission, heldFor: undefined };
    return this.#drawn(path, admission, heldFor, drawn, ask, options);
  }

  /** The same where nothing can be waited for: what no slice here covers is judged as where no service answers. */
  secureNow(path: CallHoldsPath, admission: Admission, heldFor: CallDimensions, options: SecureOptions): Admission {
    takeOver(admission);
    if (!admission.metered) return this.#byVerdict(path, admission, heldFor);
    const ask = this.#askOf(admission.request, heldFor);
    const drawn = this.#options.holder.draw(ask);
    if (drawn === 'free') return { ...admission, heldFor: undefined };
    if (drawn !== undefined) return this.#drawn(path, admission, heldFor, drawn, ask, options);
    if (isUnbounded(admission)) throw this.#refuseUnbounded(path, admission, heldFor);
    return this.#unheldBy(path, admission, heldFor, 'the call cannot wait for a hold');
  }

  /** A request leaves that was secured too long ago, or never: from a slice that is here, or counted. */
  late(admission: Admission, heldFor: CallDimensions): CallHold | undefined {
    const ask = this.#askOf(admission.request, heldFor);
    const drawn = this.#options.holder.draw(ask);
    if (drawn === 'free') return undefined;
    if (drawn !== undefined) return new CallHold(drawn, ask.need.worst);
    this.#unheld += 1;
    return undefined;
  }

  status(): CallHoldsStatus {
    return { ...this.#options.holder.status(), unheld: this.#unheld, unbegun: this.#unbegun.size };
  }

  /** Gives back what is not needed now; see {@link Holder.giveBack}. */
  giveBack(timeoutMs: number): Promise<boolean> {
    return this.#options.holder.giveBack(timeoutMs);
  }

  /** Gives back what is not needed, bounded in time. */
  async close(): Promise<void> {
    this.#unbegun.close();
    await this.#options.holder.close();
  }

  #askOf(request: RequestReading, call: CallDimensions): HoldAsk {
    return holdAskOf(request, call, this.#options.expected);
  }

  async #take(
    path: CallHoldsPath,
    admission: Admission,
    heldFor: CallDimensions,
    options: SecureOptions,
  ): Promise<Admission> {
    const { runtime } = this.#options;
    const startedAt = runtime.monotonicNow();
    let form = formOf(admission, heldFor);
    for (;;) {
      const tried = await tryForm(this.#stepsFor(path, admission), form, options);
      if (tried.outcome === 'covered') return this.#covered(path, admission, tried.form, options);
      if (tried.outcome === 'other') {
        if (tried.answer === 'aborted') return admission;
        return this.#unheldBy(path, admission, heldFor, tried.answer.reason);
      }
      this.#isAway = false;
      if (isUnbounded(admission)) throw this.#refuseUnbounded(path, admission, heldFor);
      const waitedMs = runtime.monotonicNow() - startedAt;
      const waitMs = waitFor(tried.refusal, waitedMs, runtime.now());
      if (waitMs === undefined) {
        throw path.refusal(admission.request, admission.metadata, decisionOfRefusal(tried.refusal), heldFor);
      }
      if (form.adjustment.waitedMs === undefined) this.#told('throttled', tried.refusal, form);
      if (await pause(runtime, waitMs, options.signal)) return admission;
      form = { ...form, adjustment: { waitedMs: Math.round(runtime.monotonicNow() - startedAt) } };
    }
  }

  #stepsFor(path: CallHoldsPath, { metadata }: Admission) {
    const { edits, holder } = this.#options;
    return {
      edits,
      ask: (ask: HoldAsk, signal: AbortSignal | undefined) => takeUnlessAborted(holder, ask, signal),
      askOf: (form: CallForm) => this.#askOf(form.request, form.call),
      callOf: (request: RequestReading) => callOf(metadata.dimensions, request.model, request.provider),
      decideOn: ({ call }: CallForm) => {
        if (path.decide(call).outcome === 'refuse') return 'refused' as const;
        return this.rules.concern(call) ? ('held' as const) : ('free' as const);
      },
      told: (kind: ReactionKind, refusal: HoldRefusal, form: CallForm) => this.#told(kind, refusal, form),
    };
  }

  #told(kind: ReactionKind, refusal: HoldRefusal, form: CallForm): void {
    const { log } = this.#options.runtime;
    if (log.isDebug()) log.debug(`a call was ${kind}`, { rule: refusal.name, ...form.adjustment });
    this.#options.onReaction?.(kind, decisionOfRefusal(refusal), form.call);
  }

  /** As the program asked for it: the way of nearly all calls, and the shortest. */
  #drawn(
    path: CallHoldsPath,
    admission: Admission,
    heldFor: CallDimensions,
    ticket: HoldTicket,
    { need: { worst } }: HoldAsk,
    options: SecureOptions,
  ): Admission {
    const { request } = admission;
    const isAsAsked = worst.isOutputLimited || options.change === undefined;
    const wasChanged = admission.adjustment !== undefined || admission.body !== undefined;
    if (!isAsAsked || wasChanged || isUnbounded(admission)) {
      const form: CoveredForm = { request, call: heldFor, adjustment: {}, ticket, worst };
      return this.#covered(path, admission, form, options);
    }
    this.#isAway = false;
    return heldAdmission(admission, heldFor, this.#keep(ticket, worst, request, heldFor, options));
  }

  #keep(
    ticket: HoldTicket,
    worst: CallBound,
    request: RequestReading,
    call: CallDimensions,
    { signal }: SecureOptions,
  ): CallHold {
    const { expected } = this.#options;
    const observe =
      expected === undefined ? undefined : (outputTokens: number) => expected.observe(request, call, outputTokens);
    return new CallHold(ticket, worst, observe).keptBy(this.#unbegun, signal);
  }

  #covered(path: CallHoldsPath, admission: Admission, form: CoveredForm, options: SecureOptions): Admission {
    this.#isAway = false;
    const { ticket } = form;
    if (ticket !== undefined && isUnbounded(admission)) {
      ticket.release();
      throw this.#refuseUnbounded(path, admission, form.call);
    }
    if (ticket === undefined) return { ...changedBy(admission, form), heldFor: undefined };
    const sent = this.#injected(form, ticket, options);
    const worst = sent === form ? form.worst : boundOf(sent.request);
    const hold = this.#keep(ticket, worst, sent.request, form.call, options);
    return { ...changedBy(admission, sent), heldFor: form.call, hold };
  }

  /** A call that names no output limit is given the one that was assumed, where its budget wants that. */
  #injected(form: CoveredForm, ticket: HoldTicket, options: SecureOptions): CallForm {
    if (options.change === undefined) return form;
    // Not what is expected: what is longer than that as a rule would be cut as a rule.
    const limit = limitToInject(ticket.parts, form.worst);
    return limit === undefined ? form : (withLimit(this.#options.edits, form, limit, options, form.worst) ?? form);
  }

  #unheldBy(path: CallHoldsPath, admission: Admission, heldFor: CallDimensions, reason: string): Admission {
    const { failMode, runtime } = this.#options;
    if (failMode === 'closed') throw path.refusal(admission.request, admission.metadata, NO_SERVICE, heldFor);
    const passed = this.#byVerdict(path, admission, heldFor);
    this.#unheld += 1;
    if (!this.#isAway) {
      runtime.log.warn(
        `no hold can be taken (${reason}): calls under hard budgets are let through by the last known verdicts (fail mode open)`,
      );
    }
    this.#isAway = true;
    return passed;
  }

  #byVerdict(path: CallHoldsPath, admission: Admission, heldFor: CallDimensions): Admission {
    const verdict = this.rules.exhausted(heldFor);
    if (verdict !== undefined) throw path.refusal(admission.request, admission.metadata, verdict, heldFor);
    return { ...admission, heldFor: undefined };
  }

  #refuseUnbounded(path: CallHoldsPath, { request, metadata }: Admission, heldFor: CallDimensions) {
    const message = `${request.provider} bills what is asked for here (${request.endpoint}) by what no hard budget can set aside: not sent`;
    return path.refusal(
      request,
      metadata,
      { outcome: 'refuse', code: 'UNKNOWN_ENDPOINT', message, rule: null },
      heldFor,
    );
  }
}

const NO_SERVICE: RefuseDecision = Object.freeze({
  outcome: 'refuse',
  code: 'HOLD_UNAVAILABLE',
  message:
    'Request blocked: a hard budget covers it, no hold can be taken for it now, and REVENIUM_CB_FAIL_MODE=closed.',
  rule: null,
});

/** The layer around holds for the same call: what it set aside is what this attempt needs. */
function takeOver({ outer, request }: Admission): void {
  if (outer?.covers(request) === true) outer.releaseHold();
}

function formOf({ request }: Admission, call: CallDimensions): CallForm {
  return { request, call, adjustment: {} };
}

/**
 * Of a call that leaves as it was asked for. Work that goes on elsewhere is found again by its metadata: a copy. Written
 * out: it is made before each call, and a spread takes longer.
 */
function heldAdmission(
  { request, metadata, decision, metered, outer }: Admission,
  heldFor: CallDimensions,
  hold: CallHold,
): Admission {
  const { fields, dimensions, selected } = metadata;
  return { request, metadata: { fields, dimensions, selected }, decision, metered, outer, heldFor, hold };
}

/** The admission of the form that leaves. Work that goes on elsewhere is found again by its metadata: a copy. */
function changedBy(admission: Admission, { request, body, adjustment }: CallForm): Admission {
  const metadata = { ...admission.metadata };
  if (body === undefined && adjustment.waitedMs === undefined) return { ...admission, request, metadata };
  return { ...admission, request, metadata, adjustment, ...(body === undefined ? {} : { body }) };
}

/** What no hold can cover: nobody knows what it costs, or other requests meter it, hours later. */
function isUnbounded({ request }: Admission): boolean {
  return !request.known || request.pricingTier === 'BATCH';
}

/** How long to wait before the next try; `undefined`: it is refused now. */
function waitFor(
  { reactions, retryAfterMs, resetsAt }: HoldRefusal,
  waitedMs: number,
  nowMs: number,
): number | undefined {
  if (reactions.throttleMs === null) return undefined;
  const leftMs = reactions.throttleMs - waitedMs;
  const wantedMs = retryAfterMs ?? (resetsAt === null ? Number.POSITIVE_INFINITY : Date.parse(resetsAt) - nowMs);
  if (leftMs <= 0) return undefined;
  // Before the reset nothing changes, unless somebody gives back: then it is told when to ask again.
  return retryAfterMs === null && !(wantedMs <= leftMs) ? undefined : Math.max(1, Math.min(wantedMs, leftMs));
}

/** What arrives after the caller left is given back. */
async function takeUnlessAborted(
  holder: Holder,
  ask: HoldAsk,
  signal: AbortSignal | undefined,
): Promise<HoldAnswer | 'aborted'> {
  if (signal?.aborted === true) return 'aborted';
  const taken = holder.take(ask);
  if (signal === undefined) return await taken;
  const { left, done } = aborted(signal);
  const first = await Promise.race([taken, left]).finally(done);
  if (first !== 'aborted') return first;
  void taken.then((answer) => answer.outcome === 'held' && answer.ticket.release());
  return 'aborted';
}
