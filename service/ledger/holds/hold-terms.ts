/** What a hard control says about holds, and what their owners see of them. */
import {
  ASSUMED_OUTPUT_TOKENS,
  type HoldMetric,
  type HoldPart,
  type HoldReactions,
  type HoldState,
  type OnExpiry,
} from 'fusewire/internal';
import type { CompiledControl } from '../../compile/compiled-control.js';
import type { TeamScope } from '../../compile/team-scope.js';
import { NEVER_MS } from '../window.js';
import type { HeldHold, HeldPart } from './hold-book.js';

/** The terms of a part, with the defaults of hard controls (I7). */
export type PartTerms = Pick<
  HoldPart,
  'metric' | 'estimate' | 'whenExhausted' | 'assumedOutputTokens' | 'outputLimit' | 'assumedPrice'
>;

/** What becomes of what is left of a hold that is not renewed. */
export function onExpiryOf({ control }: CompiledControl): OnExpiry {
  return control.onExpiry ?? 'charge';
}

/** The terms of a control. */
export function partTermsOf({ control, assumed }: CompiledControl): PartTerms {
  return {
    metric: control.metricType as HoldMetric,
    estimate: control.estimate ?? 'worst-case',
    whenExhausted: control.whenExhausted ?? 'cut',
    assumedOutputTokens: control.assumedOutputTokens ?? ASSUMED_OUTPUT_TOKENS,
    outputLimit: control.outputLimit ?? 'inject',
    ...(assumed === null
      ? {}
      : {
          assumedPrice: {
            perMillionTokensNano: String(assumed.perMillionTokensNanoUsd),
            perRequestNano: String(assumed.perRequestNanoUsd),
          },
        }),
  };
}

/** The reactions of a control. */
export function reactionsOf({ control }: CompiledControl): HoldReactions {
  const { clampOutput = false, downgradeTo = null, throttleMs = null } = control;
  return { clampOutput, downgradeTo, throttleMs };
}

/**
 * A hold as its owner sees it at `nowMs`; parts of controls that hold nothing any more are left out. What its calls cost is
 * known until `pricedUntilMs`.
 */
export function stateOf(
  hold: HeldHold,
  scope: TeamScope,
  nowMs: number,
  isTight: boolean,
  pricedUntilMs: number,
): HoldState {
  const { id, owner, state, sequence, isRecalled } = hold;
  const parts = hold.parts.flatMap((part) => {
    const compiled = part.state === 'withdrawn' ? undefined : scope.byId.get(part.controlId);
    return compiled === undefined ? [] : [shownPart(compiled, part)];
  });
  return { id, owner, state, sequence, drawForMs: drawForMs(hold, nowMs, pricedUntilMs), isRecalled, isTight, parts };
}

/** Half of the time stays for the delivery of what was drawn; and nothing is drawn for a window, or at a price, that is over. */
function drawForMs({ state, expiresAtMs, ttlMs, parts }: HeldHold, nowMs: number, pricedUntilMs: number): number {
  if (state !== 'open') return 0;
  let untilMs = Math.min(pricedUntilMs, expiresAtMs - Math.ceil(ttlMs / 2));
  for (const part of parts) if (part.state === 'open') untilMs = Math.min(untilMs, part.windowEndMs);
  return Math.max(0, untilMs - nowMs);
}

function shownPart(compiled: CompiledControl, part: HeldPart): HoldPart {
  const { control } = compiled;
  const endless = control.windowType === 'ROLLING' || part.windowEndMs >= NEVER_MS;
  return {
    controlId: control.id,
    ruleId: control.ruleId,
    name: control.name,
    group: control.groupBy === null ? null : part.groupKey,
    windowStartMs: part.windowStartMs,
    windowEndMs: endless ? null : part.windowEndMs,
    amount: String(part.amount),
    drawn: String(part.drawn),
    ...partTermsOf(compiled),
  };
}
