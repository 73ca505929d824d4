/** The sums of ROLLING balances that one commit works with: read once, moved in memory with their buckets. */
import { bigintOf, type Sql, textOf } from '../store/sql.js';

/** The buckets of a balance that count now, by their starts, both included. */
export interface SumRange {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Names a sum. */
export interface SumKey extends SumRange {
  readonly controlId: string;
  readonly groupKey: string;
}

/** What the buckets hold together. */
export interface BucketSum {
  readonly value: bigint;
  readonly unknownCount: bigint;
  /** Some bucket is there, though it may hold nothing. */
  readonly any: boolean;
}

interface KeptSum extends SumRange {
  value: bigint;
  unknownCount: bigint;
  any: boolean;
}

const NONE: BucketSum = { value: 0n, unknownCount: 0n, any: false };

/** More than this are read again (I10). */
const SUMS_MAX = 20_000;

/** Sums by control and group. They hold as long as every bucket that moves is told. */
export class RollingSums {
  readonly #kept = new Map<string, KeptSum>();

  /** Reads sums exactly as they are in the store. */
  static async read(sql: Sql, keys: readonly SumKey[]): Promise<readonly BucketSum[]> {
    const asked = keys.map(({ controlId, groupKey, fromMs, toMs }) => ({ controlId, groupKey, fromMs, toMs }));
    const rows = asked.length === 0 ? [] : await sql.many('load-rolling-sums', asked);
    const found = new Map<string, BucketSum>();
    for (const row of rows) {
      const sum = { value: bigintOf(row, 'value'), unknownCount: bigintOf(row, 'unknown_count'), any: true };
      found.set(nameOf(textOf(row, 'control_id'), textOf(row, 'group_key')), sum);
    }
    return keys.map(({ controlId, groupKey }) => found.get(nameOf(controlId, groupKey)) ?? NONE);
  }

  /** Those that are not here, or here for other buckets; each once. All of them where there is no room for more. */
  missing(keys: readonly SumKey[]): readonly SumKey[] {
    const missing = new Map<string, SumKey>();
    if (this.#kept.size + keys.length > SUMS_MAX) this.#kept.clear();
    for (const key of keys) {
      const name = nameOf(key.controlId, key.groupKey);
      const kept = this.#kept.get(name);
      if (kept?.fromMs !== key.fromMs || kept.toMs !== key.toMs) missing.set(name, key);
    }
    return [...missing.values()];
  }

  /** Keeps what was read of them, in their order. */
  keep(keys: readonly SumKey[], sums: readonly BucketSum[]): void {
    for (const [i, { controlId, groupKey, fromMs, toMs }] of keys.entries()) {
      this.#kept.set(nameOf(controlId, groupKey), { fromMs, toMs, ...sums[i]! });
    }
  }

  /** A bucket moved. */
  add(controlId: string, groupKey: string, startMs: number, delta: Omit<BucketSum, 'any'>): void {
    if (this.#kept.size === 0) return;
    const kept = this.#kept.get(nameOf(controlId, groupKey));
    if (kept === undefined || startMs < kept.fromMs || startMs > kept.toMs) return;
    kept.value += delta.value;
    kept.unknownCount += delta.unknownCount;
    kept.any = true;
  }

  /** The sum, if it was read for these buckets. */
  get(key: SumKey): BucketSum | undefined {
    const kept = this.#kept.get(nameOf(key.controlId, key.groupKey));
    return kept?.fromMs === key.fromMs && kept.toMs === key.toMs ? kept : undefined;
  }

  /** Forgets all. */
  clear(): void {
    this.#kept.clear();
  }
}

/** No control id holds a line break. */
function nameOf(controlId: string, groupKey: string): string {
  return `${controlId}\n${groupKey}`;
}
