/** A budget as answers and refusals show it. Texts are made when they are asked for: few answers show all of them. */
import { formatScaled, parseScaled } from '../../ledger/decimal.js';
import type { BudgetFacts } from '../types.js';
import type { Cell, CellStanding } from './cell.js';
import type { ControlBook, CountingWindow } from './control-book.js';

/** One budget at one instant. */
export class BudgetView implements BudgetFacts {
  readonly #book: ControlBook;
  readonly #cell: Cell;
  readonly #standing: CellStanding;
  readonly #window: CountingWindow;
  readonly #atMs: number;

  /** `standing` with what was set aside for the call at hand, where it was admitted. */
  constructor(book: ControlBook, cell: Cell, standing: CellStanding, window: CountingWindow, atMs: number) {
    this.#book = book;
    this.#cell = cell;
    this.#standing = standing;
    this.#window = window;
    this.#atMs = atMs;
  }

  get controlId(): string {
    return this.#book.compiled.control.id;
  }

  get name(): string {
    return this.#book.compiled.control.name;
  }

  get metric(): string {
    return this.#book.compiled.control.metricType;
  }

  get limit(): string {
    return this.text(this.#book.compiled.limit);
  }

  get raised(): string | undefined {
    const raised = this.#raised;
    return raised === 0n ? undefined : this.text(raised);
  }

  get ownLimit(): string | undefined {
    const raised = this.#raised;
    return raised === 0n ? undefined : this.text(this.#book.compiled.limit - raised);
  }

  get #raised(): bigint {
    const { raised } = this.#book.compiled.control;
    return raised === undefined ? 0n : (parseScaled(raised, this.#book.digits, 'ceiling') ?? 0n);
  }

  get spend(): string {
    return this.text(this.#standing.value);
  }

  get held(): string {
    return this.text(this.#standing.held);
  }

  get remaining(): string {
    return this.text(remainingOf(this.#book, this.#standing));
  }

  /** Of a ROLLING budget that is used up the earliest time at which it has room again. */
  get resetsAt(): string | null {
    const { compiled } = this.#book;
    if (compiled.control.windowType !== 'ROLLING') return this.#window.resetsAt;
    const { value } = this.#standing;
    return this.#book.fallsBelow(this.#cell, value < compiled.limit ? value : compiled.limit, this.#atMs);
  }

  get isWarning(): boolean {
    const { warn } = this.#book.compiled;
    return warn !== null && this.#standing.value >= warn;
  }

  /** The plain facts. */
  toJSON(): BudgetFacts {
    const { controlId, name, metric, limit, raised, ownLimit, spend, held, remaining, resetsAt, isWarning } = this;
    const raise = raised === undefined ? {} : { raised, ownLimit };
    return { controlId, name, metric, limit, ...raise, spend, held, remaining, resetsAt, isWarning };
  }

  /** An amount of this budget as decimal text. */
  text(amount: bigint): string {
    return formatScaled(amount, this.#book.digits);
  }
}

/** The budget of one group. */
export class GroupBudgetView extends BudgetView {
  readonly group: string;

  constructor(...parts: ConstructorParameters<typeof BudgetView>) {
    super(...parts);
    this.group = parts[1].groupKey;
  }

  override toJSON(): BudgetFacts {
    return { ...super.toJSON(), group: this.group };
  }
}

/** The view of a balance. */
export function viewOf(
  book: ControlBook,
  cell: Cell,
  standing: CellStanding,
  window: CountingWindow,
  atMs: number,
): BudgetView {
  const View = cell.groupKey === '' ? BudgetView : GroupBudgetView;
  return new View(book, cell, standing, window, atMs);
}

/** What is left; never below 0. */
export function remainingOf({ compiled }: ControlBook, { value, held }: CellStanding): bigint {
  const left = compiled.limit - value - held;
  return left < 0n ? 0n : left;
}

/** The share of its limit that is left, for comparing budgets of different metrics; 0 for a limit of 0. */
export function shareLeft(book: ControlBook, standing: CellStanding): number {
  const { limit } = book.compiled;
  return limit === 0n ? 0 : Number(remainingOf(book, standing)) / Number(limit);
}
