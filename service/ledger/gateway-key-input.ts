/** What a person wrote of a key of the gateway, checked. Pure. */
import type { FixedDimensions } from '../gateway/types.js';
import { StoreError } from '../store/store-error.js';
import type { GatewayKeyInput } from './gateway-keys.js';

/** The dimensions that a key can fix. */
export const FIXED_DIMENSIONS = ['organizationName', 'productName', 'agent', 'taskType', 'environment'] as const;

const TEXT_MAX = 255;
const MODELS_MAX = 100;
const RATE_MAX = 999_999;
const CONCURRENCY_MAX = 100_000;

/** A key's settings as they are kept. */
export type ReadKeyInput = Omit<GatewayKeyInput, 'label' | 'dimensions'> & {
  readonly label: string;
  readonly dimensions: FixedDimensions;
};

/** Checks all of it at once. @throws StoreError `INVALID` that names each wrong field */
export function readKeyInput(input: GatewayKeyInput, nowMs: number): ReadKeyInput {
  const problems: Record<string, string> = {};
  const label = input.label?.trim() ?? '';
  if (label.length > TEXT_MAX) problems['label'] = `must have at most ${TEXT_MAX} characters`;
  const { expiresAtMs, ratePerSecond, concurrencyMax } = input;
  if (expiresAtMs !== undefined && !(Number.isSafeInteger(expiresAtMs) && expiresAtMs > nowMs)) {
    problems['expires'] = 'must be in the future';
  }
  Object.assign(problems, countProblem('ratePerSecond', ratePerSecond, RATE_MAX));
  Object.assign(problems, countProblem('concurrencyMax', concurrencyMax, CONCURRENCY_MAX));
  const models = input.models?.map((model) => model.trim());
  if (models !== undefined) Object.assign(problems, modelProblem(models));
  const dimensions = readDimensions(input.dimensions ?? {}, problems);
  const texts = Object.entries(problems).map(([field, problem]) => `${field}: ${problem}`);
  if (texts.length > 0) throw new StoreError('INVALID', texts.join('; '), { problems });
  return { label, expiresAtMs, ratePerSecond, concurrencyMax, models, dimensions };
}

function countProblem(field: string, value: number | undefined, max: number): Record<string, string> {
  if (value === undefined || (Number.isSafeInteger(value) && value >= 1 && value <= max)) return {};
  return { [field]: `must be a whole number from 1 to ${max}` };
}

function modelProblem(models: readonly string[]): Record<string, string> {
  const bad = models.some((model) => model === '' || model.length > TEXT_MAX);
  if (models.length === 0) return { models: 'must name at least one model; without it every model may be asked for' };
  if (models.length > MODELS_MAX) return { models: `must name at most ${MODELS_MAX} models` };
  return bad ? { models: `each must have 1 to ${TEXT_MAX} characters` } : {};
}

function readDimensions(given: FixedDimensions, problems: Record<string, string>): FixedDimensions {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(given) as [string, string | undefined][]) {
    const isKnown = (FIXED_DIMENSIONS as readonly string[]).includes(name);
    if (!isKnown) problems[`dimensions.${name}`] = `is not one of ${FIXED_DIMENSIONS.join(', ')}`;
    else if (value === undefined) continue;
    else if (value.trim() === '' || value.length > TEXT_MAX) {
      problems[`dimensions.${name}`] = `must have 1 to ${TEXT_MAX} characters`;
    } else kept[name] = value.trim();
  }
  return kept;
}
