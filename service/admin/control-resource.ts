/** A cost control as the API shows it (contract 4.2). */
import type { CostControlResource } from 'fusewire/internal';
import { type HardField, hardSettingsOf, isHard } from '../ledger/hard-fields.js';
import type { CostControl } from '../store/store.js';

/** Where a control lives, below the path family. */
export const CONTROLS_PATH = '/ai/cost-controls';

/** What means nothing without holds is shown as `null`, so that whoever writes back what it read changes nothing. */
const NOT_HARD = {
  onExpiry: null,
  estimate: null,
  whenExhausted: null,
  assumedOutputTokens: null,
  outputLimit: null,
  clampOutput: null,
  downgradeTo: null,
  throttleMs: null,
} as const satisfies Record<HardField, null>;

/** The resource of a control; links carry no path family, as the hosted API's do. */
export function controlResource(control: CostControl): CostControlResource {
  return {
    id: control.id,
    resourceType: 'costControl',
    label: control.name,
    name: control.name,
    description: control.description,
    metricType: control.metricType,
    windowType: control.windowType,
    action: control.action,
    groupBy: control.groupBy,
    warnThreshold: control.warnThreshold === null ? null : Number(control.warnThreshold),
    hardLimit: Number(control.hardLimit),
    filters: control.filters.map((filter) =>
      filter.values === undefined
        ? {
            dimension: filter.dimension,
            operator: filter.operator,
            value: filter.value ?? '',
            ...(filter.includeDescendants === true ? { includeDescendants: true } : {}),
          }
        : { dimension: filter.dimension, operator: filter.operator, values: [...filter.values] },
    ),
    shadowMode: control.shadowMode,
    enabled: control.enabled,
    notificationChannelIds: [...control.notificationChannelIds],
    windowDuration: control.windowDuration ?? null,
    timeZone: control.timeZone ?? 'UTC',
    weekStart: control.weekStart ?? 'MONDAY',
    onUnknownPrice: control.onUnknownPrice,
    assumedPricePerMillionTokens: numberOrNull(control.assumedPricePerMillionTokens),
    assumedPricePerRequest: numberOrNull(control.assumedPricePerRequest),
    onClientLeave: control.onClientLeave ?? 'auto',
    enforcement: control.enforcement ?? 'POLLED',
    ...(isHard(control) ? hardSettingsOf(control) : NOT_HARD),
    raised: numberOrNull(control.raised) ?? 0,
    raisedUntil: control.raisedUntilMs === undefined ? null : new Date(control.raisedUntilMs).toISOString(),
    feedRuleId: control.ruleId,
    teamId: control.teamId,
    created: new Date(control.createdAtMs).toISOString(),
    updated: new Date(control.updatedAtMs).toISOString(),
    _links: { self: { href: `/v2/api${CONTROLS_PATH}/${control.id}` } },
  };
}

function numberOrNull(text: string | null | undefined): number | null {
  return text === null || text === undefined ? null : Number(text);
}
