/** What the tests of holds share: a store with one hard control, calls that cost a cent a token, and shorthand for operations. */
import { randomUUID } from 'node:crypto';
import type { HoldCall, HoldOperation, HoldOutcome, HoldState } from 'fusewire/internal';
import type { CostControl, CostControlInput, Store } from '../../../service/store/store.js';
import { declared } from '../pricing-support.js';
import { control, event } from '../store-support.js';

/** Nano-dollars of one token of `held-model`. */
export const TOKEN_NANO = 10_000_000n;

/** A call of `held-model`. */
export function call(dimensions: HoldCall['dimensions'] = {}): HoldCall {
  return {
    dimensions: { model: 'held-model', provider: 'OPENAI', ...dimensions },
    provider: 'OPENAI',
    modelSource: 'OPENAI',
    model: 'held-model',
    operationType: 'CHAT',
  };
}

/** A call that costs at most so many cents: one a token, all of them output. */
export function need(cents: number) {
  const worst = {
    inputTokensMax: 0,
    outputTokensMax: cents,
    isOutputLimited: true,
    images: 0,
    characters: 0,
    mediaSeconds: 0,
    hasSound: false,
    cacheWrites: 'none' as const,
  };
  return { worst };
}

/** A take for calls of so many cents. */
export function take(
  cents: number,
  fields: Partial<Omit<Extract<HoldOperation, { op: 'take' }>, 'op'>> = {},
): Extract<HoldOperation, { op: 'take' }> {
  return { op: 'take', id: randomUUID(), owner: 'one', call: call(), need: need(cents), calls: 1, ...fields };
}

/** A hard control of a dollar a day. */
export function hard(fields: Partial<CostControlInput> = {}): CostControlInput {
  return control({ enforcement: 'HARD', onUnknownPrice: 'refuse', ...fields });
}

/** A team's price of a cent a token of output for `held-model`. */
export async function declarePrice(store: Store, teamId: string): Promise<void> {
  await store.setPrice(teamId, declared({ model: 'held-model' }, { input: 0n, output: TOKEN_NANO * 1_000n }));
}

/** An event that cost so many cents and names its hold. */
export function settling(nowMs: number, cents: number, holdId?: string, fields: Record<string, unknown> = {}) {
  const named = holdId === undefined ? {} : { holdId };
  return event(nowMs, { model: 'held-model', totalCost: cents / 100, ...named, ...fields });
}

/** The state of a hold, where the outcome has one. */
export function heldOf(outcome: HoldOutcome | undefined): HoldState {
  if (outcome?.outcome !== 'held') throw new Error(`not held: ${JSON.stringify(outcome)}`);
  return outcome.hold;
}

/** Cents of nano-dollars as text. */
export function centsOf(amount: string | bigint | undefined): number {
  return Number(BigInt(amount ?? 0)) / 10_000_000;
}

/** What is spent and held under a control, in cents, over all its rows of the window of `nowMs`. */
export async function cellOf(store: Store, made: CostControl) {
  const refused = await store.operateHolds(made.teamId, [take(100_000_000, { owner: 'spy' })]);
  const [outcome] = refused;
  if (outcome?.outcome !== 'refused') throw new Error('a take that cannot fit was not refused');
  const { spend, held, remaining, limit, raised } = outcome.refusal;
  return { spend: centsOf(spend), held: centsOf(held), remaining: centsOf(remaining), limit: centsOf(limit), raised };
}
