/** Brings the feed of a team up to date, from nothing or from what changed. Reads only, in pages. */
import type { AreaStore } from '../store/area-store.js';
import { isDepartmentRule } from './compiled-control.js';
import { ControlState } from './control-state.js';
import {
  BALANCES_SIZE,
  type ChangeCursor,
  CONTROLS_SIZE,
  type ControlReading,
  type FeedChanges,
  type HeldReading,
  type TeamReading,
} from './feed-reading.js';
import { type LoadedControl, TeamFeed } from './team-feed.js';

/** What a feed is read from. */
export type FeedReads = Pick<
  AreaStore,
  'feedTeam' | 'feedDepartments' | 'feedControls' | 'feedGroups' | 'feedGroupsOf' | 'feedTotals' | 'feedChanges'
>;

/** Controls whose groups are read at the same time. */
const PARALLEL = 4;
/** Of a control that lists more groups than this, values are shown as of the last verdict (docs/decisions). */
export const REVALUED_GROUPS_MAX = 1_000;
/** Clocks of replicas differ, and what is read was committed a little later than it was asked for. */
const NAMES_MARGIN_MS = 60_000;

/** Drives one feed; never two of its methods at the same time. */
export class FeedCompiler {
  readonly #reads: FeedReads;
  readonly #teamId: string;
  #feed: TeamFeed | undefined;
  #namesSinceMs = 0;
  /** A department's verdict, or whom it concerns, may be another now. */
  #mapsMoved = false;

  constructor(reads: FeedReads, teamId: string) {
    this.#reads = reads;
    this.#teamId = teamId;
  }

  /** `undefined` before the first {@link update}. */
  get feed(): TeamFeed | undefined {
    return this.#feed;
  }

  /**
   * Reads what changed since the last time; everything where that cannot be told. `values`: current values too. A reading
   * that fails leaves the feed as far as it has come.
   */
  async update(values: boolean): Promise<'whole' | 'changes'> {
    const feed = this.#feed;
    if (feed === undefined || !(await this.#catchUp(feed))) {
      await this.#compileWhole();
      return 'whole';
    }
    if (values) await this.#readValues(feed);
    return 'changes';
  }

  async #compileWhole(): Promise<void> {
    // A gap that opens again while everything is read is behind us the next time.
    for (;;) {
      const team = await this.#reads.feedTeam(this.#teamId);
      const feed = new TeamFeed(team);
      this.#namesSinceMs = team.nowMs;
      let afterRuleId = -1;
      for (;;) {
        const readings = await this.#reads.feedControls(this.#teamId, { afterRuleId });
        for (const loaded of await this.#load(readings, feed)) feed.put(loaded);
        const last = readings.at(-1);
        if (last === undefined || readings.length < CONTROLS_SIZE) break;
        afterRuleId = last.control.ruleId;
      }
      this.#mapsMoved = feed.hasDepartments;
      await this.#readMaps(feed);
      feed.commit(team, team.revision);
      const before = this.#feed;
      if (await this.#catchUp(feed)) {
        // Who has the version before it may still be told the difference, as long as that is what it had.
        if (before?.etag === feed.etag) feed.compiledAtMs = before.compiledAtMs;
        this.#feed = feed;
        return;
      }
    }
  }

  /** `false`: it cannot be told what changed. */
  async #catchUp(feed: TeamFeed): Promise<boolean> {
    let cursor: ChangeCursor | undefined = {
      revision: feed.revision,
      controlId: '￿',
      groupKey: '',
      namesSinceMs: this.#namesSinceMs - NAMES_MARGIN_MS,
    };
    let team: TeamReading | undefined;
    while (cursor !== undefined) {
      const changes: FeedChanges = await this.#reads.feedChanges(this.#teamId, cursor);
      if (changes.kind === 'gap') return false;
      await this.#apply(feed, changes);
      cursor = changes.next;
      team = changes.team;
      if (cursor === undefined) await this.#readMaps(feed);
      // Part of a revision is a version of its own: more than the last one, not yet the next.
      feed.commit(team, cursor === undefined ? team.revision : feed.revision);
    }
    if (team !== undefined) {
      await this.#turnWindows(feed, team);
      this.#namesSinceMs = team.nowMs;
    }
    return true;
  }

  /** Maps are read whole: a team has few departments that are past their limit. */
  async #readMaps(feed: TeamFeed): Promise<void> {
    if (!this.#mapsMoved) return;
    const maps = await this.#reads.feedDepartments(this.#teamId);
    feed.setMaps(new Map(Object.entries(maps).map(([name, entries]) => [name, new Map(entries)])));
    this.#mapsMoved = false;
  }

