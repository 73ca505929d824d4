/** What metrics learn of each call that was sent on. */
import type { ForwardEnded, ForwardSummary } from '../forward/exchange.js';
import type { GatewayMetrics, UpstreamTrouble } from './gateway-metrics.js';

/** Counts the bytes, the errors and the drains of forwardings; never throws. */
export function countForwardings(metrics: GatewayMetrics): ForwardEnded {
  return (call, summary) => {
    metrics.bytes(call.body.length, summary.answerBytes);
    const trouble = troubleOf(summary);
    if (trouble !== undefined) metrics.upstreamTrouble(call.upstream.name, trouble);
    if (summary.drained) metrics.drained(summary.outcome === 'answered' ? 'read' : 'cut');
    else if (summary.outcome === 'left') metrics.drained('aborted');
  };
}

/** 4xx are errors of the upstream too: a key that it does not take, a limit of the operator's account. */
function troubleOf({ outcome, status }: ForwardSummary): UpstreamTrouble | undefined {
  switch (outcome) {
    case 'unreachable':
      return 'connect';
    case 'timeout':
      return 'timeout';
    case 'failed':
    case 'cut':
      return 'broken';
    default:
      if (status === undefined || status < 400) return undefined;
      return status < 500 ? '4xx' : '5xx';
  }
}
