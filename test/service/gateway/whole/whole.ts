/** A service with its gateway in front of the stand-in, and what a test of the whole does with it from outside. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type StartServiceOptions, startService } from '../../../../service/admin/start-service.js';
import type { CostControlInput, StoredEvent } from '../../../../service/store/store.js';
import type { ParsedJson } from '../../../helpers/service-fixture.js';
import { until } from '../../../helpers/until.js';
import { control } from '../../store-support.js';
import { type StandInUpstream, startStandInUpstream, UPSTREAM_KEYS } from '../support/stand-in-upstream.js';

/** What a test changes. */
export interface WholeOptions {
  /** The file of `FUSEWIRE_GATEWAY_CONFIG`. */
  readonly config?: Record<string, unknown>;
  readonly env?: Readonly<Record<string, string>>;
  readonly service?: Omit<StartServiceOptions, 'gateway'>;
}

/** A customer with a key. */
export interface Payer {
  readonly id: string;
  readonly email: string;
  readonly key: string;
  readonly keyId: string;
}

/** An answer of the API. */
export interface ApiAnswer {
  readonly status: number;
  readonly json: ParsedJson;
}

/** Two flat fees for every model of Ollama. */
export const OLLAMA_FEES = { perRequest: '0.001', perModel: '0.002' } as const;
/** The sum of both. */
export const OLLAMA_NANO_USD = 3_000_000n;

/** The whole: opens it. Keys are not slowed down unless the configuration says so. */
export async function openWhole(options: WholeOptions = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'fusewire-whole-'));
  const configFile = join(folder, 'gateway.json');
  const limits = { keyRatePerSecond: 0, keyConcurrencyMax: 0, wrongKeysPerSecond: 0 };
  const given = options.config ?? {};
  writeFileSync(configFile, JSON.stringify({ ...given, limits: { ...limits, ...(given['limits'] as object) } }));
  const standIn = await startStandInUpstream();
  const service = await startService({
    ...options.service,
    gateway: { ...upstreamVariables(standIn), FUSEWIRE_GATEWAY_CONFIG: configFile, ...options.env },
  });
  const { store, team } = service;
  const url = service.gatewayUrl!;
  let payers = 0;

  async function api(path: string, json?: unknown, method = json === undefined ? 'GET' : 'POST'): Promise<ApiAnswer> {
    const headers = { 'x-api-key': service.keys.write, 'content-type': 'application/json' };
    const body = json === undefined ? {} : { body: JSON.stringify(json) };
    const answer = await fetch(`${service.url}${path}`, { method, headers, ...body });
    const text = await answer.text();
    return { status: answer.status, json: text === '' ? undefined : JSON.parse(text) };
  }

  async function made(path: string, json: unknown, method?: string): Promise<ApiAnswer['json']> {
    const answer = await api(path, json, method);
    if (answer.status >= 300) throw new Error(`${path}: ${answer.status} ${JSON.stringify(answer.json)}`);
    return answer.json;
  }

  const makeKey = async (customerId: string, fields: object = {}): Promise<{ key: string; keyId: string }> => {
    const { id, key } = await made(`/v2/api/customers/${customerId}/keys`, fields);
    return { key, keyId: id };
  };

  const events = async (payer: Payer): Promise<StoredEvent[]> => {
    const { items } = await store.findEvents(team.id, { subscriber: payer.id, page: 0, size: 1_000 });
    return [...items].reverse();
  };

  return {
    url,
    standIn,
    service,
    store,
    teamId: team.id,
    api,
    made,
    makeKey,
    events,
    /** A new customer with a key; `budget` in dollars. */
    async payer(fields: { readonly budget?: string | number | object; readonly key?: object } = {}): Promise<Payer> {
      payers += 1;
      const email = `payer${payers}@example.com`;
      const budget = fields.budget === undefined ? {} : { budget: fields.budget };
      const { id } = await made('/v2/api/customers', { name: `Payer ${payers}`, email, ...budget });
      return { id, email, ...(await makeKey(id, fields.key)) };
    },
    /** A declared price. */
    price: (fields: object) => made('/v2/api/fusewire/prices', { kind: 'rates', ...fields }),
    control: (fields: Partial<CostControlInput>) => store.createControl(team.id, control(fields)),
    /** The event of this transaction, as soon as the ledger has it. */
    async eventOf(transactionId: string): Promise<StoredEvent> {
      const find = () => store.findEvents(team.id, { transactionId, page: 0, size: 2 });
      await until(async () => (await find()).items.length > 0, `the event ${transactionId}`);
      const { items } = await find();
      if (items.length > 1) throw new Error(`two events ${transactionId}`);
      return items[0]!;
    },
    /** Exactly so many events of a customer, as soon as the ledger has them, in the order of their requests. */
    async settled(payer: Payer, count: number): Promise<StoredEvent[]> {
      await until(async () => (await events(payer)).length >= count, `${count} events of ${payer.email}`);
      const found = await events(payer);
      if (found.length > count) throw new Error(`${found.length} events instead of ${count}`);
      return found;
    },
    async close(): Promise<void> {
      standIn.releaseAll();
      await service.close();
      await standIn.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The running whole. */
export type Whole = Awaited<ReturnType<typeof openWhole>>;

/** A `fetch` that keeps the answers' heads, for clients that do not show them. */
export function listeningFetch(): { readonly fetch: typeof fetch; readonly heads: Response[]; last(): Response } {
  const heads: Response[] = [];
  return {
    heads,
    last: () => heads.at(-1)!,
    fetch: async (input, init) => {
      const answer = await fetch(input, init);
      // Clients try out by an address of data what their runtime can do with forms.
      if (answer.url.startsWith('http')) heads.push(answer);
      return answer;
    },
  };
}

/** The upstreams of a gateway, as its variables. */
export function upstreamVariables(standIn: Pick<StandInUpstream, 'ollama' | 'openai' | 'anthropic'>) {
  return {
    OLLAMA_BASE_URL: standIn.ollama,
    OPENAI_BASE_URL: `${standIn.openai}/v1`,
    OPENAI_API_KEY: UPSTREAM_KEYS.openai,
    ANTHROPIC_BASE_URL: standIn.anthropic,
    ANTHROPIC_API_KEY: UPSTREAM_KEYS.anthropic,
  };
}

/** Dollars a million tokens times so many tokens, in nano-dollars. */
export function nanoUsd(...parts: readonly (readonly [tokens: number, usdPerMillion: number])[]): bigint {
  const pico = parts.reduce((sum, [tokens, rate]) => sum + BigInt(tokens) * BigInt(Math.round(rate * 1e6)), 0n);
  return (pico + 500n) / 1_000n;
}
