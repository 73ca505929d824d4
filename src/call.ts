/**
 * The main path of one call: guard → provider → meter. Read this first.
 *
 * An instrument (src/instrument) stands around a client object. For every HTTP attempt of that client it calls
 * `admit` (station 2: may this be sent?), then `secure` (where a hard budget concerns it: what it can cost at most is set
 * aside), then `begin` (station 3: it is being sent), and tells the attempt what came back; the attempt turns that into
 * one usage event (station 4), which names the hold, and puts it into the outbox (station 5).
 */
import { BudgetExceededError } from '../enforcement/budget-exceeded-error.js';
import type { CallDimensions, Decision, RefuseDecision } from '../enforcement/decision.js';
import { callOf } from '../enforcement/dimensions.js';
import { AnnouncedCall, AnnouncedCalls, type Announcement } from './announced-calls.js';
import type { CallAdjustment, CallHold } from './holds/call-hold.js';
import type { CallHolds, CallHoldsPath } from './holds/call-holds.js';
import type { SecureOptions } from './holds/secure-options.js';
import type { MetadataResolver, ResolvedMetadata } from './metadata/resolver.js';
import { Attempt, type AttemptSink } from './metering/attempt.js';
import { MeteringGateways } from './metering-gateways.js';
import { currentOuterCall, OuterCall } from './outer-call.js';
import type { RequestReading } from './providers/adapter.js';
import type { Runtime } from './runtime.js';

/** What decides: the guard of enforcement/. Never throws. */
export interface Decider {
  decide(call: CallDimensions): Decision;
}

/** A call that the guard let through, and on whose behalf. */
export interface Admission {
  readonly request: RequestReading;
  readonly metadata: ResolvedMetadata;
  readonly decision: Decision;
  /** Whether it is metered: always, but for calls that `REVENIUM_SELECTIVE_METERING` leaves out. */
  readonly metered: boolean;
  /** The layer around whose call this is, where there is one. */
  readonly outer?: OuterCall | undefined;
  /** Set where a hard budget could concern the call, which these are the dimensions of: it has to be secured. */
  readonly heldFor?: CallDimensions | undefined;
  /** What it was admitted against, once secured. Has to be begun or released. */
  readonly hold?: CallHold;
  /** The body that is to leave, where a reaction of a hard budget changed it, and what was changed. */
  readonly body?: object;
  readonly adjustment?: CallAdjustment;
}

/** What a call goes through. One per Fusewire instance. */
export interface CallPath {
  /**
   * Stations 1 and 2. Decides on the call; `callMetadata` is the `usageMetadata` that was passed with it.
   *
   * @throws BudgetExceededError when a budget that covers the call is used up; nothing else is thrown.
   */
  admit(request: RequestReading, callMetadata: unknown): Admission;
  /**
   * For programs that want no request to leave of which nobody knows what it costs: refuses one to an endpoint that no
   * adapter knows, while enforcement is on.
   *
   * @throws BudgetExceededError with the reason `UNKNOWN_ENDPOINT`.
   */
  refuseUnknown(request: RequestReading, callMetadata: unknown): void;
  /**
   * Between both: a call that a hard budget concerns is covered by a hold. At once for all others, and where a slice of a
   * hold is here; with a round trip else. `options` is asked for only where it is needed.
   *
   * @throws BudgetExceededError, from the promise too.
   */
  secure(admission: Admission, options?: () => SecureOptions): Admission | Promise<Admission>;
  /** The same where nothing can be waited for: what no slice here covers is judged as where no service answers. */
  secureNow(admission: Admission, options?: () => SecureOptions): Admission;
  /** Station 3. The request is about to leave: the attempt is noted, and will be metered exactly once. */
  begin(admission: Admission): Attempt;
  /** For layers around other clients: the attempt as a call that guarded clients inside take over (src/outer-call.ts). */
  around(admission: Admission, attempt: Attempt): OuterCall;
  /** The same for layers that cannot run what they stand around: {@link AnnouncedCalls}. */
  readonly announced: AnnouncedCalls;
  announce(admission: Admission, attempt: Attempt, announcement: Announcement): AnnouncedCall;
  /** Tells whose answers were metered on the way already. */
  readonly gateways: MeteringGateways;
}

