/** Which controls of a team an event touches: the same index that the guard uses, over the enabled controls. */
import { createScopeIndex, matchesFilters, type RuleFilter, type ScopeIndex } from 'fusewire/internal';
import type { CountedEvent } from '../ledger/counted-event.js';
import type { CostControl } from '../store/store.js';
import { type CompiledControl, compileControl, departmentFilterOf, isInDepartments } from './compiled-control.js';

/** The enabled controls of a team, ready for events and for the feed. */
export interface TeamScope {
  /** In the order of their rule ids, which is the order of the feed. */
  readonly controls: readonly CompiledControl[];
  readonly byId: ReadonlyMap<string, CompiledControl>;
  /** The controls that cover the event, each once. */
  touchedBy(event: CountedEvent): readonly CompiledControl[];
}

/** Compiles the controls that are enabled. */
export function createTeamScope(controls: readonly CostControl[]): TeamScope {
  const compiled = controls.filter((control) => control.enabled).map(compileControl);
  const index: ScopeIndex<CompiledControl> = createScopeIndex(
    compiled.map((payload) => ({ filters: ofCall(payload.control.filters), payload })),
  );
  const hasDepartments = compiled.some(({ control }) => departmentFilterOf(control) !== undefined);
  return {
    controls: compiled,
    byId: new Map(compiled.map((entry) => [entry.control.id, entry])),
    touchedBy: hasDepartments
      ? (event) => touched(index, event).filter(({ control }) => isInDepartments(control, event.departments))
      : (event) => touched(index, event),
  };
}

/** Whether one control covers an event; agrees with {@link TeamScope.touchedBy}. */
export function covers(compiled: CompiledControl, event: CountedEvent): boolean {
  if (!isInDepartments(compiled.control, event.departments)) return false;
  const filters = ofCall(compiled.control.filters);
  if (event.answeredModel === undefined) return matchesFilters(filters, event.asked);
  const answered = { ...event.asked, model: event.answeredModel };
  const asked = matchesFilters(filters, event.asked);
  if (!asked && !matchesFilters(filters, answered)) return false;
  return exclusionsHold(filters, event.asked) && exclusionsHold(filters, answered);
}

/**
 * A provider may answer `gpt-4o` with `gpt-4o-2024-08-06`. A control on either name counts the event; one that
 * excludes either name (IS_NOT) does not.
 */
function touched(index: ScopeIndex<CompiledControl>, event: CountedEvent): readonly CompiledControl[] {
  if (event.answeredModel === undefined) return index.all(event.asked);
  const answered = { ...event.asked, model: event.answeredModel };
  const both = new Set([...index.all(event.asked), ...index.all(answered)]);
  return [...both].filter(
    ({ control: { filters } }) => exclusionsHold(filters, event.asked) && exclusionsHold(filters, answered),
  );
}

/** The filters that a guard could judge by the call alone; departments come from the directory. */
function ofCall(filters: readonly RuleFilter[]): readonly RuleFilter[] {
  return filters.filter(({ dimension }) => dimension !== 'DEPARTMENT');
}

function exclusionsHold(filters: readonly RuleFilter[], call: CountedEvent['asked']): boolean {
  const exclusions = filters.filter((filter) => filter.dimension === 'MODEL' && filter.operator === 'IS_NOT');
  return exclusions.length === 0 || matchesFilters(exclusions, call);
}
