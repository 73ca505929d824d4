/** What a crash may cost: real processes that record and are killed in the middle of it, on any store. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { Store } from '../../service/store/store.js';
import { childArguments } from '../helpers/child-arguments.js';
import { control, rulesOf } from './store-support.js';

const CHILD = fileURLToPath(new URL('./store-child.ts', import.meta.url));

/** A child process and the lines that it says. */
export interface StoreChild {
  readonly child: ChildProcess;
  readonly lines: AsyncIterableIterator<string>;
}

/** Starts a process that opens the store at `place`, a file or an address, and records for a team where one is named. */
export function startChild(place: string, ...args: string[]): StoreChild {
  const child = spawn(process.execPath, [...childArguments(CHILD), place, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  return { child, lines: createInterface({ input: child.stdout! })[Symbol.asyncIterator]() };
}

/** Ends what a test has left. */
export async function endChild({ child }: StoreChild): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/**
 * Kills `processes` writers at once, `rounds` times over, each time at another point. Then: what was acknowledged is
 * there, nothing is there twice, balances are sums, and an Idempotency-Key has its answer exactly where its event is.
 */
export async function killRounds(
  place: string,
  open: () => Promise<Store>,
  rounds: number,
  processes = 1,
): Promise<void> {
  const store = await open();
  const { id } = await store.createTeam('t');
  await store.createControl(id, control({ hardLimit: '1000000', windowType: 'QUARTERLY' }));
  await store.close();
  const acknowledged: string[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const children = Array.from({ length: processes }, (_, n) => startChild(place, id, `${round}.${n}`));
    await Promise.all(
      children.map(async ({ child, lines }) => {
        let seen = 0;
        for await (const line of lines) {
          if (line !== 'open') acknowledged.push(line);
          seen += 1;
          // In the middle of the work, at another point each time.
          if (seen === 20 + round * 7) child.kill('SIGKILL');
        }
        expect(seen).toBeGreaterThanOrEqual(20 + round * 7);
      }),
    );
  }
  const after = await open();
  try {
    const stored: string[] = [];
    for (let page = 0; ; page += 1) {
      const { items } = await after.findEvents(id, { page, size: 5_000 });
      stored.push(...items.map(({ transactionId }) => transactionId));
      if (items.length < 5_000) break;
    }
    const kept = new Set(stored);
    expect(stored).toHaveLength(kept.size);
    expect(acknowledged.filter((transactionId) => !kept.has(transactionId))).toEqual([]);
    expect((await after.verifyBalances()).wrong).toEqual([]);
    await keysAnswer(after, id, acknowledged, kept, rounds);
    expect((await rulesOf(after, id))[0]?.currentValue).toBeCloseTo(kept.size / 100, 6);
  } finally {
    await after.close();
  }
}

/** A key has its answer exactly where its event is kept, and none is taken for ever by a request that died. */
async function keysAnswer(
  store: Store,
  teamId: string,
  acknowledged: readonly string[],
  kept: ReadonlySet<string>,
  rounds: number,
): Promise<void> {
  const keyed = [...kept].filter((transactionId) => /-[13]-/.test(transactionId));
  expect(keyed.length).toBeGreaterThan(rounds);
  const lost = acknowledged.map((transactionId) => `${transactionId}-never-sent`);
  for (const key of [...keyed, ...lost]) {
    const event = {
      transactionId: key,
      receivedAtMs: Date.now(),
      body: { transactionId: key, model: 'm', provider: 'P' },
    };
    const { state } = await store.recordOnce(teamId, { key, bodyHash: 'h', event });
    expect([key, state]).toEqual([key, kept.has(key) ? 'replayed' : 'recorded']);
  }
}
