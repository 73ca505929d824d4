/** The arithmetic of a line: what costs so much for each of what is consumed, never less than the prices it stands for. */
import type { RateLine } from 'fusewire/internal';
import { divide } from '../ledger/decimal.js';
import type { Rate } from './rates.js';

/** What a line charges; what is left out costs nothing in it. */
export interface LineParts {
  readonly requestNano: bigint;
  readonly steps?: RateLine['steps'];
  readonly imagePico?: bigint;
  readonly characterPico?: bigint;
  readonly secondPico?: bigint;
}

/** As it is sent. */
export function lineOf({ requestNano, steps = NO_STEPS, imagePico, characterPico, secondPico }: LineParts): RateLine {
  return {
    requestNano: String(requestNano),
    steps,
    imagePico: String(imagePico ?? 0n),
    characterPico: String(characterPico ?? 0n),
    secondPico: String(secondPico ?? 0n),
  };
}

const NO_STEPS: RateLine['steps'] = Object.freeze([
  Object.freeze({ aboveInputTokens: -1, inputPico: '0', outputPico: '0' }),
]);

/**
 * The dearest of the rates at each length of a context: of a longer one, since a bound is an upper bound, the dearest of
 * all steps up to it, whether or not prices fall with the length.
 */
export function stepsOf(input: readonly Rate[], output: readonly Rate[]): RateLine['steps'] {
  const ends = new Set<bigint>();
  for (const rate of [...input, ...output]) for (const tier of rate.tiers) ends.add(tier.aboveTokens);
  const reached = [...ends].filter((end) => end >= 0n && end <= BigInt(Number.MAX_SAFE_INTEGER));
  const steps = [stepAt(-1n, input, output)];
  for (const end of reached.sort((a, b) => (a < b ? -1 : 1))) {
    const step = stepAt(end, input, output);
    const last = steps.at(-1);
    if (step.inputPico !== last?.inputPico || step.outputPico !== last.outputPico) steps.push(step);
  }
  return steps;
}

/** For contexts of more tokens than `end`, up to the next step. */
function stepAt(end: bigint, input: readonly Rate[], output: readonly Rate[]): RateLine['steps'][number] {
  const at = { aboveInputTokens: Number(end) };
  return { ...at, inputPico: String(dearest(end, input)), outputPico: String(dearest(end, output)) };
}

function dearest(end: bigint, rates: readonly Rate[]): bigint {
  let picoUsd = 0n;
  for (const { basePicoUsd, tiers } of rates) {
    if (basePicoUsd > picoUsd) picoUsd = basePicoUsd;
    for (const tier of tiers) if (tier.aboveTokens <= end && tier.picoUsd > picoUsd) picoUsd = tier.picoUsd;
  }
  return picoUsd;
}

const SECONDS_AN_HOUR = 3_600n;
const PICO_A_NANO = 1_000n;
const MILLISECONDS_A_SECOND = 1_000n;

/** By the second; the least that is billed is a line of its own, since the dearest line counts. */
export function timeLines(requestNano: bigint, hourPico: bigint, minimumMs: number): readonly RateLine[] {
  const bySecond = lineOf({ requestNano, secondPico: divide(hourPico, SECONDS_AN_HOUR, 'ceiling') });
  if (minimumMs === 0) return [bySecond];
  const minimum = hourPico * BigInt(Math.ceil(minimumMs));
  const leastNano = divide(minimum, SECONDS_AN_HOUR * MILLISECONDS_A_SECOND * PICO_A_NANO, 'ceiling');
  return [bySecond, lineOf({ requestNano: requestNano + leastNano })];
}
