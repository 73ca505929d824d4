/** What raises and open holds do to a control, for explanations. */
import {
  type BalanceValues,
  type CompiledControl,
  limitTextOf,
  valueText,
  verdictOf,
} from '../compile/compiled-control.js';
import { currentWindow } from '../compile/current-window.js';
import type { LedgerContext } from '../ledger/context.js';
import { isHard } from '../ledger/hard-fields.js';
import { listHolds } from '../ledger/holds/hold-reading.js';
import { openRaises, raiseState } from '../ledger/raise-rows.js';
import { spanNow } from '../ledger/rolling-balances.js';
import { spokenAmount, spokenValue } from '../ledger/spoken-amount.js';
import { bigintOf } from '../store/sql.js';
import type { Candidate } from './explain.js';
import type { ExplainedHold, ExplainedHolding } from './explanation.js';
import type { HypotheticalHold } from './hypothetical.js';

/** Open holds that are listed; the sum is of all. */
const HOLDS_MAX = 50;

/** Raises and holds of a control and the caller's group. `held` is in the unit of the balance. */
export async function holdingOf(
  context: LedgerContext,
  candidate: Candidate,
): Promise<{ readonly shown: RaisesAndHolds; readonly held: bigint }> {
  const { compiled, concerned } = candidate;
  const { control } = compiled;
  const raises = control.raised === undefined ? [] : (await openRaises(context, control.id)).map(raiseState);
  const isHeld = isHard(control) && concerned;
  const held = isHeld ? await heldNow(context, candidate) : 0n;
  const found = held > 0n ? await holdsOf(context, candidate) : [];
  const beside = isHeld ? await besideEvents(context, candidate) : { charged: null, overrun: null };
  const shown: RaisesAndHolds = {
    enforcement: control.enforcement ?? 'POLLED',
    raised: control.raised ?? '0',
    raises,
    held: isHeld ? valueText(compiled, held) : null,
    holds: found.slice(0, HOLDS_MAX),
    ...beside,
  };
  return { shown, held };
}

/** What of a holding follows from the figures. */
type HoldStanding = Pick<ExplainedHolding, 'asked' | 'code' | 'inequality' | 'remaining'>;
type RaisesAndHolds = Omit<ExplainedHolding, keyof HoldStanding>;

/** How a hold for the call stands; nothing is held against polled controls, and none that do not concern it. */
export function standingOfHold(
  candidate: Candidate,
  values: BalanceValues,
  held: bigint,
  asked: HypotheticalHold | undefined,
): HoldStanding {
  const { compiled, concerned } = candidate;
  if (!isHard(compiled.control) || !concerned) return { remaining: null, asked: null, inequality: null, code: null };
  const left = compiled.limit - values.value - held;
  return {
    remaining: valueText(compiled, left > 0n ? left : 0n),
    asked: asked === undefined ? null : valueText(compiled, asked.asked),
    inequality: inequalityOf(candidate, values, held, asked),
    code: asked?.refusal?.code ?? null,
  };
}

/** `4 + 6 + 1 > 10 + 0`: spend, held and asked against limit and raised. With `spoken` as `$4.00 + $6.00 held + …`. */
export function inequalityOf(
  { compiled }: Candidate,
  values: BalanceValues,
  held: bigint,
  asked: HypotheticalHold | undefined,
  spoken = false,
): string {
  const { control } = compiled;
  const sum = values.value + held + (asked?.asked ?? 0n);
  const sign = sum <= compiled.limit ? '<=' : '>';
  if (spoken) {
    const text = (value: bigint) => spokenValue(compiled, value);
    const most = asked === undefined ? '' : ` + ${text(asked.asked)} asked`;
    return `${text(values.value)} + ${text(held)} held${most} ${sign} ${limitText(compiled)}`;
  }
  const terms = [values.value, held, ...(asked === undefined ? [] : [asked.asked])];
  const left = terms.map((term) => valueText(compiled, term)).join(' + ');
  return `${left} ${sign} ${control.hardLimit} + ${control.raised ?? '0'}`;
}

/** `$4.00 + $6.00 held >= $10.00 + $2.00 raised`: the arithmetic of a balance, in words and signs. */
export function arithmeticOf(candidate: Candidate, values: BalanceValues, held: bigint): string {
  const { compiled } = candidate;
  const { control } = compiled;
  const spend = spokenValue(compiled, values.value);
  const left = isHard(control) ? `${spend} + ${spokenValue(compiled, held)} held` : spend;
  return `${left} ${values.value + held >= compiled.limit ? '>=' : '<'} ${limitText(compiled)}`;
}

function limitText({ control: { metricType, hardLimit, raised } }: CompiledControl): string {
  const limit = spokenAmount(metricType, hardLimit);
  return raised === undefined ? limit : `${limit} + ${spokenAmount(metricType, raised)} raised`;
}

/** Whether nothing more is to be set aside, although the limit is not reached. */
export function isTakenUp({ compiled }: Candidate, values: BalanceValues, held: bigint): boolean {
  return isHard(compiled.control) && verdictOf(compiled, values) < 2 && values.value + held >= compiled.limit;
}

/** The limit that holds now. */
export function limitNow({ limit, raised }: { readonly limit: string; readonly raised: string }): string {
  return raised === '0' ? limit : limitTextOf({ hardLimit: limit, raised });
}

async function heldNow(context: LedgerContext, { compiled: { control }, group }: Candidate): Promise<bigint> {
  const windowStartMs = currentWindow(control, context.nowMs, context.cache.windows).balanceStartMs;
  const key = { controlId: control.id, windowStartMs, groupKey: group ?? '' };
  const [row] = await context.sql.query('select-balance', key);
  return row === undefined ? 0n : bigintOf(row, 'held');
}

/** What of the spend no event says, and what lies above the limit: of the window that counts now. */
async function besideEvents(
  context: LedgerContext,
  { compiled, group }: Candidate,
): Promise<Pick<ExplainedHolding, 'charged' | 'overrun'>> {
  const { control } = compiled;
  const { startMs } = currentWindow(control, context.nowMs, context.cache.windows);
  const isRolling = control.windowType === 'ROLLING';
  const { fromMs, toMs } = isRolling ? spanNow(context, control) : { fromMs: startMs, toMs: startMs };
  const key = { controlId: control.id, groupKey: group ?? '', fromMs, toMs };
  const [row] = await context.sql.query('select-charged-and-overrun', key);
  const text = (name: string) => valueText(compiled, row === undefined ? 0n : bigintOf(row, name));
  return { charged: text('charged'), overrun: text('overrun') };
}

async function holdsOf(context: LedgerContext, { compiled, group }: Candidate): Promise<readonly ExplainedHold[]> {
  const { control } = compiled;
  const isRolling = control.windowType === 'ROLLING';
  const { startMs } = currentWindow(control, context.nowMs, context.cache.windows);
  const query = { state: 'open', controlId: control.id, page: 0, size: 4 * HOLDS_MAX } as const;
  const { items } = await listHolds(context, control.teamId, query);
  return items.flatMap(({ id, owner, takenAtMs, expiresAtMs, parts }) =>
    parts
      .filter((part) => part.controlId === control.id && part.group === group && part.left > 0n)
      .filter(({ windowStartMs }) => isRolling || windowStartMs === startMs)
      .map(({ amount, drawn, left }) => ({
        ...{ id, owner, ageSeconds: Math.max(0, Math.floor((context.nowMs - takenAtMs) / 1_000)) },
        expires: new Date(expiresAtMs).toISOString(),
        amount: valueText(compiled, amount),
        drawn: valueText(compiled, drawn),
        left: valueText(compiled, left),
      })),
  );
}
