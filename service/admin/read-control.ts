/** From what a person wrote to a cost control that is consistent in itself (contract 4.2). Pure. */
import type { CostControlCreate, CostControlPatch, Dimension } from 'fusewire/internal';
import { digitsOf } from '../compile/compiled-control.js';
import { type FieldProblem, invalidFields } from '../http/api-error.js';
import { HARD_FIELDS } from '../ledger/hard-fields.js';
import { timeZoneName } from '../ledger/time-zone.js';
import type { ControlFilter, CostControl, CostControlInput, MetricType } from '../store/store.js';
import { isAbove, readAmount } from './amount.js';

type WrittenFilter = NonNullable<CostControlCreate['filters']>[number];
type Changes = { -readonly [K in keyof CostControlInput]?: CostControlInput[K] };

/** A control to create, with every default set. @throws ApiError 400 that names each wrong field. */
export function readCreate(body: CostControlCreate): CostControlInput {
  const metricType = body.metricType;
  const problems: FieldProblem[] = [];
  const hardLimit = amountOf('hardLimit', body.hardLimit, metricType, problems);
  const warnThreshold = optionalAmount('warnThreshold', body.warnThreshold, metricType, problems) ?? null;
  const assumed = {
    assumedPricePerMillionTokens: assumedOf('assumedPricePerMillionTokens', body, problems) ?? null,
    assumedPricePerRequest: assumedOf('assumedPricePerRequest', body, problems) ?? null,
  };
  const enforcement = body.enforcement ?? 'POLLED';
  problems.push(...strayFields(body, enforcement));
  if (problems.length > 0) throw invalidFields(problems);
  const input: CostControlInput = {
    name: body.name,
    description: body.description ?? '',
    metricType,
    windowType: body.windowType,
    action: body.action ?? 'BLOCK',
    groupBy: body.groupBy == null ? null : dimensionOf(body.groupBy),
    warnThreshold,
    hardLimit,
    filters: (body.filters ?? []).map(filterOf),
    shadowMode: body.shadowMode ?? false,
    enabled: body.enabled ?? true,
    notificationChannelIds: body.notificationChannelIds ?? [],
    // Nobody knows what such a call costs, so no hold covers it (I5, I7).
    onUnknownPrice: body.onUnknownPrice ?? (enforcement === 'HARD' ? 'refuse' : 'flag'),
    onClientLeave: body.onClientLeave ?? 'auto',
    windowDuration: durationOf(body.windowDuration),
    timeZone: zoneNameOf(body.timeZone) ?? 'UTC',
    weekStart: body.weekStart ?? 'MONDAY',
    enforcement,
    ...givenHard(body),
    ...assumed,
  };
  checkTogether(input);
  return input;
}

/**
 * The changes of a patch to `current`: what is left out, or `null` where `null` means nothing, stays; lists are replaced
 * whole. Judged by what the control would be afterwards. @throws ApiError 400 that names each wrong field.
 */
export function readPatch(body: CostControlPatch, current: CostControl): Partial<CostControlInput> {
  const metricType = body.metricType ?? current.metricType;
  const problems: FieldProblem[] = [];
  const hardLimit = optionalAmount('hardLimit', body.hardLimit ?? current.hardLimit, metricType, problems);
  const warn = body.warnThreshold === undefined ? current.warnThreshold : body.warnThreshold;
  const warnThreshold = optionalAmount('warnThreshold', warn, metricType, problems) ?? null;
  const perTokens = assumedOf('assumedPricePerMillionTokens', body, problems);
  const perRequest = assumedOf('assumedPricePerRequest', body, problems);
  const enforcement = body.enforcement ?? current.enforcement ?? 'POLLED';
  problems.push(...strayFields(body, enforcement));
  if (problems.length > 0) throw invalidFields(problems);
  const changes: Changes = {
    ...given('name', body.name),
    ...given('description', body.description),
    ...given('metricType', body.metricType),
    ...given('windowType', body.windowType),
    ...given('action', body.action),
    ...given('shadowMode', body.shadowMode),
    ...given('enabled', body.enabled),
    ...given('notificationChannelIds', body.notificationChannelIds),
    ...given('onUnknownPrice', body.onUnknownPrice),
    ...given('onClientLeave', body.onClientLeave),
    ...given('enforcement', body.enforcement),
    ...givenHard(body),
    ...given('timeZone', zoneNameOf(body.timeZone)),
    ...given('weekStart', body.weekStart),
    ...given('filters', body.filters?.map(filterOf)),
    ...given('hardLimit', body.hardLimit === undefined ? undefined : hardLimit),
  };
  // Whoever makes a budget hard and says nothing of unknown prices means what HARD means where it is new.
  const becomesHard = enforcement === 'HARD' && (current.enforcement ?? 'POLLED') !== 'HARD';
  if (becomesHard && body.onUnknownPrice == null && current.onUnknownPrice === 'flag')
    changes.onUnknownPrice = 'refuse';
  if (body.groupBy !== undefined) changes.groupBy = body.groupBy === null ? null : dimensionOf(body.groupBy);
  if (body.warnThreshold !== undefined) changes.warnThreshold = warnThreshold;
  if (body.windowDuration !== undefined) changes.windowDuration = durationOf(body.windowDuration);
  // What a control had for a window or a reaction that it has no more goes with it.
  else if ((changes.windowType ?? 'ROLLING') !== 'ROLLING') changes.windowDuration = null;
  const assumes = (changes.onUnknownPrice ?? 'assume') === 'assume';
  if (perTokens !== undefined || !assumes) changes.assumedPricePerMillionTokens = perTokens ?? null;
  if (perRequest !== undefined || !assumes) changes.assumedPricePerRequest = perRequest ?? null;
  checkTogether({ ...current, ...changes });
  return changes;
}

