import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningService, startService } from '../../../service/index.js';
import { runInProcess } from './in-process.js';

describe('hard controls and raises on the command line', { timeout: 120_000 }, () => {
  let service: RunningService;
  let folder: string;
  let env: Record<string, string>;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fusewire-cli-'));
    service = await startService();
    env = { REVENIUM_METERING_BASE_URL: `${service.url}/meter/v2`, REVENIUM_WRITE_API_KEY: service.keys.write };
  });
  afterAll(async () => {
    await service.close();
    await rm(folder, { recursive: true, force: true });
  });
  const run = (...args: string[]) => runInProcess(args, { workingDir: folder, env });
  const json = async (...args: string[]) => {
    const { code, out, err } = await run(...args, '--json');
    expect([code, err]).toEqual([0, '']);
    return JSON.parse(out);
  };

  it('are made, shown, changed, and made polled again', async () => {
    const reactions = ['--clamp-output', '--downgrade-to', 'gpt-4o-mini', '--throttle', '2s'];
    const rest = ['--on-expiry', 'RELEASE', '--estimate', 'expected', '--when-exhausted', 'finish'];
    const outputs = ['--assumed-output-tokens', '512', '--output-limit', 'assume'];
    const made = await json(
      'controls',
      'create',
      '--name',
      'cap',
      '--limit',
      '5',
      '--hard',
      ...reactions,
      ...rest,
      ...outputs,
    );
    expect(made).toMatchObject({
      ...{ enforcement: 'HARD', clampOutput: true, downgradeTo: 'gpt-4o-mini', throttleMs: 2_000, onExpiry: 'release' },
      ...{ estimate: 'expected', whenExhausted: 'finish', assumedOutputTokens: 512, outputLimit: 'assume' },
    });
    const { out } = await run('controls', 'show', made.id);
    expect(out).toContain('state\thard');
    expect(out).toContain('clamps output, downgrades to gpt-4o-mini, throttles 2000 ms');
    const none = ['--downgrade-to', 'none', '--throttle', 'none', '--no-clamp-output'];
    expect(await json('controls', 'update', made.id, ...none)).toMatchObject({
      ...{ downgradeTo: null, throttleMs: null, clampOutput: false, enforcement: 'HARD' },
    });
    expect(await json('controls', 'update', made.id, '--no-hard')).toMatchObject({
      enforcement: 'POLLED',
      estimate: null,
    });
    for (const wrong of [['--throttle', 'soon'], ['--assumed-output-tokens', 'many'], ['--clamp-output']]) {
      expect([wrong, (await run('controls', 'update', made.id, ...wrong)).code]).not.toEqual([wrong, 0]);
    }
  });

  it('are raised for a while, listed, explained and ended', async () => {
    const made = await json('controls', 'create', '--name', 'raised', '--limit', '5', '--hard');
    const said = await run('controls', 'raise', made.id, '2.5', '--until', '2h', '--reason', 'launch day');
    expect([said.code, said.out]).toEqual([0, expect.stringMatching(/^raised by 2\.5 until .*: launch day/)]);
    const [raise] = await json('controls', 'raises', made.id);
    expect(raise).toMatchObject({ amount: '2.5', ended: null });
    expect((await run('controls', 'list')).out).toContain('\t$5.00 + $2.50 raised\t');
    const { out } = await run('explain', '--model', 'gpt-4o');
    expect(out).toContain('$0.00 + $0.00 held < $5.00 + $2.50 raised: passes');
    expect(out).toContain('raise of raised: $2.50 until');
    expect(await json('controls', 'end-raise', made.id, raise.id)).toEqual({ id: raise.id, ended: true });
    expect((await run('controls', 'end-raise', made.id, raise.id)).code).not.toBe(0);
    for (const until of ['yesterday', '-2h']) {
      expect((await run('controls', 'raise', made.id, '1', '--until', until, '--reason', 'x')).code).not.toBe(0);
    }
    const customer = await json('customers', 'create', 'Ann', 'ann@example.com', '--budget', '25', '--hard');
    expect(customer.budget).toMatchObject({ amount: '25', hard: true });
    expect((await json('customers', 'update', 'ann@example.com', '--no-hard')).budget.hard).toBe(false);
  });
});
