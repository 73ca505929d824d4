/** The groups of one rule while they change: a large table that stays, and what changed since. */
import type { GroupVerdict } from '../src/wire/feed.js';
import { comparable } from './dimensions.js';
import { type GroupReading, type GroupTable, groupReading } from './verdict.js';

/** A change of some groups of one rule. */
export interface GroupsChange {
  readonly set: readonly GroupVerdict[];
  readonly removed: readonly string[];
}

/** Changes up to here are copied at each change; beyond, and beyond a part of the table, they are folded into it. */
const CHANGES_MIN = 256;
const CHANGES_PART = 8;
const GROUPS_PER_STEP = 1_000;

/** Never changes itself: {@link with} returns another one, which shares the large table. */
export class GroupLayers implements GroupTable {
  readonly dimension: number;
  readonly #base: ReadonlyMap<string, GroupReading>;
  readonly #changes: ReadonlyMap<string, GroupReading | null>;

  constructor(
    dimension: number,
    base: ReadonlyMap<string, GroupReading>,
    changes: ReadonlyMap<string, GroupReading | null> = new Map(),
  ) {
    this.dimension = dimension;
    this.#base = base;
    this.#changes = changes;
  }

  get(value: string): GroupReading | undefined {
    const changed = this.#changes.get(value);
    return changed === undefined ? this.#base.get(value) : (changed ?? undefined);
  }

  /** The table after a change, and which groups are breached now and were not before. */
  *with(change: GroupsChange): Generator<void, { readonly table: GroupLayers; readonly breached: readonly string[] }> {
    const changes = new Map(this.#changes);
    const breached: string[] = [];
    for (const groupValue of change.removed) changes.set(comparable(this.dimension, groupValue), null);
    let taken = 0;
    for (const group of change.set) {
      taken += 1;
      if (taken % GROUPS_PER_STEP === 0) yield;
      const value = comparable(this.dimension, group.groupValue);
      if (group.breached && this.get(value)?.breached !== true) breached.push(value);
      changes.set(value, groupReading(group));
    }
    const table = new GroupLayers(this.dimension, this.#base, changes);
    const isSmall = changes.size <= Math.max(CHANGES_MIN, this.#base.size / CHANGES_PART);
    return { table: isSmall ? table : yield* table.#folded(), breached };
  }

  /** The values of all groups that are breached, in steps. */
  *breached(): Generator<void, readonly string[]> {
    const found: string[] = [];
    let taken = 0;
    for (const [value, group] of this.#base) {
      taken += 1;
      if (taken % GROUPS_PER_STEP === 0) yield;
      if (group.breached && !this.#changes.has(value)) found.push(value);
    }
    for (const [value, group] of this.#changes) if (group?.breached) found.push(value);
    return found;
  }

  *#folded(): Generator<void, GroupLayers> {
    const all = new Map<string, GroupReading>();
    let taken = 0;
    for (const [value, group] of this.#base) {
      taken += 1;
      if (taken % GROUPS_PER_STEP === 0) yield;
      if (!this.#changes.has(value)) all.set(value, group);
    }
    for (const [value, group] of this.#changes) if (group !== null) all.set(value, group);
    return new GroupLayers(this.dimension, all);
  }
}
