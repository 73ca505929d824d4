// The commands on prices, in this process, against a service over real HTTP.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRuntime } from 'fusewire/internal';
import pc from 'picocolors';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { main } from '../../../service/cli/main.js';
import { sendJson } from '../../../service/http/send-json.js';
import { type RunningService, startService } from '../../../service/index.js';
import { usageEvent } from '../../helpers/service-fixture.js';

let service: RunningService;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fusewire-cli-'));
  service = await startService();
});
afterAll(async () => {
  await service.close();
  await rm(folder, { recursive: true, force: true });
});

async function run(args: readonly string[], isTerminal = false) {
  const out: string[] = [];
  const err: string[] = [];
  const env = { REVENIUM_METERING_BASE_URL: service.url, REVENIUM_WRITE_API_KEY: service.keys.write };
  const code = await main(['prices', ...args], {
    out: (text) => void out.push(text),
    err: (text) => void err.push(text),
    write: async () => undefined,
    isTerminal,
    colors: pc.createColors(false),
    runtime: { ...createRuntime(), env },
    workingDir: folder,
  });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

async function json(...args: string[]) {
  const { code, out, err } = await run([...args, '--json']);
  expect([code, err]).toEqual([0, '']);
  return JSON.parse(out);
}

it('rates of every kind are set, looked up and withdrawn', async () => {
  const rates = ['--input', '1.25', '--cache-write-1h', '4', '--rate', 'perAudioMinute=0.006', '--image', 'hd/*=0.08'];
  const above = ['--above', '200000:inputPerMillion=2.5', '--valid-until', '2099-01-01T00:00:00Z'];
  const set = await json('set', 'own', '--provider', 'Acme', ...rates, ...above);
  expect(set).toMatchObject({
    inputPerMillion: 1.25,
    cacheWrite1hPerMillion: 4,
    perAudioHour: 0.36,
    images: [{ quality: 'hd', resolution: null, perImage: 0.08 }],
    tiers: [{ aboveTokens: 200_000, inputPerMillion: 2.5 }],
    validUntil: '2099-01-01T00:00:00.000Z',
  });
  expect(await json('lookup', 'own', '--provider', 'acme')).toMatchObject({ source: `override:${set.id}` });
  const { out } = await run(['lookup', 'own', '--provider', 'acme']);
  expect(out.split('\n')[1]).toBe(
    [
      ...['own', 'acme', 'rates', '1.25', '', '', '', '4', '', ''],
      'perAudioHour 0.36; hd 0.08; above 200000: inputPerMillion 2.5',
      `override:${set.id}`,
      'outputPerMillion, reasoningPerMillion, outputAudioPerMillion, outputImagePerMillion, perVideoHour, ' +
        'perMillionCharacters, perCredit',
    ].join('\t'),
  );
  expect((await run(['list'], true)).out).toContain('made with the team');
  expect(await json('withdraw', set.id)).toEqual({ withdrawn: set.id });
  expect(await json('lookup', 'own', '--provider', 'acme')).toMatchObject({ kind: 'unknown' });
  expect((await json('list', '--all')).map((price: { state: string }) => price.state)).toContain('past');
});

it('a price list is shown, accepted, and what is held back ends the command with 1', async () => {
  await json('set', 'dear', '--input', '1');
  const prices = [
    { model: 'dear', kind: 'rates', inputPerMillion: 100 },
    { model: 'new', kind: 'rates', inputPerMillion: 3 },
  ];
  await writeFile(join(folder, 'list.json'), JSON.stringify(prices));
  const shown = await run(['import', 'list.json', '--name', 'October']);
  expect(shown.code).toBe(0);
  expect(shown.out.split('\n').slice(1, 3)).toEqual([
    expect.stringMatching(/^\*\/dear\tchanged\toverride:\S+\tinputPerMillion 1 → 100 \(×100\)\theld back$/),
    '*/new\tadded\t\tinputPerMillion none → 3\t',
  ]);
  const [list] = await json('imports');
  expect(list).toMatchObject({ name: 'October', state: 'draft', heldBack: ['*/dear'] });
  const partly = await run(['accept', list.id, '--json']);
  expect([partly.code, partly.err]).toEqual([1, 'fusewire: held back until confirmed: */dear']);
  expect(JSON.parse(partly.out)).toMatchObject({ state: 'partly' });
  expect(await json('accept', list.id, '--confirm', '*/dear')).toMatchObject({ state: 'accepted', heldBack: [] });
  expect(await json('lookup', 'dear', '--provider', 'x')).toMatchObject({ inputPerMillion: 100 });
  const again = await run(['accept', list.id]);
  expect([again.code, again.err]).toEqual([
    1,
    expect.stringContaining('answered 409: the price list is accepted already'),
  ]);
});

it('events are priced again and show every price that they had', async () => {
  const headers = { 'x-api-key': service.keys.metering };
  const body = usageEvent({ transactionId: 'tx-1', model: 'late', requestTime: new Date().toISOString() });
  const url = `${service.url}/meter/v2/ai/completions`;
  expect((await sendJson({ method: 'POST', url, headers, body })).status).toBe(201);
  await json('set', 'late', '--per-request', '0.5');
  const done = await json('reprice', '--reason', 'check', '--all', '--wait');
  expect(done).toMatchObject({ state: 'done', scope: 'all', reason: 'check' });
  const entries = await json('history', 'tx-1');
  expect(entries.map((entry: Record<string, unknown>) => [entry['priceState'], entry['amountUsd']])).toEqual([
    ['unknown', 0],
    ['known', 0.5],
  ]);
  expect((await json('repricings')).length).toBeGreaterThan(0);
  await json('catalogue');
  expect((await run(['catalogue', '--confirm', 'openai/none'])).code).toBe(1);
});

it('flat fees are set in two words, both kept and shown, and cost their sum for every request', async () => {
  const { code, out } = await run(['set', 'llama3.2', '0.001', '0.002']);
  expect(code).toBe(0);
  expect(out.split('\n').at(-1)).toBe('llama3.2: $0.0010 a request + $0.0020 for the model = $0.0030 each request');
  expect((await run(['set', 'llama3.2', '0.001', '0.0000025'], true)).out).toContain(
    '$0.0010 a request + $0.0000025 for the model = $0.0010025 each request',
  );
  const found = await json('lookup', 'llama3.2', '--provider', 'OLLAMA');
  expect(found).toMatchObject({ kind: 'rates', perRequest: 0.001, perModel: 0.0000025, unknown: [] });
  const headers = { 'x-api-key': service.keys.metering };
  const body = usageEvent({ transactionId: 'flat', model: 'llama3.2', provider: 'OLLAMA' });
  await sendJson({ method: 'POST', url: `${service.url}/meter/v2/ai/completions`, headers, body });
  const [entry] = await json('history', 'flat');
  expect(entry).toMatchObject({ priceState: 'known', amountUsd: 0.0010025, rateSource: found.source });
  expect(found.source).toBe(`override:${found.override.id}`);
});

it.each([
  [['set', 'm'], 'give at least one rate'],
  [['set', 'm', 'cheap'], "PER_REQUEST is an amount in US dollars like 0.001, not 'cheap'"],
  [['set', 'm', '0.1', '-2'], "PER_MODEL is an amount in US dollars like 0.001, not '-2'"],
  [['set', 'm', '0.1', '--per-request', '0.2'], 'perRequest is given twice'],
  [['set', 'm', '--rate', 'perCredit'], "--rate is written like perAudioMinute=0.006, not 'perCredit'"],
  [['set', 'm', '--above', 'x:inputPerMillion=1'], '--above is written like'],
  [['lookup', 'm'], "required option '--provider <name>' not specified"],
  [['reprice'], "required option '--reason <text>' not specified"],
])('%j was written wrongly: exit code 2', async (args, problem) => {
  const { code, err } = await run(args);
  expect([code, err]).toEqual([2, expect.stringContaining(problem)]);
});

it.each([
  [['import', 'nothing.json'], 'cannot be read'],
  [['import', 'text.json'], 'is not JSON'],
  [['import', 'number.json'], 'holds no price list'],
  [['set', 'm', '--input', '-1'], 'inputPerMillion: must not be negative'],
])('%j fails: exit code 1', async (args, problem) => {
  await writeFile(join(folder, 'text.json'), 'model,price');
  await writeFile(join(folder, 'number.json'), '7');
  const { code, err } = await run(args);
  expect([code, err]).toEqual([1, expect.stringContaining(problem)]);
});
