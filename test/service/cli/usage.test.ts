import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRowCounter } from '../../../service/cli/row-counter.js';
import type { ListedCustomer } from '../../../service/ledger/customers.js';
import { runCli } from '../../helpers/run-cli.js';
import { openServiceFixture, type ServiceFixture } from '../../helpers/service-fixture.js';
import { openTestStore } from '../../helpers/stores.js';
import { HOUR, handClock, NOON } from '../store-support.js';
import { recordMany, usageOf } from '../usage/usage-support.js';
import { runInProcess } from './in-process.js';

describe('fusewire usage and budget', { timeout: 60_000 }, () => {
  let folder: string;
  let service: ServiceFixture;
  let ann: ListedCustomer;
  let bob: ListedCustomer;
  let env: Record<string, string>;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fusewire-cli-'));
    service = await openServiceFixture(openTestStore, { runtime: handClock().runtime });
    env = { REVENIUM_METERING_BASE_URL: service.url, REVENIUM_WRITE_API_KEY: service.keys.write };
    const { store, team } = service;
    ann = await store.createCustomer(team.id, { name: 'Ann', email: 'ann@example.com', budget: { amount: '1' } });
    bob = await store.createCustomer(team.id, { name: 'Bob', email: 'bob@example.com' });
    const tokens = { inputTokenCount: 100, outputTokenCount: 20 };
    await recordMany(store, team.id, [
      usageOf(ann.id, NOON, { transactionId: 'a', model: 'gpt-4o', totalCost: 0.000000001, ...tokens }),
      usageOf(ann.id, NOON - 13 * HOUR, { transactionId: 'b', model: 'gpt-4o', totalCost: 0.9, ...tokens }),
      usageOf(ann.id, NOON, { transactionId: 'c', model: '=cmd()', errorReason: 'two\nlines "quoted"' }),
    ]);
  });
  afterAll(async () => {
    await service.close();
    await rm(folder, { recursive: true, force: true });
  });
  const run = (...args: string[]) => runInProcess(args, { workingDir: folder, env });
  const terminal = (...args: string[]) => runInProcess(args, { workingDir: folder, env, isTerminal: true });
  const lines = (out: string) => out.trimEnd().split('\n');

  it('reports by model in a pipe, by the same command under its old name, and through the real program', async () => {
    const report = await run('usage', 'report', '1');
    expect([report.code, report.err]).toEqual([0, '']);
    expect(lines(report.out).map((line) => line.split('\t'))).toEqual([
      ['MODEL', 'PROVIDER', 'REQUESTS', 'FAILED', 'INPUT', 'OUTPUT', 'CACHED', 'COST', 'UNKNOWN', 'ESTIMATED'],
      ['gpt-4o', 'OPENAI', '2', '0', '200', '40', '0', '$0.900000001', '0', '0'],
      ['=cmd()', 'OPENAI', '1', '0', '0', '0', '0', 'unknown', '1', '0'],
    ]);
    expect((await run('usage-report', 'ann@example.com')).out).toBe(report.out);
    expect(await runCli(folder, ['usage', 'report', ann.id], env)).toEqual({ code: 0, out: report.out, err: '' });
    expect((await run('--help')).out).not.toContain('usage-report');
  });

  it('reports by day and key, and says on a terminal what is a lower bound', async () => {
    const { out } = await terminal('usage', 'report', '1', '--by', 'day,key');
    expect(out).toContain(`Ann (number 1, ${ann.id})\nfrom 2026-08-01T00:00:00.000Z until before 2026-09-01T`);
    expect(out).toMatch(/│ 2026-08-18 +│ none +│ +│ +1 │ +0 │ +100 │ +20 │ +0 │ +\$0\.90 │ +0 │ +0 │/);
    expect(out).toMatch(/│ 2026-08-19 .* at least \$0\.000000001 │ +1 │ +0 │/);
    expect(out).toContain(
      'total: 3 requests, 0 failed, at least $0.900000001\n1 event of unknown price: the cost is a',
    );
    expect((await terminal('usage', 'report', '2')).out).toContain('nothing was used');
  });

  it('takes end dates as included, in a zone, and prints JSON as the API answers', async () => {
    const json = async (...args: string[]) => JSON.parse((await run('usage', 'report', '1', '--json', ...args)).out);
    expect((await json('--end-date', '2026-08-18')).totals).toMatchObject({ requests: 1, costUsd: '0.9' });
    expect((await json('--start-date', '2026-08-19', '--end-date', '2026-08-19')).totals.requests).toBe(2);
    const berlin = ['--start-date', '2026-08-19', '--end-date', '2026-08-19', '--time-zone', 'europe/berlin'];
    const report = await json(...berlin, '--by', '');
    expect(report).toMatchObject({
      customer: { id: ann.id, number: 1, name: 'Ann', email: 'ann@example.com', active: true, deleted: null },
      start: '2026-08-18T22:00:00.000Z',
      end: '2026-08-19T22:00:00.000Z',
      timeZone: 'Europe/Berlin',
      by: [],
      rows: [],
    });
    expect(Object.keys(report.totals)).toEqual([
      ...['requests', 'failed', 'inputTokens', 'outputTokens', 'cachedTokens', 'costUsd', 'unknownPrices', 'estimated'],
      'unknownUsage',
    ]);
  });

  it('exports to standard output and to a file for its owner alone, and counts what it wrote', async () => {
    const csv = await runCli(folder, ['usage', 'export', '1'], env);
    expect([csv.code, csv.err, csv.out.split('\r\n').length]).toEqual([0, '', 5]);
    expect(csv.out).toContain(`,'=cmd(),`);
    expect(csv.out).toContain('"two\nlines ""quoted"""');
    const made = await run('export-usage', '1', '--format', 'csv', '--out', 'ann.csv');
    const file = join(folder, 'ann.csv');
    expect(await readFile(file, 'utf8')).toBe(csv.out);
    expect([made.code, made.out, made.err]).toEqual([
      0,
      '',
      `${file}: 3 events, ${Buffer.byteLength(csv.out)} bytes\n`,
    ]);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await run('usage', 'export', '1', '--out', 'ann.csv')).toMatchObject({
      code: 1,
      err: expect.stringContaining('is there already'),
    });
    const json = await run('usage', 'export', '1', '--format', 'json', '--out', 'ann.json', '--json');
    expect(JSON.parse(json.out)).toMatchObject({ format: 'json', rows: 3, file: join(folder, 'ann.json') });
    const records = JSON.parse(await readFile(join(folder, 'ann.json'), 'utf8')).records;
    expect(records.map(({ transactionId }: { transactionId: string }) => transactionId)).toEqual(['b', 'a', 'c']);
    expect(JSON.parse((await run('usage', 'export', '1', '--json')).out)).toMatchObject({ count: 3 });
    expect((await run('usage', 'export', '1', '--format', 'ndjson', '--out', 'ann.ndjson')).err).toContain('3 events');
  });

  it('says what is wrong, and leaves no file', async () => {
    const before = await readdir(folder);
    for (const [args, code, words] of [
      [['usage', 'report', '9'], 1, "there is no customer '9'"],
      [['usage', 'report', '1', '--end-date', 'tomorrow'], 1, 'end: must be a date like 2026-11-30'],
      [['usage', 'report', '1', '--by', 'week'], 1, 'must name some of day, model, key, operation'],
      [['usage', 'export', '9', '--out', 'none.csv'], 1, "there is no customer '9'"],
      [['usage', 'export', '1', '--format', 'xml'], 2, 'Allowed choices are csv, json, ndjson'],
      [['usage', 'report'], 2, "missing required argument 'customer'"],
      [['budget', 'check', '9'], 1, "there is no customer '9'"],
    ] as const) {
      const got = await run(...args);
      expect([got.code, got.err], args.join(' ')).toEqual([code, expect.stringContaining(words)]);
    }
    expect(await readdir(folder)).toEqual(before);
  });

  it('an export that breaks off fails, and its file is not there', async () => {
    const half = (answer: ServerResponse) => {
      answer.writeHead(200, { 'content-type': 'text/csv' });
      answer.write('id,transactionId\r\n1,2\r\n', () => answer.destroy());
    };
    const server: Server = createServer((_request, answer) => half(answer));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
    const args = ['usage', 'export', '1', '--url', url, '--key', service.keys.write];
    const before = await readdir(folder);
    const file = await run(...args, '--out', 'half.csv');
    expect([file.code, file.err]).toEqual([1, expect.stringContaining('the export broke off')]);
    expect((await run(...args)).code).toBe(1);
    expect(await readdir(folder)).toEqual(before);
    await new Promise((resolve) => server.close(resolve));
  });

  it('checks budgets: exit code 0 while something is left, 3 when one is exceeded', async () => {
    const ok = await run('budget', 'check', '1');
    expect(ok.code).toBe(3);
    // An event of unknown price: the budget of a customer refuses what nobody can bound (I5).
    expect(ok.out).toContain(`Budget of Ann (${ann.id})\tevery call\t$0.900000001\t$1.00\t$0.099999999\t90 %\t1\t`);
    const free = { model: '=cmd()', kind: 'free' };
    await service.ask({ path: '/v2/api/fusewire/prices', json: free });
    const json = async () => JSON.parse((await run('budget', 'check', '1', '--json')).out);
    await expect.poll(async () => (await json()).state).toBe('warning');
    expect((await runCli(folder, ['check-budget', '1'], env)).code).toBe(0);
    expect((await json()).budgets).toMatchObject([
      {
        isOwn: true,
        state: 'warning',
        remaining: '0.099999999',
        percentUsed: 90,
        resetsAt: '2026-09-01T00:00:00.000Z',
      },
    ]);
    await recordMany(service.store, service.team.id, [usageOf(ann.id, NOON, { totalCost: 0.099999999 })]);
    const over = await terminal('budget', 'check', '1');
    expect([over.code, over.out]).toEqual([
      3,
      expect.stringMatching(/\$1\.00 │ +\$1\.00 │ +\$0\.00 │ +100 % .* exceeded/),
    ]);
    const none = await terminal('budget', 'check', String(bob.number));
    expect([none.code, none.out]).toEqual([0, expect.stringContaining('no budget concerns this customer')]);
    expect(none.out).toContain('no budget of its own');
  });
});

describe('the events of an export', () => {
  it('are counted in pieces of any size, line breaks within quotes left out', () => {
    const csv = Buffer.from('a,b\r\n1,"two\nlines ""x"""\r\n2,"\r\n"\r\n');
    const json = Buffer.from('{"records":[\n{},\n{}\n],"count":2}\n');
    for (let size = 1; size < 9; size += 1) {
      const counters = { csv: createRowCounter('csv'), json: createRowCounter('json') };
      for (let i = 0; i < csv.length; i += size) counters.csv.see(csv.subarray(i, i + size));
      for (let i = 0; i < json.length; i += size) counters.json.see(json.subarray(i, i + size));
      expect([counters.csv.rows(), counters.json.rows()], String(size)).toEqual([2, 2]);
    }
    const cut = createRowCounter('json');
    cut.see(json.subarray(0, -8));
    expect(cut.rows()).toBeUndefined();
  });
});
