/** Whether memory is flat: by the line through all samples after the first, not by two of them. Pure. */
import type { Memory } from './gateway-child.js';

/** How much each may grow over the whole run: a share of its mean, and at least so many. */
const BOUNDS: Readonly<Record<keyof Memory, readonly [share: number, least: number]>> = {
  heapBytes: [0.06, 4 * 2 ** 20],
  externalBytes: [0.25, 4 * 2 ** 20],
  rssBytes: [0.15, 32 * 2 ** 20],
  sockets: [0, 4],
  timers: [0, 8],
};

/** One measure over the run. */
export interface Growth {
  readonly measure: keyof Memory;
  readonly first: number;
  readonly last: number;
  /** Along the line, from the first sample to the last. */
  readonly growth: number;
  readonly bound: number;
  readonly isFlat: boolean;
}

/** Judges the samples; the first ones, while everything warms up, are left out by whoever calls. */
export function judgeMemory(samples: readonly Memory[]): readonly Growth[] {
  return (Object.keys(BOUNDS) as (keyof Memory)[]).map((measure) => {
    const values = samples.map((sample) => sample[measure]);
    const [share, least] = BOUNDS[measure];
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const growth = slopeOf(values) * (values.length - 1);
    const bound = Math.max(least, share * mean);
    return { measure, first: values[0]!, last: values.at(-1)!, growth, bound, isFlat: growth <= bound };
  });
}

/** Of the least-squares line, for each step. */
export function slopeOf(values: readonly number[]): number {
  const middle = (values.length - 1) / 2;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  let above = 0;
  let below = 0;
  for (const [at, value] of values.entries()) {
    above += (at - middle) * (value - mean);
    below += (at - middle) ** 2;
  }
  return below === 0 ? 0 : above / below;
}
