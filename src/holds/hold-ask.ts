/** What a call asks to be set aside, from what is known of it before it is sent. */
import type { CallDimensions } from '../../enforcement/decision.js';
import { ASSUMED_OUTPUT_TOKENS, type CallBound, type CallCounts } from '../bound/types.js';
import type { RequestReading } from '../providers/adapter.js';
import { NAME_MAX } from '../wire/event-bounds.js';
import { withoutNull } from '../wire/without-null.js';
import type { HoldCall, HoldNeed } from './hold-types.js';
import type { HoldAsk } from './holder-types.js';

/** What calls like this one consume as a rule, learnt from those that ended. */
export interface ExpectedCounts {
  of(request: RequestReading, call: CallDimensions, worst: CallBound): CallCounts;
  /** A call ended with so much output, as its provider reported it. */
  observe(request: RequestReading, call: CallDimensions, outputTokens: number): void;
}

/** The endpoint of calls that a program makes and meters itself: an event of such a call says its hold and nothing more. */
export const PROGRAM_ENDPOINT = 'hold';

/** The question for a hold. What is expected is worked out for budgets only that go by it: it takes longer than the rest. */
export function holdAskOf(request: RequestReading, call: CallDimensions, expected?: ExpectedCounts): HoldAsk {
  const worst = boundOf(request);
  const ask = { call: holdCallOf(request, call), need: holdNeedOf(worst, request, call, expected) };
  return request.endpoint === PROGRAM_ENDPOINT ? { ...ask, size: sizeOf(worst) } : ask;
}

function sizeOf({ inputTokensMax, outputTokensMax, isOutputLimited }: CallBound): string {
  return `${inputTokensMax} ${isOutputLimited ? outputTokensMax : 'any'}`;
}

/**
 * Whose call it is, and what its price depends on beside its counts. Names are those that its event will have: a request
 * that names no model is of an `unknown` one, and what is too long is cut; a service refuses the whole operation else.
 */
export function holdCallOf(request: RequestReading, call: CallDimensions): HoldCall {
  const model = cut(request.model || 'unknown');
  return {
    dimensions: call.model === undefined || call.model === model ? call : { ...call, model },
    provider: cut(request.provider),
    modelSource: cut(request.modelSource),
    model,
    operationType: request.operationType,
    requestedServiceTier: cut(request.requestedServiceTier),
    pricingTier: request.pricingTier,
    hasVisionContent: request.hasVisionContent,
    billingUnit: cut(request.media?.billingUnit),
    quality: cut(request.media?.quality),
    resolution: cut(request.media?.resolution),
  };
}

function cut<T extends string | undefined>(text: T): T {
  if (text === undefined) return text;
  return withoutNull(text.length > NAME_MAX ? text.slice(0, NAME_MAX) : text) as T;
}

/** What is expected is worked out once, and only where it is asked for. */
export function holdNeedOf(
  worst: CallBound,
  request: RequestReading,
  call: CallDimensions,
  expected?: ExpectedCounts,
): HoldNeed {
  return expected === undefined ? { worst } : new LearntNeed(worst, request, call, expected);
}

/** One shape for all calls: an object with a getter of its own costs more than the draw. */
class LearntNeed implements HoldNeed {
  #known: CallCounts | undefined;

  constructor(
    readonly worst: CallBound,
    readonly request: RequestReading,
    readonly call: CallDimensions,
    readonly learnt: ExpectedCounts,
  ) {}

  get expected(): CallCounts {
    this.#known ??= this.learnt.of(this.request, this.call, this.worst);
    return this.#known;
  }
}

/** What is sent of it: plain JSON. */
export function plainNeed({ worst, expected }: HoldNeed): HoldNeed {
  return expected === undefined ? { worst } : { worst, expected };
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
