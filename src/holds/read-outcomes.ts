/** Reads a service's answer about holds. What a part of the SDK is to count with is checked first; the rest is taken as it came. */
import type { RateBound } from '../bound/types.js';
import { isRecord } from '../wire/is-record.js';
import { HOLD_METRICS, type HoldOutcome, type HoldPart, type HoldRefusal, type HoldState } from './hold-types.js';

type Json = Readonly<Record<string, unknown>>;

const STATES: ReadonlySet<unknown> = new Set(['open', 'closed', 'expired']);
const METRICS: ReadonlySet<unknown> = new Set(HOLD_METRICS);
const ESTIMATES: ReadonlySet<unknown> = new Set(['worst-case', 'expected']);
const ENDS: ReadonlySet<unknown> = new Set(['finish', 'cut']);
const LIMITS: ReadonlySet<unknown> = new Set(['inject', 'assume']);
const RATES: ReadonlySet<unknown> = new Set(['known', 'free', 'unknown']);
const REFUSALS: ReadonlySet<unknown> = new Set(['BUDGET_EXCEEDED', 'UNKNOWN_PRICE']);
/** A longer amount is no amount of money or of tokens. */
const INTEGER = /^\d{1,40}$/;

/** The outcomes of `count` operations, in their order; `undefined` where the text says anything else. */
export function readOutcomes(text: string, count: number): readonly HoldOutcome[] | undefined {
  const body = parse(text);
  const outcomes = isRecord(body) ? body['outcomes'] : undefined;
  if (!Array.isArray(outcomes) || outcomes.length !== count) return undefined;
  return outcomes.every(isOutcome) ? outcomes : undefined;
}

function isOutcome(value: unknown): value is HoldOutcome {
  if (!isRecord(value) || typeof value['version'] !== 'string') return false;
  const { outcome, hold, rates, refusal } = value;
  if (rates !== undefined && !isRates(rates)) return false;
  switch (outcome) {
    case 'held':
      return isHold(hold);
    case 'refused':
      return isRefusal(refusal) && (hold === undefined || isHold(hold));
    default:
      return outcome === 'free' || outcome === 'gone';
  }
}

function isHold(value: unknown): value is HoldState {
  return (
    isRecord(value) &&
    typeof value['id'] === 'string' &&
    typeof value['owner'] === 'string' &&
    STATES.has(value['state']) &&
    isWhole(value['sequence']) &&
    isNumber(value['drawForMs']) &&
    typeof value['isRecalled'] === 'boolean' &&
    typeof value['isTight'] === 'boolean' &&
    Array.isArray(value['parts']) &&
    value['parts'].every(isPart)
  );
}

function isPart(value: unknown): value is HoldPart {
  if (!isRecord(value)) return false;
  const { assumedPrice, group, windowEndMs } = value;
  return (
    typeof value['controlId'] === 'string' &&
    typeof value['name'] === 'string' &&
    isNumber(value['ruleId']) &&
    METRICS.has(value['metric']) &&
    (group === null || typeof group === 'string') &&
    isNumber(value['windowStartMs']) &&
    (windowEndMs === null || isNumber(windowEndMs)) &&
    areAmounts(value, ['amount', 'drawn']) &&
    ESTIMATES.has(value['estimate']) &&
    ENDS.has(value['whenExhausted']) &&
    isWhole(value['assumedOutputTokens']) &&
    LIMITS.has(value['outputLimit']) &&
    (assumedPrice === undefined ||
      (isRecord(assumedPrice) && areAmounts(assumedPrice, ['perMillionTokensNano', 'perRequestNano'])))
  );
}

function isRates(value: unknown): value is RateBound {
  if (!isRecord(value) || !RATES.has(value['state'])) return false;
  return Array.isArray(value['lines']) && value['lines'].every(isLine);
}

function isLine(line: unknown): boolean {
  if (!isRecord(line) || !areAmounts(line, ['requestNano', 'imagePico', 'characterPico', 'secondPico'])) return false;
  const { steps } = line;
  const isStep = (step: unknown) =>
    isRecord(step) && isNumber(step['aboveInputTokens']) && areAmounts(step, ['inputPico', 'outputPico']);
  return Array.isArray(steps) && steps.length > 0 && steps.every(isStep);
}

function isRefusal(value: unknown): value is HoldRefusal {
  if (!isRecord(value) || !REFUSALS.has(value['code'])) return false;
  const { retryAfterMs, reactions, group, resetsAt } = value;
  return (
    typeof value['message'] === 'string' &&
    typeof value['controlId'] === 'string' &&
    isNumber(value['ruleId']) &&
    typeof value['name'] === 'string' &&
    METRICS.has(value['metric']) &&
    typeof value['periodType'] === 'string' &&
    (group === null || typeof group === 'string') &&
    areAmounts(value, ['limit', 'raised', 'spend', 'held', 'asked', 'remaining']) &&
    (resetsAt === null || typeof resetsAt === 'string') &&
    typeof value['isHeldByOthers'] === 'boolean' &&
    (retryAfterMs === null || isNumber(retryAfterMs)) &&
    isRecord(reactions) &&
    typeof reactions['clampOutput'] === 'boolean' &&
    (reactions['downgradeTo'] === null || typeof reactions['downgradeTo'] === 'string') &&
    (reactions['throttleMs'] === null || isNumber(reactions['throttleMs']))
  );
}

function areAmounts(record: Json, names: readonly string[]): boolean {
  return names.every((name) => typeof record[name] === 'string' && INTEGER.test(record[name]));
}

function isWhole(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isNumber(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