  async #apply(feed: TeamFeed, changes: Extract<FeedChanges, { kind: 'changes' }>): Promise<void> {
    const rolling: string[] = [];
    const concerned = [...changes.totals, ...changes.groups].map(({ controlId }) => feed.control(controlId));
    if (concerned.some((state) => state !== undefined && isDepartmentRule(state.compiled.control)))
      this.#mapsMoved = true;
    for (const { controlId, values } of changes.totals) {
      const state = feed.control(controlId);
      if (state === undefined) continue;
      if (isRolling(state)) rolling.push(controlId);
      state.setTotal(values);
      feed.touch(state);
    }
    await this.#reload(feed, [...changes.reload, ...rolling]);
    for (const { controlId, groups } of changes.groups) {
      const state = feed.control(controlId);
      if (state === undefined) continue;
      state.setGroups(groups);
      feed.touch(state);
    }
    if (changes.renamed.length > 0) await this.#rename(feed, changes.renamed);
  }

  /** New names matter where the subscriber is refused. */
  async #rename(feed: TeamFeed, renamed: readonly string[]): Promise<void> {
    for (const id of feed.ids()) {
      const state = feed.control(id)!;
      if (state.compiled.control.groupBy !== 'SUBSCRIBER' || state.groups.listed === 0) continue;
      const breached = state.groups.breachedOf(renamed);
      if (breached.length > 0) await this.#readGroups(feed, state, breached);
    }
  }

  async #reload(feed: TeamFeed, ids: readonly string[]): Promise<void> {
    for (const part of chunks(ids, CONTROLS_SIZE)) {
      const readings = await this.#reads.feedControls(this.#teamId, { ids: part });
      for (const loaded of await this.#load(readings, feed)) feed.put(loaded);
      const found = new Set(readings.map(({ control }) => control.id));
      const departments = (id: string) => {
        const control =
          readings.find((reading) => reading.control.id === id)?.control ?? feed.control(id)?.compiled.control;
        return control !== undefined && isDepartmentRule(control);
      };
      if (part.some(departments)) this.#mapsMoved = true;
      for (const id of part) if (!found.has(id)) feed.remove(id);
    }
  }

  /** Windows end by the clock, whether or not somebody said so (I13). */
  async #turnWindows(feed: TeamFeed, team: TeamReading): Promise<void> {
    const ended = feed.controls.filter(
      ({ window }) => window.validUntilMs <= team.nowMs || window.startMs > team.nowMs,
    );
    const ids = ended.map(({ compiled }) => compiled.control.id);
    for (const part of chunks(ids, CONTROLS_SIZE)) {
      await this.#reload(feed, part);
      await this.#readMaps(feed);
      feed.commit(team, feed.revision);
    }
  }

  async #readValues(feed: TeamFeed): Promise<void> {
    const team = await this.#reads.feedTeam(this.#teamId);
    for (const part of chunks(feed.ids(), BALANCES_SIZE)) {
      const totals = await this.#reads.feedTotals(this.#teamId, part);
      for (const [i, id] of part.entries()) {
        const state = feed.control(id);
        const values = totals[i];
        if (state === undefined || values === undefined) continue;
        if (state.setTotal(values)) feed.touch(state);
      }
      // A part is a version of its own, so that nobody waits for the texts of all of them.
      feed.commit(team, feed.revision);
    }
    for (const id of feed.ids()) {
      const state = feed.control(id)!;
      const listed = state.groups.listed;
      if (listed === 0 || listed > REVALUED_GROUPS_MAX) continue;
      await this.#readGroups(feed, state, state.groups.keys());
      feed.commit(team, feed.revision);
    }
    // When they reset moves with every event and every bucket.
    const rolling = feed.ids().filter((id) => isRolling(feed.control(id)!) && feed.control(id)!.own.rule.breached);
    await this.#reload(feed, rolling);
    if (feed.hasDepartments) this.#mapsMoved = true;
    await this.#readMaps(feed);
    feed.commit(team, feed.revision);
  }

  async #readGroups(feed: TeamFeed, state: ControlState, keys: readonly string[]): Promise<void> {
    for (const part of chunks(keys, BALANCES_SIZE)) {
      state.setGroups(await this.#reads.feedGroupsOf(this.#teamId, state.compiled.control.id, part));
    }
    feed.touch(state);
  }

  /** Controls with all their groups, ready to be put into the feed. */
  async #load(readings: readonly ControlReading[], feed: TeamFeed): Promise<readonly LoadedControl[]> {
    const states: LoadedControl[] = [];
    for (const part of chunks(readings, PARALLEL)) {
      const loaded = part.map(async (reading) => {
        const state = new ControlState(reading, feed.teamNumericId);
        if (state.isGrouped) await this.#loadGroups(state);
        state.settle();
        return { state, held: reading.held.map((one, i) => heldState(one, feed, i)) };
      });
      states.push(...(await Promise.all(loaded)));
    }
    return states;
  }

  async #loadGroups(state: ControlState): Promise<void> {
    let afterKey: string | undefined = '';
    while (afterKey !== undefined) {
      const page = await this.#reads.feedGroups(this.#teamId, state.compiled.control.id, afterKey);
      // Pages of several controls come together; each is a turn of its own, and its texts are made at once.
      await new Promise<void>((resolve) => setImmediate(resolve));
      state.setGroups(page.groups);
      state.settle();
      afterKey = page.nextKey;
    }
  }
}

function heldState(reading: HeldReading, feed: TeamFeed, position: number): ControlState {
  const state = new ControlState(reading, feed.teamNumericId, `-held-${position}`);
  state.setGroups(reading.groups);
  state.settle();
  return state;
}

/** A pooled ROLLING control shows when it resets, which only reading it whole tells. */
function isRolling({ compiled: { control } }: ControlState): boolean {
  return control.windowType === 'ROLLING' && control.groupBy === null;
}

function chunks<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  const parts: (readonly T[])[] = [];
  for (let start = 0; start < items.length; start += size) parts.push(items.slice(start, start + size));
  return parts;
}
