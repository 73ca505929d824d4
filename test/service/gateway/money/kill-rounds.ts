/** Gateways that are killed under load and started again, and what the ledger must say of every single call afterwards. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Agent } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Store, StoredEvent } from '../../../../service/store/store.js';
import { childArguments } from '../../../helpers/child-arguments.js';
import { until } from '../../../helpers/until.js';
import { untilAlone } from '../../postgres-support.js';
import { countsOf, type SeenCall, type StandInUpstream, startStandInUpstream } from '../support/stand-in-upstream.js';
import { upstreamVariables } from '../whole/whole.js';
import { ask, type Got, nano, openAgent } from './money-support.js';

const CHILD = fileURLToPath(new URL('./money-child.ts', import.meta.url));
const WORKERS = 12;
const SMALL_LIMIT = '0.02';

/** What was done, and what is wrong; a test wants no problems, and something to have happened. */
export interface KillResult {
  readonly answered: number;
  readonly sent: number;
  readonly recovered: number;
  readonly refused: number;
  readonly problems: readonly string[];
}

interface Child {
  readonly process: ChildProcess;
  readonly url: string;
  readonly gatewayUrl: string;
  readonly teamId: string;
  readonly key: string;
}

interface Customer {
  readonly id: string;
  readonly key: string;
}

/** A call as its caller knows it. */
interface Call {
  readonly trace: string;
  readonly customer: Customer;
  readonly round: number;
  got?: Got | undefined;
}

