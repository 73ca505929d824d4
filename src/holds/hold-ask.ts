/** What a call asks to be set aside, from what is known of it before it is sent. */
import type { CallDimensions } from '../../enforcement/decision.js';
import { ASSUMED_OUTPUT_TOKENS, type CallBound, type CallCounts } from '../bound/types.js';
import type { RequestReading } from '../providers/adapter.js';
import type { HoldCall, HoldNeed } from './hold-types.js';
import type { HoldAsk } from './holder-types.js';

/** What calls like this one consume as a rule, learnt from those that ended. */
export interface ExpectedCounts {
  of(request: RequestReading, call: CallDimensions, worst: CallBound): CallCounts;
  /** A call ended with so much output, as its provider reported it. */
  observe(request: RequestReading, call: CallDimensions, outputTokens: number): void;
}

/** The question for a hold. What is expected is worked out for budgets only that go by it: it takes longer than the rest. */
export function holdAskOf(request: RequestReading, call: CallDimensions, expected?: ExpectedCounts): HoldAsk {
  return {
    call: holdCallOf(request, call),
    need: holdNeedOf(boundOf(request), request, call, expected),
  };
}

/** Whose call it is, and what its price depends on beside its counts. */
export function holdCallOf(request: RequestReading, call: CallDimensions): HoldCall {
  return {
    dimensions: call,
    provider: request.provider,
    modelSource: request.modelSource,
    model: request.model ?? '',
    operationType: request.operationType,
    requestedServiceTier: request.requestedServiceTier,
    pricingTier: request.pricingTier,
    hasVisionContent: request.hasVisionContent,
    billingUnit: request.media?.billingUnit,
    quality: request.media?.quality,
    resolution: request.media?.resolution,
  };
}

/** What is expected is worked out once, and only where it is asked for. */
export function holdNeedOf(
  worst: CallBound,
  request: RequestReading,
  call: CallDimensions,
  expected?: ExpectedCounts,
): HoldNeed {
  if (expected === undefined) return { worst };
  let known: CallCounts | undefined;
  return {
    worst,
    get expected() {
      known ??= expected.of(request, call, worst);
      return known;
    },
  };
}

/** The adapter's bound; of a reading that has none, the bytes of its prompt, and that more may be in it. */
export function boundOf(request: RequestReading): CallBound {
  try {
    const bound = request.bound?.(ASSUMED_OUTPUT_TOKENS);
    if (bound !== undefined) return bound;
  } catch {
    // A bound that cannot be computed is none.
  }
  return {
    inputTokensMax: Buffer.byteLength(promptOf(request)),
    outputTokensMax: request.operationType === 'EMBED' ? 0 : ASSUMED_OUTPUT_TOKENS,
    isOutputLimited: request.operationType === 'EMBED',
    images: request.media?.requestedImageCount ?? 0,
    characters: request.media?.characterCount ?? 0,
    mediaSeconds: request.media?.requestedDurationSeconds ?? 0,
    unbounded: 'its adapter does not say how much such a request can consume',
  };
}

function promptOf(request: RequestReading): string {
  try {
    return request.promptText();
  } catch {
    return '';
  }
}
