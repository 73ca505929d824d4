/** What a seed stands for: a world to begin with, and a list of acts, each at its time. A shorter list is a scenario too. */
import type { CostControlInput } from '../../service/store/store.js';
import { control } from '../service/store-support.js';
import { type Chance, createChance } from './chance.js';
import { type HardAct, type HardScenario, hardScenarioOf } from './hard-acts.js';
import type { Death } from './shared-database.js';

/** What an event says. `model` m2 and m3 have no listed price. */
export interface Used {
  readonly model: string;
  readonly cents: number | null;
  readonly subscriber: { readonly id?: string; readonly email?: string } | undefined;
  readonly agent: string | undefined;
  readonly tokens: number;
  readonly failed: boolean;
  /** By the client's own clock. */
  readonly minutesAgo: number;
  /** Sent once more under another key: the same, or something else under the same transaction id. */
  readonly again: 'same' | 'other' | undefined;
}

/** Something that is done to the world. */
export type Act =
  | HardAct
  | { readonly kind: 'call'; readonly client: number; readonly uses: readonly Used[] }
  | { readonly kind: 'create'; readonly replica: number; readonly input: CostControlInput }
  | {
      readonly kind: 'change';
      readonly replica: number;
      readonly which: number;
      readonly patch: Partial<CostControlInput>;
    }
  | { readonly kind: 'delete'; readonly replica: number; readonly which: number }
  | { readonly kind: 'price'; readonly replica: number; readonly model: string; readonly cents: number }
  | { readonly kind: 'reprice'; readonly replica: number }
  | {
      readonly kind: 'kill-replica';
      readonly replica: number;
      readonly death: Death | undefined;
      readonly downMs: number;
    }
  /** `losesDisk`: and its disk with it. */
  | { readonly kind: 'kill-client'; readonly client: number; readonly downMs: number; readonly losesDisk: boolean }
  | { readonly kind: 'disk-full'; readonly forMs: number }
  | { readonly kind: 'weather'; readonly lose: number; readonly duplicate: number; readonly late: number }
  | { readonly kind: 'jump'; readonly ms: number }
  | { readonly kind: 'check' };

/** An act and when it is done. */
export interface Timed {
  readonly atMs: number;
  readonly act: Act;
}

/** Everything that a run needs. */
export interface Scenario {
  readonly seed: number;
  readonly startMs: number;
  readonly replicas: number;
  /** How wrong the clock of each replica is. */
  readonly replicaClocksMs: readonly number[];
  readonly clientClocksMs: readonly number[];
  readonly acts: readonly Timed[];
  readonly hard: Pick<HardScenario, 'controls' | 'ttlSeconds'>;
}

/** Cents a request of a model costs once somebody declares it. */
export const DECLARED_CENTS: Readonly<Record<string, number>> = { m2: 70, m3: 130 };

const MINUTE = 60_000;
const DAY = 86_400_000;
/** How long the trouble lasts. */
const CHAOS_MS = 60_000;
const ACTS = 24;
/** A little before windows of all kinds end. */
const STARTS = [
  Date.UTC(2026, 7, 19, 11, 59, 20),
  Date.UTC(2026, 7, 19, 23, 59, 20),
  Date.UTC(2026, 7, 31, 23, 59, 20),
  Date.UTC(2026, 9, 25, 0, 59, 20),
  Date.UTC(2026, 2, 29, 0, 59, 20),
  Date.UTC(2026, 10, 29, 23, 59, 20),
];

/** Makes the scenario of a seed. */
export function scenarioOf(seed: number): Scenario {
  const chance = createChance(seed, 'scenario');
  const replicas = chance.int(1, 3);
  const clients = chance.int(2, 3);
  const acts: Timed[] = [{ atMs: 0, act: { kind: 'create', replica: 0, input: inputOf(chance) } }];
  let atMs = 0;
  for (let i = 0; i < ACTS; i += 1) {
    // Much happens at the same moment, so that it meets in one transaction, or in one failure.
    atMs = chance.is(0.4) ? atMs + chance.int(0, 20) : chance.int(0, CHAOS_MS);
    acts.push({ atMs, act: actOf(chance, replicas, clients) });
  }
  const { acts: hardActs, ...hard } = hardScenarioOf(seed, CHAOS_MS, replicas, clients);
  acts.push(...hardActs);
  acts.sort((one, other) => one.atMs - other.atMs);
  return {
    seed,
    startMs: chance.pick(STARTS) + chance.int(-20_000, 30_000),
    replicas,
    replicaClocksMs: Array.from({ length: replicas }, (_, i) => (i === 0 ? 0 : chance.int(-900, 900))),
    clientClocksMs: Array.from({ length: clients }, () =>
      chance.pick([0, 0, chance.int(-4_000, 4_000), DAY + chance.int(0, 3 * MINUTE), -DAY, -2 * DAY, 3 * MINUTE]),
    ),
    acts,
    hard,
  };
}

