/** The feed of one team in the serving process: what a change costs is what it changed. */
import { isDepartmentRule } from './compiled-control.js';
import type { ControlState } from './control-state.js';
import { FeedChain } from './feed-chain.js';
import type { BypassState, TeamReading } from './feed-reading.js';
import { StepDraft } from './step-draft.js';
import { Tally } from './tally.js';

/** Every feed has these, also where they are empty (contract 2.2). */
const MAP_NAMES = ['departmentBudgetBlocks', 'departmentBudgetBlockBalances', 'departmentBudgetWarnings'] as const;

/** A control that was read whole. */
export interface LoadedControl {
  readonly state: ControlState;
  /** What it refused before it was changed, until it has counted what it counts now. */
  readonly held: readonly ControlState[];
}

/** Of one department map: address to the JSON of its value. */
export type FeedMap = ReadonlyMap<string, string>;

/**
 * Changes are noted first and become visible together with {@link commit}, so that whoever reads a body in between sees
 * one version of the feed.
 */
export class TeamFeed {
  revision = 0;
  compiledAtMs = 0;
  readonly chain = new FeedChain();
  readonly #tally = new Tally();
  readonly #controls = new Map<string, ControlState>();
  #ordered: readonly ControlState[] | undefined;
  readonly #dirty = new Set<ControlState>();
  readonly #coming: LoadedControl[] = [];
  /** What controls refused before they were changed, by their ids. */
  readonly #held = new Map<string, readonly ControlState[]>();
  readonly #going = new Set<string>();
  #team: TeamReading;
  #bypassText: string | undefined;
  #maps: ReadonlyMap<string, FeedMap> = new Map();
  #nextMaps: ReadonlyMap<string, FeedMap> | undefined;
  #etag = '';

  constructor(team: TeamReading) {
    this.#team = team;
  }

  /** Names the whole feed; a bounded one adds a letter. */
  get etag(): string {
    return this.#etag;
  }

  get teamNumericId(): number {
    return this.#team.teamNumericId;
  }

  get bypass(): BypassState | undefined {
    return this.#team.bypass;
  }

  /** UTF-16 code units of all rules. */
  get chars(): number {
    return this.#tally.chars;
  }

  get size(): number {
    return this.#controls.size;
  }

  control(controlId: string): ControlState | undefined {
    return this.#controls.get(controlId);
  }

  /** The controls in the order of the feed, each with what it refused before. */
  get controls(): readonly ControlState[] {
    this.#ordered ??= [...this.#controls.values(), ...[...this.#held.values()].flat()].sort(byRule);
    return this.#ordered;
  }

