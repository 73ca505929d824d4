/** A desk that grants whatever is asked, many times over: what is measured on it never waits for a slice. */
import type { HoldDesk, HoldMetric, HoldOperation, HoldOutcome } from '../src/holds/hold-types.js';

const METRICS: readonly HoldMetric[] = [
  'TOTAL_COST',
  'TOKEN_COUNT',
  'OUTPUT_TOKEN_COUNT',
  'TOTAL_COST',
  'INPUT_TOKEN_COUNT',
];

/** Each hold of it has so many parts, at most five: costs by three lines of prices in two steps, and counts. */
export function richDesk(parts: number): HoldDesk {
  const answer = (operation: HoldOperation): HoldOutcome => ({
    outcome: 'held',
    version: '1',
    rates: {
      state: 'known',
      lines: ['3000000', '3750000', '6000000'].map((inputPico) => ({
        requestNano: '0',
        steps: [
          { aboveInputTokens: -1, inputPico, outputPico: '15000000' },
          { aboveInputTokens: 200_000, inputPico, outputPico: '22500000' },
        ],
        imagePico: '0',
        characterPico: '0',
        secondPico: '0',
      })),
    },
    hold: {
      id: operation.id,
      owner: 'bench',
      state: 'open',
      sequence: operation.op === 'take' ? 0 : operation.sequence,
      drawForMs: 3_600_000,
      isRecalled: false,
      isTight: false,
      parts: METRICS.slice(0, parts).map((metric, index) => ({
        controlId: `control-${index}`,
        ruleId: index,
        name: metric,
        metric,
        group: null,
        windowStartMs: 0,
        windowEndMs: null,
        amount: '900000000000000',
        drawn: '0',
        estimate: 'worst-case',
        whenExhausted: 'cut',
        assumedOutputTokens: 4_096,
        outputLimit: 'inject',
      })),
    },
  });
  return { operate: (operations) => Promise.resolve(operations.map(answer)) };
}
