/**
 * Takes over customers, keys, prices and usage of the Ollama gateway. Again it changes nothing: customers are known by
 * their keys or addresses, keys by their hashes, prices by what they say and events by their transaction ids.
 */

import type { AuditActor } from '../ledger/audit.js';
import type { ListedCustomer } from '../ledger/customers.js';
import { parseScaled } from '../ledger/decimal.js';
import { ANY_MODEL } from '../pricing/declared-prices.js';
import { flatRate, type RateSheet } from '../pricing/rates.js';
import type { DeclaredPrice, Store } from '../store/store.js';
import { StoreError } from '../store/store-error.js';
import type { LmsvrCustomer, LmsvrDatabase, LmsvrKey, LmsvrPrice } from './lmsvr-database.js';
import { importUsage, type UsageTally } from './lmsvr-usage.js';

/** What is to be done. */
export interface LmsvrImport {
  readonly store: Store;
  readonly teamId: string;
  readonly from: LmsvrDatabase;
  /** Stands before the ids of events: another database needs another one. */
  readonly source: string;
  /** Look and change nothing. */
  readonly isDryRun: boolean;
  /** What a budget of 0 means, which was none there and lets nothing pass here. */
  readonly zeroBudget: 'unlimited' | 'blocked';
  readonly nowMs: number;
}

/** How many of a kind; `there`: they were there before. */
export interface Tally {
  made: number;
  there: number;
}

/** What came of it. */
export interface LmsvrReport {
  readonly customers: Tally;
  readonly keys: Tally & { ended: number };
  readonly prices: Tally;
  readonly events: UsageTally;
  /** What could not be taken over, and why. */
  readonly problems: string[];
  /** Models of Ollama that were used without a price of their own: a cent a request there. */
  readonly unpricedModels: string[];
  /** What such a model costs here: what is declared for every model of Ollama. */
  readonly unpricedHere: 'free' | 'priced' | 'unknown';
}

/** Who a customer and a key of the old database are here. */
export interface Known {
  readonly customers: Map<bigint, Pick<ListedCustomer, 'id' | 'email'>>;
  readonly keys: Map<bigint, string>;
}

const ACTOR: AuditActor = { id: 'local:import' };
const HINT = '????';
const PICO_DIGITS = 12;

/** Carries it out. */
export async function importLmsvr(asked: LmsvrImport): Promise<LmsvrReport> {
  const { from } = asked;
  const report: LmsvrReport = {
    customers: { made: 0, there: 0 },
    keys: { made: 0, there: 0, ended: 0 },
    prices: { made: 0, there: 0 },
    events: { stored: 0, there: 0, conflicts: 0, skipped: 0, total: from.countUsage() },
    problems: [],
    unpricedModels: [],
    unpricedHere: await anyModelOfOllama(asked),
  };
  const known: Known = { customers: new Map(), keys: new Map() };
  const prices = from.prices();
  for (const price of prices) await importPrice(asked, price, report);
  const keys = new Map<bigint, LmsvrKey[]>();
  for (const key of from.keys()) keys.set(key.customerId, [...(keys.get(key.customerId) ?? []), key]);
  const byEmail = new Map<string, bigint>();
  for (const customer of from.customers()) {
    const own = keys.get(customer.id) ?? [];
    // Addresses differ by case there and not here; two customers must not become one.
    const other = byEmail.get(customer.email.trim().toLowerCase());
    if (other !== undefined) {
      const number = `customer ${customer.id} (${customer.email})`;
      report.problems.push(`${number}: has the address of customer ${other}; give one of them another one there`);
      continue;
    }
    byEmail.set(customer.email.trim().toLowerCase(), customer.id);
    await orProblem(report, `customer ${customer.id} (${customer.email})`, async () => {
      const here = await importCustomer(asked, customer, own, report);
      known.customers.set(customer.id, here);
      for (const key of own) {
        await orProblem(report, `key ${key.id} of ${customer.email}`, () => importKey(asked, key, here, known, report));
      }
    });
  }
  await importUsage(asked, known, prices, report);
  return report;
}

/** What a person wrote there and cannot be taken here is told; anything else ends the import. */
async function orProblem(report: LmsvrReport, what: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof StoreError) || !/^(INVALID|CONFLICT|INVALID_CONTROL)$/.test(error.code)) throw error;
    report.problems.push(`${what}: ${error.message}`);
  }
}