/** Wires the main path. With `selectiveMetering` only what `reveniumMeter` wraps is metered; all of it is decided on. */
export function createCallPath(
  decider: Decider,
  metadata: MetadataResolver,
  sink: AttemptSink,
  runtime: Runtime,
  selectiveMetering = false,
  holds?: CallHolds,
): CallPath {
  const announced = new AnnouncedCalls();
  const outerOf = (request: RequestReading) => {
    const outer = currentOuterCall(sink);
    return outer instanceof AnnouncedCall ? announced.callOf(outer, request) : outer;
  };
  const lent: CallHoldsPath = {
    decide: (call) => decider.decide(call),
    refusal: (request, resolved, decision, call) => refusal(sink, request, resolved, decision, call),
  };
  const admit = createAdmit({ decider, metadata, sink, runtime, selectiveMetering, outerOf, holds });
  return {
    admit,
    secure(admission, options) {
      if (admission.heldFor === undefined || admission.hold !== undefined || holds === undefined) return admission;
      return holds.secure(lent, admission, admission.heldFor, options?.() ?? {});
    },
    secureNow(admission, options) {
      if (admission.heldFor === undefined || admission.hold !== undefined || holds === undefined) return admission;
      return holds.secureNow(lent, admission, admission.heldFor, options?.() ?? {});
    },
    refuseUnknown(request, callMetadata) {
      const resolved = metadata.resolve(callMetadata);
      const call = callOf(resolved.dimensions, request.model, request.provider);
      if (NOT_ENFORCING.has(decider.decide(call).code)) return;
      const message = `${request.provider} has an endpoint that no adapter knows (${request.endpoint}): not sent`;
      const decision = { outcome: 'refuse', code: 'UNKNOWN_ENDPOINT', message, rule: null } as const;
      throw refusal(sink, request, resolved, decision, call);
    },
    begin(admission) {
      const { request, outer, hold, heldFor: concerned } = admission;
      const isLate = hold?.begin() === false;
      const attempt = new Attempt(request, admission.metadata, sink, {
        hold: isLate && concerned !== undefined ? holds?.late(admission, concerned) : hold,
        adjustment: admission.adjustment,
        bypassed: admission.decision.code === 'BYPASSED',
        decision: admission.decision,
        metered: admission.metered,
        replaces: request.known && outer?.covers(request) === true ? outer.ownAttemptId : undefined,
      });
      if (request.kind !== 'call') return attempt;
      // Of an endpoint that no adapter knows the layer around knows more.
      if (outer !== undefined && !request.known) attempt.withdraw();
      else if (outer?.covers(request)) outer.meterInside(attempt);
      announced.began(attempt);
      return attempt;
    },
    around: (admission, attempt) => new OuterCall(sink, admission, attempt),
    announced,
    gateways: new MeteringGateways(),
    announce(admission, attempt, announcement) {
      const call = new AnnouncedCall(sink, { admission, attempt }, announcement);
      announced.announce(call, attempt);
      return call;
    },
  };
}

/** What stations 1 and 2 are made of. */
interface AdmitParts {
  readonly decider: Decider;
  readonly metadata: MetadataResolver;
  readonly sink: AttemptSink;
  readonly runtime: Runtime;
  readonly selectiveMetering: boolean;
  readonly holds: CallHolds | undefined;
  outerOf(request: RequestReading): OuterCall | undefined;
}

function createAdmit(parts: AdmitParts): CallPath['admit'] {
  const { decider, metadata, sink, runtime, selectiveMetering, holds, outerOf } = parts;
  const heldFor = (call: CallDimensions) => (holds?.rules.concern(call) === true ? call : undefined);
  return (request, callMetadata) => {
    const outer = outerOf(request);
    // What the layer around knows of the caller holds inside too; the call's own metadata beats it.
    const resolved =
      outer === undefined
        ? metadata.resolve(callMetadata)
        : metadata.resolve(outer.admission.metadata.fields, callMetadata);
    const metered = !selectiveMetering || resolved.selected === true || outer?.admission.metered === true;
    if (request.kind !== 'call') return { request, metadata: resolved, decision: FREE, metered, outer };
    const call = callOf(resolved.dimensions, request.model, request.provider);
    // An endpoint that no adapter knows is let pass and flagged: no rule was written with it in mind (I1), but a hard
    // one, which lets nothing pass of which nobody knows what it costs. A layer around knows more, and holds for it.
    if (!request.known) {
      const concerned = outer === undefined ? heldFor(call) : undefined;
      const isHeld = concerned !== undefined && !NOT_ENFORCING.has(decider.decide(call).code);
      return { request, metadata: resolved, decision: FREE, metered, outer, heldFor: isHeld ? concerned : undefined };
    }
    const taken = outer?.covers(request) ? outer.takeAdmission(request.model, request.provider) : undefined;
    if (taken !== undefined)
      return { request, metadata: resolved, decision: taken.decision, metered, outer, heldFor: taken.heldFor };
    const decision = decider.decide(call);
    if (runtime.log.isDebug()) {
      runtime.log.debug('decided', { endpoint: request.endpoint, model: request.model, decision });
    }
    if (decision.outcome === 'refuse') throw refusal(sink, request, resolved, decision, call);
    const isFree = holds === undefined || NOT_ENFORCING.has(decision.code);
    return { request, metadata: resolved, decision, metered, outer, heldFor: isFree ? undefined : heldFor(call) };
  };
}

/** A refusal is recorded and told before it is thrown. */
function refusal(
  sink: AttemptSink,
  request: RequestReading,
  metadata: ResolvedMetadata,
  decision: RefuseDecision,
  call: CallDimensions,
): BudgetExceededError {
  sink.refused(decision, call);
  sink.observer?.refused(request, metadata, decision);
  return new BudgetExceededError(decision, call);
}

/** Decisions under which nothing is refused at all. */
const NOT_ENFORCING: ReadonlySet<string> = new Set(['BYPASSED', 'DISABLED', 'NOT_CONFIGURED']);

const FREE: Decision = Object.freeze({ outcome: 'allow', code: 'ALLOWED' });

/**
 * Decides on a request and on the calls that it stands for beside the one that it reads as (a batch). A hard budget that
 * concerns one of them concerns the request.
 */
export function admitWithParts(
  path: CallPath,
  request: RequestReading,
  parts: readonly RequestReading[] = [],
  metadata: unknown = undefined,
): Admission {
  let heldFor: CallDimensions | undefined;
  for (const part of parts) heldFor ??= path.admit(part, metadata).heldFor;
  const admission = path.admit(request, metadata);
  return heldFor === undefined || admission.heldFor !== undefined ? admission : { ...admission, heldFor };
}
