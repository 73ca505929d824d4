/** I7 in a simulated world: what every cell of every hard budget may come to, after every commit and in the end. */
import type { HoldRecord } from '../../service/ledger/holds/hold-reading.js';
import { HEAD_START_MS } from '../../service/ledger/rolling-balances.js';
import { windowOf } from '../../service/ledger/windows.js';
import type { SqlRow } from '../../service/store/sql.js';
import type { CostControl, StoredEvent } from '../../service/store/store.js';
import { DURATIONS_MS } from '../service/store-oracle-model.js';
import { HELD_AGENT, INPUT_CENTS, OUTPUT_CENTS } from './hard-acts.js';

/** Nano-dollars a cent. */
const CENT = 10_000_000n;
const CENTS_OF_DOLLAR = 100;
/** How far clocks can be apart, over time: of replicas, and after a jump back. */
const CLOCKS_MS = 10_000;

/** A hard budget, and what happened to it that its arithmetic depends on. */
interface Budget {
  readonly control: CostControl;
  readonly limit: bigint;
  /** All raises that there ever were: more than were ever in force together. */
  raised: bigint;
  /** More may be spent than the limit, and every bit of it is recorded. */
  isLoose: boolean;
  /** Its limit, or whether it counts, was changed: what was spent before says nothing about it. */
  isChanged: boolean;
}

/** What one balance says. */
interface Cell {
  readonly startMs: number;
  readonly group: string;
  readonly value: bigint;
  readonly held: bigint;
  readonly overrun: bigint;
}

/** One per world. */
export class HardBook {
  readonly problems: string[] = [];
  readonly #budgets: Budget[] = [];
  /** Why what is spent may be above limits, where it may. */
  #loosened: string | undefined;

  get ids(): readonly string[] {
    return this.#budgets.map(({ control }) => control.id);
  }

  add(control: CostControl): void {
    const isLoose = control.onExpiry === 'release' || control.estimate === 'expected';
    const limit = amountOf(control, control.hardLimit);
    this.#budgets.push({ control, limit, raised: 0n, isLoose, isChanged: false });
  }

