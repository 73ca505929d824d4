/** Refusals that clients report: a refused call is never metered, so this is how the ledger hears of it (I1). */
import { limitTextOf } from '../compile/compiled-control.js';
import type { ReactionKind } from '../store/enforcement-event.js';
import { textOrNull } from '../store/sql.js';
import { type LedgerContext, readTeamState } from './context.js';
import { controlOf } from './control-rows.js';
import { type EnforcementRow, insertEnforcement } from './enforcement-log.js';
import { windowOf, windowTimeOf } from './windows.js';

/** What a client said, validated. `count` calls were refused for one reason; `id` makes a repeat harmless. */
export interface ReportedRefusal {
  readonly id: string;
  /** The integer of the feed; `undefined` where no rule refused, but the client itself. */
  readonly ruleId?: number | undefined;
  /** The key of the rule in the feed. */
  readonly key?: string | undefined;
  readonly atMs: number;
  readonly count: number;
  /** What was done instead of refusing them. Absent: they were refused. */
  readonly kind?: ReactionKind | undefined;
  readonly groupValue?: string | undefined;
  readonly subscriberId?: string | undefined;
  readonly subscriberEmail?: string | undefined;
  readonly model?: string | undefined;
  readonly provider?: string | undefined;
  /** Decimal text in the metric's own unit. */
  readonly currentValue?: string | undefined;
  readonly threshold?: string | undefined;
  readonly code?: string | undefined;
  readonly revision?: number | undefined;
}

/**
 * Keeps refusals as enforcement events, each once by its id within the team; returns how many were new. A rule that is
 * not known here (deleted rules are) is kept with what the client said. A time that cannot be is replaced by now.
 * @throws StoreError `UNKNOWN_TEAM`
 */
export async function recordRefusals(
  context: LedgerContext,
  teamId: string,
  refusals: readonly ReportedRefusal[],
): Promise<number> {
  await readTeamState(context, teamId);
  let kept = 0;
  for (const refusal of refusals) {
    const row = await rowOf(context, teamId, refusal);
    if ((await insertEnforcement(context, teamId, row)) !== undefined) kept += 1;
  }
  return kept;
}

async function rowOf(context: LedgerContext, teamId: string, refusal: ReportedRefusal): Promise<EnforcementRow> {
  const { ruleId } = refusal;
  const rows = ruleId === undefined ? [] : await context.sql.query('select-control-by-rule', { teamId, ruleId });
  const control = rows[0] === undefined ? undefined : controlOf(rows[0]);
  const time = windowTimeOf(refusal.atMs, context.nowMs);
  const window = control === undefined ? undefined : windowOf(control, time.windowTimeMs);
  const groupValue = refusal.groupValue ?? null;
  return {
    controlId: control?.id ?? null,
    kind: refusal.kind ?? 'refusal',
    isShadow: false,
    ruleId: ruleId ?? null,
    ruleName: control?.name ?? null,
    action: control?.action ?? 'BLOCK',
    metricType: control?.metricType ?? null,
    groupBy: groupValue === null ? null : (control?.groupBy ?? null),
    groupValue,
    groupLabel: groupValue,
    currentValue: refusal.currentValue ?? null,
    threshold: refusal.threshold ?? (control === undefined ? null : limitTextOf(control)),
    windowStartMs: window?.startMs ?? null,
    windowKey: window?.key ?? null,
    atMs: time.windowTimeMs,
    transactionId: null,
    subscriberEmail: refusal.subscriberEmail ?? (await emailOf(context, teamId, refusal.subscriberId)),
    times: refusal.count,
    details: detailsOf(refusal, time.flagged),
    reportId: refusal.id,
  };
}

/** An address that stands for the subscriber, where one is known. */
async function emailOf(
  context: LedgerContext,
  teamId: string,
  subscriberId: string | undefined,
): Promise<string | null> {
  if (subscriberId === undefined) return null;
  const [row] = await context.sql.query('select-subscriber-email', { teamId, subscriberId });
  return row === undefined ? null : textOrNull(row, 'email_key');
}

/** What has no column of its own, for people: `model gpt-4o, provider OPENAI, code rule_breached`. */
function detailsOf(refusal: ReportedRefusal, flagged: boolean): string | null {
  const said = [
    ['model', refusal.model],
    ['provider', refusal.provider],
    ['code', refusal.code],
    ['subscriber', refusal.subscriberId],
    ['rule', refusal.key],
    ['revision', refusal.revision],
    ['client clock', flagged ? new Date(refusal.atMs).toISOString() : undefined],
  ] as const;
  const words = said.filter(([, value]) => value !== undefined).map(([name, value]) => `${name} ${value}`);
  return words.length === 0 ? null : words.join(', ');
}
