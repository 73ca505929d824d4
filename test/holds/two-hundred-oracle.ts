/** What every channel has to say to a case, worked out naively from the inequality. */
import {
  ASSUMED_FEE,
  HELD_INPUT,
  PAST_EVENT,
  TABLE_FEES,
  type TableCase,
  type TableControl,
  type TableMetric,
} from './two-hundred-cases.js';

/** One control's arithmetic, in the unit of the balance. */
export interface Figures {
  readonly limit: bigint;
  readonly raised: bigint;
  readonly spend: bigint;
  readonly held: bigint;
  readonly asked: bigint;
  readonly remaining: bigint;
}

/** What a control says. */
export interface Told extends Figures {
  readonly control: TableControl;
  /** `reached`: it has spent its limit, whatever is asked. */
  readonly says: 'fits' | 'reached' | 'short' | 'unknown-price';
  readonly raises: readonly bigint[];
}

/** The model of what was spent and is held: one whose price is known. */
export function knownModel({ model }: TableCase): string {
  return TABLE_FEES[model] === null ? 'gpt-table-cheap' : model;
}

/** Whether a control concerns the call of its case. */
export function isConcerned({ model }: TableCase, { mode, filter }: TableControl): boolean {
  return mode !== 'disabled' && !(filter === 'MODEL IS_NOT' && model === 'gpt-table-dear');
}

/** Every control of a case. */
export function toldBy(one: TableCase, inputTokens: number): readonly Told[] {
  return one.controls.map((control) => tell(one, control, inputTokens));
}

/** The one that refuses: what is reached comes first, then what is short, each in the order of their making. */
export function refusing(one: TableCase, told: readonly Told[]): number | undefined {
  const holds = (index: number) => {
    const { mode } = one.controls[index]!;
    return mode === 'HARD' && isConcerned(one, one.controls[index]!);
  };
  const failing = told.flatMap(({ says }, index) => (says !== 'fits' && holds(index) ? [index] : []));
  return failing.find((index) => told[index]!.says === 'reached') ?? failing[0];
}

function tell(one: TableCase, control: TableControl, inputTokens: number): Told {
  const { metric, mode, room, onUnknownPrice } = control;
  const concerned = isConcerned(one, control);
  const fee = TABLE_FEES[one.model] ?? (onUnknownPrice === 'assume' ? ASSUMED_FEE : 0n);
  const asked = count(metric, fee, inputTokens, one.outputTokens);
  const { costNano, inputTokens: input, outputTokens: output } = PAST_EVENT;
  const spend = concerned ? BigInt(one.events) * count(metric, costNano, input, output) : 0n;
  const known = TABLE_FEES[knownModel(one)] as bigint;
  const parts = one.held.map((tokens) => count(metric, known, HELD_INPUT, tokens));
  const held = concerned && mode === 'HARD' ? parts.reduce((sum, part) => sum + part, 0n) : 0n;
  const totals = {
    ample: spend + held + asked + 1_000n,
    exact: spend + held + asked,
    'one-too-much': spend + held + asked - 1n,
    spent: spend,
    'taken-up': spend + held,
    'limit-0': 0n,
  };
  const total = totals[room] < 0n ? 0n : totals[room];
  const wanted = control.raises.reduce((sum, raise) => sum + raise, 0n);
  const raises = wanted < total && mode === 'HARD' ? control.raises : [];
  const raised = raises.length === 0 ? 0n : wanted;
  const left = total - spend - held;
  const isUnknown = TABLE_FEES[one.model] === null && metric === 'TOTAL_COST' && onUnknownPrice === 'refuse';
  const says =
    spend >= total ? 'reached' : isUnknown ? 'unknown-price' : spend + held + asked > total ? 'short' : 'fits';
  const remaining = left > 0n ? left : 0n;
  return {
    control,
    limit: total - raised,
    raised,
    spend,
    held,
    asked: isUnknown ? 0n : asked,
    remaining,
    says,
    raises,
  };
}

function count(metric: TableMetric, costNano: bigint, inputTokens: number, outputTokens: number): bigint {
  switch (metric) {
    case 'TOTAL_COST':
      return costNano;
    case 'INPUT_TOKEN_COUNT':
      return BigInt(inputTokens);
    case 'OUTPUT_TOKEN_COUNT':
      return BigInt(outputTokens);
    default:
      return BigInt(inputTokens + outputTokens);
  }
}

/** As people read it: dollars, or a count. */
export function shown(metric: TableMetric, amount: bigint): string {
  if (metric !== 'TOTAL_COST') return String(amount);
  const digits = String(amount).padStart(10, '0');
  return `${digits.slice(0, -9)}.${digits.slice(-9)}`.replace(/\.?0+$/, '');
}
