/** What can happen to a ledger, at random. */
import fc from 'fast-check';
import type { ControlFilter, CostControlInput, IncomingEvent } from '../../service/store/store.js';
import { ASSUMED_CENTS, type Body, DURATIONS_MS } from './store-oracle-model.js';
import { control, event } from './store-support.js';

/** One thing that happens. */
export type Step =
  | { kind: 'events'; bodies: Body[] }
  | { kind: 'create'; input: CostControlInput }
  | { kind: 'change'; which: number; patch: Partial<CostControlInput> }
  | { kind: 'delete'; which: number }
  | { kind: 'pass'; minutes: number; turn: boolean };

const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 2 });
const bodies: fc.Arbitrary<Body> = fc.record({
  model: fc.constantFrom('m1', 'm2', 'm2-mini'),
  provider: fc.constantFrom('OPENAI', 'openai', 'Acme'),
  cents: fc.option(fc.integer({ min: 0, max: 300 }), { freq: 8 }),
  id: maybe(fc.constantFrom('u1', 'u2', 'b@x', 'C@x')),
  email: maybe(fc.constantFrom('a@x', 'A@x', 'b@x', 'c@x', 'u1')),
  agent: maybe(fc.constantFrom('bot', 'Bot')),
  tokens: fc.integer({ min: 0, max: 5 }),
  failed: fc.boolean(),
  minutesAgo: fc.integer({ min: -4, max: 26 * 60 }),
  repeat: fc.constantFrom('no', 'no', 'no', 'same', 'other'),
}) as fc.Arbitrary<Body>;
const filters: fc.Arbitrary<ControlFilter[]> = fc.array(
  fc.oneof(
    fc.record({
      dimension: fc.constant('MODEL' as const),
      operator: fc.constantFrom('IS' as const, 'IS_NOT' as const, 'STARTS_WITH' as const),
      value: fc.constantFrom('m1', 'm2'),
    }),
    fc.constant({ dimension: 'PROVIDER' as const, operator: 'IS' as const, value: 'OpenAI' }),
    fc.constant({ dimension: 'AGENT' as const, operator: 'IN' as const, values: ['bot', 'x'] }),
    fc.constant({ dimension: 'SUBSCRIBER' as const, operator: 'IS' as const, value: 'u1' }),
  ),
  { maxLength: 2 },
);
const zones = ['UTC', 'Europe/Berlin', 'Asia/Kathmandu', 'Australia/Lord_Howe', 'America/St_Johns'];
const windows: fc.Arbitrary<Pick<CostControlInput, 'windowType' | 'windowDuration' | 'timeZone' | 'weekStart'>> =
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        windowType: fc.constantFrom('HOURLY' as const, 'DAILY' as const, 'WEEKLY' as const, 'MONTHLY' as const),
        windowDuration: fc.constant(null),
        timeZone: fc.constantFrom(...zones),
        weekStart: fc.constantFrom('MONDAY' as const, 'SUNDAY' as const),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        windowType: fc.constant('ROLLING' as const),
        windowDuration: fc.constantFrom(...Object.keys(DURATIONS_MS)),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ windowType: fc.constant('LIFETIME' as const), windowDuration: fc.constant(null) }),
    },
  );
const inputs: fc.Arbitrary<CostControlInput> = fc
  .record({
    metricType: fc.constantFrom('TOTAL_COST' as const, 'TOKEN_COUNT' as const, 'ERROR_COUNT' as const),
    window: windows,
    groupBy: fc.constantFrom(null, 'SUBSCRIBER' as const, 'MODEL' as const),
    hardLimit: fc.constantFrom('0', '1', '2.5', '8'),
    warnThreshold: fc.constantFrom(null, '0.5', '2'),
    shadowMode: fc.boolean(),
    enabled: fc.constantFrom(true, true, false),
    unknown: fc.constantFrom(
      { onUnknownPrice: 'flag' as const, assumedPricePerRequest: null },
      { onUnknownPrice: 'refuse' as const, assumedPricePerRequest: null },
      { onUnknownPrice: 'assume' as const, assumedPricePerRequest: `${ASSUMED_CENTS / 100}` },
    ),
    filters,
  })
  .map(({ window, unknown, ...fields }) => control({ ...fields, ...unknown, ...window }));
/** Histories: events, controls that come, change and go, time that passes. */
export const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('events' as const),
        bodies: fc.array(bodies, { minLength: 1, maxLength: 6 }),
      }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('create' as const), input: inputs }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('change' as const), which: fc.nat(5), patch: inputs }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const), which: fc.nat(5) }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('pass' as const),
        // Over days, over hours, over the buckets of a ROLLING window.
        minutes: fc.oneof(fc.integer({ min: 1, max: 60 * 60 }), fc.integer({ min: 1, max: 90 })),
        turn: fc.boolean(),
      }),
    },
  ),
  { minLength: 4, maxLength: 24 },
);

/** The event that a body of the oracle stands for. */
export function toEvent(body: Body, transactionId: string, nowMs: number): IncomingEvent {
  const subscriber = { ...(body.id && { id: body.id }), ...(body.email && { email: body.email }) };
  return event(
    nowMs - body.minutesAgo * 60_000,
    {
      transactionId,
      model: body.model,
      provider: body.provider,
      totalTokenCount: body.tokens,
      // Something was consumed, so that a failure has no price by itself where the price is unknown.
      inputTokenCount: 1,
      stopReason: body.failed ? 'ERROR' : 'END',
      ...(body.cents === null ? {} : { totalCost: body.cents / 100 }),
      ...(body.agent && { agent: body.agent }),
      ...(Object.keys(subscriber).length > 0 && { subscriber }),
    },
    nowMs,
  );
}
