/**
 * Every cost control that concerns a customer, and how it stands now: those that meet each of its calls, those that meet
 * calls with some of its keys, and those that meet calls for a model, an agent … that they name. By the functions of
 * {@link explain}. Reads only.
 */
import type { CallDimensions } from 'fusewire/internal';
import { type CompiledControl, compileControl } from '../compile/compiled-control.js';
import { readBalances } from '../compile/feed-balances.js';
import type { GatewayKey } from '../gateway/types.js';
import { type LedgerContext, readTeamState } from '../ledger/context.js';
import { selectControls } from '../ledger/control-rows.js';
import { getCustomer } from '../ledger/customers.js';
import { listGatewayKeys } from '../ledger/gateway-keys.js';
import { textOf } from '../store/sql.js';
import type { ControlFilter } from '../store/store.js';
import type { CallerGroups } from './caller-groups.js';
import { type Candidate, candidateOf, explainOne, groupsOf } from './explain.js';
import type { AskedCall, ExplainedControl } from './explanation.js';

/** A control that concerns a customer. */
export interface StandingControl extends ExplainedControl {
  /** What a call needs to be met by it, as filters; none: every call of the customer is met. */
  readonly onlyFor: readonly string[];
}

/** How a customer stands. */
export interface CustomerStanding {
  readonly controls: readonly StandingControl[];
  /** Controls of which only the call itself shows whether it is met, or whose budget it draws on. */
  readonly dependsOnCall: readonly OpenControl[];
  /** Controls that are left out because there are so many (I10). */
  readonly omitted: number;
}

/** A control that may concern calls of a customer. */
export interface OpenControl {
  readonly controlId: string;
  readonly name: string;
  readonly groupBy: string | null;
}

/** A call that the customer could make, and what it needs beside the customer. */
interface Probe {
  readonly call: AskedCall;
  readonly onlyFor: readonly string[];
}
type Found = Candidate & { readonly onlyFor: readonly string[] };
type Name = { readonly model: string; readonly provider: string };

const KEYS_MAX = 500;
const CONTROLS_MAX = 1_000;

/** What a call may bring along by itself; its subscriber and its key it cannot choose. */
const CHOSEN = {
  MODEL: 'model',
  PROVIDER: 'provider',
  ORGANIZATION: 'organization',
  PRODUCT: 'product',
  AGENT: 'agent',
  TASK_TYPE: 'taskType',
} as const satisfies Partial<Record<ControlFilter['dimension'], keyof CallDimensions>>;

/** How the controls of a team stand towards a customer. `undefined`: there is no such customer. @throws StoreError `UNKNOWN_TEAM` */
export async function customerStanding(
  context: LedgerContext,
  teamId: string,
  customerId: string,
): Promise<CustomerStanding | undefined> {
  const customer = await getCustomer(context, teamId, customerId);
  if (customer === undefined) return undefined;
  const state = await readTeamState(context, teamId);
  const base = { subscriberId: customer.id, subscriberEmail: customer.email };
  const groups = await groupsOf(context, teamId, state.directoryVersion, base);
  const { items } = await listGatewayKeys(context, teamId, { customerId, page: 0, size: KEYS_MAX });
  const keys = items.filter((key) => isUsable(key, context.nowMs)).map((key) => probeOf(base, key));
  const names = await recentNames(context, teamId, customerId);
  const found: Found[] = [];
  const dependsOnCall: OpenControl[] = [];
  for (const control of await selectControls(context, teamId)) {
    if (!control.enabled) continue;
    const met = meet(compileControl(control), { call: base, onlyFor: [] }, keys, names, groups);
    found.push(...met.found);
    if (met.isOpen) dependsOnCall.push({ controlId: control.id, name: control.name, groupBy: control.groupBy });
  }
  const shown = found.slice(0, CONTROLS_MAX);
  const wanted = shown.map(({ compiled, group }) => ({ compiled, groupKey: group ?? '' }));
  const balances = await readBalances(context, wanted);
  const controls: StandingControl[] = [];
  for (const [i, one] of shown.entries()) {
    controls.push({ ...(await explainOne(context, one, balances[i])), onlyFor: one.onlyFor });
  }
  return { controls, dependsOnCall, omitted: found.length - shown.length };
}

