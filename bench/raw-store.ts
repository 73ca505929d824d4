/**
 * What ingest is measured against: the service's own HTTP side, route, schema and normalisation, over a store that does
 * nothing but insert the rows (event, price, key, balances), raw and coalesced: everything that one turn of the event loop
 * brings goes into one transaction, and each balance is written once in it.
 */
import type { SqlParams } from '../service/store/sql.js';
import type { RecordResult, Store } from '../service/store/store.js';
import { built } from './built.js';

/** The rows of one event. */
export interface RawRows {
  readonly id: string;
  readonly event: SqlParams;
  readonly key: Readonly<Record<string, string | number>> | undefined;
  readonly amountNanoUsd: number;
}

/** Inserts rows in one transaction. `balances` are sums of it, a row each. */
export interface RawWriter {
  write(rows: readonly RawRows[], balances: RawBalances): Promise<void>;
  close(): Promise<void>;
}

/** What a transaction adds to the balances of five controls. */
export interface RawBalances {
  readonly controlIds: readonly string[];
  readonly windowStartMs: number;
  readonly windowEndMs: number;
  readonly value: number;
}

/** What a raw store begins with. */
export interface RawSetup {
  readonly store: Pick<Store, 'findKey' | 'getTeam'>;
  readonly teamId: string;
  readonly controlIds: readonly string[];
}

const DAY_MS = 86_400_000;
/** A price as the catalogue would give it; nothing is looked up. */
const AMOUNT_NANO_USD = 141_000;

/** A store that ingest can use, and nothing else can. */
export async function createRawStore(setup: RawSetup, writer: RawWriter): Promise<Store> {
  const { eventFactsOf } = await built<typeof import('../service/ledger/event-facts.js')>('ledger/event-facts.js');
  const { eventParams } = await built<typeof import('../service/ledger/record-events.js')>('ledger/record-events.js');
  const { receiptAnswer } = await built<typeof import('../service/ledger/receipt.js')>('ledger/receipt.js');
  const { uuidv7 } = await built<typeof import('../src/internal.js')>('internal.js');
  const insert = coalesced(setup.controlIds, writer);
  const keyRow = (key: string, bodyHash: string, result: RecordResult) => {
    const { status, body } = receiptAnswer(result);
    return { owner: setup.teamId, key, bodyHash, nowMs: result.createdAtMs, status, body };
  };
  const store: Pick<Store, 'findKey' | 'getTeam' | 'record' | 'recordEvents' | 'recordOnce' | 'close'> = {
    findKey: (hash) => setup.store.findKey(hash),
    getTeam: (teamId) => setup.store.getTeam(teamId),
    async record(teamId, items) {
      const rows: RawRows[] = [];
      const results = items.map(({ event, key }) => {
        const facts = eventFactsOf(event);
        const id = uuidv7(facts.receivedAtMs);
        const { transactionId, receivedAtMs: createdAtMs } = facts;
        const result: RecordResult = { id, transactionId, outcome: 'stored', createdAtMs, revision: 1 };
        const keyed = key === undefined ? undefined : keyRow(key.key, key.bodyHash, result);
        rows.push({
          id,
          event: eventParams(teamId, id, facts, facts.requestTimeMs ?? createdAtMs, false),
          key: keyed,
          amountNanoUsd: AMOUNT_NANO_USD,
        });
        return { state: 'recorded', result } as const;
      });
      await insert(rows);
      return results;
    },
    async recordEvents(teamId, events) {
      const outcomes = await this.record(
        teamId,
        events.map((event) => ({ event })),
      );
      return outcomes.map((outcome) => (outcome.state === 'recorded' ? outcome.result : failed()));
    },
    async recordOnce(teamId, { event, key, bodyHash }) {
      const [outcome] = await this.record(teamId, [{ event, key: { key, bodyHash } }]);
      if (outcome?.state !== 'recorded') return failed();
      return { ...outcome, answer: receiptAnswer(outcome.result) };
    },
    close: () => writer.close(),
  };
  // Whatever else the HTTP side asks for on its own (its log of requests) costs nothing here.
  return new Proxy(store, {
    get: (target, name) => Reflect.get(target, name) ?? (name === 'then' ? undefined : async () => undefined),
  }) as Store;
}

/** Whatever comes while a transaction is under way, or in the same turn of the event loop, shares the next one. */
function coalesced(controlIds: readonly string[], writer: RawWriter): (rows: RawRows[]) => Promise<void> {
  let waiting: { rows: RawRows[]; resolve(): void; reject(error: unknown): void }[] = [];
  let writing = false;
  const drain = async (): Promise<void> => {
    while (waiting.length > 0) {
      const group = waiting;
      waiting = [];
      const rows = group.flatMap((one) => one.rows);
      const windowStartMs = Math.floor(Date.now() / DAY_MS) * DAY_MS;
      const window = { windowStartMs, windowEndMs: windowStartMs + DAY_MS };
      const value = rows.reduce((sum, { amountNanoUsd }) => sum + amountNanoUsd, 0);
      try {
        await writer.write(rows, { controlIds, ...window, value });
        for (const { resolve } of group) resolve();
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    writing = false;
  };
  return (rows) =>
    new Promise((resolve, reject) => {
      waiting.push({ rows, resolve, reject });
      if (writing) return;
      writing = true;
      setImmediate(() => void drain());
    });
}

function failed(): never {
  throw new Error('the raw store records everything');
}
