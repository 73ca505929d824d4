/** The usage log of the Ollama gateway into the ledger, a page after the other. */
import { canonicalOllamaModel } from '../gateway/model-name.js';
import type { LmsvrPrice } from './lmsvr-database.js';
import { lmsvrEvent, providerOf } from './lmsvr-event.js';
import type { Known, LmsvrImport, LmsvrReport } from './lmsvr-import.js';

/** What became of rows. */
export interface UsageTally {
  stored: number;
  there: number;
  /** The ledger has another event under this id. */
  conflicts: number;
  /** Nobody to bill, or no time. */
  skipped: number;
  readonly total: number;
}

const PAGE = 1_000;

/** Records all of it, oldest first; in a dry run it only looks. */
export async function importUsage(
  { store, teamId, from, source, isDryRun }: LmsvrImport,
  known: Known,
  prices: readonly LmsvrPrice[],
  report: LmsvrReport,
): Promise<void> {
  const priced = new Set(prices.map(({ model }) => canonicalOllamaModel(model.toLowerCase())));
  const unpriced = new Set<string>();
  const { events } = report;
  let afterId = -(2n ** 62n);
  for (;;) {
    const rows = from.usage(afterId, PAGE);
    const last = rows.at(-1);
    if (last === undefined) break;
    afterId = last.id;
    const page = rows.flatMap((row) => {
      const customer = known.customers.get(row.customerId);
      const isLocal = row.model !== null && providerOf(row.endpoint) === 'OLLAMA';
      if (isLocal && row.model !== null && !priced.has(canonicalOllamaModel(row.model.toLowerCase()))) {
        unpriced.add(row.model);
      }
      if (customer === undefined || row.timeMs === undefined) {
        events.skipped += 1;
        return [];
      }
      const payer = { customerId: customer.id, email: customer.email, keyId: known.keys.get(row.keyId) };
      return [lmsvrEvent(row, row.timeMs, payer, source)];
    });
    if (isDryRun || page.length === 0) continue;
    for (const { outcome } of await store.recordEvents(teamId, page)) {
      if (outcome === 'stored') events.stored += 1;
      else if (outcome === 'duplicate') events.there += 1;
      else events.conflicts += 1;
    }
  }
  if (events.skipped > 0) {
    report.problems.push(`${events.skipped} rows of usage name no customer that is there, or no time`);
  }
  if (events.conflicts > 0) {
    const advice = 'a second database needs a --source of its own';
    report.problems.push(
      `${events.conflicts} rows of usage have an id that the ledger has for another event: ${advice}`,
    );
  }
  report.unpricedModels.push(...[...unpriced].sort());
}
