import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type RunningService, startService } from '../../../service/index.js';
import { suiteCall, take } from '../../holds/desk-contract.js';
import { hardControl } from '../../holds/service-desk.js';
import { runInProcess } from './in-process.js';

let folder: string;
let service: RunningService;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fusewire-cli-'));
  service = await startService({ dataDir: join(folder, 'fusewire-data') });
});
afterAll(async () => {
  await service.close();
  await rm(folder, { recursive: true, force: true });
});

const run = (...args: string[]) => runInProcess(['holds', ...args], { workingDir: folder });
const rowsOf = (out: string) =>
  out
    .trim()
    .split('\n')
    .map((line) => line.split('\t'));

it('holds list and holds release: who holds what, and the end of it', async () => {
  const { store, team } = service;
  expect(rowsOf((await run('list')).out)).toHaveLength(1);
  const tokens = await store.createControl(team.id, hardControl('Tokens', { limit: 1_000 }));
  const cost = await store.createControl(team.id, {
    ...hardControl('Cost', { limit: 5, byOrganization: true }),
    metricType: 'TOTAL_COST',
    ...{ onUnknownPrice: 'assume', assumedPricePerMillionTokens: '0', assumedPricePerRequest: '1.25' },
  });
  const unknown = { ...suiteCall({ organization: 'acme', model: 'in-house' }), model: 'in-house', provider: 'own' };
  const one = take(100, { owner: 'host-a:1', call: unknown });
  const two = take(50, { owner: 'host-\u001b[31mb' });
  expect((await store.operateHolds(team.id, [one, two])).map(({ outcome }) => outcome)).toEqual(['held', 'held']);

  const [headings, ...lines] = rowsOf((await run('list')).out);
  expect(headings).toEqual([
    'ID',
    'OWNER',
    'AGE',
    'EXPIRES IN',
    'CONTROL',
    'GROUP',
    'AMOUNT',
    'DRAWN',
    'LEFT',
    'STATE',
  ]);
  expect(lines).toHaveLength(3);
  const costLine = lines.find(([, , , , control]) => control === 'Cost');
  expect(costLine).toEqual([
    ...[one.id, 'host-a:1', expect.stringMatching(/^\d+s$/), expect.stringMatching(/^1[12]\ds$/), 'Cost', 'acme'],
    ...['$1.25', '$0.00', '$1.25', 'open'],
  ]);
  const listed = await run('list', '--control', tokens.id, '--owner', 'host-a:1');
  expect(rowsOf(listed.out).slice(1)).toMatchObject([
    [one.id, 'host-a:1', /s$/, /s$/, 'Tokens', '-', '100', '0', '100', 'open'].map((cell) =>
      cell instanceof RegExp ? expect.stringMatching(cell) : cell,
    ),
  ]);
  expect((await run('list')).out).not.toContain('\u001b');
  const json = JSON.parse((await run('list', '--control', cost.id, '--json')).out);
  expect(json).toMatchObject([{ id: one.id, state: 'open' }]);
  expect((await run('list', '--state', 'shut')).code).toBe(2);

  const narrow = await runInProcess(['holds', 'list'], { workingDir: folder, isTerminal: true, width: 80 });
  const [head, ...shown] = stripVTControlCharacters(narrow.out).trimEnd().split('\n');
  expect(head).toMatch(/^ID +OWNER .*CONTROL +GROUP .*LEFT +STATE$/);
  expect([head, ...shown].filter((line) => line!.length > 80)).toEqual([]);
  expect(shown.at(-1)).toMatch(/^left out: .*DRAWN.*--json have everything$/);
  const short = shown.find((line) => line.includes('$1.25'))?.split(' ')[0];
  const [start = '', end = ''] = short?.split('…') ?? [];
  expect([one.id.startsWith(start), one.id.endsWith(end)]).toEqual([true, true]);
  expect([start.length, end.length].every((length) => length >= 6 && length < 18)).toBe(true);
  const unknownShort = await run('release', 'zzzzzz…zzzzzz');
  expect([unknownShort.code, unknownShort.err]).toEqual([1, 'fusewire: no hold with the id zzzzzz…zzzzzz\n']);

  const released = await run('release', short!);
  expect([released.code, released.out]).toEqual([0, `${one.id} of host-a:1: given back: what it held is free again\n`]);
  expect((await run('release', one.id)).out).toContain('nothing to do');
  const missing = await run('release', '00000000-0000-4000-8000-000000000000');
  expect([missing.code, missing.err]).toEqual([1, expect.stringContaining('there is no hold with this id')]);
  expect(
    rowsOf((await run('list')).out)
      .slice(1)
      .map(([id]) => id),
  ).toEqual([two.id]);
  expect(rowsOf((await run('list', '--state', 'all')).out)).toHaveLength(4);
  const audit = await store.listAudit(team.id, { page: 0, size: 10, subject: 'hold' });
  expect(audit.items).toMatchObject([{ action: 'released', subjectId: one.id }]);
});
