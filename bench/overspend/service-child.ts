// A service with its gateway for bench/overspend, in a process of its own. Its first argument says where; it answers what
// its parent asks of its budgets.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newGatewayKey } from '../../service/admin/gateway-keys.js';
import { startService } from '../../service/index.js';
import type { CostControl, CostControlInput } from '../../service/store/store.js';
import { MODEL } from '../../test/holds/overspend/stand-in.js';
import { budgetsOf, type Standing } from '../../test/holds/overspend/team-budget.js';
import { declarePrice } from '../../test/service/holds/hold-support.js';

/** Where it is. */
export interface ServiceSettings {
  readonly dataDir: string;
  readonly databaseUrl?: string | undefined;
  readonly providerUrl: string;
  /** The first on its database: it declares the price, and makes the customer. */
  readonly isFirst: boolean;
}

/** What it says when it answers. */
export interface ServiceStarted {
  readonly url: string;
  readonly gatewayUrl: string;
  readonly teamId: string;
  readonly key: string;
  /** Of the gateway; absent where it is not the first. */
  readonly gatewayKey?: string | undefined;
}

/** What it is asked. */
export type ServiceAsk =
  | { readonly ask: 'budget'; readonly limitCents: number; readonly fields: Partial<CostControlInput> }
  | { readonly ask: 'standing' | 'overruns'; readonly control: CostControl }
  | { readonly ask: 'verify' };

/** And answers, in the order of what it was asked. */
export type ServiceAnswer =
  | { readonly control: CostControl }
  | { readonly standing: Standing }
  | { readonly overruns: number }
  | { readonly wrong: readonly string[] };

/** More than all that is driven here: the budget that counts is the one of the scenario. */
const CUSTOMER_USD = '1000000000';
const KEY_LIMITS = { keyRatePerSecond: 0, keyConcurrencyMax: 0 };

async function main({ dataDir, databaseUrl, providerUrl, isFirst }: ServiceSettings): Promise<void> {
  const config = join(dataDir, 'gateway.json');
  writeFileSync(config, JSON.stringify({ limits: KEY_LIMITS, models: { [MODEL]: 'openai' } }));
  const { url, gatewayUrl, store, team, keys } = await startService({
    dataDir,
    ...(databaseUrl === undefined ? {} : { databaseUrl }),
    gateway: { OPENAI_API_KEY: 'sk-bench', OPENAI_BASE_URL: `${providerUrl}/v1`, FUSEWIRE_GATEWAY_CONFIG: config },
  });
  const budgets = budgetsOf(store, team.id);
  const makeKey = async (): Promise<string> => {
    await declarePrice(store, team.id);
    const payer = { name: 'Bench', email: 'bench@example.org', budget: { amount: CUSTOMER_USD } };
    const customer = await store.createCustomer(team.id, payer);
    const { key, secret } = newGatewayKey();
    await store.createGatewayKey(team.id, customer.id, { label: 'bench' }, secret);
    return key;
  };
  const gatewayKey = isFirst ? await makeKey() : undefined;
  const answer = async (asked: ServiceAsk): Promise<ServiceAnswer> => {
    if (asked.ask === 'budget') return { control: await budgets.createBudget(asked.limitCents, asked.fields) };
    if (asked.ask === 'standing') return { standing: await budgets.standing(asked.control) };
    if (asked.ask === 'overruns') return { overruns: await budgets.overruns(asked.control) };
    return { wrong: (await store.verifyBalances()).wrong };
  };
  process.on('message', (asked) => void answer(asked as ServiceAsk).then((answered) => process.send?.(answered)));
  const started: ServiceStarted = { url, gatewayUrl: gatewayUrl!, teamId: team.id, key: keys.metering, gatewayKey };
  process.send?.(started);
}

process.on('disconnect', () => process.exit(0));
await main(JSON.parse(process.argv[2] ?? '{}') as ServiceSettings);
