/** The options of cost controls that hold calls: `--hard` and what belongs to it. */
import type { Command } from 'commander';
import type { CostControlResource } from 'fusewire/internal';
import { CliUsageError } from './io.js';

/** As commander reads them. */
export interface HardOptions {
  readonly hard?: boolean;
  readonly onExpiry?: string;
  readonly estimate?: string;
  readonly whenExhausted?: string;
  readonly assumedOutputTokens?: string;
  readonly outputLimit?: string;
  readonly clampOutput?: boolean;
  readonly downgradeTo?: string;
  readonly throttle?: string;
}

const SPAN = /^(\d{1,5})(ms|s)$/;
const WHOLE = /^\d{1,7}$/;

/** Adds the options. */
export function withHard(command: Command): Command {
  return command
    .option('--hard', 'admit a call against a hold only, so that the limit is never overspent')
    .option('--no-hard', 'let callers refuse by the rules that they polled')
    .option('--on-expiry <reaction>', 'with --hard: charge or release a hold that its owner lost (charge)')
    .option('--estimate <kind>', 'with --hard: what a call sets aside: worst-case or expected (worst-case)')
    .option('--when-exhausted <reaction>', 'with --hard: cut or finish a stream that outgrows its hold (cut)')
    .option('--assumed-output-tokens <count>', 'with --hard: for calls that name no output limit (4096)')
    .option('--output-limit <policy>', 'with --hard: inject that limit into such a call, or only assume it (inject)')
    .option('--clamp-output', 'with --hard: lower the output limit of a call to what is left')
    .option('--no-clamp-output')
    .option('--downgrade-to <model>', 'with --hard: ask this cheaper model where a call does not fit; none removes it')
    .option('--throttle <time>', 'with --hard: let a call wait for room, for instance 500ms or 2s; none removes it');
}

/** As the API takes them. */
export function hardFieldsOf(options: HardOptions): Record<string, unknown> {
  return {
    enforcement: options.hard === undefined ? undefined : options.hard ? 'HARD' : 'POLLED',
    onExpiry: options.onExpiry?.toLowerCase(),
    estimate: options.estimate?.toLowerCase(),
    whenExhausted: options.whenExhausted?.toLowerCase(),
    assumedOutputTokens: countOf(options.assumedOutputTokens),
    outputLimit: options.outputLimit?.toLowerCase(),
    clampOutput: options.clampOutput,
    downgradeTo: options.downgradeTo?.toLowerCase() === 'none' ? null : options.downgradeTo,
    throttleMs: throttleOf(options.throttle),
  };
}

/** What a hard control does, in a line; empty for others. */
export function hardText(control: CostControlResource): string {
  if (control.enforcement !== 'HARD') return '';
  const { clampOutput, downgradeTo, throttleMs } = control;
  return [
    'holds',
    `${control.estimate}`,
    `expired: ${control.onExpiry}`,
    `outgrown: ${control.whenExhausted}`,
    `without a limit: ${control.outputLimit} ${control.assumedOutputTokens} tokens`,
    ...(clampOutput === true ? ['clamps output'] : []),
    ...(downgradeTo === null ? [] : [`downgrades to ${downgradeTo}`]),
    ...(throttleMs === null ? [] : [`throttles ${throttleMs} ms`]),
  ].join(', ');
}

function countOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (WHOLE.test(text)) return Number(text);
  throw new CliUsageError(`--assumed-output-tokens takes a whole number, for instance 4096, not '${text}'`);
}

function throttleOf(text: string | undefined): number | null | undefined {
  if (text === undefined) return undefined;
  if (text.toLowerCase() === 'none') return null;
  const [, count, unit] = SPAN.exec(text.trim().toLowerCase()) ?? [];
  if (count === undefined) throw new CliUsageError(`--throttle takes a time such as 500ms or 2s, not '${text}'`);
  return Number(count) * (unit === 's' ? 1_000 : 1);
}