  raise(id: string, amount: string): void {
    for (const one of this.#budgets) if (one.control.id === id) one.raised += amountOf(one.control, amount);
  }

  change(id: string): void {
    for (const one of this.#budgets) if (one.control.id === id) one.isChanged = true;
  }

  loosen(why: string): void {
    this.#loosened ??= why;
  }

  /** After a commit: `read` gives the balances of a control. */
  async look(nowMs: number, read: (controlId: string) => Promise<readonly SqlRow[]>): Promise<void> {
    if (this.problems.length > 0) return;
    for (const budget of this.#budgets) {
      const cells = (await read(budget.control.id)).map(cellOf);
      this.problems.push(...this.#wrongIn(budget, limitedOf(budget.control, cells, nowMs)));
    }
  }

  #wrongIn({ control, limit, raised, isLoose, isChanged }: Budget, cells: readonly Cell[]): string[] {
    const problems: string[] = [];
    const most = limit + raised;
    const isStrict = !isLoose && !isChanged && this.#loosened === undefined;
    for (const { startMs, group, value, held, overrun } of cells) {
      const name = `${control.id} ${control.metricType} ${control.windowType} from ${startMs} of '${group}'`;
      const sums = `${value} spent + ${held} held of ${limit} raised by ${raised}, ${overrun} above`;
      if (held < 0n || value < 0n) problems.push(`${name} is below nothing: ${sums}`);
      if (isStrict && value + held > most) problems.push(`${name} holds too much: ${sums}`);
      if (isStrict && raised === 0n && overrun > 0n) problems.push(`${name} was overrun: ${sums}`);
      if (isChanged) continue;
      if (value > most + overrun) problems.push(`${name} is overspent, and not all of it is recorded: ${sums}`);
    }
    return problems;
  }

  /** In the end: nothing is held, every event of a budget counts in it once, and charges are of those who never came back. */
  async checkAtTheEnd(ends: {
    readonly events: readonly StoredEvent[];
    readonly holds: readonly HoldRecord[];
    read(controlId: string): Promise<readonly SqlRow[]>;
    mayBeCharged(hold: HoldRecord): boolean;
  }): Promise<string[]> {
    const problems = [...this.problems];
    for (const hold of ends.holds) {
      const charged = hold.parts.filter((part) => part.charged > 0n);
      if (hold.state === 'open') problems.push(`hold ${hold.id} of ${hold.owner} is open`);
      if (charged.length > 0 && !ends.mayBeCharged(hold)) {
        problems.push(`hold ${hold.id} of ${hold.owner} is charged with ${charged[0]!.charged}, and nothing was lost`);
      }
    }
    for (const budget of this.#budgets) {
      const { control, isChanged } = budget;
      const cells = (await ends.read(control.id)).map(cellOf);
      for (const { held, group, startMs } of cells) {
        if (held !== 0n) problems.push(`${control.id} holds ${held} from ${startMs} of '${group}'`);
      }
      // Buckets of a ROLLING control are forgotten; what no hold covers may count in a window before the control.
      if (isChanged || control.windowType === 'ROLLING' || this.#loosened !== undefined) continue;
      const counted = sum(
        cells.filter(({ group }) => (control.groupBy === null) === (group === '')).map((one) => one.value),
      );
      const spent = sum(ends.events.filter((one) => isCountedBy(control, one)).map((one) => costOf(control, one)));
      const charged = sum(
        ends.holds.flatMap(({ parts }) =>
          parts.filter((one) => one.controlId === control.id).map((one) => one.charged),
        ),
      );
      if (counted !== spent + charged) {
        problems.push(`${control.id} counts ${counted}, and ${spent} was spent and ${charged} charged`);
      }
    }
    return problems;
  }
}

/**
 * What the limit is about: of a control with groups the groups; of a ROLLING one what counts now, and what its head holds.
 * Buckets that leave within {@link CLOCKS_MS} are left out: they have left by one clock or another.
 */
function limitedOf(control: CostControl, cells: readonly Cell[], nowMs: number): readonly Cell[] {
  const own = cells.filter(({ group }) => (control.groupBy === null) === (group === ''));
  if (control.windowType !== 'ROLLING') return own;
  const first = firstBucketMs(control, nowMs + CLOCKS_MS);
  return own
    .filter(({ startMs }) => startMs === HEAD_START_MS)
    .map((head) => {
      const buckets = own.filter(({ group, startMs }) => group === head.group && startMs !== HEAD_START_MS);
      const counted = buckets.filter(({ startMs }) => startMs >= first);
      const value = sum(counted.map((one) => one.value));
      return { ...head, value, overrun: sum([head, ...buckets].map((one) => one.overrun)) };
    });
}

/** The start of the first bucket of a ROLLING control that counts at an instant. */
function firstBucketMs({ windowDuration }: CostControl, nowMs: number): number {
  const bucketMs = Math.ceil(DURATIONS_MS[windowDuration as keyof typeof DURATIONS_MS] / 60);
  return (Math.floor(nowMs / bucketMs) - 60) * bucketMs;
}

/** What a budget has left for a group at an instant when nothing is held. */
export function leftIn(control: CostControl, rows: readonly SqlRow[], group: string, nowMs: number): bigint {
  const cells = rows.map(cellOf).filter((cell) => cell.group === group && cell.startMs !== HEAD_START_MS);
  const limit = amountOf(control, control.hardLimit);
  if (control.windowType !== 'ROLLING') {
    const { startMs } = windowOf(control, nowMs);
    return limit - sum(cells.filter((cell) => cell.startMs === startMs).map(({ value }) => value));
  }
  const first = firstBucketMs(control, nowMs);
  return limit - sum(cells.filter((cell) => cell.startMs >= first).map(({ value }) => value));
}

/** Cents of a call of the model that hard budgets are about. */
export function heldCents(body: Readonly<Record<string, unknown>>): number {
  return Number(body['inputTokenCount']) * INPUT_CENTS + Number(body['outputTokenCount']) * OUTPUT_CENTS;
}

function isCountedBy({ groupBy }: CostControl, { body }: StoredEvent): boolean {
  return body['agent'] === HELD_AGENT && (groupBy === null || body['subscriber'] !== undefined);
}

function costOf({ metricType }: CostControl, { body }: StoredEvent): bigint {
  return metricType === 'TOTAL_COST' ? BigInt(heldCents(body)) * CENT : BigInt(Number(body['totalTokenCount']));
}

function amountOf({ metricType }: CostControl, text: string): bigint {
  return metricType === 'TOTAL_COST' ? BigInt(Math.round(Number(text) * CENTS_OF_DOLLAR)) * CENT : BigInt(text);
}

function cellOf(row: SqlRow): Cell {
  return {
    startMs: Number(row['window_start_ms']),
    group: String(row['group_key']),
    value: BigInt(row['value'] as bigint),
    held: BigInt(row['held'] as bigint),
    overrun: BigInt(row['overrun'] as bigint),
  };
}

function sum(amounts: readonly bigint[]): bigint {
  return amounts.reduce((total, one) => total + one, 0n);
}