/** `replicas` of them on one database, killed so often; `open` opens the store to look behind. */
export async function killGateways(
  rounds: number,
  options: { readonly replicas: number; readonly databaseUrl?: string; open(folder: string): Promise<Store> },
): Promise<KillResult> {
  const folder = mkdtempSync(join(tmpdir(), 'fusewire-money-'));
  const standIn = await startStandInUpstream();
  const run = new Killing(folder, standIn, options);
  try {
    await run.rounds(rounds);
    const store = await options.open(join(folder, '0'));
    try {
      return await run.judge(store);
    } finally {
      await store.close();
    }
  } finally {
    await run.end();
    await standIn.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

class Killing {
  readonly #folder: string;
  readonly #standIn: StandInUpstream;
  readonly #options: { readonly replicas: number; readonly databaseUrl?: string };
  readonly #calls: Call[] = [];
  /** The first call of a round, and what it was told of its budget's spend. */
  readonly #firsts: { readonly round: number; readonly call: Call; readonly spend: bigint }[] = [];
  readonly #problems: string[] = [];
  #children: Child[] = [];
  #teamId = '';
  #agent: Agent = openAgent();
  #large!: Customer;
  #small!: Customer;
  #number = 0;

  constructor(folder: string, standIn: StandInUpstream, options: { replicas: number; databaseUrl?: string }) {
    this.#folder = folder;
    this.#standIn = standIn;
    this.#options = options;
  }

  async rounds(count: number): Promise<void> {
    for (let round = 0; round <= count; round += 1) {
      await this.#start();
      if (round === 0) await this.#prepare();
      await this.#first(round);
      if (round === count) await this.#useUp(round);
      else await this.#loadUntilKilled(round, 200 + Math.floor(Math.random() * 900));
    }
    await Promise.all(this.#children.map((child) => stop(child, 'end')));
    this.#children = [];
  }

  async end(): Promise<void> {
    this.#agent.destroy();
    await Promise.all(this.#children.map((child) => stop(child, 'SIGKILL')));
  }

  async #start(): Promise<void> {
    const { replicas, databaseUrl } = this.#options;
    this.#agent.destroy();
    this.#agent = openAgent();
    this.#standIn.plan = undefined;
    const places = Array.from({ length: replicas }, (_, i) => join(this.#folder, String(i)));
    for (const place of places) mkdirSync(place, { recursive: true });
    const configFile = join(this.#folder, 'gateway.json');
    writeFileSync(configFile, JSON.stringify({ limits: { keyRatePerSecond: 0, keyConcurrencyMax: 0 } }));
    const variables = JSON.stringify({ ...upstreamVariables(this.#standIn), FUSEWIRE_GATEWAY_CONFIG: configFile });
    // The first one makes the team.
    this.#children = [];
    for (const place of places) this.#children.push(await spawnChild(place, variables, databaseUrl));
    this.#teamId = this.#children[0]!.teamId;
  }

  async #prepare(): Promise<void> {
    this.#large = await this.#customer('large@example.com', '1000');
    this.#small = await this.#customer('small@example.com', SMALL_LIMIT);
  }

  async #customer(email: string, budget: string): Promise<Customer> {
    const { id } = await this.#api('/v2/api/customers', { name: email, email, budget });
    const { key } = await this.#api(`/v2/api/customers/${id}/keys`, {});
    return { id, key };
  }

  async #api(path: string, json: unknown) {
    const { url, key } = this.#children[0]!;
    const headers = { 'x-api-key': key, 'content-type': 'application/json' };
    const answer = await fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(json) });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as { id: string; key: string };
  }

  /** The first call after a start sees everything that was spent before it. */
  async #first(round: number): Promise<void> {
    const call = await this.#ask(round, this.#large, 0);
    const { got } = call;
    if (got?.status !== 200) this.#problems.push(`round ${round}: the first call was answered ${got?.status}`);
    else this.#firsts.push({ round, call, spend: nano(String(got.headers['fusewire-budget-spend'])) });
  }

  async #loadUntilKilled(round: number, afterMs: number): Promise<void> {
    let isOver = false;
    // Some answers take long, so that there is always something under way.
    this.#standIn.plan = (seen) => (Number(traceOf(seen).split('-')[1]) % 3 === 0 ? { everyMs: 15 } : undefined);
    const work = Array.from({ length: WORKERS }, async (_, worker) => {
      while (!isOver) {
        const call = await this.#ask(round, worker % 3 === 0 ? this.#small : this.#large, worker);
        if (call.got?.status !== 200) await new Promise((go) => setTimeout(go, 5));
      }
    });
    await new Promise((go) => setTimeout(go, afterMs));
    // On a busy machine that may be too short for anything to be answered.
    await until(() => this.#answered(round) > 15, 'answers before the kill', 60_000);
    const children = this.#children;
    this.#children = [];
    await Promise.all(children.map((child) => stop(child, 'SIGKILL')));
    isOver = true;
    await Promise.all(work);
    const { databaseUrl } = this.#options;
    if (databaseUrl !== undefined) await untilAlone(databaseUrl);
  }

  #answered(round: number): number {
    return this.#calls.filter((call) => call.round === round && call.got?.status === 200).length;
  }

  /** What is left of the small budget can be spent, and not more than it. */
  async #useUp(round: number): Promise<void> {
    for (let i = 0; i < 2_000; i += 1) {
      const call = await this.#ask(round, this.#small, 0);
      if (call.got?.status === 402) return;
    }
    this.#problems.push('the small budget is never used up');
  }

  async #ask(round: number, customer: Customer, worker: number): Promise<Call> {
    this.#number += 1;
    const call: Call = { trace: `trace-${this.#number}`, customer, round };
    this.#calls.push(call);
    const { gatewayUrl } = this.#children[worker % this.#children.length] ?? { gatewayUrl: 'http://127.0.0.1:9' };
    const body = bodyOf(call.trace, this.#number);
    const headers = { 'x-revenium-trace-id': call.trace };
    const asked = { path: '/v1/chat/completions', key: customer.key, headers, body };
    call.got = await ask(this.#agent, gatewayUrl, asked).catch(() => undefined);
    return call;
  }

  /** What the ledger says, held against callers and upstream. */
  async judge(store: Store): Promise<KillResult> {
    const events = await everyEvent(store, this.#teamId);
    const byTrace = new Map<string, StoredEvent[]>();
    for (const event of events) {
      const trace = String(event.body['traceId']);
      byTrace.set(trace, [...(byTrace.get(trace) ?? []), event]);
    }
    const seen = new Map(
      this.#standIn.seen.filter(({ method }) => method === 'POST').map((one) => [traceOf(one), one]),
    );
    for (const call of this.#calls) this.#judgeCall(call, byTrace.get(call.trace) ?? [], seen.get(call.trace));
    const sumOf = (customer: Customer, before = Number.POSITIVE_INFINITY) =>
      this.#calls.reduce((sum, { trace, customer: { id }, round }) => {
        if (id !== customer.id || round >= before) return sum;
        return (byTrace.get(trace) ?? []).reduce((all, { amountNanoUsd }) => all + amountNanoUsd, sum);
      }, 0n);
    for (const { round, spend } of this.#firsts) {
      const whole = sumOf(this.#large, round);
      if (spend !== whole) this.#problems.push(`round ${round}: the first call saw ${spend} of ${whole}`);
    }
    this.#judgeSmall(sumOf(this.#small));
    if (events.length !== new Set(events.map(({ transactionId }) => transactionId)).size) this.#problems.push('twice');
    const { wrong } = await store.verifyBalances();
    if (wrong.length > 0) this.#problems.push(`${wrong.length} balances are wrong`);
    const had = (status: number) => this.#calls.filter(({ got }) => got?.status === status && !got.broken).length;
    const recovered = events.filter(({ body }) => attributesOf(body)['recovered'] === true).length;
    return { answered: had(200), sent: seen.size, recovered, refused: had(402), problems: this.#problems };
  }

  #judgeCall({ trace, customer, got }: Call, events: readonly StoredEvent[], seen: SeenCall | undefined): void {
    const say = (text: string) => this.#problems.push(`${trace}: ${text}`);
    if (events.length > 1) say(`${events.length} events`);
    const [event] = events;
    if (seen !== undefined && event === undefined) say('was sent and is not in the ledger');
    const subscriber = event?.body['subscriber'] as { id?: string } | undefined;
    if (event !== undefined && subscriber?.id !== customer.id) say(`is in the ledger for ${subscriber?.id}`);
    if (event !== undefined && event.priceState !== 'known') say(`has a price that is ${event.priceState}`);
    if (got?.status === 402 && (event !== undefined || seen !== undefined)) say('was refused, and sent or metered');
    if (got?.status !== 200 || got.broken) return;
    if (event === undefined || seen === undefined) return;
    const { input, output } = countsOf(seen.body);
    const truth = BigInt(input) * 150n + BigInt(output) * 600n;
    if (event.amountNanoUsd !== truth) say(`was answered whole and costs ${event.amountNanoUsd} instead of ${truth}`);
    if (event.transactionId !== got.headers['fusewire-transaction-id']) say('has another transaction id');
  }

  #judgeSmall(spent: bigint): void {
    const limit = nano(SMALL_LIMIT);
    if (this.#options.replicas === 1 && spent > limit) this.#problems.push(`${spent} spent of ${limit}`);
    const last = this.#calls.at(-1)!.got;
    const error = last === undefined ? {} : JSON.parse(last.text).error;
    if (nano(error.held ?? '-1') !== 0n) this.#problems.push(`${error.held} stays held`);
    if (nano(error.spend ?? '-1') !== spent) this.#problems.push(`refused at ${error.spend}, the ledger says ${spent}`);
    if (spent + nano(error.asked ?? '0') <= limit && spent < limit) this.#problems.push('refused although it fits');
  }
}

function bodyOf(trace: string, number: number) {
  const content = `${trace} say:${10 + (number % 40)} ${'y'.repeat(number % 300)}`;
  const stream = number % 2 === 0;
  return { model: 'gpt-4o-mini', messages: [{ role: 'user', content }], max_tokens: 60, stream };
}

function traceOf({ body }: SeenCall): string {
  return /trace-\d+/.exec(JSON.stringify(body))?.[0] ?? '';
}

function attributesOf(body: StoredEvent['body']): Readonly<Record<string, unknown>> {
  return (body['attributes'] ?? {}) as Readonly<Record<string, unknown>>;
}

async function everyEvent(store: Store, teamId: string): Promise<StoredEvent[]> {
  const found: StoredEvent[] = [];
  for (let page = 0; ; page += 1) {
    const { items } = await store.findEvents(teamId, { page, size: 2_000 });
    found.push(...items);
    if (items.length < 2_000) return found;
  }
}

async function spawnChild(place: string, variables: string, databaseUrl: string | undefined): Promise<Child> {
  const args = [...childArguments(CHILD), place, variables, ...(databaseUrl === undefined ? [] : [databaseUrl])];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  for await (const line of createInterface({ input: child.stdout })) {
    return { process: child, ...(JSON.parse(line) as Omit<Child, 'process'>) };
  }
  throw new Error('the service did not start');
}

/** `end`: what is under way is over, and everything is in the ledger. */
async function stop({ process: child }: Child, how: 'SIGKILL' | 'end'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  if (how === 'end') {
    await new Promise((go) => setTimeout(go, 1_000));
    child.stdin?.end();
  } else child.kill('SIGKILL');
  await gone;
}
