/** What the gateway decides by, in one snapshot: the versions of a team, what moved since it last asked, and balances. */
import type { CompiledControl } from '../compile/compiled-control.js';
import type { PinnedEntry } from '../pricing/price-book.js';
import { bigintOf, numberOf, textOf } from '../store/sql.js';
import type { CostControl, PriceOverride } from '../store/store.js';
import { readPins } from './catalogue-uses.js';
import { type LedgerContext, readTeamState } from './context.js';
import { departmentsOf } from './counted-event.js';
import { lineOf, loadMembers, readDirectory } from './directory.js';
import { NO_FILLS, readFills } from './fill-cursors.js';
import { cellKeys, standingNow } from './holds/cells.js';
import { selectPrices } from './prices.js';
import { spanNow } from './rolling-balances.js';
import { readTeamScope } from './team-copies.js';

/** The versions that an asker has. */
export interface StandingVersions {
  readonly controlsVersion: number;
  readonly pricesVersion: number;
  /** 0: the team never had a directory of departments. */
  readonly directoryVersion: number;
}

/** One balance: a control and a group, '' for the control without groups. */
export interface StandingCell {
  readonly controlId: string;
  readonly groupKey: string;
}

/** What is asked for. */
export interface StandingAsk {
  /** Controls and prices come only where they are others than these. */
  readonly known?: StandingVersions | undefined;
  readonly cells: readonly StandingCell[];
  /** Addresses in lower case of persons whose departments matter. */
  readonly people: readonly string[];
}

/** What counts of one window, or of one bucket of a ROLLING window. */
export interface StandingBalance {
  readonly startMs: number;
  readonly value: bigint;
  readonly unknownCount: bigint;
}

/** One balance as it is in the ledger: of a ROLLING control the buckets that count now, else at most one window. */
export interface StandingReading {
  /** The control is still meeting events: the values are lower bounds. */
  readonly filling: boolean;
  readonly balances: readonly StandingBalance[];
  /** Of a hard control: what open holds of everybody set aside in the window of now. */
  readonly held: bigint;
}

/** The answer; plain data. */
export interface GatewayStanding extends StandingVersions {
  readonly revision: number;
  readonly nowMs: number;
  /** Enabled ones, in the order of their rule ids; absent where they are as known. */
  readonly controls?: readonly CostControl[];
  /** Absent where they are as known. */
  readonly prices?: {
    readonly overrides: readonly PriceOverride[];
    readonly pins: readonly (readonly [name: string, pin: PinnedEntry])[];
  };
  /** Departments from the root down; empty for who is in none. */
  readonly people: readonly (readonly [emailKey: string, departments: readonly number[]])[];
  /** In the order in which they were asked for; `undefined`: there is no such enabled control. */
  readonly cells: readonly (StandingReading | undefined)[];
}

/** Reads it. @throws StoreError `UNKNOWN_TEAM` */
export async function gatewayStanding(
  context: LedgerContext,
  teamId: string,
  ask: StandingAsk,
): Promise<GatewayStanding> {
  const state = await readTeamState(context, teamId);
  const { revision, controlsVersion, pricesVersion, directoryVersion } = state;
  const { known } = ask;
  const scope = await readTeamScope(context, teamId, controlsVersion);
  const fills = state.filling ? await readFills(context, teamId) : NO_FILLS;
  const asked = ask.cells.map(({ controlId, groupKey }) => ({ compiled: scope.byId.get(controlId), groupKey }));
  const balances = await readCells(context, asked);
  const held = await readHeld(context, asked);
  return {
    ...{ revision, controlsVersion, pricesVersion, directoryVersion, nowMs: context.nowMs },
    ...(known?.controlsVersion === controlsVersion ? {} : { controls: scope.controls.map(({ control }) => control) }),
    ...(known?.pricesVersion === pricesVersion ? {} : { prices: await readPrices(context, teamId) }),
    people: await readPeople(context, teamId, directoryVersion, ask.people),
    cells: asked.map(({ compiled }, i) => {
      if (compiled === undefined) return undefined;
      return { filling: fills.has(compiled.control.id), balances: balances[i] ?? [], held: held[i] ?? 0n };
    }),
  };
}

async function readPrices(context: LedgerContext, teamId: string): Promise<GatewayStanding['prices'] & object> {
  return { overrides: await selectPrices(context, teamId), pins: [...(await readPins(context, teamId))] };
}

async function readPeople(
  context: LedgerContext,
  teamId: string,
  version: number,
  people: readonly string[],
): Promise<GatewayStanding['people']> {
  if (version === 0 || people.length === 0) return people.map((emailKey) => [emailKey, []] as const);
  const directory = await readDirectory(context, teamId, version);
  await loadMembers(context, teamId, directory, people);
  return people.map((emailKey) => [emailKey, departmentsOf(lineOf(directory, emailKey) || null)] as const);
}

interface AskedCell {
  readonly compiled: CompiledControl | undefined;
  readonly groupKey: string;
}

/** Calendar windows in one round trip; a ROLLING balance is its buckets. */
async function readCells(
  context: LedgerContext,
  asked: readonly AskedCell[],
): Promise<readonly (readonly StandingBalance[])[]> {
  const found = asked.map((): StandingBalance[] => []);
  const places = new Map<string, { readonly startMs: number; readonly own: StandingBalance[] }>();
  const sets: { controlId: string; windowStartMs: number; groupKey: string }[] = [];
  for (const [i, { compiled, groupKey }] of asked.entries()) {
    if (compiled === undefined) continue;
    const { control } = compiled;
    const own = found[i]!;
    if (control.windowType === 'ROLLING') {
      await readBuckets(context, control, groupKey, own);
      continue;
    }
    const { startMs } = context.cache.windows.of(control, context.nowMs);
    places.set(nameOf(control.id, groupKey), { startMs, own });
    sets.push({ controlId: control.id, windowStartMs: startMs, groupKey });
  }
  if (sets.length === 0) return found;
  for (const row of await context.sql.many('select-feed-balances', sets)) {
    const place = places.get(nameOf(textOf(row, 'control_id'), textOf(row, 'group_key')));
    const values = { value: bigintOf(row, 'value'), unknownCount: bigintOf(row, 'unknown_count') };
    place?.own.push({ startMs: place.startMs, ...values });
  }
  return found;
}

async function readHeld(context: LedgerContext, asked: readonly AskedCell[]): Promise<readonly bigint[]> {
  const cells = asked.map(({ compiled, groupKey }) =>
    compiled?.control.enforcement === 'HARD'
      ? { compiled, groupKey, window: context.cache.windows.of(compiled.control, context.nowMs) }
      : undefined,
  );
  const hard = cells.filter((cell) => cell !== undefined);
  if (hard.length === 0) return [];
  await context.balances.load(hard.flatMap((cell) => cellKeys(context, cell)));
  const held: bigint[] = [];
  for (const cell of cells) held.push(cell === undefined ? 0n : (await standingNow(context, cell)).held);
  return held;
}

async function readBuckets(
  context: LedgerContext,
  control: CostControl,
  groupKey: string,
  into: StandingBalance[],
): Promise<void> {
  const { fromMs, toMs } = spanNow(context, control);
  for (const row of await context.sql.query('select-buckets', { controlId: control.id, groupKey, fromMs, toMs })) {
    into.push({
      startMs: numberOf(row, 'window_start_ms'),
      value: bigintOf(row, 'value'),
      unknownCount: bigintOf(row, 'unknown_count'),
    });
  }
}

/** No control id holds a line break. */
function nameOf(controlId: string, groupKey: string): string {
  return `${controlId}\n${groupKey}`;
}
