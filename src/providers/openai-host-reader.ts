/** Reads answers of servers that count, or price, in another way than OpenAI does. */
import type { UsageReader, UsageReading } from './adapter.js';
import type { KnownHost } from './openai-known-hosts.js';
import { recordOf } from './values.js';

type HostCounting = Pick<KnownHost, 'cost' | 'hidesThinking' | 'sumsReasoning'>;

/** Lays what is known of a host over a reader: the cost that a finished answer names, and where its reasoning stands. */
export function readerForHost(reader: UsageReader, host: HostCounting): UsageReader {
  const original = reader.reading.bind(reader);
  reader.reading = () => {
    const reading = original();
    const seen = thinkingOf(reading, host);
    const usage = recordOf(reading.rawUsage);
    // Running totals begin with a cost of 0: only the last word counts.
    const totalCostUsd = reading.finished && usage !== undefined ? host.cost?.(usage) : undefined;
    return totalCostUsd === undefined ? seen : { ...seen, totalCostUsd };
  };
  return reader;
}

/** The sum tells on which side of the output count reasoning stands better than the host's name, where it tells. */
function thinkingOf(reading: UsageReading, host: HostCounting): UsageReading {
  const { inputTokens, outputTokens, totalTokens, reasoningTokens = 0 } = reading;
  if (inputTokens === undefined || outputTokens === undefined || totalTokens === undefined) return reading;
  const beside = totalTokens - inputTokens - outputTokens;
  if (reasoningTokens > 0) {
    if (beside >= reasoningTokens || reasoningTokens > outputTokens) return withReasoning(reading, false);
    return beside === 0 && host.sumsReasoning === true ? withReasoning(reading, true) : reading;
  }
  if (host.hidesThinking !== true || beside <= 0) return reading;
  return withReasoning({ ...reading, reasoningTokens: beside }, false);
}

function withReasoning(reading: UsageReading, reasoningInside: boolean): UsageReading {
  return { ...reading, attributes: { ...reading.attributes, reasoningInside } };
}
