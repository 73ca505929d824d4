import { request as requestHttp } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { csvLine, csvText } from '../../../service/export/csv.js';
import { CSV_HEAD } from '../../../service/export/export-columns.js';
import { openServiceFixture, type ServiceFixture, usageEvent } from '../../helpers/service-fixture.js';
import { STORES } from '../../helpers/stores.js';
import { event } from '../store-support.js';

const PATH = '/v2/api/fusewire/export';

describe.each(STORES)('the export, $name', ({ open }) => {
  let service: ServiceFixture;
  beforeEach(async () => {
    service = await openServiceFixture(open);
  });
  afterEach(() => service.close());

  const send = (fields: Record<string, unknown>) =>
    service.ask({ path: '/meter/v2/ai/completions', json: usageEvent(fields) });
  const lines = async (query: string) =>
    (await service.ask({ path: `${PATH}?format=jsonl&${query}` })).text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));

  it('holds each event once with its price, oldest first, in both forms', async () => {
    const at = (minutes: number) => ({ requestTime: new Date(Date.now() - minutes * 60_000).toISOString() });
    await send({
      transactionId: 'a',
      totalCost: 0.25,
      ...at(1),
      subscriber: { id: 'rita', email: 'rita@example.org' },
    });
    await send({ transactionId: 'b', model: 'never-heard-of', ...at(2), agent: '=cmd()' });
    await send({ transactionId: 'c', model: 'phi', provider: 'OLLAMA', ...at(3), taskType: 'a "quoted", line' });
    const all = await lines('');
    expect(all.map(({ transactionId }) => transactionId)).toEqual(['c', 'b', 'a']);
    expect(all.map(({ price }) => [price.state, price.amountUsd])).toEqual([
      ['free', '0'],
      ['unknown', null],
      ['known', '0.25'],
    ]);
    expect(all[2].event).toMatchObject({ transactionId: 'a', inputTokenCount: 412, subscriber: { id: 'rita' } });
    const csv = await service.ask({ path: PATH });
    expect(csv.headers['content-type']).toBe('text/csv; charset=utf-8; header=present');
    const [head, ...rows] = csv.text.split('\r\n');
    expect(`${head}\r\n`).toBe(CSV_HEAD);
    expect([rows.length, rows.at(-1)]).toEqual([4, '']);
    const names = head!.split(',');
    const cell = (row: string, name: string) => row.split(',')[names.indexOf(name)];
    expect(cell(rows[1]!, 'costUsd')).toBe('');
    expect(cell(rows[1]!, 'agent')).toBe("'=cmd()");
    expect(rows[0]).toContain('"a ""quoted"", line"');
    expect([cell(rows[2]!, 'costUsd'), cell(rows[2]!, 'subscriberEmail')]).toEqual(['0.25', 'rita@example.org']);
  });

  it('goes by the time that windows count: from is in it, to is not; pages leave nothing out and repeat nothing', async () => {
    const start = Date.now() - 3_600_000;
    // Many of one instant: the key of a page is time and id.
    const events = Array.from({ length: 1_203 }, (_, i) =>
      event(start + (i < 700 ? 0 : i), { transactionId: `t-${i}`, totalCost: 1 }, start + 2_000),
    );
    await service.store.recordEvents(service.team.id, events);
    const all = await lines('');
    expect(new Set(all.map(({ transactionId }) => transactionId)).size).toBe(1_203);
    expect(all).toHaveLength(1_203);
    const iso = (ms: number) => new Date(start + ms).toISOString();
    expect(await lines(`from=${iso(0)}&to=${iso(700)}`)).toHaveLength(700);
    expect(await lines(`from=${iso(1)}&to=${iso(1_202)}`)).toHaveLength(502);
    expect(await lines(`from=${iso(5_000)}`)).toEqual([]);
  });

  it('is compressed where the client takes it', async () => {
    await send({ transactionId: 'zipped' });
    const chunks: Buffer[] = [];
    const headers = { 'x-api-key': service.keys.write, 'accept-encoding': 'gzip' };
    const encoding = await new Promise<string | undefined>((resolve, reject) => {
      const asked = requestHttp(`${service.url}${PATH}?format=jsonl`, { headers }, (answer) => {
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('end', () => resolve(answer.headers['content-encoding']));
        answer.on('error', reject);
      });
      asked.on('error', reject);
      asked.end();
    });
    expect(encoding).toBe('gzip');
    expect(gunzipSync(Buffer.concat(chunks)).toString()).toContain('"transactionId":"zipped"');
  });

  it('stops reading when the client hangs up, and reads no further ahead than it is taken', async () => {
    const start = Date.now() - 3_600_000;
    const padding = 'x'.repeat(1_000);
    for (let i = 0; i < 10; i += 1) {
      const some = Array.from({ length: 1_000 }, (_, j) =>
        event(start + i, { transactionId: `big-${i}-${j}`, errorReason: padding }, start + 2_000),
      );
      await service.store.recordEvents(service.team.id, some);
    }
    const pages = vi.spyOn(service.store, 'exportEvents');
    for (const encoding of ['identity', 'gzip']) {
      pages.mockClear();
      await new Promise<void>((resolve, reject) => {
        const headers = { 'x-api-key': service.keys.write, 'accept-encoding': encoding };
        const asked = requestHttp(`${service.url}${PATH}?format=jsonl`, { headers }, (answer) => {
          answer.once('data', () => {
            answer.destroy();
            resolve();
          });
          answer.on('error', () => undefined);
        });
        asked.on('error', reject);
        asked.end();
      });
      await service.ask({ path: '/healthz', key: null });
      const seen = pages.mock.calls.length;
      expect(seen).toBeLessThan(15);
      for (let i = 0; i < 20; i += 1) await service.ask({ path: '/healthz', key: null });
      expect(pages.mock.calls.length - seen, encoding).toBeLessThanOrEqual(2);
    }
  });

  it('is refused to metering keys, for other teams, and where the range is none', async () => {
    expect((await service.ask({ path: PATH, key: service.keys.metering })).status).toBe(403);
    expect((await service.ask({ path: `${PATH}?teamId=${service.other.id}` })).status).toBe(403);
    const wrong = {
      'from=yesterday': 'from',
      'format=xml': 'format',
      'from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z': 'to',
    };
    for (const [query, field] of Object.entries(wrong)) {
      const got = await service.ask({ path: `${PATH}?${query}` });
      expect([got.status, JSON.stringify(got.json.details)], query).toEqual([400, expect.stringContaining(field)]);
    }
    await send({ transactionId: 'mine' });
    expect((await service.ask({ path: PATH, key: service.otherKeys.write })).text).toBe(CSV_HEAD);
    vi.spyOn(service.store, 'exportEvents').mockRejectedValueOnce(new Error('gone'));
    expect((await service.ask({ path: PATH })).status).toBe(500);
  });
});

describe('a cell of CSV', () => {
  it('is quoted where it must be, and never a formula', () => {
    const cells = [
      'plain',
      'a,b',
      'say "hi"',
      'two\nlines',
      '=1+1',
      '+1',
      '-1',
      '@x',
      '\tx',
      '\rx',
      '=a,"b"',
      "'x",
      '',
    ];
    expect(cells.map(csvText)).toEqual([
      'plain',
      '"a,b"',
      '"say ""hi"""',
      '"two\nlines"',
      "'=1+1",
      "'+1",
      "'-1",
      "'@x",
      "'\tx",
      '"\'\rx"',
      '"\'=a,""b"""',
      "'x",
      '',
    ]);
    expect(csvLine(['a', 'b'])).toBe('a,b\r\n');
  });
});
