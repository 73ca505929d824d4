/** The two forms of a terminal summary (contract 5.11). Pure. */

/** What a summary says. */
export interface Summary {
  readonly model: string;
  readonly provider: string;
  readonly durationSeconds: number;
  readonly inputTokenCount: number | null;
  readonly outputTokenCount: number | null;
  readonly totalTokenCount: number | null;
  /** Dollars; `null` where it is not known. */
  readonly cost: number | null;
  /** Why there is no cost: the service has not said it yet, or nobody can be asked. Only where `cost` is `null`. */
  readonly costStatus?: 'pending' | 'unavailable';
  readonly traceId?: string;
}

const WIDTH = 60;
const RULE = '='.repeat(WIDTH);

/** One line of JSON. */
export function jsonSummary(summary: Summary): string {
  const { durationSeconds, ...rest } = summary;
  const rounded = Math.round(durationSeconds * 1000) / 1000;
  const { model, provider, ...counts } = rest;
  return `${JSON.stringify({ model, provider, durationSeconds: rounded, ...counts })}\n`;
}

/** A block of lines for a person. Control characters in names do not reach the terminal. */
export function humanSummary(summary: Summary): string {
  const lines = [
    '',
    RULE,
    'REVENIUM USAGE SUMMARY',
    RULE,
    `Model: ${plain(summary.model)}`,
    `Provider: ${plain(summary.provider)}`,
    `Duration: ${summary.durationSeconds.toFixed(2)}s`,
    '',
    'Token Usage:',
    `  Input:  ${grouped(summary.inputTokenCount)}`,
    `  Output: ${grouped(summary.outputTokenCount)}`,
    `  Total:  ${grouped(summary.totalTokenCount)}`,
    '',
    `Cost: ${costText(summary)}`,
    ...(summary.traceId === undefined ? [] : [`Trace ID: ${plain(summary.traceId)}`]),
    RULE,
    '',
  ];
  return `${lines.join('\n')}\n`;
}

function costText({ cost, costStatus }: Summary): string {
  if (cost !== null) return `$${cost.toFixed(6)}`;
  return costStatus === 'pending' ? '(pending aggregation)' : '(set REVENIUM_TEAM_ID to see it)';
}

function grouped(count: number | null): string {
  return String(count ?? 0).replace(/\B(?=(?:\d{3})+$)/g, ',');
}

function plain(text: string): string {
  return text.replace(/\p{Cc}/gu, ' ');
}
