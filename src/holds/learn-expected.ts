/** What calls consume as a rule, learnt from those that ended: for budgets with `estimate: expected`. */
import type { CallDimensions } from '../../enforcement/decision.js';
import { expectedCounts } from '../bound/expected.js';
import { OutputStatistics } from '../bound/output-statistics.js';
import type { TokenEstimator } from '../metering/estimate-tokens.js';
import type { ExpectedCounts } from './hold-ask.js';

/** By model and caller; bounded, and learnt anew in each process. */
export function learnExpected(estimator: TokenEstimator): ExpectedCounts {
  const parts = { estimator, outputs: new OutputStatistics() };
  return {
    of: (request, call, worst) => expectedCounts(parts, request, worst, callerOf(call)),
    observe: ({ model = '' }, call, outputTokens) => parts.outputs.observe(model, callerOf(call), outputTokens),
  };
}

function callerOf({ subscriberId, subscriberEmail, organization, credential }: CallDimensions): string {
  return subscriberId ?? subscriberEmail ?? organization ?? credential ?? '';
}
