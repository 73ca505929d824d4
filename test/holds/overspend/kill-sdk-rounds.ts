/**
 * Programs that hold slices of a budget and are killed with kill -9 under their calls, over and over. The next one has the
 * outbox of the one before. In the end everything is accounted for, and nothing is held.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HoldRecord } from '../../../service/ledger/holds/hold-reading.js';
import type { CostControl, StoredEvent } from '../../../service/store/store.js';
import { until } from '../../helpers/until.js';
import { createChance } from '../../simulation/chance.js';
import type { SdkProgram } from './sdk-child.js';
import { killSdk, startSdk } from './sdk-process.js';
import { promptOf, type StandIn, startStandIn } from './stand-in.js';
import { type BudgetService, type Standing, startBudgetService } from './team-budget.js';

const PROGRAMS = 2;
const CALLERS = 12;
const BOUND = 20;
/** What is left to each round, in cents: about as much as its calls cost until the kill, so that some meet the limit. */
const ROUND_CENTS = 1_500;
/** Holds expire after two minutes. */
const EXPIRY_MS = 130_000;
const CALLS = 100_000;
const DELIVERIES = 4;
const CENT_NANO = 10_000_000n;

/** What was done, and what is wrong. */
export interface SdkKills {
  readonly rounds: number;
  readonly kills: number;
  readonly sent: number;
  readonly recovered: number;
  /** Times that programs were started in the end until everything was delivered. */
  readonly deliveries: number;
  readonly charged: number;
  readonly superseded: number;
  /** Empty: everything is as it must be. */
  readonly problems: readonly string[];
}

