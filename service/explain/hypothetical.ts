/** A call that is not made: what a hold for it would set aside, and whether it would be had. By the functions of takes. */
import { type CallBound, type HoldCall, type HoldRefusal, meterOf, type OperationType } from 'fusewire/internal';
import { currentWindow } from '../compile/current-window.js';
import type { LedgerContext, TeamState } from '../ledger/context.js';
import { NO_FILLS, readFills } from '../ledger/fill-cursors.js';
import { refusalFor } from '../ledger/holds/admit.js';
import { cellOf, standingNow } from '../ledger/holds/cells.js';
import { partTermsOf } from '../ledger/holds/hold-terms.js';
import { readPriceBook } from '../ledger/team-copies.js';
import { rateBoundOf } from '../pricing/rate-bound.js';
import type { Candidate } from './explain.js';
import type { AskedBound, AskedCall } from './explanation.js';

/** Tokens for the output of a call that names no limit, as holders take them as long as no control says another number. */
const ASSUMED_OUTPUT_TOKENS = 4_096;

/** What a hard control would say to the call. */
export interface HypotheticalHold {
  /** In the unit of the balance. */
  readonly asked: bigint;
  /** `undefined`: it would be set aside. */
  readonly refusal: HoldRefusal | undefined;
}

/** Asks one hard control that concerns the call. Sets nothing aside. */
export type AskHold = (candidate: Candidate) => Promise<HypotheticalHold>;

/** Prepares the question for all controls of a team. */
export async function hypotheticalHold(
  context: LedgerContext,
  teamId: string,
  state: TeamState,
  call: AskedCall,
  asked: AskedBound,
): Promise<AskHold> {
  const book = await readPriceBook(context, teamId, state.pricesVersion);
  const fills = state.filling ? await readFills(context, teamId) : NO_FILLS;
  const worst = boundOf(asked);
  const held = heldCall(call, asked.operationType);
  const rates = rateBoundOf(book, held, worst, context.nowMs);
  return async ({ compiled, group }) => {
    const least = meterOf(partTermsOf(compiled), rates, held.operationType).amount({ worst });
    const windowStartMs = currentWindow(compiled.control, context.nowMs, context.cache.windows).startMs;
    const cell = cellOf(context, compiled, { groupKey: group ?? '', windowStartMs });
    const each = least === 'unknown' ? 0n : least;
    const ask = { cell, least, each, calls: 1n, isUnderWay: false };
    const standing = await standingNow(context, cell);
    return { asked: each, refusal: await refusalFor(context, ask, standing, (id) => fills.has(id)) };
  };
}

function boundOf({ maxInputTokens, maxOutputTokens }: AskedBound): CallBound {
  return {
    inputTokensMax: maxInputTokens,
    outputTokensMax: maxOutputTokens ?? ASSUMED_OUTPUT_TOKENS,
    isOutputLimited: maxOutputTokens !== undefined,
    images: 0,
    characters: 0,
    mediaSeconds: 0,
  };
}

function heldCall(call: AskedCall, operationType: OperationType = 'CHAT'): HoldCall {
  const { model = '', provider = '' } = call;
  return { dimensions: call, provider, modelSource: provider, model, operationType };
}
