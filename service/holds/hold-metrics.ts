/** Holds at `/metrics`: by metric of the controls, never by team, owner or control (I10). */
import type { HoldOutcome, Runtime } from 'fusewire/internal';
import { Counter, Gauge } from 'prom-client';
import type { Metrics } from '../http/metrics.js';
import type { HoldFigures } from '../ledger/holds/hold-figures.js';
import type { HoldTotals } from '../ledger/holds/hold-reading.js';
import type { Store } from '../store/store.js';

/** What is counted where operations are answered. */
export interface HoldCounters {
  note(outcomes: readonly HoldOutcome[]): void;
}

/** What is read for one scrape; all gauges share it. */
interface Figures extends HoldFigures {
  readonly totals: readonly HoldTotals[];
}

/** A scrape asks for every gauge at once. */
const KEPT_MS = 1_000;
const NANO = 1e9;
const UNIT = 'in dollars for TOTAL_COST, else a count';

type Sum = 'held' | 'drawn' | 'charged' | 'overrun';
const SUMS: Readonly<Record<Sum, string>> = {
  held: `Set aside by open holds and not drawn, ${UNIT}`,
  drawn: `Drawn from holds that are open, ${UNIT}`,
  charged: `Counted as spent for expired holds though no event says so, ${UNIT}`,
  overrun: `Spent above the limits of hard controls, in the balances that are kept, ${UNIT}`,
};

/** Registers the gauges, once a server. */
export function createHoldMetrics({ registry }: Metrics, store: Store, { monotonicNow }: Runtime): HoldCounters {
  const registers = [registry];
  let kept: { readonly atMs: number; readonly figures: Promise<Figures> } | undefined;
  const read = (): Promise<Figures> => {
    const atMs = monotonicNow();
    if (kept === undefined || atMs - kept.atMs > KEPT_MS) kept = { atMs, figures: readFigures(store) };
    return kept.figures;
  };
  // A store that does not answer must not take the other metrics with it.
  const gauge = (
    name: string,
    help: string,
    set: (gauge: Gauge, figures: Figures) => void,
    labelNames: string[] = [],
  ) => {
    const one: Gauge = new Gauge({
      ...{ name: `fusewire_holds_${name}`, help, labelNames, registers },
      async collect() {
        one.reset();
        const figures = await read().catch(() => undefined);
        if (figures === undefined) one.remove();
        else set(one, figures);
      },
    });
  };
  for (const [name, help] of Object.entries(SUMS) as [Sum, string][]) {
    gauge(name, help, (one, { totals }) => setSums(one, totals, name), ['metric']);
  }
  gauge('open', 'Open holds', (one, { totals }) => one.set(totals.reduce((sum, { openCount }) => sum + openCount, 0)));
  gauge('expired', 'Holds that nobody renewed, of the last two days', (one, { expiredCount }) => one.set(expiredCount));
  gauge(
    'stranded_ratio',
    'Largest share of one budget that open holds set aside and have not drawn, 0 to 1',
    (one, { stranded }) => {
      for (const { metric, share } of stranded) one.set({ metric }, share);
    },
    ['metric'],
  );
  gauge(
    'idle_ratio',
    'Largest share of one budget in holds that are older than ten minutes and less than a tenth drawn, 0 to 1',
    (one, { idle }) => {
      const seen = new Set<string>();
      for (const { metric, share } of idle) {
        // The largest comes first.
        if (!seen.has(metric)) one.set({ metric }, share);
        seen.add(metric);
      }
    },
    ['metric'],
  );
  return countersOf(registers);
}

function countersOf(registers: Metrics['registry'][]): HoldCounters {
  const operations = new Counter({
    name: 'fusewire_holds_operations_total',
    help: 'Operations on holds by what became of them: held, free, refused, gone',
    labelNames: ['outcome'],
    registers,
  });
  const refused = new Counter({
    name: 'fusewire_holds_refused_total',
    help: 'Operations on holds that were refused, by reason',
    labelNames: ['code'],
    registers,
  });
  return {
    note(outcomes) {
      for (const one of outcomes) {
        operations.inc({ outcome: one.outcome });
        if (one.outcome === 'refused') refused.inc({ code: one.refusal.code });
      }
    },
  };
}

async function readFigures(store: Store): Promise<Figures> {
  const [totals, figures] = await Promise.all([store.holdTotals(), store.holdFigures()]);
  return { ...figures, totals };
}

function setSums(gauge: Gauge, totals: readonly HoldTotals[], name: Sum): void {
  const sums = new Map<string, bigint>();
  for (const { metrics } of totals) {
    for (const one of metrics) sums.set(one.metric, (sums.get(one.metric) ?? 0n) + one[name]);
  }
  for (const [metric, sum] of sums) gauge.set({ metric }, metric === 'TOTAL_COST' ? Number(sum) / NANO : Number(sum));
}
