import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sendJson } from '../../../service/http/send-json.js';
import { type RunningService, startService } from '../../../service/index.js';
import { runCli, startCli } from '../../helpers/run-cli.js';
import { runInProcess } from './in-process.js';

/** A process compiles its sources first: seconds on a busy machine. */
const TIME_LIMIT_MS = 180_000;

describe('commands over the API', { timeout: TIME_LIMIT_MS }, () => {
  let service: RunningService;
  let folder: string;
  let env: Record<string, string>;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fusewire-cli-'));
    service = await startService();
    env = {
      REVENIUM_METERING_BASE_URL: `${service.url}/meter/v2`,
      REVENIUM_WRITE_API_KEY: service.keys.write,
    };
    const lines = Object.entries(env).map(([name, value]) => `${name}=${value}\n`);
    await writeFile(join(folder, '.env'), lines.join(''));
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

  it('controls are created, listed, changed and deleted; a pipe gets plain lines', async () => {
    const filters = ['--filter', 'MODEL:STARTS_WITH:gpt-4:x', '--filter', 'SUBSCRIBER:IN:a,b'];
    const made = await json(
      'controls',
      'create',
      '--name',
      'Tab\there',
      '--limit',
      '0.5',
      '--warn',
      '0.4',
      ...filters,
      '--shadow',
    );
    expect(made).toMatchObject({
      metricType: 'TOTAL_COST',
      windowType: 'DAILY',
      hardLimit: 0.5,
      warnThreshold: 0.4,
      shadowMode: true,
      teamId: service.team.id,
    });
    expect(made.filters).toEqual([
      { dimension: 'MODEL', operator: 'STARTS_WITH', value: 'gpt-4:x' },
      { dimension: 'SUBSCRIBER', operator: 'IN', values: ['a', 'b'] },
    ]);
    const listed = await run('controls', 'list');
    // The same in a process of its own, which reads `.env`.
    expect(await runCli(folder, ['controls', 'list'])).toEqual(listed);
    const [head, row, ...rest] = listed.out
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t'));
    expect(head).toEqual(['ID', 'NAME', 'METRIC', 'WINDOW', 'LIMIT', 'WARN', 'GROUP BY', 'FILTERS', 'STATE']);
    expect(row).toEqual([
      made.id,
      'Tab here',
      'TOTAL_COST',
      'DAILY',
      '$0.50',
      '$0.40',
      '',
      'MODEL:STARTS_WITH:gpt-4:x SUBSCRIBER:IN:a,b',
      'shadow',
    ]);
    expect([rest, listed.out]).toEqual([[], expect.not.stringContaining('\u001b')]);
    const changed = await json(
      'controls',
      'update',
      made.id,
      '--no-shadow',
      '--filter',
      'none',
      '--warn',
      'none',
      '--group-by',
      'model',
      '--on-client-leave',
      'Abort',
    );
    expect(changed).toMatchObject({
      shadowMode: false,
      filters: [],
      warnThreshold: null,
      groupBy: 'MODEL',
      hardLimit: 0.5,
      onClientLeave: 'abort',
    });
    expect(await json('controls', 'delete', made.id)).toEqual({ id: made.id, deleted: true });
    const gone = await run('controls', 'delete', made.id);
    expect([gone.code, gone.out, gone.err]).toEqual([
      1,
      '',
      expect.stringMatching(/^fusewire: .* answered 404: there is no cost control with this id\n$/),
    ]);
  });

  it('prices are set, declared free and listed', async () => {
    const set = await json('prices', 'set', 'my-model', '--provider', 'OPENAI', '--input', '0.15', '--output', '0.6');
    expect(set).toMatchObject({ model: 'my-model', kind: 'rates', inputPerMillion: 0.15, outputPerMillion: 0.6 });
    expect(await json('prices', 'free', 'local')).toMatchObject({ model: 'local', kind: 'free' });
    const { out } = await run('prices', 'list');
    expect(out).toMatch(/^MODEL\tPROVIDER\tKIND/);
    expect(out).toMatch(/^my-model\tOPENAI\trates\t0\.15\t0\.6\t/m);
  });

  it('events and status show what was metered and how the rules stand', async () => {
    const control = await json('controls', 'create', '--name', 'trip', '--metric', 'token_count', '--limit', '100');
    const event = {
      transactionId: 'cli-1',
      model: 'my-model',
      provider: 'OPENAI',
      inputTokenCount: 1_000_000,
      outputTokenCount: 0,
      totalTokenCount: 1_000_000,
      requestTime: new Date().toISOString(),
    };
    await sendJson({
      method: 'POST',
      url: `${service.url}/meter/v2/ai/completions`,
      headers: { 'x-api-key': service.keys.metering },
      body: event,
    });
    const [usage] = await json('events', '--usage', '--transaction', 'cli-1');
    expect(usage).toMatchObject({ transactionId: 'cli-1', totalTokenCount: 1_000_000 });
    const [trip] = await json('events', '--size', '5');
    expect(trip).toMatchObject({ ruleId: control.id, outcome: 'BLOCKED', threshold: 100, currentValue: 1_000_000 });
    expect((await run('events')).out).toMatch(/^WHEN\tWHAT\tCONTROL/);
    const status = await json('status');
    expect(status).toMatchObject({ url: service.url, ready: true, teamId: service.team.id });
    expect(status.rules.find(({ name }: { name: string }) => name === 'trip')).toMatchObject({ breached: true });
    expect((await run('status')).out).toMatch(/^trip\tTOKEN_COUNT\tDAILY\t1000000\t100\trefuses\t/m);
    await run('controls', 'delete', control.id);
    const keyless = await runCli(tmpdir(), ['status', '--url', service.url]);
    expect([keyless.code, keyless.out]).toEqual([0, expect.stringMatching(/ is ready; with a key/)]);
  });

  it('end with 2 where they are written wrongly, and with 1 where they fail', async () => {
    const wrong = [
      ['nonsense'],
      ['controls', 'create', '--filter', 'MODEL=x'],
      ['controls', 'update', 'x'],
      ['events', '--size', 'many'],
      ['prices', 'set', 'm'],
      ['keys', 'create'],
      ['keys', 'create', '--local', '--scope', 'all'],
      ['status', '--url', 'ftp://x'],
    ];
    const runs = await Promise.all(wrong.map((args) => run(...args)));
    expect(runs.map(({ code, out }) => [code, out])).toEqual(wrong.map(() => [2, '']));
    for (const { err } of runs) expect(err.length).toBeGreaterThan(10);
    const failing = [
      ['status', '--url', 'http://127.0.0.1:9'],
      ['controls', 'list', '--key', `rev_sk_fwX_${'0'.repeat(43)}`],
      ['controls', 'create', '--name', 'n'],
      ['keys', 'list', '--local'],
    ];
    for (const { code, out, err } of await Promise.all(failing.map((args) => run(...args)))) {
      expect([code, out, err.trimEnd().split('\n').length], err).toEqual([1, '', 1]);
      expect(err).toMatch(/^fusewire: /);
      expect(err).not.toContain('0'.repeat(43));
    }
    const help = await run('controls', 'create', '--help');
    expect([help.code, help.out]).toEqual([0, expect.stringContaining('--group-by')]);
    expect((await run('--version')).out).toBe('0.1.0\n');
  });
});

