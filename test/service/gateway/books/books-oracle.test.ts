import fc from 'fast-check';
import { expect, it } from 'vitest';
import { openSqliteStore } from '../../../../service/store/sqlite/open-sqlite-store.js';
import type { Store } from '../../../../service/store/store.js';
import { until } from '../../../helpers/until.js';
import { declared } from '../../pricing-support.js';
import { control, handClock, NOON, tempFolder } from '../../store-support.js';
import { BooksModel, type Prices } from './books-model.js';

const MODELS = ['m', 'n', 'q'] as const;
const CUSTOMERS = ['cus_1', 'cus_2'] as const;
const model = fc.constantFrom(...MODELS);
const customer = fc.constantFrom(...CUSTOMERS);
const CENT = 10_000_000n;

const controlFields = fc.record({
  metricType: fc.constantFrom('TOTAL_COST', 'TOTAL_COST', 'TOKEN_COUNT'),
  windowType: fc.constantFrom('HOURLY', 'DAILY', 'ROLLING'),
  groupBy: fc.constantFrom(null, null, 'SUBSCRIBER'),
  scope: fc.constantFrom('team', 'customer', 'model'),
  limit: fc.oneof({ weight: 6, arbitrary: fc.integer({ min: 5, max: 60 }) }, { weight: 1, arbitrary: fc.constant(0) }),
});

const step = fc.oneof(
  {
    weight: 14,
    arbitrary: fc.record({ kind: fc.constant('admit'), model, customer, input: fc.integer({ min: 0, max: 60 }) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('end'),
      at: fc.nat(9),
      tokens: fc.option(fc.nat(80), { nil: undefined }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('deliver') }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('read') }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('elsewhere'), model, customer, tokens: fc.nat(60) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('clock'), minutes: fc.constantFrom(0.01, 0.5, 7, 59, 61, 600) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('control'), fields: controlFields }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('change'), at: fc.nat(3), limit: fc.nat(40), scope: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('price'), model, cents: fc.integer({ min: 0, max: 9 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reprice') }) },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;
type Fields = typeof controlFields extends fc.Arbitrary<infer S> ? S : never;

function inputOf({ metricType, windowType, groupBy, scope, limit }: Fields) {
  const filters = {
    team: [],
    customer: [{ dimension: 'SUBSCRIBER', operator: 'IS', value: 'cus_1' }],
    model: [{ dimension: 'MODEL', operator: 'IS', value: 'm' }],
  } as const;
  return control({
    ...{ metricType: metricType as 'TOTAL_COST', windowType: windowType as 'DAILY', groupBy: groupBy as null },
    ...(windowType === 'ROLLING' ? { windowDuration: 'PT1H' } : {}),
    hardLimit: metricType === 'TOTAL_COST' ? String(limit / 100) : String(limit * 20),
    filters: filters[scope as 'team'],
    onUnknownPrice: 'flag',
  });
}

async function price({ store, teamId, prices, clock }: BooksModel, model: string, cents: number): Promise<void> {
  const amount = BigInt(cents) * CENT;
  prices.push({ model, fromMs: clock.nowMs, amount });
  await store.setPrice(teamId, declared({ model }, { request: amount * 1_000n }));
  await repriced(store);
}

/** What asks for events to be priced again is followed by it in the background: wait, so that every step is one. */
function repriced(store: Store): Promise<void> {
  return until(async () => (await store.openReprices()).length === 0, 'all events are priced again');
}

async function run(books: BooksModel, { store, teamId, clock }: BooksModel, one: Step): Promise<void> {
  switch (one.kind) {
    case 'admit':
      counts[await books.admit({ ...one, bound: { inputTokensMax: one.input, outputTokensMax: 0 } })] += 1;
      return;
    case 'end':
      books.end(one.at, one.tokens);
      return;
    case 'deliver':
      return books.deliver();
    case 'read':
      return books.read();
    case 'elsewhere':
      return books.spendElsewhere(one);
    case 'clock':
      clock.advance(one.minutes * 60_000);
      return;
    case 'control':
      await store.createControl(teamId, inputOf(one.fields));
      return;
    case 'change': {
      const { items } = await store.listControls(teamId, { page: 0, size: 100 });
      const found = items[one.at];
      // Changes of the same millisecond do not happen: a person makes them.
      clock.advance(1);
      const limit = found?.metricType === 'TOTAL_COST' ? String(one.limit / 100) : String(one.limit * 20);
      if (found !== undefined)
        await store.updateControl(teamId, found.id, { hardLimit: limit, ...(one.scope ? { filters: [] } : {}) });
      return;
    }
    case 'price':
      return price(books, one.model, one.cents);
    default:
      await store.startReprice(teamId, {
        scope: 'all',
        reason: 'test',
        askedBy: null,
        fromMs: 0,
        untilMs: clock.nowMs + 1,
      });
      await repriced(store);
  }
}

/** How many calls came to what, so that the steps are known to meet both. */
const counts = { admit: 0, refuse: 0 };

it('agrees with sums that are made one by one, whatever happens in whatever order, and ends at nothing', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(controlFields, { minLength: 1, maxLength: 2 }),
      fc.array(step, { minLength: 40, maxLength: 90 }),
      async (controls, steps) => {
        const folder = tempFolder();
        const clock = handClock(NOON);
        const store = await openSqliteStore({ file: `${folder.path}/db`, runtime: clock.runtime, inProcess: true });
        const { id } = await store.createTeam('t');
        const prices: Prices = [];
        const books = new BooksModel(store, clock, id, folder.path, prices);
        try {
          for (const name of ['m', 'n']) await price(books, name, 3);
          for (const fields of controls) await store.createControl(id, inputOf(fields));
          for (const one of steps) {
            await run(books, books, one);
            books.check();
          }
          await books.checkEnd();
        } finally {
          await books.close();
          await store.close();
          folder.remove();
        }
      },
    ),
    { numRuns: 35, interruptAfterTimeLimit: 60_000 },
  );
  expect(Math.min(counts.admit, counts.refuse)).toBeGreaterThan(50);
}, 120_000);