/** Kills so many times. `seed`: when, and what the calls cost. */
export async function killSdkRounds(rounds: number, seed = 1): Promise<SdkKills> {
  const folder = mkdtempSync(join(tmpdir(), 'fusewire-holds-'));
  const standIn = await startStandIn();
  const service = await startBudgetService(join(folder, 'data'));
  try {
    const killing = new Killing(folder, standIn, service, seed);
    await killing.run(rounds);
    return await killing.judge(rounds);
  } finally {
    await service.close();
    await standIn.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

class Killing {
  readonly #folder: string;
  readonly #standIn: StandIn;
  readonly #service: BudgetService;
  readonly #chance: ReturnType<typeof createChance>;
  readonly #problems: string[] = [];
  #control!: CostControl;
  #first = 0;
  /** What holds were charged when they expired, by their ids. */
  readonly #charged = new Map<string, bigint>();
  #deliveries = 1;

  constructor(folder: string, standIn: StandIn, service: BudgetService, seed: number) {
    this.#folder = folder;
    this.#standIn = standIn;
    this.#service = service;
    this.#chance = createChance(seed);
  }

  async run(rounds: number): Promise<void> {
    const { store, teamId } = this.#service;
    this.#control = await this.#service.createBudget(ROUND_CENTS);
    for (let round = 0; round < rounds; round += 1) {
      await this.#round(round);
      const { spend } = await this.#standing(`round ${round}`);
      const hardLimit = String((spend + ROUND_CENTS) / 100);
      // What the killed programs held ends in every other round before the next ones deliver, else after it.
      if (round % 2 === 0) await this.#expire();
      await store.updateControl(teamId, this.#control.id, { hardLimit });
    }
    await this.#deliver();
    await this.#standing('after the delivery');
    await this.#expire();
  }

  /** The last programs end by themselves: at once, so that what they find on their disks may be for one more of them. */
  async #deliver(): Promise<void> {
    for (let tries = 0; tries < DELIVERIES; tries += 1) {
      for (let at = 0; at < PROGRAMS; at += 1) {
        const end = await startSdk(this.#program(at, 1)).ended;
        if (end?.isDelivered !== true) this.#problems.push('the last program did not deliver everything');
      }
      const known = new Set((await this.#events()).map(({ body }) => String(body['traceId'])));
      if (this.#standIn.calls.every(({ number }) => known.has(promptOf(number)))) return;
      this.#deliveries += 1;
    }
  }

  async #round(round: number): Promise<void> {
    const seen = this.#standIn.calls.length;
    const programs = Array.from({ length: PROGRAMS }, (_, at) => startSdk(this.#program(at, CALLS)));
    try {
      await Promise.all(programs.map(({ ready }) => ready));
      await until(() => this.#standIn.calls.length > seen, 'a call before the kill', 60_000);
      const untilMs = performance.now() + this.#chance.int(30, 500);
      while (performance.now() < untilMs) {
        await this.#standing(`in round ${round}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    } finally {
      await Promise.all(programs.map(killSdk));
    }
  }

  #program(at: number, calls: number): SdkProgram {
    const cacheDir = join(this.#folder, `program-${at}`);
    mkdirSync(cacheDir, { recursive: true });
    const load = { first: this.#first, calls, callers: CALLERS, retryMs: 1e9 };
    this.#first += CALLS;
    const { url: serviceUrl, teamId, key } = this.#service;
    const providerUrl = this.#standIn.url;
    return { serviceUrl, teamId, key, providerUrl, load, outputTokensMax: BOUND, streams: false, cacheDir };
  }

  /** At any moment. */
  async #standing(when: string): Promise<Standing> {
    const standing = await this.#service.standing(this.#control);
    const { spend, held, limit } = standing;
    if (spend + held > limit) this.#problems.push(`${when}: ${spend} spent and ${held} held of ${limit}`);
    return standing;
  }

  async #expire(): Promise<void> {
    this.#service.skip(EXPIRY_MS);
    await this.#service.store.turnWindows();
    const { held } = await this.#standing('after the expiry');
    if (held !== 0) this.#problems.push(`${held} stays held`);
    for (const { id, parts } of await this.#holds()) {
      if (!this.#charged.has(id)) this.#charged.set(id, parts[0]?.charged ?? 0n);
    }
  }

  async judge(rounds: number): Promise<SdkKills> {
    const { store } = this.#service;
    const events = await this.#events();
    const byTrace = new Map<string, StoredEvent[]>();
    for (const event of events) {
      const trace = String(event.body['traceId']);
      byTrace.set(trace, [...(byTrace.get(trace) ?? []), event]);
    }
    for (const { number, tokens, isAnswered } of this.#standIn.calls) {
      const found = byTrace.get(promptOf(number)) ?? [];
      if (found.length !== 1) this.#problems.push(`call ${number} was sent, and has ${found.length} events`);
      const [event] = found;
      const isRecovered = event !== undefined && recovered(event);
      if (isRecovered || !isAnswered || event === undefined) continue;
      const cents = Number(event.amountNanoUsd / CENT_NANO);
      if (cents !== tokens) this.#problems.push(`call ${number} cost ${tokens}, and its event says ${cents}`);
    }
    const holds = await this.#holds();
    const charges = holds.reduce((sum, { parts }) => sum + (parts[0]?.charged ?? 0n), 0n);
    const spent = events.reduce((sum, { amountNanoUsd }) => sum + amountNanoUsd, 0n);
    const { spend } = await this.#standing('at the end');
    const booked = Number(spent + charges) / Number(CENT_NANO);
    if (booked !== spend) this.#problems.push(`${spend} is spent: events and charges come to ${booked}`);
    if (holds.some(({ state }) => state === 'open')) this.#problems.push('a hold does not end');
    this.#problems.push(...(await store.verifyBalances()).wrong);
    const charged = [...this.#charged.values()].reduce((sum, amount) => sum + amount, 0n);
    return {
      rounds,
      kills: rounds * PROGRAMS,
      sent: this.#standIn.calls.length,
      recovered: events.filter(recovered).length,
      deliveries: this.#deliveries,
      charged: Number(charged / CENT_NANO),
      superseded: Number((charged - charges) / CENT_NANO),
      problems: this.#problems,
    };
  }

  async #events(): Promise<readonly StoredEvent[]> {
    const { store, teamId } = this.#service;
    return everyPage((page) => store.findEvents(teamId, { page, size: 2_000 }));
  }

  async #holds(): Promise<readonly HoldRecord[]> {
    const { store, teamId } = this.#service;
    return everyPage((page) => store.listHolds(teamId, { page, size: 1_000 }));
  }
}

async function everyPage<T>(read: (page: number) => Promise<{ readonly items: readonly T[] }>): Promise<readonly T[]> {
  const all: T[] = [];
  for (let page = 0; ; page += 1) {
    const { items } = await read(page);
    if (items.length === 0) return all;
    all.push(...items);
  }
}

function recovered({ body }: StoredEvent): boolean {
  return (body['attributes'] as { recovered?: boolean } | undefined)?.recovered === true;
}
