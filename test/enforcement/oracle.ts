/** Contract 2.10 written down as a loop, for comparing. Slow, and shares no code with the product but the types. */
import type { CallDimensions } from '../../enforcement/decision.js';
import type { DepartmentMaps, Rule, RuleFilter } from '../../src/wire/feed.js';

/** What the oracle says: the code, the rule and the value shown, and the ids of the rules that observe. */
export interface OracleAnswer {
  readonly code: string;
  readonly ruleId: number | string | null;
  readonly currentValue: number | null;
  readonly observed: readonly string[];
}

function valuesOf(call: CallDimensions, dimension: string): string[] {
  const table: Record<string, (string | undefined)[]> = {
    MODEL: [call.model],
    PROVIDER: [call.provider?.toLowerCase()],
    SUBSCRIBER: [call.subscriberId, call.subscriberEmail],
    ORGANIZATION: [call.organization],
    PRODUCT: [call.product],
    CREDENTIAL: [call.credentialName, call.credential],
    AGENT: [call.agent],
    TASK_TYPE: [call.taskType],
  };
  return (table[dimension] ?? []).filter((value): value is string => value !== undefined && value !== '');
}

/** Whether one row covers the call. */
export function oracleRow(filter: RuleFilter, call: CallDimensions): boolean {
  const values = valuesOf(call, filter.dimension);
  const same = (text: string) => (filter.dimension === 'PROVIDER' ? text.toLowerCase() : text);
  const operand = same(filter.value ?? '');
  if (filter.operator === 'IS_NOT') return values.length > 0 && values.every((value) => value !== operand);
  return values.some((value) => {
    if (filter.operator === 'IS') return value === operand;
    if (filter.operator === 'IN') return (filter.values ?? []).map(same).includes(value);
    if (filter.operator === 'CONTAINS') return value.indexOf(operand) !== -1;
    if (filter.operator === 'STARTS_WITH') return value.slice(0, operand.length) === operand;
    return value.slice(Math.max(0, value.length - operand.length)) === operand;
  });
}

const ended = (rule: Rule, nowMs: number) =>
  (rule.windowEndMs !== undefined && nowMs >= rule.windowEndMs) ||
  (rule.resetsAtMs !== undefined && nowMs >= rule.resetsAtMs);

/** The maps say who is in a department; the other rows of its rule are the call's matter. */
function coversBesidesDepartment(rule: Rule, call: CallDimensions): boolean {
  return rule.filters.every((filter) => filter.dimension === 'DEPARTMENT' || oracleRow(filter, call));
}

/** The decision of contract 2.10 with the choices of 2.11. */
export function oracle(
  rules: readonly Rule[],
  maps: DepartmentMaps,
  call: CallDimensions,
  nowMs: number,
): OracleAnswer {
  let answer: Omit<OracleAnswer, 'observed'> | undefined;
  const observed: string[] = [];
  const email = call.subscriberEmail?.trim().toLowerCase();
  const byId = (id: number) => rules.find((rule) => String(rule.ruleId) === String(id));
  if (email) {
    const blockedBy = maps.blocks.get(email);
    const balance = maps.balances.get(email);
    if (blockedBy !== undefined) {
      const rule = byId(blockedBy);
      const currentValue = balance ?? rule?.currentValue ?? null;
      if (rule === undefined) answer = { code: 'DEPARTMENT_TRIPPED', ruleId: blockedBy, currentValue };
      else if (!ended(rule, nowMs) && coversBesidesDepartment(rule, call)) {
        if (rule.shadowMode) observed.push(`shadow ${rule.ruleId}`);
        else if (rule.action !== 'BLOCK') observed.push(`action ${rule.ruleId}`);
        else answer = { code: 'DEPARTMENT_TRIPPED', ruleId: rule.ruleId, currentValue };
      }
    }
    const warnedBy = maps.warnings.get(email);
    if (answer === undefined && warnedBy !== undefined) {
      const rule = byId(warnedBy);
      if (rule === undefined || !ended(rule, nowMs)) observed.push(`warning ${warnedBy}`);
    }
  }
  for (const rule of rules) {
    if (rule.departmentId !== undefined || rule.groupBy === 'DEPARTMENT' || ended(rule, nowMs)) continue;
    if (!rule.filters.every((filter) => oracleRow(filter, call))) continue;
    if (rule.credential !== undefined && !valuesOf(call, 'CREDENTIAL').includes(rule.credential)) continue;
    let code = 'RULE_TRIPPED';
    let currentValue = rule.currentValue ?? null;
    let kind = 'tripped';
    if (rule.groupBreakdown !== undefined) {
      const groupBy = rule.groupBy ?? 'SUBSCRIBER';
      const same = (text: string) => (groupBy === 'PROVIDER' ? text.toLowerCase() : text);
      const group = valuesOf(call, groupBy)
        .map((value) => rule.groupBreakdown?.find((entry) => same(entry.groupValue) === value))
        .find((entry) => entry !== undefined);
      if (group?.breached !== true) continue;
      code = 'GROUP_TRIPPED';
      currentValue = group.currentValue ?? null;
    } else if (!rule.breached) {
      if (!rule.warnBreached) continue;
      kind = 'warning';
    }
    if (kind === 'tripped' && rule.shadowMode) kind = 'shadow';
    if (kind === 'tripped' && rule.action !== 'BLOCK') kind = 'action';
    if (kind !== 'tripped') observed.push(`${kind} ${rule.ruleId}`);
    else answer ??= { code, ruleId: rule.ruleId, currentValue };
  }
  return { ...(answer ?? { code: 'ALLOWED', ruleId: null, currentValue: null }), observed: observed.slice(0, 8) };
}
