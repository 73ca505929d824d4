/**
 * Refusals as enforcement events: a refused call is never metered, so this is how the ledger hears of it (I1). A flood of
 * them is counted, not listed: a row per second for each rule and caller, however many calls that were.
 */
import type { Log, Runtime, Timer } from 'fusewire/internal';
import type { Metrics } from '../../http/metrics.js';
import type { ReportedRefusal } from '../../ledger/refusals.js';
import type { ReactionKind } from '../../store/enforcement-event.js';
import type { GatewayCall, Refusal } from '../types.js';
import type { BookStore } from './parts.js';

/** Refusals are gathered for so long. */
const GATHER_MS = 1_000;
/** Rows that are gathered; what is refused beyond is counted on the row of its rule alone, then not at all (I10). */
const ROWS_MAX = 2_000;
/** Rows of one write. */
const WRITE_MAX = 500;

type Row = { -readonly [Name in keyof ReportedRefusal]: ReportedRefusal[Name] };

/** Of one team. */
export class RefusalLog {
  readonly #store: Pick<BookStore, 'recordRefusals'>;
  readonly #runtime: Runtime;
  readonly #log: Log;
  readonly #metrics: Pick<Metrics, 'refusedCalls'> | undefined;
  readonly #teamId: string;
  #rows = new Map<string, Row>();
  #timer: Timer | undefined;
  #writing: Promise<void> = Promise.resolve();
  #isFailing = false;

  constructor(
    parts: { readonly store: Pick<BookStore, 'recordRefusals'>; readonly runtime: Runtime; readonly log: Log } & {
      readonly metrics?: Pick<Metrics, 'refusedCalls'> | undefined;
    },
    teamId: string,
  ) {
    this.#store = parts.store;
    this.#runtime = parts.runtime;
    this.#log = parts.log;
    this.#metrics = parts.metrics;
    this.#teamId = teamId;
  }

  /** Keeps a refusal, or with `kind` what was done instead. Never throws. */
  add(call: GatewayCall, refusal: Refusal, revision: number | undefined, kind?: ReactionKind): void {
    if (kind === undefined) this.#metrics?.refusedCalls(1);
    const { rule, code, budget } = refusal;
    const { subscriberId, subscriberEmail, model, provider } = call.dimensions;
    const name = [rule?.ruleId, code, budget?.group, subscriberId, model, kind].join('\n');
    const known = this.#rows.get(name);
    if (known !== undefined) {
      known.count += 1;
      return;
    }
    if (this.#rows.size >= ROWS_MAX) return;
    const row: Row = { id: this.#runtime.newId(), atMs: this.#runtime.now(), count: 1, code };
    if (kind !== undefined) row.kind = kind;
    if (rule !== null) row.ruleId = rule.ruleId;
    if (budget?.group !== undefined) row.groupValue = budget.group;
    if (budget !== undefined) Object.assign(row, { currentValue: budget.spend, threshold: budget.limit });
    this.#rows.set(name, Object.assign(row, { subscriberId, subscriberEmail, model, provider, revision }));
    this.#timer ??= this.#runtime.setTimer(() => this.#flush(), GATHER_MS);
  }

  /** Writes what is gathered. */
  async close(): Promise<void> {
    this.#flush();
    await this.#writing;
  }

  #flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#rows.size === 0) return;
    const rows = [...this.#rows.values()];
    this.#rows = new Map();
    this.#writing = this.#writing.then(() => this.#write(rows));
  }

  async #write(rows: readonly Row[]): Promise<void> {
    try {
      for (let from = 0; from < rows.length; from += WRITE_MAX) {
        await this.#store.recordRefusals(this.#teamId, rows.slice(from, from + WRITE_MAX));
      }
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isFailing) this.#log.error('refusals of the gateway could not be kept', { error: String(error) });
      this.#isFailing = true;
    }
  }
}
