/** The groups of one control that its feed speaks of: those past a limit, and those that a name is shared with. */
import { type BalanceValues, type CompiledControl, limitTextOf, verdictOf } from './compiled-control.js';
import type { GroupReading } from './feed-reading.js';
import { feedGroupOf } from './feed-rule.js';
import { SortedList } from './sorted-list.js';

/** One entry of a breakdown, as text. */
export interface GroupEntry {
  /** Its `groupValue`. */
  readonly name: string;
  readonly text: string;
  readonly breached: boolean;
  readonly currentValue: number;
  /** How far it is beyond its limit; 1 is the limit. */
  readonly excess: number;
}

/** How one entry changed. */
export interface EntryChange {
  readonly name: string;
  readonly before: GroupEntry | undefined;
  readonly after: GroupEntry | undefined;
}

interface Listed {
  values: BalanceValues;
  readonly spellings: readonly string[];
  readonly sharers: readonly string[];
}

/** Groups by key; entries by name. A group can have several names, and a name be claimed by several groups. */
export class GroupTable {
  readonly entries = new SortedList<GroupEntry>();
  readonly #compiled: CompiledControl;
  readonly #listed = new Map<string, Listed>();
  /** Groups within their limits that share an address with a listed one, and by how many they are named. */
  readonly #shared = new Map<string, { values: BalanceValues | undefined; by: number }>();
  /** Name to the other groups that it stands for. */
  readonly #claims = new Map<string, readonly string[]>();
  readonly #names = new Set<string>();
  readonly #changed = new Set<string>();

  constructor(compiled: CompiledControl) {
    this.#compiled = compiled;
  }

  /** Groups past a limit. */
  get listed(): number {
    return this.#listed.size;
  }

  /** Their keys. */
  keys(): readonly string[] {
    return [...this.#listed.keys(), ...this.#shared.keys()];
  }

  /** Keys of breached groups among `keys`. */
  breachedOf(keys: Iterable<string>): readonly string[] {
    const isBreached = (key: string): boolean => this.#verdict(this.#listed.get(key)?.values) === 2;
    return [...keys].filter(isBreached);
  }

  /** Takes in how a group stands. Within the limits it is listed no more. */
  set({ groupKey, values, names }: GroupReading): void {
    this.#changed.add(groupKey);
    this.#names.add(groupKey);
    const before = this.#listed.get(groupKey);
    const shared = this.#shared.get(groupKey);
    if (shared !== undefined) shared.values = values;
    const verdict = this.#verdict(values);
    // Read without names (its verdict is what it was): they stay.
    if (before !== undefined && values !== undefined && names === undefined && verdict === 2) {
      before.values = values;
      for (const name of before.spellings) this.#names.add(name);
      return;
    }
    if (before !== undefined) this.#release(groupKey, before);
    if (values === undefined || verdict === 0) this.#listed.delete(groupKey);
    else {
      const sharers = names?.sharers.map((one) => one.groupKey) ?? [];
      const listed = { values, spellings: names?.spellings ?? [], sharers };
      this.#listed.set(groupKey, listed);
      this.#claim(groupKey, listed, names?.sharers ?? []);
    }
  }

  /** Brings the entries up to what was set, and tells those that changed. */
  settle(): readonly EntryChange[] {
    const changes: EntryChange[] = [];
    for (const name of this.#names) {
      const before = this.entries.get(name);
      const after = this.#entryOf(name);
      if (before?.text === after?.text) continue;
      if (after === undefined) this.entries.delete(name);
      else this.entries.put(after);
      changes.push({ name, before, after });
    }
    this.#names.clear();
    return changes;
  }

  /** The keys that were set since it was asked last. */
  takeChanged(): readonly string[] {
    const keys = [...this.#changed];
    this.#changed.clear();
    return keys;
  }

  /** The values of a group that goes out as a rule of its own; guards look a breakdown up by subscriber only. */
  refusesAlone(groupKey: string): BalanceValues | undefined {
    const { groupBy } = this.#compiled.control;
    if (groupBy === 'SUBSCRIBER' || groupBy === 'DEPARTMENT') return undefined;
    const values = this.#listed.get(groupKey)?.values;
    return this.#verdict(values) === 2 ? values : undefined;
  }

  #verdict(values: BalanceValues | undefined): number {
    return values === undefined ? 0 : verdictOf(this.#compiled, values);
  }

  #claim(groupKey: string, listed: Listed, sharers: readonly GroupReading[]): void {
    for (const name of listed.spellings) {
      this.#names.add(name);
      if (name === groupKey) continue;
      this.#claims.set(name, [...(this.#claims.get(name) ?? []), groupKey]);
    }
    for (const { groupKey: other, values } of sharers) {
      this.#names.add(other);
      const known = this.#shared.get(other);
      if (known === undefined) this.#shared.set(other, { values, by: 1 });
      else {
        known.values = values;
        known.by += 1;
      }
    }
  }

  #release(groupKey: string, { spellings, sharers }: Listed): void {
    for (const name of spellings) {
      this.#names.add(name);
      const left = (this.#claims.get(name) ?? []).filter((key) => key !== groupKey);
      if (left.length === 0) this.#claims.delete(name);
      else this.#claims.set(name, left);
    }
    for (const other of sharers) {
      this.#names.add(other);
      const known = this.#shared.get(other);
      if (known === undefined) continue;
      known.by -= 1;
      if (known.by === 0) this.#shared.delete(other);
    }
  }

  /** Of the groups that a name stands for, the one that refuses, else the one that spent most. */
  #entryOf(name: string): GroupEntry | undefined {
    const claimed = this.#claims.get(name) ?? [];
    const candidates: Candidate[] = [];
    if (this.#listed.has(name) || this.#shared.has(name)) candidates.push(this.#candidate(name));
    for (const key of claimed) if (this.#listed.has(key)) candidates.push(this.#candidate(key));
    const best = candidates.sort(byWeight)[0];
    if (best === undefined) return undefined;
    // A subscriber is refused by its entry, others by rules of their own.
    const refuses = this.#compiled.control.groupBy === 'SUBSCRIBER' && best.verdict === 2;
    const group = feedGroupOf(this.#compiled, name, best.key, best.values, refuses);
    const limit = Number(limitTextOf(this.#compiled.control));
    const excess = limit > 0 ? group.currentValue / limit : Number.POSITIVE_INFINITY;
    return { name, text: JSON.stringify(group), breached: group.breached, currentValue: group.currentValue, excess };
  }

  #candidate(key: string): Candidate {
    const values = this.#listed.get(key)?.values ?? this.#shared.get(key)?.values;
    return { key, values: values ?? NOTHING, verdict: this.#verdict(values) };
  }
}

interface Candidate {
  readonly key: string;
  readonly values: BalanceValues;
  readonly verdict: number;
}

const NOTHING: BalanceValues = { value: 0n, unknownCount: 0n };

function byWeight(a: Candidate, b: Candidate): number {
  if (a.verdict !== b.verdict) return b.verdict - a.verdict;
  if (a.values.value !== b.values.value) return a.values.value > b.values.value ? -1 : 1;
  return a.key < b.key ? -1 : 1;
}
