/** Every command of docs/hard-budgets.md is run as it stands, on a service with a hold that expired. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createRuntime } from 'fusewire/internal';
import { expect, it } from 'vitest';
import { startService } from '../../../service/index.js';
import { suiteCall, take } from '../../holds/desk-contract.js';
import { hardControl } from '../../holds/service-desk.js';
import { runInProcess } from './in-process.js';

const WORD = /"([^"]*)"|(\S+)/g;
const wordsOf = (line: string) => [...line.matchAll(WORD)].map(([, quoted, plain]) => quoted ?? plain ?? '');
const documentText = () => readFile(new URL('../../../docs/hard-budgets.md', import.meta.url), 'utf8');

it('the commands of docs/hard-budgets.md do what it says', { timeout: 60_000 }, async () => {
  const scripts = [...(await documentText()).matchAll(/```sh\n([\s\S]*?)```/g)].map(([, script]) => script ?? '');
  const folder = await mkdtemp(join(tmpdir(), 'fusewire-doc-'));
  let aheadMs = 0;
  const runtime = createRuntime({ now: () => Date.now() + aheadMs });
  const service = await startService({ dataDir: join(folder, 'fusewire-data'), runtime });
  const { store, team } = service;
  try {
    const control = await store.createControl(team.id, {
      ...hardControl('Cap', { limit: 5_000 }),
      metricType: 'TOTAL_COST',
      ...{ onUnknownPrice: 'assume', assumedPricePerMillionTokens: '0', assumedPricePerRequest: '1.25' },
    });
    const operation = take(100, { call: { ...suiteCall({ model: 'in-house' }), model: 'in-house', provider: 'own' } });
    expect((await store.operateHolds(team.id, [operation]))[0]?.outcome).toBe('held');
    aheadMs = 300_000;
    const known: Record<string, string> = { ID: control.id, HOLD: operation.id };
    const said: string[] = [];
    for (const line of scripts.flatMap((script) => script.split('\n').filter((text) => text.startsWith('fusewire ')))) {
      const args = wordsOf(line)
        .slice(1)
        .map((word) => known[word] ?? word);
      const { code, out, err } = await runInProcess(args, { workingDir: folder, runtime });
      expect([code, err], line).toEqual([0, '']);
      known['RAISE'] = /\(raise (\S+)\)/.exec(out)?.[1] ?? known['RAISE'] ?? '';
      said.push(`${line}\n${out}`);
    }
    const all = said.join('\n');
    expect(said).toHaveLength(10);
    expect(all).toContain('raised by 50 until');
    expect(all, 'the list says what was charged').toMatch(/\tcharged \$1\.25\n/);
    expect(all).toContain('taken back: what it was charged is not spent any more');

    const curl = scripts.find((script) => script.startsWith('curl')) ?? '';
    const env = {
      ...process.env,
      REVENIUM_METERING_BASE_URL: service.url,
      REVENIUM_WRITE_API_KEY: service.keys?.write,
      REVENIUM_TEAM_ID: team.id,
    };
    const { stdout } = await promisify(execFile)('sh', ['-c', curl], { env });
    expect(JSON.parse(stdout)).toMatchObject({ name: 'Tokens', enforcement: 'HARD', onExpiry: 'charge' });
  } finally {
    await service.close();
    await rm(folder, { recursive: true, force: true });
  }
});

it('the figures that docs/hard-budgets.md names are at /metrics', async () => {
  const named = new Set([...(await documentText()).matchAll(/fusewire_holds_\w+/g)].map(([name]) => name));
  const service = await startService({ dataDir: await mkdtemp(join(tmpdir(), 'fusewire-doc-')) });
  try {
    const text = await (await fetch(`${service.url}/metrics`)).text();
    expect(named.size).toBe(9);
    for (const name of named) expect(text).toContain(`# TYPE ${name} `);
  } finally {
    await service.close();
  }
});
