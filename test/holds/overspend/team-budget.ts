/** A team with one hard budget in a service of this process, and how it stands. */
import { createRuntime } from 'fusewire/internal';
import { type StoreOpener, startService } from '../../../service/index.js';
import type { CostControl, CostControlInput, Store } from '../../../service/store/store.js';
import { cellOf, declarePrice, hard } from '../../service/holds/hold-support.js';

/** A service with budgets, here or in another process. */
export interface Budgets {
  readonly url: string;
  readonly teamId: string;
  readonly key: string;
  createBudget(limitCents: number, fields?: Partial<CostControlInput>): Promise<CostControl>;
  /** In cents. */
  standing(control: CostControl): Promise<Standing>;
  /** All overruns of its holds that were recorded, in cents. */
  overruns(control: CostControl): Promise<number>;
}

/** A started service. */
export interface BudgetService extends Budgets {
  readonly store: Store;
  /** The service's clock goes on by so much at once. */
  skip(ms: number): void;
  close(): Promise<void>;
}

/** How a budget stands. */
export interface Standing {
  readonly spend: number;
  readonly held: number;
  readonly limit: number;
}

/** Starts it, with a price of a cent a token. */
export async function startBudgetService(dataDir: string, openStore?: StoreOpener): Promise<BudgetService> {
  let skippedMs = 0;
  const runtime = createRuntime({ now: () => Date.now() + skippedMs }, 'CRITICAL');
  const service = await startService({ runtime, dataDir, ...(openStore === undefined ? {} : { openStore }) });
  const { url, store, team, keys } = service;
  await declarePrice(store, team.id);
  return {
    url: url!,
    teamId: team.id,
    key: keys.metering,
    store,
    skip(ms) {
      skippedMs += ms;
    },
    ...budgetsOf(store, team.id),
    close: () => service.close(),
  };
}

/** What is asked of the budgets of a team. */
export function budgetsOf(store: Store, teamId: string): Pick<Budgets, 'createBudget' | 'overruns' | 'standing'> {
  return {
    createBudget: (limitCents, fields = {}) =>
      store.createControl(teamId, hard({ windowType: 'LIFETIME', hardLimit: String(limitCents / 100), ...fields })),
    async standing(control) {
      const { spend, held, limit } = await cellOf(store, control);
      return { spend, held, limit };
    },
    async overruns({ id: controlId }) {
      let sum = 0n;
      for (let page = 0; ; page += 1) {
        const { items } = await store.listHolds(teamId, { page, size: 1_000, controlId });
        for (const { parts } of items) for (const { overrun } of parts) sum += overrun;
        if (items.length < 1_000) return Number(sum) / 10_000_000;
      }
    },
  };
}
