// A later version of the catalogue, as a store that was written with an earlier one meets it.
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createCatalogue } from '../../../service/pricing/catalogue.js';
import { decodeVariants, encodeVariants } from '../../../service/pricing/price-variants.js';
import type { Rate, RateSheet } from '../../../service/pricing/rates.js';
import { openDriver } from '../../../service/store/sqlite/driver.js';
import { openSqliteStore } from '../../../service/store/sqlite/open-sqlite-store.js';
import type { Store, Team } from '../../../service/store/store.js';
import { pricesOf, repriced } from '../repricing-support.js';
import { event, type HandClock, HOUR, handClock, tempFolder } from '../store-support.js';

const INSTALLED = createCatalogue().version;
/** A thousand input tokens of each are 150,000 and 2,500,000 nano-dollars. */
const USED = ['gpt-4o-mini', 'gpt-4o', 'gpt-4.1'] as const;

let folder: ReturnType<typeof tempFolder>;
let clock: HandClock;
let store: Store;
let team: Team;
const file = () => join(folder.path, 'x.db');
const open = () => openSqliteStore({ file: file(), runtime: clock.runtime, inProcess: true });
const call = (transactionId: string, model: string) =>
  event(clock.nowMs, { transactionId, model, provider: 'OPENAI', inputTokenCount: 1_000 });

/** The store as an earlier version left it: gpt-4o-mini cost half of today's price, gpt-4o a twentieth. */
async function startedWithAnEarlierVersion(version: string): Promise<void> {
  await store.close();
  const driver = await openDriver(file());
  const rewrite = (model: string, divisor: bigint): void => {
    const select = driver.prepare('SELECT variants FROM catalogue_use WHERE model = :model');
    const [row] = select.all({ model });
    const variants = decodeVariants(String(row?.['variants'])).map((variant) => ({
      ...variant,
      rates: divided(variant.rates, divisor),
    }));
    const update = 'UPDATE catalogue_use SET variants = :variants WHERE model = :model';
    driver.prepare(update).all({ model, variants: encodeVariants(variants) });
  };
  rewrite('gpt-4o-mini', 2n);
  rewrite('gpt-4o', 20n);
  driver.prepare('UPDATE catalogue_use SET version = :version, reviewed_version = :version').all({ version });
  driver.prepare('UPDATE catalogue_version SET version = :version').all({ version });
  driver.close();
  clock.advance(HOUR);
  store = await open();
}

function divided(rates: RateSheet, divisor: bigint): RateSheet {
  const entries = Object.entries(rates).map(([name, rate]) => {
    if (rate === null || typeof rate !== 'object' || !('basePicoUsd' in rate)) return [name, rate];
    return [name, { ...(rate as Rate), basePicoUsd: (rate as Rate).basePicoUsd / divisor }];
  });
  return Object.fromEntries(entries) as RateSheet;
}

beforeEach(async () => {
  folder = tempFolder();
  clock = handClock();
  store = await open();
  team = await store.createTeam('first');
  await store.recordEvents(
    team.id,
    USED.map((model) => call(`first ${model}`, model)),
  );
});
afterEach(async () => {
  await store.close();
  folder.remove();
});

describe('a later version of the catalogue', () => {
  test('is shown with its difference; a move of ten times and more keeps the old price until it is confirmed', async () => {
    await startedWithAnEarlierVersion('0.0.1');
    const { installed, versions, models } = await store.readCatalogue(team.id);
    expect([installed, versions.map(({ version }) => version)]).toEqual([INSTALLED, ['0.0.1', INSTALLED]]);
    expect(models.map(({ name, state, version, otherVersion }) => [name, state, version, otherVersion])).toEqual([
      ['openai/gpt-4.1', 'same', INSTALLED, null],
      ['openai/gpt-4o', 'held', '0.0.1', INSTALLED],
      ['openai/gpt-4o-mini', 'changed', INSTALLED, '0.0.1'],
    ]);
    const moved = (i: number) => models[i]?.moves.find(({ rate }) => rate === 'input');
    expect(moved(1)).toMatchObject({ oldPicoUsd: 125_000n, newPicoUsd: 2_500_000n, ratio: '20', isLarge: true });
    expect(moved(2)).toMatchObject({ ratio: '2', isLarge: false });
    await store.recordEvents(
      team.id,
      USED.map((model) => call(`second ${model}`, model)),
    );
    const prices = await pricesOf(store, team.id);
    expect(prices['second gpt-4o-mini']).toEqual(['known', 150_000n]);
    expect(prices['second gpt-4o']).toEqual(['known', 125_000n]);
    const [entry] = await store.listPriceEntries(team.id, 'second gpt-4o');
    expect(entry?.rateSource).toBe('catalogue:openai/gpt-4o@0.0.1');

    expect(await store.acceptCatalogue(team.id, ['openai/gpt-4o-mini'])).toEqual({
      confirmed: [],
      notHeld: ['openai/gpt-4o-mini'],
    });
    expect((await store.acceptCatalogue(team.id, ['openai/gpt-4o'])).confirmed).toEqual(['openai/gpt-4o']);
    await store.recordEvents(team.id, [call('third gpt-4o', 'gpt-4o')]);
    expect((await pricesOf(store, team.id))['third gpt-4o']).toEqual(['known', 2_500_000n]);
    // What was priced before stays: a later price is no correction.
    expect((await pricesOf(store, team.id))['second gpt-4o']).toEqual(['known', 125_000n]);
  });

  test('stays held over restarts, for its team alone', async () => {
    await startedWithAnEarlierVersion('0.0.1');
    await store.close();
    store = await open();
    const second = await store.createTeam('second');
    await store.recordEvents(team.id, [call('a', 'GPT-4o')]);
    await store.recordEvents(second.id, [call('b', 'gpt-4o')]);
    expect(await pricesOf(store, second.id)).toEqual({ b: ['known', 2_500_000n] });
    expect((await pricesOf(store, team.id))['a']).toEqual(['known', 125_000n]);
  });

  test('that is older than the one before is not held against it', async () => {
    await startedWithAnEarlierVersion('999.0.0');
    const { models } = await store.readCatalogue(team.id);
    expect(models.every(({ state }) => state === 'same')).toBe(true);
    await store.recordEvents(team.id, [call('a', 'gpt-4o')]);
    expect((await pricesOf(store, team.id))['a']).toEqual(['known', 2_500_000n]);
  });

  test('prices events that had no price with the one before', async () => {
    await store.recordEvents(team.id, [call('unpriced', 'gpt-not-yet')]);
    await store.close();
    const driver = await openDriver(file());
    // The model is one that the version of today lists.
    driver.exec(
      `UPDATE usage_event SET body = REPLACE(body, 'gpt-not-yet', 'gpt-4o') WHERE transaction_id = 'unpriced'`,
    );
    driver.exec(`UPDATE catalogue_version SET version = '0.0.1'`);
    driver.close();
    store = await open();
    await repriced(store, team.id);
    expect((await pricesOf(store, team.id))['unpriced']).toEqual(['known', 2_500_000n]);
    const entries = await store.listPriceEntries(team.id, 'unpriced');
    expect(entries.at(-1)).toMatchObject({ version: 2, reason: `repriced: catalogue ${INSTALLED}` });
  });
});