  /** The ids of the controls. */
  ids(): readonly string[] {
    return [...this.#controls.keys()];
  }

  /** The rules of one control. */
  rulesOf(controlId: string): readonly ControlState[] {
    return this.#statesOf(controlId);
  }

  /** From here on the feed speaks of a window or a bypass that is over. */
  get validUntilMs(): number {
    let earliest = this.#team.bypass?.untilMs ?? Number.MAX_SAFE_INTEGER;
    for (const { window } of this.controls) earliest = Math.min(earliest, window.validUntilMs);
    return earliest;
  }

  /** Until when current values that were read at `readMs` hold without an event. */
  valuesHoldUntilMs(readMs: number): number {
    let earliest = Number.MAX_SAFE_INTEGER;
    for (const state of this.#controls.values()) earliest = Math.min(earliest, state.totalHoldsUntilMs(readMs));
    return earliest;
  }

  /** A control that was read whole; it takes the place of the one with its id. */
  put(loaded: LoadedControl): void {
    this.#coming.push(loaded);
  }

  /** A control that is gone. */
  remove(controlId: string): void {
    this.#going.add(controlId);
  }

  /** A control that was changed with its `set…` methods. */
  touch(state: ControlState): void {
    this.#dirty.add(state);
  }

  /** Whether maps speak for some control, also for one that is about to be placed. */
  get hasDepartments(): boolean {
    const states = [...this.#controls.values(), ...this.#coming.map(({ state }) => state)];
    return states.some(({ compiled }) => isDepartmentRule(compiled.control));
  }

  setMaps(maps: ReadonlyMap<string, FeedMap>): void {
    this.#nextMaps = maps;
  }

  /** Makes what was noted visible, as one step. Returns whether anything but the clock is different. */
  commit(team: TeamReading, revision: number): boolean {
    const draft = new StepDraft();
    const wasEmpty = this.size === 0;
    if (wasEmpty) draft.skip();
    for (const controlId of this.#going) this.#drop(controlId, draft);
    for (const loaded of this.#coming) this.#place(loaded, draft);
    for (const state of this.#dirty) {
      if (this.#controls.get(state.compiled.control.id) !== state) continue;
      this.#tally.minus(state.tally);
      state.settle(draft);
      this.#tally.plus(state.tally);
    }
    this.#going.clear();
    this.#coming.length = 0;
    this.#dirty.clear();
    this.#commitMaps(draft);
    this.#commitTeam(team, draft);
    const before = this.#etag;
    this.revision = revision;
    this.#etag = `"${revision}-${this.#tally.hash}"`;
    if (this.#etag === before) return false;
    this.compiledAtMs = team.nowMs;
    // Whoever was told that there are no rules (204) has nothing that a difference could be applied to.
    if (wasEmpty) this.chain.clear();
    else this.chain.add(before, draft);
    return true;
  }

  /** The members behind the rules, each with a comma in front. */
  envelope(options: { readonly verdicts: boolean }): string {
    const texts: string[] = [];
    for (const name of new Set([...MAP_NAMES, ...this.#maps.keys()])) {
      const entries = options.verdicts ? [...(this.#maps.get(name) ?? [])] : [];
      texts.push(`,"${name}":{${entries.map(([address, value]) => `${JSON.stringify(address)}:${value}`)}}`);
    }
    return texts.join('');
  }

  /** `,"bypass":{…}` while one is on. */
  get bypassMember(): string {
    return this.#bypassText === undefined ? '' : `,"bypass":${this.#bypassText}`;
  }

  #drop(controlId: string, draft: StepDraft): void {
    for (const state of this.#statesOf(controlId)) {
      this.#tally.minus(state.tally);
      state.drop(draft);
    }
    this.#controls.delete(controlId);
    this.#held.delete(controlId);
    this.#ordered = undefined;
  }

  #place({ state, held }: LoadedControl, draft: StepDraft): void {
    const { id } = state.compiled.control;
    for (const before of this.#statesOf(id)) {
      this.#tally.minus(before.tally);
      if (![state, ...held].some(({ key }) => key === before.key)) before.drop(draft);
    }
    const known = new Map(this.#statesOf(id).map((one) => [one.key, one]));
    for (const one of [state, ...held]) {
      this.#tally.plus(one.tally);
      one.replace(known.get(one.key), draft);
    }
    this.#controls.set(id, state);
    if (held.length > 0) this.#held.set(id, held);
    else this.#held.delete(id);
    this.#ordered = undefined;
  }

  #statesOf(controlId: string): readonly ControlState[] {
    const state = this.#controls.get(controlId);
    return state === undefined ? [] : [state, ...(this.#held.get(controlId) ?? [])];
  }

  #commitTeam(team: TeamReading, draft: StepDraft): void {
    const { bypass } = team;
    const text = bypass === undefined ? undefined : bypassText(bypass);
    this.#team = team;
    if (text === this.#bypassText) return;
    if (this.#bypassText !== undefined) this.#tally.remove(this.#bypassText, 0);
    if (text !== undefined) this.#tally.add(text, 0);
    this.#bypassText = text;
    draft.bypass(text ?? 'null');
  }

  #commitMaps(draft: StepDraft): void {
    const next = this.#nextMaps;
    if (next === undefined) return;
    this.#nextMaps = undefined;
    for (const name of new Set([...this.#maps.keys(), ...next.keys()])) {
      const before = this.#maps.get(name) ?? new Map<string, string>();
      const after = next.get(name) ?? new Map<string, string>();
      const set = new Map([...after].filter(([address, value]) => before.get(address) !== value));
      const removed = [...before.keys()].filter((address) => !after.has(address));
      for (const address of [...set.keys(), ...removed]) {
        const old = before.get(address);
        if (old !== undefined) this.#tally.remove(`${name}\n${address}\n${old}`, 0);
      }
      for (const [address, value] of set) this.#tally.add(`${name}\n${address}\n${value}`, 0);
      if (set.size > 0 || removed.length > 0) draft.map(name, set, removed);
    }
    this.#maps = next;
  }
}

function byRule(a: ControlState, b: ControlState): number {
  const difference = a.compiled.control.ruleId - b.compiled.control.ruleId;
  if (difference !== 0) return difference;
  return a.key < b.key ? -1 : 1;
}

function bypassText({ untilMs, sinceMs, reason, by }: BypassState): string {
  const [until, since] = [untilMs, sinceMs].map((atMs) => new Date(atMs).toISOString());
  return JSON.stringify({ until, reason, by, since });
}