async function importCustomer(
  { store, teamId, isDryRun, zeroBudget }: LmsvrImport,
  { id, name, email, active, budget }: LmsvrCustomer,
  keys: readonly LmsvrKey[],
  { customers, problems }: LmsvrReport,
): Promise<Pick<ListedCustomer, 'id' | 'email'>> {
  for (const { hash } of keys) {
    const found = await store.findGatewayKey(hash);
    if (found?.customer.teamId !== teamId) continue;
    customers.there += 1;
    return found.customer;
  }
  const there = await store.findCustomer(teamId, email);
  if (there !== undefined && there.deletedAtMs === undefined) {
    customers.there += 1;
    if (there.active && !active) problems.push(`customer ${id} (${email}): is inactive there and active here`);
    return there;
  }
  customers.made += 1;
  const isZero = Number(budget) === 0;
  const isLimited = budget !== null && (!isZero || zeroBudget === 'blocked');
  if (isDryRun) return { id: 'cus_new', email };
  const input = { name, email, ...(isLimited ? { budget: { amount: budget } } : {}) };
  const made = await store.createCustomer(teamId, input, ACTOR).catch((error: unknown) => {
    customers.made -= 1;
    throw error;
  });
  if (!active) await store.updateCustomer(teamId, made.id, { active: false }, ACTOR);
  return made;
}

/** One that has ended is taken over as revoked: its usage still names it. */
async function importKey(
  { store, teamId, isDryRun, nowMs }: LmsvrImport,
  { id, hash, active, expiresAtMs }: LmsvrKey,
  customer: Pick<ListedCustomer, 'id'>,
  known: Known,
  { keys, problems }: LmsvrReport,
): Promise<void> {
  if (!/^[0-9a-f]{64}$/.test(hash)) {
    problems.push(`key ${id}: its hash is no SHA-256, so that nobody can call with it`);
    return;
  }
  const hasEnded = !active || (expiresAtMs !== undefined && expiresAtMs <= nowMs);
  const there = await store.findGatewayKey(hash);
  if (there !== undefined) {
    if (there.key.teamId !== teamId) problems.push(`key ${id}: it is a key of another team already`);
    else known.keys.set(id, there.key.id);
    keys.there += 1;
    // An import that was ended between making it and revoking it.
    const isLeftOver = hasEnded && there.key.revokedAtMs === undefined && there.key.expiresAtMs === undefined;
    if (isLeftOver && !isDryRun && there.key.teamId === teamId)
      await store.revokeGatewayKey(teamId, there.key.id, ACTOR);
    return;
  }
  keys.made += 1;
  if (hasEnded) keys.ended += 1;
  if (isDryRun) return;
  const expires = hasEnded || expiresAtMs === undefined ? {} : { expiresAtMs };
  const input = { label: `key ${id} of the Ollama gateway`, ...expires };
  const made = await store.createGatewayKey(teamId, customer.id, input, { hash, hint: HINT }, ACTOR);
  if (made === undefined) throw new Error('a customer is gone while it is imported');
  if (hasEnded) await store.revokeGatewayKey(teamId, made.id, ACTOR);
  known.keys.set(id, made.id);
}

async function importPrice(
  { store, teamId, isDryRun }: LmsvrImport,
  price: LmsvrPrice,
  report: LmsvrReport,
): Promise<void> {
  const declared = declaredPrice(price);
  const held = await store.listPrices(teamId);
  const isSame = held.some(
    (one) =>
      one.provider === declared.provider &&
      one.model === declared.model &&
      one.kind === declared.kind &&
      sameRates(one.rates, declared.rates),
  );
  if (isSame) {
    report.prices.there += 1;
    return;
  }
  const other = held.find((one) => one.provider === declared.provider && one.model === declared.model);
  if (other !== undefined) {
    report.problems.push(`the price of ${price.model}: another one is declared here, which is kept`);
    return;
  }
  report.prices.made += 1;
  if (!isDryRun) await store.setPrice(teamId, declared, { declaredBy: 'fusewire import lmsvr', actor: ACTOR });
}

/** Two fees of nothing were declared by a person, so the model is free (I5). */
function declaredPrice({ model, perRequest, perModel }: LmsvrPrice): DeclaredPrice {
  const [request, modelFee] = [perRequest, perModel].map((usd) => parseScaled(usd, PICO_DIGITS) ?? 0n) as [
    bigint,
    bigint,
  ];
  const named = { provider: 'OLLAMA', model, serviceTier: null, validFromMs: null, validUntilMs: null };
  if (request === 0n && modelFee === 0n) return { ...named, kind: 'free', rates: {} };
  return { ...named, kind: 'rates', rates: { request: flatRate(request), modelFee: flatRate(modelFee) } };
}

/** The first start of a service declares all of them free. */
async function anyModelOfOllama({ store, teamId }: LmsvrImport): Promise<LmsvrReport['unpricedHere']> {
  const prices = await store.listPrices(teamId);
  const any = prices.find(({ provider, model }) => provider?.toUpperCase() === 'OLLAMA' && model === ANY_MODEL);
  if (any === undefined || any.kind === 'withdrawn') return 'unknown';
  return any.kind === 'free' ? 'free' : 'priced';
}

function sameRates(a: RateSheet, b: RateSheet): boolean {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  const same = (name: 'request' | 'modelFee') => a[name]?.basePicoUsd === b[name]?.basePicoUsd;
  return [...names].every((name) => (name === 'request' || name === 'modelFee') && same(name));
}
