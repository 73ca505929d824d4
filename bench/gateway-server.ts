// The gateway of bench/gateway.bench.ts, in a process of its own: the built service with its gateway, on SQLite.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StoreOpener } from '../service/admin/open-service.js';
import { built } from './built.js';
import { slowWriter } from './slow-writer.js';

/** What the parent asks for, as JSON in the first argument. */
export interface GatewaySettings {
  readonly upstream: string;
  /** Added to each commit. */
  readonly commitMs: number;
}

/** More than all that is driven here: what is measured is calls that pass. */
const BUDGET_USD = '1000000';
const KEY_LIMITS = { keyRatePerSecond: 0, keyConcurrencyMax: 0 };

async function main({ upstream, commitMs }: GatewaySettings): Promise<void> {
  const { startService } = await built<typeof import('../service/admin/start-service.js')>('admin/start-service.js');
  const { newGatewayKey } = await built<typeof import('../service/admin/gateway-keys.js')>('admin/gateway-keys.js');
  const { openSqliteStore } = await built<typeof import('../service/store/sqlite/open-sqlite-store.js')>(
    'store/sqlite/open-sqlite-store.js',
  );
  const folder = mkdtempSync(join(tmpdir(), 'fusewire-bench-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const config = join(folder, 'gateway.json');
  writeFileSync(config, JSON.stringify({ limits: KEY_LIMITS }));
  let recorded = 0;
  const openStore: StoreOpener = async (options) => {
    const store = await openSqliteStore({ ...options, ...(commitMs > 0 ? { spawnWorker: slowWriter(commitMs) } : {}) });
    const record = store.record.bind(store);
    // Counts what the ledger has, to know when a block is over and that nothing was lost.
    return Object.assign(store, {
      async record(...given: Parameters<typeof record>) {
        const outcomes = await record(...given);
        recorded += outcomes.length;
        return outcomes;
      },
    });
  };
  const service = await startService({
    dataDir: join(folder, 'data'),
    openStore,
    gateway: { OPENAI_API_KEY: 'sk-bench', OPENAI_BASE_URL: `${upstream}/v1`, FUSEWIRE_GATEWAY_CONFIG: config },
  });
  const { store, team } = service;
  const customer = await store.createCustomer(team.id, {
    name: 'Bench',
    email: 'bench@example.org',
    budget: { amount: BUDGET_USD },
  });
  const { key, secret } = newGatewayKey();
  await store.createGatewayKey(team.id, customer.id, { label: 'bench' }, secret);
  process.on('message', (asked) => {
    if (asked === 'recorded') process.send?.({ recorded });
  });
  process.send?.({ url: service.gatewayUrl, key });
}

process.on('disconnect', () => process.exit(0));
await main(JSON.parse(process.argv[2] ?? '{}') as GatewaySettings);