/** Where the control meets the customer: once where it has no groups, else once for each group that is known. */
function meet(
  compiled: CompiledControl,
  base: Probe,
  keys: readonly Probe[],
  names: readonly Name[],
  groups: CallerGroups,
): { readonly found: readonly Found[]; readonly isOpen: boolean } {
  const byGroup = new Map<string | null, Found>();
  let isOpen = false;
  for (const probe of probesFor(compiled, base, keys, names)) {
    const whole = complete(compiled, probe);
    const candidate = candidateOf(compiled, whole.call, groups);
    const failing = candidate.filters.flatMap(({ holds }, i) => (holds ? [] : [compiled.control.filters[i]]));
    if (failing.some((filter) => filter === undefined || !isChosen(filter, probe.call))) continue;
    if (!candidate.concerned) isOpen = true;
    else if (!byGroup.has(candidate.group)) byGroup.set(candidate.group, { ...candidate, onlyFor: whole.onlyFor });
    // Whoever is met without a condition is met with every one.
    if (compiled.control.groupBy === null && candidate.concerned && whole.onlyFor.length === 0) break;
  }
  return { found: [...byGroup.values()], isOpen: isOpen && byGroup.size === 0 };
}

function probesFor(
  { control }: CompiledControl,
  base: Probe,
  keys: readonly Probe[],
  names: readonly Name[],
): readonly Probe[] {
  const { groupBy, filters } = control;
  if (groupBy === 'MODEL' || groupBy === 'PROVIDER') {
    return [base, ...names.map((name) => ({ call: { ...base.call, ...name }, onlyFor: [nameText(groupBy, name)] }))];
  }
  const dimensions = [groupBy, ...filters.map(({ dimension }) => dimension)];
  const isPersonal = dimensions.every((name) => name === null || name === 'SUBSCRIBER' || name === 'DEPARTMENT');
  return isPersonal ? [base] : [base, ...keys];
}

/** The probe with what the control's filters name, as far as calls may choose it. */
function complete({ control }: CompiledControl, probe: Probe): Probe {
  const call: Record<string, string> = { ...probe.call };
  const onlyFor = [...probe.onlyFor];
  const { credentialName } = probe.call;
  if (credentialName !== undefined) {
    const named = control.filters.find(({ dimension }) => dimension === 'CREDENTIAL');
    const isByKey = named === undefined || control.groupBy === 'CREDENTIAL';
    onlyFor.push(isByKey ? `CREDENTIAL IS ${credentialName}` : filterText(named));
  }
  // What excludes a value is met by what the others name, else by any other value.
  const ordered = [...control.filters].sort(
    (a, b) => Number(a.operator === 'IS_NOT') - Number(b.operator === 'IS_NOT'),
  );
  for (const filter of ordered) {
    if (!isChosen(filter, probe.call)) continue;
    const name = CHOSEN[filter.dimension as keyof typeof CHOSEN];
    const named = filter.value ?? filter.values?.[0] ?? '';
    call[name] ??= filter.operator === 'IS_NOT' ? `other than ${named}` : named;
    onlyFor.push(filterText(filter));
  }
  return { call, onlyFor };
}

/** Whether the filter is on something that the call chooses, and has not chosen yet. */
function isChosen({ dimension }: ControlFilter, call: AskedCall): boolean {
  return dimension in CHOSEN && call[CHOSEN[dimension as keyof typeof CHOSEN]] === undefined;
}

function filterText({ dimension, operator, value, values }: ControlFilter): string {
  return `${dimension} ${operator} ${values === undefined ? (value ?? '') : `(${values.join(', ')})`}`;
}

function probeOf(base: AskedCall, { id, dimensions }: GatewayKey): Probe {
  const { organizationName, productName, agent, taskType } = dimensions;
  const call = {
    ...base,
    credentialName: id,
    ...(organizationName === undefined ? {} : { organization: organizationName }),
    ...(productName === undefined ? {} : { product: productName }),
    ...(agent === undefined ? {} : { agent }),
    ...(taskType === undefined ? {} : { taskType }),
  };
  return { call, onlyFor: [] };
}

function isUsable({ revokedAtMs, expiresAtMs }: GatewayKey, nowMs: number): boolean {
  return revokedAtMs === undefined && (expiresAtMs === undefined || expiresAtMs > nowMs);
}

function nameText(groupBy: 'MODEL' | 'PROVIDER', { model, provider }: Name): string {
  return `${groupBy} IS ${groupBy === 'MODEL' ? model : provider}`;
}

async function recentNames(context: LedgerContext, teamId: string, subscriberId: string): Promise<readonly Name[]> {
  const rows = await context.sql.query('select-subscriber-names', { teamId, subscriberId });
  return rows.map((row) => ({ model: textOf(row, 'model'), provider: textOf(row, 'provider') }));
}