function actOf(chance: Chance, replicas: number, clients: number): Act {
  const replica = chance.int(0, replicas - 1);
  const client = chance.int(0, clients - 1);
  const which = chance.int(0, 5);
  const dice = chance.int(1, 100);
  if (dice <= 52) return { kind: 'call', client, uses: Array.from({ length: chance.int(1, 4) }, () => usedOf(chance)) };
  if (dice <= 60) return { kind: 'create', replica, input: inputOf(chance) };
  if (dice <= 66) return { kind: 'change', replica, which, patch: patchOf(chance) };
  if (dice <= 68) return { kind: 'delete', replica, which };
  if (dice <= 72) {
    const model = chance.pick(Object.keys(DECLARED_CENTS));
    return { kind: 'price', replica, model, cents: DECLARED_CENTS[model] ?? 0 };
  }
  if (dice <= 74) return { kind: 'reprice', replica };
  if (dice <= 83) return { kind: 'kill-replica', replica, death: deathOf(chance), downMs: chance.int(50, 6_000) };
  if (dice <= 86) return { kind: 'kill-client', client, downMs: chance.int(50, 6_000), losesDisk: chance.is(0.3) };
  if (dice <= 91) return { kind: 'disk-full', forMs: chance.int(100, 12_000) };
  if (dice <= 94) {
    const bad = chance.next() * 0.4;
    return { kind: 'weather', lose: bad, duplicate: chance.next() * 0.4, late: chance.next() * 0.3 };
  }
  if (dice <= 97) return { kind: 'jump', ms: chance.pick([MINUTE, 61 * MINUTE, DAY, 7 * DAY, -2_000]) };
  return { kind: 'check' };
}

function deathOf(chance: Chance): Death | undefined {
  const dice = chance.int(1, 4);
  if (dice === 1) return undefined;
  if (dice === 2) return { at: 'commit' };
  if (dice === 3) return { at: 'after-commit' };
  return { at: 'statement', number: chance.int(1, 25) };
}

function usedOf(chance: Chance): Used {
  const model = chance.pick(['m1', 'm2', 'm3']);
  return {
    model,
    cents: model === 'm1' || chance.is(0.4) ? chance.int(0, 200) : null,
    subscriber: chance.pick([
      undefined,
      { id: 'u1' },
      { id: 'u2' },
      { email: 'a@x' },
      { id: 'u1', email: 'a@x' },
      { email: 'b@x' },
    ]),
    agent: chance.is(0.3) ? 'bot' : undefined,
    tokens: chance.int(0, 5),
    failed: chance.is(0.2),
    minutesAgo: chance.pick([0, 0, 0, 1, 45, 24 * 60, 26 * 60, -3]),
    again: chance.pick([undefined, undefined, undefined, undefined, 'same', 'other']),
  };
}

function inputOf(chance: Chance): CostControlInput {
  return control({ ...patchOf(chance), enabled: chance.is(0.9) });
}

function patchOf(chance: Chance): Partial<CostControlInput> {
  const windowType = chance.pick(['HOURLY', 'DAILY', 'DAILY', 'WEEKLY', 'MONTHLY', 'ROLLING', 'LIFETIME'] as const);
  const filters = chance.pick([
    [],
    [],
    [{ dimension: 'MODEL' as const, operator: 'IS' as const, value: 'm1' }],
    [{ dimension: 'MODEL' as const, operator: 'IS_NOT' as const, value: 'm2' }],
    [{ dimension: 'AGENT' as const, operator: 'IN' as const, values: ['bot'] }],
    [{ dimension: 'SUBSCRIBER' as const, operator: 'IS' as const, value: 'u1' }],
  ]);
  const onUnknownPrice = chance.pick(['flag', 'refuse', 'assume'] as const);
  return {
    metricType: chance.pick(['TOTAL_COST', 'TOTAL_COST', 'TOKEN_COUNT', 'ERROR_COUNT'] as const),
    windowType,
    windowDuration: windowType === 'ROLLING' ? chance.pick(['PT1M', 'PT1H', 'PT25H']) : null,
    timeZone: chance.pick(['UTC', 'Europe/Berlin', 'Asia/Kathmandu']),
    groupBy: chance.pick([null, 'SUBSCRIBER', 'SUBSCRIBER', 'MODEL'] as const),
    hardLimit: chance.pick(['0', '1', '2.5', '6']),
    filters,
    shadowMode: chance.is(0.1),
    enabled: chance.is(0.9),
    onUnknownPrice,
    assumedPricePerRequest: onUnknownPrice === 'assume' ? '0.7' : null,
  };
}
