/**
 * The main path of one call: guard → provider → meter. Read this first.
 *
 * An instrument (src/instrument) stands around a client object. For every HTTP attempt of that client it calls
 * `admit` (station 2: may this be sent?), then `begin` (station 3: it is being sent), and tells the attempt what came
 * back; the attempt turns that into one usage event (station 4) and puts it into the outbox (station 5).
 */
import { BudgetExceededError } from '../enforcement/budget-exceeded-error.js';
import type { CallDimensions, Decision } from '../enforcement/decision.js';
import { callOf } from '../enforcement/dimensions.js';
import type { MetadataResolver, ResolvedMetadata } from './metadata/resolver.js';
import { Attempt, type AttemptSink } from './metering/attempt.js';
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
}

/** What a call goes through. One per Fusewire instance. */
export interface CallPath {
  /**
   * Stations 1 and 2. Decides on the call; `callMetadata` is the `usageMetadata` that was passed with it.
   *
   * @throws BudgetExceededError when a budget that covers the call is used up; nothing else is thrown.
   */
  admit(request: RequestReading, callMetadata: unknown): Admission;
  /** Station 3. The request is about to leave: the attempt is noted, and will be metered exactly once. */
  begin(admission: Admission): Attempt;
  /** For layers around other clients: the attempt as a call that guarded clients inside take over (src/outer-call.ts). */
  around(admission: Admission, attempt: Attempt): OuterCall;
}

/** Wires the main path. */
export function createCallPath(
  decider: Decider,
  metadata: MetadataResolver,
  sink: AttemptSink,
  runtime: Runtime,
): CallPath {
  return {
    admit(request, callMetadata) {
      const outer = currentOuterCall(sink);
      // What the layer around knows of the caller holds inside too; the call's own metadata beats it.
      const resolved =
        outer === undefined
          ? metadata.resolve(callMetadata)
          : metadata.resolve(outer.admission.metadata.fields, callMetadata);
      // An endpoint that no adapter knows is let pass and flagged: no rule was written with it in mind (I1).
      if (request.kind !== 'call' || !request.known) return { request, metadata: resolved, decision: FREE };
      const taken = outer?.takeAdmission(request.model, request.provider);
      if (taken !== undefined) return { request, metadata: resolved, decision: taken.decision };
      const call = callOf(resolved.dimensions, request.model, request.provider);
      const decision = decider.decide(call);
      if (runtime.log.isDebug()) {
        runtime.log.debug('decided', { endpoint: request.endpoint, model: request.model, decision });
      }
      if (decision.outcome === 'refuse') {
        sink.refused(decision, call);
        sink.observer?.refused(request, resolved, decision);
        throw new BudgetExceededError(decision, call);
      }
      return { request, metadata: resolved, decision };
    },
    begin(admission) {
      if (admission.request.kind === 'call') currentOuterCall(sink)?.meterInside();
      return new Attempt(admission.request, admission.metadata, sink, {
        bypassed: admission.decision.code === 'BYPASSED',
        decision: admission.decision,
      });
    },
    around: (admission, attempt) => new OuterCall(sink, admission, attempt),
  };
}

const FREE: Decision = Object.freeze({ outcome: 'allow', code: 'ALLOWED' });
