/** What a call consumes as a rule, for budgets with `estimate: expected`: an estimate, and never above its bound. */
import type { TokenEstimator } from '../metering/estimate-tokens.js';
import type { RequestReading } from '../providers/adapter.js';
import type { OutputStatistics } from './output-statistics.js';
import type { CallBound, CallCounts } from './types.js';

/** What an estimate is made from. */
export interface ExpectedParts {
  readonly estimator: TokenEstimator;
  readonly outputs: OutputStatistics;
}

/**
 * Input by the estimator of tokens, with the allowances of the bound for what is no text; output as 99 of 100 answers of
 * this model to this caller had it, once there are enough of them, else the limit or what is assumed. Never throws.
 */
export function expectedCounts(
  { estimator, outputs }: ExpectedParts,
  request: Pick<RequestReading, 'model' | 'promptText' | 'hasVisionContent'>,
  bound: CallBound,
  caller: string,
): CallCounts {
  const observed = outputs.p99(request.model ?? '', caller);
  const { images, characters, mediaSeconds } = bound;
  return {
    inputTokens: expectedInput(estimator, request, bound),
    outputTokens: Math.min(observed ?? bound.outputTokensMax, bound.outputTokensMax),
    images,
    characters,
    mediaSeconds,
  };
}

/** What stands beside the text has no estimate but its bound. */
function expectedInput(
  estimator: TokenEstimator,
  request: Pick<RequestReading, 'promptText' | 'hasVisionContent'>,
  { inputTokensMax, hasSound }: CallBound,
): number {
  if (request.hasVisionContent === true || hasSound !== false) return inputTokensMax;
  try {
    return Math.min(estimator.estimate(request.promptText()), inputTokensMax);
  } catch {
    return inputTokensMax;
  }
}
