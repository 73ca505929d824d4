/** The audit of prices: one entry a price, or one for a whole list. */
import { keyOf } from '../pricing/declared-prices.js';
import type { PriceOverride } from '../store/store.js';
import { type AuditActor, noteAudit } from './audit.js';
import type { LedgerContext } from './context.js';

/** Prices that were declared together. `before`: all of the team's until then, in the order of their declaration. */
export interface DeclaredPrices {
  readonly teamId: string;
  readonly actor: AuditActor;
  /** The list that they came with. */
  readonly importId: string | null;
  readonly before: readonly PriceOverride[];
  readonly after: readonly PriceOverride[];
}

/** Names of a list that its entry repeats (I10). */
const NAMES_MAX = 200;

/** Writes it down. */
export async function notePrices(context: LedgerContext, declared: DeclaredPrices): Promise<void> {
  const { teamId, actor, importId, before, after } = declared;
  if (importId !== null) {
    const names = after.slice(0, NAMES_MAX).map((price) => nameOf(price).replaceAll('\n', '/'));
    const state = { prices: after.length, names };
    const subject = { subject: 'price', subjectId: importId } as const;
    return noteAudit(context, { teamId, actor, action: 'accepted', ...subject, after: state });
  }
  for (const price of after) {
    const last = before.filter((one) => nameOf(one) === nameOf(price)).at(-1);
    const action = price.kind === 'withdrawn' ? 'withdrawn' : 'declared';
    const states = { before: last && stateOf(last), after: stateOf(price) };
    await noteAudit(context, { teamId, actor, action, subject: 'price', subjectId: price.id, ...states });
  }
}

function nameOf({ provider, model, serviceTier }: PriceOverride): string {
  return keyOf(provider, model, serviceTier);
}

function stateOf(price: PriceOverride): Record<string, unknown> {
  const { id, provider, model, serviceTier, kind, rates, validFromMs, validUntilMs } = price;
  return { id, provider, model, serviceTier, kind, rates, validFromMs, validUntilMs };
}
