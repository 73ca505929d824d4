/** What a seed adds of hard budgets: controls, calls that hold for what they may cost, and what operators do to them. */
import type { CostControlInput } from '../../service/store/store.js';
import { control } from '../service/store-support.js';
import { type Chance, createChance } from './chance.js';

/** The one model, and the one agent, of calls under hard budgets. */
export const HELD_MODEL = 'held-model';
export const HELD_AGENT = 'held';
/** What a token of it costs, in cents. */
export const INPUT_CENTS = 1;
export const OUTPUT_CENTS = 2;

/** A call that is admitted against a hold. */
export interface HeldCall {
  readonly subscriber: { readonly id: string } | undefined;
  readonly inputTokens: number;
  /** Its output limit. */
  readonly outputMax: number;
  /** What its provider sends; above `outputMax` only where it streams, and grows. */
  readonly output: number;
  readonly tookMs: number;
  /** `fail`: nothing was consumed. `abort`: the caller gives up half way, and what came until then is billed. */
  readonly end: 'settle' | 'fail' | 'abort' | 'stream';
  /** Goes on, uncovered, where the service does not answer. */
  readonly isFailOpen: boolean;
}

/** Something that is done to hard budgets. */
export type HardAct =
  | { readonly kind: 'hold-call'; readonly client: number; readonly calls: readonly HeldCall[] }
  | {
      readonly kind: 'raise';
      readonly replica: number;
      readonly which: number;
      readonly amount: string;
      readonly forMs: number;
    }
  | { readonly kind: 'release'; readonly replica: number; readonly which: number }
  | { readonly kind: 'bypass'; readonly replica: number; readonly forMs: number }
  | {
      readonly kind: 'change-hard';
      readonly replica: number;
      readonly which: number;
      readonly patch: Partial<CostControlInput>;
    }
  /** It is asked to end: gives back what it can, and starts again. */
  | { readonly kind: 'stop-client'; readonly client: number; readonly downMs: number };

/** What a seed adds to a world. */
export interface HardScenario {
  readonly controls: readonly CostControlInput[];
  /** How long a hold lives without a word of its owner. */
  readonly ttlSeconds: number;
  readonly acts: readonly { readonly atMs: number; readonly act: HardAct }[];
}

const ACTS = 12;
const CALLS_MAX = 4;
const LIMITS = { TOTAL_COST: ['0.4', '1', '3'], TOKEN_COUNT: ['15', '60', '200'] } as const;

/** `isStrict`: nothing in it lets anybody spend above a limit. */
export function hardScenarioOf(seed: number, chaosMs: number, replicas: number, clients: number): HardScenario {
  const chance = createChance(seed, 'hard');
  const isStrict = chance.is(0.6);
  const controls = Array.from({ length: chance.int(1, 3) }, () => hardInputOf(chance, isStrict));
  const acts: { atMs: number; act: HardAct }[] = [];
  let atMs = 0;
  for (let i = 0; i < ACTS; i += 1) {
    atMs = chance.is(0.3) ? atMs + chance.int(0, 20) : chance.int(0, chaosMs);
    acts.push({ atMs, act: hardActOf(chance, isStrict, replicas, clients) });
  }
  return { controls, ttlSeconds: chance.pick([10, 30, 60]), acts };
}

function hardActOf(chance: Chance, isStrict: boolean, replicas: number, clients: number): HardAct {
  const replica = chance.int(0, replicas - 1);
  const client = chance.int(0, clients - 1);
  const which = chance.int(0, 5);
  const dice = chance.int(1, 100);
  if (dice <= 80 || (isStrict && dice > 93)) {
    // Alike, as a rule, so that they share slices.
    const first = callOf(chance, isStrict);
    const calls = Array.from({ length: chance.int(1, CALLS_MAX) }, () =>
      chance.is(0.6) ? { ...callOf(chance, isStrict), subscriber: first.subscriber } : callOf(chance, isStrict),
    );
    return { kind: 'hold-call', client, calls };
  }
  if (dice <= 87) return { kind: 'raise', replica, which, amount: '1', forMs: chance.int(500, 20_000) };
  if (dice <= 93) return { kind: 'stop-client', client, downMs: chance.int(50, 6_000) };
  if (dice <= 96) return { kind: 'release', replica, which };
  if (dice <= 98) return { kind: 'bypass', replica, forMs: chance.int(500, 10_000) };
  return { kind: 'change-hard', replica, which, patch: patchOf(chance) };
}

function callOf(chance: Chance, isStrict: boolean): HeldCall {
  const outputMax = chance.int(1, 15);
  const end = chance.pick(['settle', 'settle', 'settle', 'fail', 'abort', 'stream'] as const);
  return {
    subscriber: chance.pick([undefined, { id: 'u1' }, { id: 'u1' }, { id: 'u2' }]),
    inputTokens: chance.int(1, 5),
    outputMax,
    output: end === 'stream' ? chance.int(1, 2 * outputMax) : chance.int(0, outputMax),
    tookMs: chance.pick([0, 20, chance.int(0, 2_000), chance.int(0, 12_000), chance.int(0, 40_000)]),
    end,
    isFailOpen: !isStrict && chance.is(0.2),
  };
}

function hardInputOf(chance: Chance, isStrict: boolean): CostControlInput {
  const windowType = chance.pick(['HOURLY', 'DAILY', 'MONTHLY', 'LIFETIME', 'ROLLING'] as const);
  const metricType = chance.pick(['TOTAL_COST', 'TOTAL_COST', 'TOKEN_COUNT'] as const);
  return control({
    name: 'hard',
    enforcement: 'HARD',
    onUnknownPrice: 'refuse',
    metricType,
    windowType,
    windowDuration: windowType === 'ROLLING' ? chance.pick(['PT1M', 'PT1H', 'PT25H']) : null,
    timeZone: chance.pick(['UTC', 'Europe/Berlin', 'Asia/Kathmandu']),
    groupBy: chance.pick([null, null, 'SUBSCRIBER'] as const),
    hardLimit: chance.pick(LIMITS[metricType]),
    filters: [{ dimension: 'AGENT', operator: 'IS', value: HELD_AGENT }],
    onExpiry: isStrict || chance.is(0.5) ? 'charge' : 'release',
    estimate: isStrict || chance.is(0.5) ? 'worst-case' : 'expected',
    whenExhausted: isStrict || chance.is(0.5) ? 'cut' : 'finish',
  });
}

function patchOf(chance: Chance): Partial<CostControlInput> {
  return chance.pick([{ hardLimit: '0' }, { hardLimit: '5' }, { enabled: false }, { enabled: true }]);
}
