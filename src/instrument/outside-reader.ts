/** The reader of an adapter from outside, whose mistakes are counted as silence (I2). */
import type { UsageReader, UsageReading } from '../providers/adapter.js';
import type { OutsideUsageReader } from './define-provider.js';

/** Makes the reader. Its methods never throw; what they are given to report goes to `report`. */
export function harmlessReader(create: () => OutsideUsageReader, report: (error: unknown) => void): UsageReader {
  const attempt = <R>(task: () => R, instead: R): R => {
    try {
      return task();
    } catch (error) {
      report(error);
      return instead;
    }
  };
  const reader = attempt<OutsideUsageReader | undefined>(create, undefined);
  let came = false;
  return {
    whole(body) {
      came = true;
      attempt(() => reader?.whole?.(body), undefined);
    },
    chunk(data) {
      came = true;
      attempt(() => reader?.chunk?.(data), undefined);
    },
    reading() {
      const told = cleaned(attempt(() => reader?.reading(), undefined) ?? {});
      // Something came, and the adapter found nothing in it: its shape is not the one that the adapter was written for.
      const isUnknownShape = came && !saysSomething(told);
      return { finished: false, outputText: '', ...told, ...(isUnknownShape ? { isUnknownShape } : {}) };
    },
  };
}

const COUNTS = [
  ...['inputTokens', 'outputTokens', 'totalTokens', 'reasoningTokens', 'cacheReadTokens', 'cacheWriteTokens'],
  ...['cacheWrite5mTokens', 'cacheWrite1hTokens'],
] as const;

/** What is no count, no text or no cost would make the whole event invalid. */
function cleaned(told: Partial<UsageReading>): Partial<UsageReading> {
  const reading: Record<string, unknown> = { ...told };
  for (const name of COUNTS) if (!isCount(reading[name])) delete reading[name];
  const { totalCostUsd, outputText } = told;
  if (typeof totalCostUsd !== 'number' || !(totalCostUsd >= 0) || !Number.isFinite(totalCostUsd)) {
    delete reading['totalCostUsd'];
  }
  if (typeof outputText !== 'string') delete reading['outputText'];
  return reading as Partial<UsageReading>;
}

function isCount(value: unknown): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function saysSomething(told: Partial<UsageReading>): boolean {
  const { outputText, media, totalCostUsd, errorReason, pending } = told;
  const others = [media, totalCostUsd, errorReason, pending].some((value) => value !== undefined);
  return others || (outputText ?? '') !== '' || COUNTS.some((name) => name in told);
}