/** Of the fields for HARD: those that are written. `null` takes away the two that can be away. */
function givenHard(body: CostControlPatch): Changes {
  const changes: Changes = {
    ...given('onExpiry', body.onExpiry),
    ...given('estimate', body.estimate),
    ...given('whenExhausted', body.whenExhausted),
    ...given('assumedOutputTokens', body.assumedOutputTokens),
    ...given('outputLimit', body.outputLimit),
    ...given('clampOutput', body.clampOutput),
  };
  if (body.downgradeTo !== undefined) changes.downgradeTo = body.downgradeTo;
  if (body.throttleMs !== undefined) changes.throttleMs = body.throttleMs;
  return changes;
}

/** A field that would not be kept must not be taken in silence where it promises a hard budget (I7). */
function strayFields(body: CostControlPatch, enforcement: 'POLLED' | 'HARD'): FieldProblem[] {
  if (enforcement === 'HARD') return [];
  const stray = HARD_FIELDS.filter((field) => (body[field] ?? null) !== null);
  return stray.map((field) => ({ field, problem: 'is for enforcement HARD only' }));
}

function given<K extends keyof CostControlInput>(name: K, value: CostControlInput[K] | null | undefined): Changes {
  return value === undefined || value === null ? {} : ({ [name]: value } as Changes);
}

function checkTogether({ warnThreshold, hardLimit }: CostControlInput): void {
  if (warnThreshold === null || !isAbove(warnThreshold, hardLimit)) return;
  throw invalidFields([{ field: 'warnThreshold', problem: 'warnThreshold must not be above hardLimit' }]);
}

function amountOf(field: string, value: number | string, metricType: MetricType, problems: FieldProblem[]): string {
  const amount = readAmount(value, digitsOf(metricType));
  if (amount.ok) return amount.text;
  problems.push({ field, problem: amount.problem });
  return '0';
}

function optionalAmount(
  field: string,
  value: number | string | null | undefined,
  metricType: MetricType,
  problems: FieldProblem[],
): string | undefined {
  return value === null || value === undefined ? undefined : amountOf(field, value, metricType, problems);
}

/** In dollars, whatever the control measures. `null` removes it. */
function assumedOf(
  field: 'assumedPricePerMillionTokens' | 'assumedPricePerRequest',
  body: CostControlPatch,
  problems: FieldProblem[],
): string | null | undefined {
  const value = body[field];
  return value === null ? null : optionalAmount(field, value, 'TOTAL_COST', problems);
}

/** Durations are written in capitals. */
function durationOf(text: string | null | undefined): string | null {
  return text?.trim().toUpperCase() || null;
}

/** As the database of zones spells it; what it does not know is told by the store, with the other problems. */
function zoneNameOf(text: string | null | undefined): string | undefined {
  const name = text?.trim() || undefined;
  return name === undefined ? undefined : (timeZoneName(name) ?? name);
}

function filterOf(filter: WrittenFilter): ControlFilter {
  const dimension = dimensionOf(filter.dimension);
  const operator = filter.operator ?? 'IS';
  return operator === 'IN'
    ? { dimension, operator, values: filter.values ?? [] }
    : {
        dimension,
        operator,
        value: String(filter.value),
        ...(filter.includeDescendants === true ? { includeDescendants: true } : {}),
      };
}

function dimensionOf(name: Dimension | 'ORG_UNIT'): Dimension {
  return name === 'ORG_UNIT' ? 'DEPARTMENT' : name;
}