describe('keys on the data folder', { timeout: TIME_LIMIT_MS }, () => {
  it('are made, listed and revoked while the service runs and while it does not', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fusewire-cli-'));
    const child = startCli(folder, ['serve', '--port', '0', '--json'], { LOG_LEVEL: 'silent' });
    try {
      await child.waitFor('\n');
      const { url, teamId } = JSON.parse(child.out());
      const ask = async (key: string) =>
        (
          await sendJson({
            method: 'GET',
            url: `${url}/v2/api/ai/enforcement-rules/${teamId}`,
            headers: { 'x-api-key': key },
          })
        ).status;
      const made = await runInProcess(['keys', 'create', '--local', '--label', 'ci', '--scope', 'write'], {
        workingDir: folder,
      });
      expect(made).toEqual({
        code: 0,
        out: expect.stringMatching(/^REVENIUM_TEAM_ID=fw\w+\nREVENIUM_WRITE_API_KEY=rev_sk_\w+\n$/),
        err: '# Shown this once:\n',
      });
      const key = /WRITE_API_KEY=(\S+)/.exec(made.out)![1]!;
      expect(await ask(key)).toBe(204);
      const listed = JSON.parse(
        (await runInProcess(['keys', 'list', '--local', '--json'], { workingDir: folder })).out,
      );
      const mine = listed.find(({ label }: { label: string }) => label === 'ci');
      expect([listed.length, mine]).toEqual([
        3,
        expect.objectContaining({ scope: 'write', teamId, hint: key.slice(-4), revoked: null }),
      ]);
      expect((await runInProcess(['keys', 'revoke', '--local', mine.id], { workingDir: folder })).out).toBe(
        `revoked ${mine.id}\n`,
      );
      expect(await ask(key)).toBe(401);
      const unknown = await runInProcess(['keys', 'revoke', '--local', 'nothing'], { workingDir: folder });
      expect([unknown.code, unknown.err]).toEqual([1, 'fusewire: there is no active key with the id nothing\n']);

      // Killed: the door is still noted, and nobody is behind it.
      child.process.kill('SIGKILL');
      await child.ended;
      const alone = await runInProcess(['keys', 'create', '--local', '--json'], { workingDir: folder });
      expect([alone.code, JSON.parse(alone.out)]).toEqual([
        0,
        expect.objectContaining({ scope: 'metering', teamId, key: expect.stringMatching(/^rev_mk_/) }),
      ]);
      expect(
        (await runInProcess(['keys', 'list', '--local'], { workingDir: folder })).out.trimEnd().split('\n'),
      ).toHaveLength(5);
    } finally {
      child.process.kill('SIGKILL');
      await child.ended;
      await rm(folder, { recursive: true, force: true });
    }
  });
});
