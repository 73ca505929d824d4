/**
 * The four department maps (contract 2.2): whose address is refused or warned by which department's budget, and what that
 * department has spent. Where several speak about one person, one that refuses comes before one that only observes, then
 * the first rule.
 */
import { type LedgerContext, readTeamState } from '../ledger/context.js';
import type { DepartmentTree } from '../ledger/department-tree.js';
import { selectTree } from '../ledger/directory.js';
import { isGraded } from '../ledger/hard-fields.js';
import { readTeamScope } from '../ledger/team-copies.js';
import { textOf } from '../store/sql.js';
import {
  type BalanceValues,
  type CompiledControl,
  departmentFilterOf,
  isDepartmentRule,
  valueText,
  verdictOf,
} from './compiled-control.js';
import { readBalances, readGroups } from './feed-balances.js';

/** Addresses that the maps hold at most; the log says so beyond (I10). */
const ADDRESSES_MAX = 100_000;

/** Each map by its name on the wire: pairs of an address and the JSON of its value. */
export type DepartmentMaps = Readonly<Record<DepartmentMapName, readonly (readonly [string, string])[]>>;

/** Their names. */
export type DepartmentMapName =
  | 'departmentBudgetBlocks'
  | 'departmentBudgetBlockBalances'
  | 'departmentBudgetWarnings'
  | 'departmentBudgetBlockUnits';

interface Verdict {
  readonly compiled: CompiledControl;
  /** The department whose budget it is. */
  readonly departmentId: number;
  readonly values: BalanceValues;
  readonly level: 1 | 2;
}

/** Reads them for a team. @throws StoreError `UNKNOWN_TEAM` */
export async function feedDepartments(context: LedgerContext, teamId: string): Promise<DepartmentMaps> {
  const { controlsVersion } = await readTeamState(context, teamId);
  const scope = await readTeamScope(context, teamId, controlsVersion);
  const controls = scope.controls.filter(({ control }) => isDepartmentRule(control));
  const blocks = new Map<string, string>();
  const balances = new Map<string, string>();
  const warnings = new Map<string, string>();
  const units = new Map<string, string>();
  if (controls.length > 0) {
    const tree = await selectTree(context, teamId);
    const members = new Members(context, teamId);
    for (const { compiled, departmentId, values, level } of await verdictsOf(context, controls)) {
      // Nobody who only polls refuses by a control that reacts first: it warns.
      const refuses = level === 2 && !isGraded(compiled.control);
      const into = refuses ? blocks : warnings;
      if (level === 2 && !refuses && compiled.warn === null) continue;
      for (const address of await members.of(concernedBy(compiled, departmentId, tree))) {
        if (into.has(address)) continue;
        into.set(address, String(compiled.control.ruleId));
        if (into === blocks) balances.set(address, valueText(compiled, values.value));
        if (!units.has(address)) units.set(address, String(departmentId));
      }
    }
  }
  return {
    departmentBudgetBlocks: [...blocks],
    departmentBudgetBlockBalances: [...balances],
    departmentBudgetWarnings: [...warnings],
    departmentBudgetBlockUnits: [...units],
  };
}

/** Those that refuse first, then those that observe; each in the order of the rules. */
async function verdictsOf(context: LedgerContext, controls: readonly CompiledControl[]): Promise<readonly Verdict[]> {
  const verdicts: Verdict[] = [];
  for (const compiled of controls) {
    if (compiled.control.groupBy === null) {
      const [values] = await readBalances(context, [{ compiled, groupKey: '' }]);
      const departmentId = Number(departmentFilterOf(compiled.control)?.value);
      note(verdicts, compiled, departmentId, values ?? { value: 0n, unknownCount: 0n });
      continue;
    }
    let afterKey: string | undefined = '';
    while (afterKey !== undefined) {
      const page = await readGroups(context, compiled, afterKey);
      for (const { groupKey, values } of page.groups) note(verdicts, compiled, Number(groupKey), values);
      afterKey = page.nextKey;
    }
  }
  const enforced = ({ compiled: { control } }: Verdict) => (control.shadowMode ? 1 : 0);
  return verdicts.sort((a, b) => enforced(a) - enforced(b) || a.compiled.control.ruleId - b.compiled.control.ruleId);
}

function note(into: Verdict[], compiled: CompiledControl, departmentId: number, values: BalanceValues): void {
  const level = verdictOf(compiled, values);
  if (level !== 0) into.push({ compiled, departmentId, values, level });
}

/** The departments whose members draw on the budget of `departmentId`; see `departmentGroupOf`. */
function concernedBy({ control }: CompiledControl, departmentId: number, tree: DepartmentTree): readonly number[] {
  const filter = departmentFilterOf(control);
  const below = filter?.includeDescendants === true;
  if (!below) return [departmentId];
  const isParentsOwn = control.groupBy === 'DEPARTMENT' && departmentId === Number(filter?.value);
  return isParentsOwn ? [departmentId] : tree.withDescendants(departmentId);
}

/** Addresses by department, each department read once. */
class Members {
  readonly #context: LedgerContext;
  readonly #teamId: string;
  readonly #known = new Map<number, readonly string[]>();
  #left = ADDRESSES_MAX;

  constructor(context: LedgerContext, teamId: string) {
    this.#context = context;
    this.#teamId = teamId;
  }

  async of(departmentIds: readonly number[]): Promise<readonly string[]> {
    const all: string[] = [];
    for (const id of departmentIds) all.push(...(await this.#ofOne(id)));
    return all;
  }

  async #ofOne(departmentId: number): Promise<readonly string[]> {
    const known = this.#known.get(departmentId);
    if (known !== undefined) return known;
    const range = { teamId: this.#teamId, departmentId, size: this.#left, skip: 0 };
    const rows = await this.#context.sql.query('list-members', range);
    const addresses = rows.map((row) => textOf(row, 'email_key'));
    this.#left -= addresses.length;
    if (this.#left === 0) {
      const max = ADDRESSES_MAX;
      this.#context.log.error('more persons are past a department budget than a feed can name', { max });
    }
    this.#known.set(departmentId, addresses);
    return addresses;
  }
}
