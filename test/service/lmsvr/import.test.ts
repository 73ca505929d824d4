import { copyFile, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRuntime } from 'fusewire/internal';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type RunningService, startService } from '../../../service/index.js';
import { openDriver } from '../../../service/store/sqlite/driver.js';
import { runInProcess } from '../cli/in-process.js';
import { KEYS, makeSeedDatabase } from './seed-database.js';

/** In the middle of a month; it goes on. */
const NOW = Date.UTC(2026, 10, 17, 12);
const startedAt = performance.now();
const runtime = createRuntime({ now: () => NOW + Math.floor(performance.now() - startedAt) });

describe('fusewire import lmsvr', { timeout: 60_000 }, () => {
  /** Made once: a data folder as the first start leaves it, and the database that is taken over. */
  let template: string;
  beforeAll(async () => {
    template = await mkdtemp(join(tmpdir(), 'fusewire-lmsvr-'));
    await (await startService({ dataDir: join(template, 'fusewire-data'), runtime })).close();
    await makeSeedDatabase(join(template, 'lmsvr.db'), NOW);
  });
  afterAll(() => rm(template, { recursive: true, force: true }));

  let folder: string;
  let dataDir: string;
  let seed: string;
  let service: RunningService | undefined;
  let ollama: Server | undefined;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fusewire-lmsvr-'));
    dataDir = join(folder, 'fusewire-data');
    seed = join(folder, 'lmsvr.db');
    await cp(template, folder, { recursive: true });
  });
  afterEach(async () => {
    await service?.close();
    service = undefined;
    await new Promise((resolve) => (ollama === undefined ? resolve(undefined) : ollama.close(resolve)));
    ollama = undefined;
    await rm(folder, { recursive: true, force: true });
  });
  const run = (...args: string[]) =>
    runInProcess(['import', 'lmsvr', ...args], { workingDir: folder, runtime: { now: runtime.now } });
  const json = async (...args: string[]) =>
    JSON.parse((await run(seed, '--zero-budget', 'unlimited', '--json', ...args)).out);
  const start = async () => {
    const answering = createServer((request, response) => {
      request.resume().on('end', () => {
        response.setHeader('content-type', 'application/json');
        const done = { done: true, prompt_eval_count: 4, eval_count: 2 };
        response.end(JSON.stringify({ model: 'llama3.2', message: { role: 'assistant', content: 'Four.' }, ...done }));
      });
    });
    ollama = answering;
    await new Promise<void>((resolve) => answering.listen(0, '127.0.0.1', resolve));
    const OLLAMA_BASE_URL = `http://127.0.0.1:${(answering.address() as AddressInfo).port}`;
    service = await startService({ dataDir, runtime, gateway: { OLLAMA_BASE_URL } });
    return service;
  };
  const chat = (key: string, model = 'llama3.2') =>
    fetch(`${service!.gatewayUrl}/api/chat`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model, messages: [{ role: 'user', content: '2+2?' }], stream: false }),
    });

  it('takes everything over, once, however often it runs', async () => {
    const first = await json();
    expect(first).toEqual({
      dryRun: false,
      customers: { made: 4, there: 0 },
      keys: { made: 6, there: 0, ended: 2 },
      prices: { made: 2, there: 0 },
      events: { stored: 6, there: 0, conflicts: 0, skipped: 0, total: 6 },
      problems: [],
      unpricedModels: ['mystery'],
      unpricedHere: 'free',
    });
    const again = await json();
    expect(again).toMatchObject({
      customers: { made: 0, there: 4 },
      keys: { made: 0, there: 6, ended: 0 },
      prices: { made: 0, there: 2 },
      events: { stored: 0, there: 6, conflicts: 0 },
      problems: [],
    });
  });

  it('leaves customers their keys: they call with them, on the budget that they had, less what they spent this month', async () => {
    await json();
    const { store, team } = await start();
    const answered = await chat(KEYS.ann);
    expect(answered.status).toBe(200);
    // 0.003 + 0.1 + 0.0000125 before, and the flat fees of this call; what was spent in 2024 is of another window.
    expect(answered.headers.get('fusewire-budget-limit')).toBe('25.5');
    await expect.poll(async () => (await store.findCustomer(team.id, 'ann@example.com'))?.budget?.amount).toBe('25.5');
    const bob = await chat(KEYS.bob);
    expect(bob.status).toBe(402);
    expect(JSON.stringify(await bob.json())).toMatch(/1\.2/);
    // A budget of 0 was none.
    expect((await store.findCustomer(team.id, 'zoe@example.com'))?.budget).toBeNull();
    const status = async (key: string) => (await chat(key)).status;
    expect([
      await status(KEYS.later),
      await status(KEYS.revoked),
      await status(KEYS.expired),
      await status(KEYS.inactive),
    ]).toEqual([200, 401, 401, 401]);
    expect(await status(`sk_${'x'.repeat(43)}`)).toBe(401);
    // Without a price there: free here, as all models of Ollama are at the first start.
    for (const model of ['mystery', 'free-model']) {
      const free = await chat(KEYS.ann, model);
      expect([free.status, Number(free.headers.get('fusewire-budget-spend'))]).toEqual([
        200,
        expect.closeTo(0.1090125, 9),
      ]);
    }
  });

  it('keeps what each request cost, when it was, whose it was and what it used', async () => {
    await json();
    const { store, team } = await start();
    const ann = (await store.findCustomer(team.id, 'ann@example.com'))!;
    const { items } = await store.findEvents(team.id, { page: 0, size: 100 });
    const imported = items.filter(({ transactionId }) => transactionId.startsWith('lmsvr-'));
    expect(imported).toHaveLength(6);
    const one = (id: string) => imported.find(({ transactionId }) => transactionId === id)!;
    const openai = one('lmsvr-102');
    expect(openai.body).toMatchObject({
      provider: 'OPENAI',
      model: 'gpt-4o',
      inputTokenCount: 100,
      outputTokenCount: 20,
      totalCost: 0.1,
      subscriber: { id: ann.id, email: 'ann@example.com', credential: { name: expect.stringMatching(/^gk_/) } },
      attributes: { endpoint: '/v1/chat/completions' },
    });
    expect(one('lmsvr-103').body).toMatchObject({ provider: 'ANTHROPIC', inputTokenCount: 10, totalCost: 0.0000125 });
    expect(one('lmsvr-104').body).toMatchObject({
      provider: 'OLLAMA',
      operationType: 'GENERATE',
      requestTime: '2024-12-31T23:59:59.999Z',
    });
    expect(one('lmsvr-105').body).toMatchObject({ provider: 'OLLAMA' });
    const orphan = one('lmsvr-106').body as { subscriber: object; model: string };
    expect([orphan.model, orphan.subscriber]).toEqual([
      'unknown',
      expect.not.objectContaining({ credential: expect.anything() }),
    ]);
    const report = await runInProcess(['usage', 'report', 'ann@example.com', '--start-date', '2024-01-01', '--json'], {
      workingDir: folder,
    });
    expect([report.code, report.err]).toEqual([0, '']);
    expect(report.out).toContain('0.1130125');
  });

  it('looks only, in a dry run', async () => {
    const dry = await run(seed, '--zero-budget', 'blocked', '--dry-run');
    expect([dry.code, dry.err]).toEqual([0, '']);
    expect(dry.out).toContain('customers: 4 to be made, 0 there already');
    expect(dry.out).toContain('usage: 6 of 6 rows to be recorded');
    expect(dry.out).toContain('! mystery had no price of its own: it cost a cent a request there, and is free here');
    expect((await json()).customers).toEqual({ made: 4, there: 0 });
  });

  it('seed weakness 4: asks what a budget of 0 means, for here it lets nothing pass', async () => {
    const asked = await run(seed);
    expect([asked.code, asked.err]).toEqual([
      2,
      expect.stringMatching(/lets nothing pass here; say --zero-budget .* for zoe@example\.com/),
    ]);
    expect((await run(seed, '--zero-budget', 'blocked')).code).toBe(0);
    const { store, team } = await start();
    expect((await store.findCustomer(team.id, 'zoe@example.com'))?.budget?.amount).toBe('0');
  });

  it('does not change the database that it reads', async () => {
    const before = await readFile(seed);
    await json();
    expect(await readFile(seed)).toEqual(before);
  });

  it('tells what it cannot take over, takes the rest, and ends with 3', async () => {
    const driver = await openDriver(seed);
    driver.exec(`
      INSERT INTO customers VALUES (5, 'Ann again', 'ANN@example.com', NULL, 1, NULL), (6, 'No address', 'nobody', NULL, 1, NULL);
      INSERT INTO api_keys VALUES (51, 5, '${'ab'.repeat(32)}', NULL, NULL, 1), (15, 1, 'plain', NULL, NULL, 1);
      INSERT INTO usage_logs VALUES (107, 5, 51, '/api/chat', 'llama3.2', 1, 1.0, '2026-11-01 00:00:00', NULL),
        (108, 1, 11, '/api/chat', 'llama3.2', 1, 1.0, NULL, NULL);
    `);
    driver.close();
    const ran = await run(seed, '--zero-budget', 'unlimited', '--json');
    expect(ran.code).toBe(3);
    const { problems, ...counts } = JSON.parse(ran.out);
    expect(counts).toMatchObject({ customers: { made: 4 }, keys: { made: 6 }, events: { stored: 6, skipped: 2 } });
    expect(problems).toEqual([
      expect.stringMatching(/^key 15: its hash is no SHA-256/),
      expect.stringMatching(/^customer 5 \(ANN@example\.com\): has the address of customer 1/),
      expect.stringMatching(/^customer 6 \(nobody\): email: /),
      expect.stringMatching(/^2 rows of usage name no customer/),
    ]);
  });

  it('keeps a second database apart by its own --source, and says so where it has none', async () => {
    await json();
    const second = join(folder, 'second.db');
    await copyFile(seed, second);
    const driver = await openDriver(second);
    driver.exec('UPDATE usage_logs SET cost = cost * 2');
    driver.close();
    const clash = await run(second, '--zero-budget', 'unlimited', '--json');
    expect([clash.code, JSON.parse(clash.out).events.conflicts]).toEqual([3, 6]);
    const apart = await run(second, '--zero-budget', 'unlimited', '--json', '--source', 'second');
    expect([apart.code, JSON.parse(apart.out).events.stored]).toEqual([0, 6]);
  });

  it('finishes what an import that was cut off began: a key that has ended stays ended', async () => {
    const { store, team } = await start();
    const ann = await store.createCustomer(team.id, { name: 'Ann', email: 'ann@example.com' });
    const { createHash } = await import('node:crypto');
    const hash = createHash('sha256').update(KEYS.revoked).digest('hex');
    await store.createGatewayKey(team.id, ann.id, {}, { hash, hint: '????' });
    expect((await chat(KEYS.revoked)).status).not.toBe(401);
    await service!.close();
    await json();
    await new Promise((resolve) => ollama!.close(resolve));
    await start();
    expect((await chat(KEYS.revoked)).status).toBe(401);
  });

  it.each([
    ['no such file', ['none.db'], /is not there/],
    ['a text', ['text.db'], /cannot be read/],
    [
      'another database',
      [join('fusewire-data', 'fusewire.db')],
      /is no database of the Ollama gateway: there is no a table customers|no .*customers/,
    ],
    ['a wrong --source', ['lmsvr.db', '--source', 'A B'], /--source is a short name/],
    ['a wrong --zero-budget', ['lmsvr.db', '--zero-budget', 'yes'], /is unlimited or blocked/],
    [
      'a team that is not there',
      ['lmsvr.db', '--zero-budget', 'blocked', '--team', 'fwNobody'],
      /there is no team fwNobody/,
    ],
  ])('says what is wrong with %s', async (_, args, message) => {
    await writeFile(
      join(folder, 'text.db'),
      'no database at all, but longer than a header of SQLite is, by far and more',
    );
    const ran = await run(...args);
    expect([ran.code === 1 || ran.code === 2, ran.out, ran.err]).toEqual([true, '', expect.stringMatching(message)]);
  });

  it('does not write beside a service that runs', async () => {
    await start();
    const ran = await run(seed, '--zero-budget', 'blocked');
    expect([ran.code, ran.err]).toEqual([1, expect.stringMatching(/has the database open: stop it/)]);
  });
});
