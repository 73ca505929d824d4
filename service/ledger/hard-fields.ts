/** The fields of a cost control that only mean something with `enforcement: HARD` (I7). Pure. */
import { HOLD_METRICS } from 'fusewire/internal';
import type { CostControlInput } from '../store/store.js';

/** Names of the fields. */
export const HARD_FIELDS = [
  'onExpiry',
  'estimate',
  'whenExhausted',
  'assumedOutputTokens',
  'outputLimit',
  'clampOutput',
  'downgradeTo',
  'throttleMs',
] as const;
/** One of {@link HARD_FIELDS}. */
export type HardField = (typeof HARD_FIELDS)[number];
/** They, all with a value. */
export type HardSettings = Required<Pick<CostControlInput, HardField>>;

/** What holds where nothing is said: no overspend whatever crashes (I7), and no reaction but to refuse. */
export const HARD_DEFAULTS: HardSettings = Object.freeze({
  onExpiry: 'charge',
  estimate: 'worst-case',
  whenExhausted: 'cut',
  assumedOutputTokens: 4_096,
  outputLimit: 'inject',
  clampOutput: false,
  downgradeTo: null,
  throttleMs: null,
});

const OUTPUT_TOKENS_MAX = 1_000_000;
const THROTTLE_MAX_MS = 60_000;
const MODEL_MAX = 255;
/** Metrics that what a call may put out adds to. */
const OUTPUT_METRICS: ReadonlySet<string> = new Set(['TOTAL_COST', 'TOKEN_COUNT', 'OUTPUT_TOKEN_COUNT']);
const HELD: ReadonlySet<string> = new Set(HOLD_METRICS);

/** The fields of a control, with every default set. */
export function hardSettingsOf(input: CostControlInput): HardSettings {
  return {
    onExpiry: input.onExpiry ?? HARD_DEFAULTS.onExpiry,
    estimate: input.estimate ?? HARD_DEFAULTS.estimate,
    whenExhausted: input.whenExhausted ?? HARD_DEFAULTS.whenExhausted,
    assumedOutputTokens: input.assumedOutputTokens ?? HARD_DEFAULTS.assumedOutputTokens,
    outputLimit: input.outputLimit ?? HARD_DEFAULTS.outputLimit,
    clampOutput: input.clampOutput ?? HARD_DEFAULTS.clampOutput,
    downgradeTo: input.downgradeTo ?? HARD_DEFAULTS.downgradeTo,
    throttleMs: input.throttleMs ?? HARD_DEFAULTS.throttleMs,
  };
}

/** Whether calls are admitted against holds only. */
export function isHard(control: Pick<CostControlInput, 'enforcement'>): boolean {
  return control.enforcement === 'HARD';
}

/** Whether a hard control does something else before it refuses: then no feed says that it refuses (DESIGN section 5). */
export function isGraded(control: CostControlInput): boolean {
  const { clampOutput, downgradeTo, throttleMs } = control;
  return isHard(control) && (clampOutput === true || (downgradeTo ?? null) !== null || (throttleMs ?? null) !== null);
}

/** Field to problem; empty where everything is in order. */
export function hardProblems(input: CostControlInput): Record<string, string> {
  const settings = hardSettingsOf(input);
  const problems: Record<string, string> = {};
  if (!isHard(input)) {
    for (const field of HARD_FIELDS) {
      if (settings[field] !== HARD_DEFAULTS[field]) problems[field] = 'is for enforcement HARD only';
    }
    return problems;
  }
  if (!HELD.has(input.metricType)) {
    problems['enforcement'] =
      `HARD cannot measure ${input.metricType}: what a call adds to it is not bounded beforehand`;
  }
  if (!isWhole(settings.assumedOutputTokens, OUTPUT_TOKENS_MAX)) {
    problems['assumedOutputTokens'] = `must be a whole number from 1 to ${OUTPUT_TOKENS_MAX}`;
  }
  if (settings.throttleMs !== null && !isWhole(settings.throttleMs, THROTTLE_MAX_MS)) {
    problems['throttleMs'] = `must be a whole number from 1 to ${THROTTLE_MAX_MS} milliseconds`;
  }
  if (settings.clampOutput && !OUTPUT_METRICS.has(input.metricType)) {
    problems['clampOutput'] = `lowers the output tokens of a call, which ${input.metricType} does not count`;
  }
  const downgrade = settings.downgradeTo === null ? undefined : downgradeProblem(input, settings.downgradeTo);
  if (downgrade !== undefined) problems['downgradeTo'] = downgrade;
  return problems;
}

/** A substitute that draws on the same budget by the same amount, or is the same model, helps nobody. */
function downgradeProblem(input: CostControlInput, model: string): string | undefined {
  if (model.trim() === '') return 'must name a model';
  if (model.length > MODEL_MAX) return `must have at most ${MODEL_MAX} characters`;
  const rows = input.filters.filter(({ dimension }) => dimension === 'MODEL');
  const isOnlyOne = rows.some(
    ({ operator, value, values }) =>
      (operator === 'IS' && value === model) || (operator === 'IN' && values?.every((one) => one === model) === true),
  );
  if (isOnlyOne) return `the control covers no other model than ${model}`;
  const divides = ['MODEL', 'PROVIDER'];
  const canLeave =
    divides.includes(input.groupBy ?? '') || input.filters.some(({ dimension }) => divides.includes(dimension));
  if (input.metricType === 'TOTAL_COST' || canLeave) return undefined;
  return `another model adds as much to ${input.metricType}: filter or group the control by MODEL or PROVIDER`;
}

function isWhole(value: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= 1 && value <= max;
}
