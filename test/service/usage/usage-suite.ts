import { request as requestHttp } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ListedCustomer } from '../../../service/ledger/customers.js';
import { formatScaled } from '../../../service/ledger/decimal.js';
import { openServiceFixture, type ServiceFixture } from '../../helpers/service-fixture.js';
import type { TestStore } from '../../helpers/stores.js';
import { DAY, HOUR, handClock, NOON } from '../store-support.js';
import { recordMany, usageOf } from './usage-support.js';

const CUSTOMERS = '/v2/api/customers';

/** Reports and exports of what customers used. */
export function describeUsage({ name, open }: TestStore): void {
  describe(`what a customer used, ${name}`, () => {
    let service: ServiceFixture;
    let customer: ListedCustomer;
    beforeEach(async () => {
      service = await openServiceFixture(open, { runtime: handClock().runtime });
      customer = await service.store.createCustomer(service.team.id, { name: 'Ann', email: 'ann@example.com' });
    });
    afterEach(() => service.close());

    const record = (...events: ReturnType<typeof usageOf>[]) => recordMany(service.store, service.team.id, events);
    const usage = async (query = '', reference: string | number = customer.id) =>
      (await service.ask({ path: `${CUSTOMERS}/${reference}/usage?${query}` })).json;

    it('is summed exactly, and told apart by day, model, key and operation in any combination', async () => {
      const key = await service.store.createGatewayKey(
        service.team.id,
        customer.id,
        { label: 'laptop' },
        { hash: 'a'.repeat(64), hint: 'abcd' },
      );
      const tokens = { inputTokenCount: 10, outputTokenCount: 5, cacheReadTokenCount: 2, cacheCreationTokenCount: 1 };
      await record(
        usageOf(customer.id, NOON, { totalCost: 0.000000001, model: 'a', key: key!.id, ...tokens }),
        usageOf(customer.id, NOON - 20 * HOUR, { totalCost: 0.25, model: 'a', key: key!.id, ...tokens }),
        usageOf(customer.id, NOON, { totalCost: 0.5, model: 'b', operationType: 'EMBED', ...tokens }),
        usageOf(customer.id, NOON, { model: 'b', stopReason: 'ERROR' }),
        usageOf('cus_other', NOON, { totalCost: 100 }),
      );
      const all = await usage();
      expect(all).toMatchObject({
        customer: { id: customer.id, number: 1, name: 'Ann', deleted: null },
        start: '2026-08-01T00:00:00.000Z',
        end: '2026-09-01T00:00:00.000Z',
        timeZone: 'UTC',
        by: [],
        rows: [],
      });
      expect(all.totals).toEqual({
        ...{ requests: 4, failed: 1, inputTokens: 30, outputTokens: 15, cachedTokens: 9, costUsd: '0.750000001' },
        ...{ unknownPrices: 0, estimated: 0, unknownUsage: 0 },
      });
      const cells = ['day', 'model', 'provider', 'key', 'keyLabel', 'operation', 'requests', 'costUsd'];
      const rows = async (by: string) =>
        (await usage(`by=${by}`)).rows.map((row: Record<string, unknown>) => cells.map((cell) => row[cell]));
      const [today, before] = ['2026-08-19', '2026-08-18'];
      expect(await rows('day')).toEqual([
        [before, null, null, null, null, null, 1, '0.25'],
        [today, null, null, null, null, null, 3, '0.500000001'],
      ]);
      expect(await rows('model')).toEqual([
        [null, 'b', 'OPENAI', null, null, null, 2, '0.5'],
        [null, 'a', 'OPENAI', null, null, null, 2, '0.250000001'],
      ]);
      expect(await rows('key,day,model')).toEqual([
        [before, 'a', 'OPENAI', key!.id, 'laptop', null, 1, '0.25'],
        [today, 'b', 'OPENAI', null, null, null, 2, '0.5'],
        [today, 'a', 'OPENAI', key!.id, 'laptop', null, 1, '0.000000001'],
      ]);
      expect(await rows('operation')).toEqual([
        [null, null, null, null, null, 'EMBED', 1, '0.5'],
        [null, null, null, null, null, 'CHAT', 3, '0.250000001'],
      ]);
    });

    it('I5: an unknown price is no zero: it is counted, and with nothing known the cost is not said', async () => {
      await record(
        usageOf(customer.id, NOON, { model: 'never-heard-of' }),
        usageOf(customer.id, NOON, { model: 'never-heard-of', attributes: { usageState: 'unknown' } }),
        usageOf(customer.id, NOON, { model: 'b', totalCost: 1, attributes: { usageState: 'estimated' } }),
        usageOf(customer.id, NOON, { model: 'phi', provider: 'OLLAMA' }),
      );
      const { totals, rows } = await usage('by=model');
      expect(totals).toMatchObject({ costUsd: '1', unknownPrices: 2, estimated: 1, unknownUsage: 1 });
      const seen = rows.map((row: Record<string, unknown>) => [row['model'], row['costUsd'], row['unknownPrices']]);
      expect(seen).toEqual([
        ['b', '1', 0],
        ['never-heard-of', null, 2],
        ['phi', '0', 0],
      ]);
      await service.ask({ path: '/v2/api/fusewire/prices', json: { model: 'never-heard-of', kind: 'free' } });
      const priced = async () => expect((await usage()).totals).toMatchObject({ unknownPrices: 0, costUsd: '1' });
      await vi.waitFor(priced, 8_000);
    });

    it('an end date is included, whole, also where clocks are set; an instant is where it is', async () => {
      const berlin = (iso: string) => Date.parse(iso);
      // 25 October 2026 has 25 hours in Berlin, 29 March 23.
      const times = {
        '2026-10-24': [berlin('2026-10-24T00:00:00+02:00'), berlin('2026-10-24T23:59:59.999+02:00')],
        '2026-10-25': [berlin('2026-10-25T00:00:00+02:00'), berlin('2026-10-25T23:59:59.999+01:00')],
        '2026-10-26': [berlin('2026-10-26T00:00:00+01:00'), berlin('2026-10-26T23:59:59.999+01:00')],
      };
      const events = Object.values(times).flat();
      await record(...events.map((atMs) => usageOf(customer.id, atMs, { totalCost: 1 })));
      const zone = 'timeZone=Europe/Berlin';
      const { rows } = await usage(`start=2026-10-24&end=2026-10-26&by=day&${zone}`);
      expect(rows.map((row: Record<string, unknown>) => [row['day'], row['requests']])).toEqual([
        ['2026-10-24', 2],
        ['2026-10-25', 2],
        ['2026-10-26', 2],
      ]);
      const count = async (query: string) => (await usage(query)).totals.requests;
      expect(await count(`start=2026-10-25&end=2026-10-25&${zone}`)).toBe(2);
      expect(await count(`end=2026-10-25&${zone}`)).toBe(4);
      // By UTC the first of the day is the evening before, and the last of the 25th is within it.
      expect(await count('start=2026-10-25&end=2026-10-25')).toBe(2);
      expect(await count('start=2026-10-24&end=2026-10-24')).toBe(2);
      expect(await count('start=2026-10-24T00:00:00+02:00&end=2026-10-25T00:00:00%2B02:00')).toBe(2);
      expect(await count('start=2026-10-24T23:59:59.999%2B02:00&end=2026-10-25T00:00:00.001%2B02:00')).toBe(2);
    });

    it('I6: tiny amounts add up to what exact arithmetic says, over many slices and days', async () => {
      const events = Array.from({ length: 12_345 }, (_, i) =>
        usageOf(customer.id, NOON - (i % 40) * (DAY / 40), {
          totalCost: Number(`${(i % 997) + 1}e-9`),
          model: `m${i % 3}`,
        }),
      );
      await record(...events);
      let nano = 0n;
      for (let i = 0; i < events.length; i += 1) nano += BigInt((i % 997) + 1);
      const { totals, rows } = await usage('by=day,model');
      expect([totals.requests, totals.costUsd]).toEqual([12_345, formatScaled(nano, 9)]);
      const sum = (field: string) => rows.reduce((all: number, row: Record<string, number>) => all + row[field]!, 0);
      expect([rows.length, sum('requests')]).toEqual([6, 12_345]);
      const sliced = await service.store.sumUsage(service.team.id, {
        ...{ subscriberId: customer.id, afterMs: 0, afterId: '', untilMs: NOON + DAY, originMs: 0, by: [], size: 100 },
      });
      expect([sliced.groups[0]!.requests, sliced.next === null]).toEqual([100, false]);
    }, 60_000);

    it('stays in the books when the customer is deleted', async () => {
      await record(usageOf(customer.id, NOON, { totalCost: 0.125 }));
      await service.store.deleteCustomer(service.team.id, customer.id);
      for (const reference of [customer.id, customer.number, 'ann@example.com']) {
        const report = await usage('', reference);
        expect([report.customer.deleted === null, report.totals.costUsd]).toEqual([false, '0.125']);
      }
      const { json } = await service.ask({ path: `${CUSTOMERS}/${customer.id}/usage/export?format=json` });
      expect([json.count, json.records[0].price.amountUsd]).toEqual([1, '0.125']);
    });

    it('is exported in three forms, the same events in each, oldest first', async () => {
      await record(
        usageOf(customer.id, NOON, { transactionId: 'b', model: '=cmd()', totalCost: 0.1, key: 'gk_1' }),
        usageOf(customer.id, NOON - HOUR, { transactionId: 'a', model: 'never-heard-of' }),
        usageOf(customer.id, NOON - 30 * DAY, { transactionId: 'before' }),
        usageOf('cus_other', NOON, { transactionId: 'x' }),
      );
      const get = (query: string) => service.ask({ path: `${CUSTOMERS}/1/usage/export?start=2026-08-19&${query}` });
      const csv = await get('');
      expect(csv.headers['content-type']).toBe('text/csv; charset=utf-8; header=present');
      const lines = csv.text
        .trimEnd()
        .split('\r\n')
        .map((line) => line.split(','));
      const cell = (line: number, column: string) => lines[line]![lines[0]!.indexOf(column)];
      expect(lines).toHaveLength(3);
      expect([cell(1, 'transactionId'), cell(1, 'costUsd'), cell(1, 'priceState')]).toEqual(['a', '', 'unknown']);
      expect([cell(2, 'model'), cell(2, 'costUsd'), cell(2, 'credentialName')]).toEqual(["'=cmd()", '0.1', 'gk_1']);
      const json = (await get('format=json')).json;
      expect(json).toMatchObject({ customer: { id: customer.id }, start: '2026-08-19T00:00:00.000Z', count: 2 });
      const ndjson = (await get('format=ndjson')).text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
      expect(ndjson).toEqual(json.records);
      expect(ndjson.map(({ transactionId }) => transactionId)).toEqual(['a', 'b']);
      const none = await get('format=json&end=2026-08-19T00:00:01Z');
      expect(none.json).toMatchObject({ records: [], count: 0 });
    });

    it('is exported page by page: whoever hangs up ends the reading, and all of it comes, compressed or not', async () => {
      const padding = 'x'.repeat(1_000);
      const events = Array.from({ length: 6_000 }, (_, i) =>
        usageOf(customer.id, NOON - (i % 7) * 1_000, {
          transactionId: `t-${i}`,
          totalCost: 0.001,
          errorReason: padding,
        }),
      );
      await record(...events);
      const pages = vi.spyOn(service.store, 'exportSubscriberEvents');
      const open = (encoding: string) =>
        new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
          const headers = { 'x-api-key': service.keys.write, 'accept-encoding': encoding };
          const url = `${service.url}${CUSTOMERS}/1/usage/export?format=json`;
          requestHttp(url, { headers }, resolve).on('error', reject).end();
        });
      const left = await open('identity');
      await new Promise((resolve) => left.once('data', resolve));
      left.on('error', () => undefined).destroy();
      await service.ask({ path: '/healthz', key: null });
      const seen = pages.mock.calls.length;
      expect(seen).toBeLessThan(10);
      for (let i = 0; i < 20; i += 1) await service.ask({ path: '/healthz', key: null });
      expect(pages.mock.calls.length - seen).toBeLessThanOrEqual(2);
      const chunks: Buffer[] = [];
      for await (const chunk of await open('gzip')) chunks.push(chunk as Buffer);
      const whole = JSON.parse(gunzipSync(Buffer.concat(chunks)).toString());
      const ids = new Set(whole.records.map(({ transactionId }: { transactionId: string }) => transactionId));
      expect([whole.count, ids.size]).toEqual([6_000, 6_000]);
      for (const result of pages.mock.results) {
        expect((await (result.value as Promise<readonly unknown[]>)).length).toBeLessThanOrEqual(500);
      }
    }, 60_000);

    it('is for write keys of the team alone, and what is written wrongly is said', async () => {
      for (const path of ['usage', 'usage/export', 'budget']) {
        const ask = (query: string, key?: string) =>
          service.ask({ path: `${CUSTOMERS}/1/${path}?${query}`, ...(key === undefined ? {} : { key }) });
        expect((await ask('', service.keys.metering)).status).toBe(403);
        expect((await ask(`teamId=${service.other.id}`)).status).toBe(403);
        const foreign = await ask('', service.otherKeys.write);
        expect([foreign.status, foreign.json.error]).toEqual([404, 'not_found']);
      }
      const wrong: Record<string, string> = {
        'start=yesterday': 'start: must be a date like 2026-11-30, or a full instant',
        'end=2026-02-30': 'end: 2026-02-30 is no day of the calendar',
        'end=2026-02-03T10:00': 'end: must be a date',
        'timeZone=Berlin': "there is no zone 'Berlin'",
        'start=2026-02-02&end=2026-02-01': 'must not be before start',
        'by=day,week': "must name some of day, model, key, operation, with commas between, not 'week'",
        'by=day&start=1990-01-01': 'a report by day has at most',
      };
      for (const [query, problem] of Object.entries(wrong)) {
        const got = await service.ask({ path: `${CUSTOMERS}/1/usage?${query}` });
        expect([got.status, got.json.message], query).toEqual([400, expect.stringContaining(problem)]);
      }
      const got = await service.ask({ path: `${CUSTOMERS}/1/usage/export?format=xml` });
      expect([got.status, got.json.message]).toEqual([400, expect.stringContaining('csv, json or ndjson')]);
    });
  });
}
