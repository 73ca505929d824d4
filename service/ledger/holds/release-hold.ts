/** An operator gives an open hold back for its owner, or takes back what an expired one was charged. */
import { type AuditActor, noteAudit } from '../audit.js';
import { type LedgerContext, readTeamState } from '../context.js';
import { readTeamScope } from '../team-copies.js';
import { releasePart, takeBackCharge } from './end-parts.js';
import { HoldBook } from './hold-book.js';
import { getHold, type HoldRecord } from './hold-reading.js';

/** What was done. `nothing`: the hold ended before, and was charged nothing. */
export interface HoldRelease {
  readonly outcome: 'given-back' | 'taken-back' | 'nothing';
  readonly hold: HoldRecord;
}

/**
 * Ends a hold. Calls under way that it covers still settle it, and may spend above the limit: that is recorded as ever. The
 * change is audited. `undefined`: there is no such hold. @throws StoreError `UNKNOWN_TEAM`
 */
export async function releaseHold(
  context: LedgerContext,
  teamId: string,
  id: string,
  actor: AuditActor,
): Promise<HoldRelease | undefined> {
  const before = await getHold(context, teamId, id);
  if (before === undefined) return undefined;
  const { controlsVersion } = await readTeamState(context, teamId);
  const scope = await readTeamScope(context, teamId, controlsVersion);
  const holds = new HoldBook(context, teamId);
  await holds.load([id]);
  const hold = holds.get(id)!;
  const wasOpen = hold.state === 'open';
  let moved = 0n;
  for (const part of hold.parts) {
    const compiled = scope.byId.get(part.controlId);
    if (compiled === undefined) continue;
    if (part.state === 'open') await releasePart(context, compiled, hold, part);
    else if (part.state === 'charged') moved += await takeBackCharge(context, holds, compiled, hold, part);
  }
  if (wasOpen) {
    hold.state = 'closed';
    hold.endedAtMs = context.nowMs;
    hold.isChanged = true;
  }
  await holds.keep();
  const after = (await getHold(context, teamId, id))!;
  const outcome = wasOpen ? 'given-back' : moved > 0n ? 'taken-back' : 'nothing';
  if (outcome !== 'nothing') {
    const note = { teamId, actor, action: 'released', subject: 'hold', subjectId: id } as const;
    await noteAudit(context, { ...note, before: auditOf(before), after: auditOf(after) });
  }
  return { outcome, hold: after };
}

/** Amounts as text: an audit entry is JSON. */
function auditOf({ owner, state, parts }: HoldRecord) {
  return {
    owner,
    state,
    parts: parts.map(({ controlId, group, amount, drawn, charged, state: partState }) => {
      return { controlId, group, amount: `${amount}`, drawn: `${drawn}`, charged: `${charged}`, state: partState };
    }),
  };
}
