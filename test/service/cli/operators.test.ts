import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LOCAL_TEAM_HEADER } from '../../../service/http/access.js';
import { sendJson } from '../../../service/http/send-json.js';
import { type RunningService, startService } from '../../../service/index.js';
import { openDriver } from '../../../service/store/sqlite/driver.js';
import { startCli } from '../../helpers/run-cli.js';
import { event } from '../store-support.js';
import { runInProcess } from './in-process.js';

describe('commands on the machine of the service', { timeout: 60_000 }, () => {
  let folder: string;
  let dataDir: string;
  let service: RunningService | undefined;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fusewire-cli-'));
    dataDir = join(folder, 'fusewire-data');
    service = await startService({ dataDir });
  });
  afterEach(async () => {
    await service?.close();
    await rm(folder, { recursive: true, force: true });
  });
  const stop = async () => {
    await service?.close();
    service = undefined;
  };
  const start = async () => {
    service = await startService({ dataDir });
    return service;
  };
  const run = (...args: string[]) => runInProcess(args, { workingDir: folder });
  const json = async (...args: string[]) => {
    const { code, out, err } = await run(...args, '--json');
    expect([code, err], args.join(' ')).toEqual([0, '']);
    return JSON.parse(out);
  };
  const spend = (dollars: number) =>
    service!.store.recordEvents(service!.team.id, [event(Date.now(), { totalCost: dollars, agent: '-triage' })]);

  it('need no key where the data folder is theirs, act for the team that is named, and are audited as local', async () => {
    const { store, team } = service!;
    const made = await json('controls', 'create', '--name', 'cap', '--limit', '5');
    expect(made.teamId).toBe(team.id);
    const audit = await store.listAudit(team.id, { page: 0, size: 10, subject: 'control' });
    expect(audit.items.map(({ actor }) => actor)).toEqual([{ id: 'local:cli' }]);
    const second = await store.createTeam('second');
    expect(await json('controls', 'list', '--team', second.id)).toEqual([]);
    expect((await json('controls', 'create', '--name', 'b', '--limit', '1', '--team', second.id)).teamId).toBe(
      second.id,
    );
    expect((await run('controls', 'list', '--team', 'fwNobody')).code).toBe(1);
    expect((await run('status')).out).toContain(`team ${team.id}`);
    // The token goes to no address but that of the service that wrote it.
    const elsewhere = await run('controls', 'list', '--url', 'http://127.0.0.1:9');
    expect([elsewhere.code, elsewhere.err]).toEqual([2, expect.stringContaining('no key')]);
    await stop();
    const stopped = await run('controls', 'list');
    expect([stopped.code, stopped.err]).toEqual([2, expect.stringContaining('no key')]);
  });

  it('the token is worth nothing when it is wrong, forwarded, or beside a wrong key', async () => {
    const { token } = JSON.parse(readFileSync(join(dataDir, 'local-door.json'), 'utf8'));
    const ask = async (headers: Record<string, string>) =>
      (await sendJson({ method: 'GET', url: `${service!.url}/v2/api/ai/cost-controls`, headers })).status;
    const name = 'fusewire-admin-token';
    expect(await ask({ [name]: token })).toBe(200);
    expect(await ask({ [name]: `${token.slice(1)}0` })).toBe(403);
    expect(await ask({ [name]: '' })).toBe(403);
    expect(await ask({ [name]: token, 'x-forwarded-for': '127.0.0.1' })).toBe(403);
    expect(await ask({ [name]: token, [LOCAL_TEAM_HEADER]: 'fwNobody' })).toBe(403);
    expect(await ask({ [name]: token, 'x-api-key': 'rev_sk_nonsense' })).toBe(401);
    expect(await ask({})).toBe(401);
  });

  it('explain says why, as a table or JSON, and ends with 3 where the call is refused', async () => {
    await json('controls', 'create', '--name', 'cap', '--limit', '5', '--filter', 'MODEL:IS:gpt-4o');
    await json('controls', 'create', '--name', 'other', '--limit', '5', '--filter', 'MODEL:IS:o1');
    const passes = await run('explain', '--model', 'gpt-4o', '--provider', 'OPENAI');
    expect([passes.code, passes.err]).toEqual([0, '']);
    expect(passes.out).toMatch(/^passes: .*\nprice: known \(catalogue/);
    expect(passes.out).toMatch(/^cap\tTOTAL_COST\t\t\$0\.00\t\$5\.00\tDAILY.*\tallow\t\$0\.00 < \$5\.00: passes$/m);
    expect(passes.out).not.toContain('other');
    await service!.store.recordEvents(service!.team.id, [event(Date.now(), { model: 'gpt-4o', totalCost: 7 })]);
    const refused = await run('explain', '--model', 'gpt-4o', '--all');
    expect([refused.code, refused.err]).toEqual([3, '']);
    expect(refused.out).toMatch(/^refused: cap: \$7\.00 >= \$5\.00: refused\n/);
    expect(refused.out).toMatch(/^other\t.*not-concerned\tMODEL IS o1: the call has 'gpt-4o'$/m);
    const asJson = await run('explain', '--model', 'gpt-4o', '--json');
    expect([asJson.code, JSON.parse(asJson.out).verdict.outcome]).toEqual([3, 'refuse']);
    const seen = await runInProcess(['explain', '--model', 'gpt-4o'], { workingDir: folder, isTerminal: true });
    expect([seen.code, seen.out]).toEqual([3, expect.stringContaining('1 more do not concern the call')]);
    const bypass = await run('bypass', 'on', '--for', '5m', '--reason', 'incident');
    expect(bypass.code).toBe(0);
    const open = await run('explain', '--model', 'gpt-4o');
    expect([open.code, open.out]).toEqual([
      0,
      expect.stringMatching(/^passes: an operators' bypass .*\n.*\nbypass: on/),
    ]);
    expect((await run('explain')).code).toBe(2);
  });

  it('backup copies while the service runs and while it does not; the copy can be started from', async () => {
    await spend(2);
    const copy = join(folder, 'copy.db');
    expect(await json('backup', 'copy.db')).toMatchObject({ file: copy, events: 1, bytes: (await stat(copy)).size });
    expect((await stat(copy)).mode & 0o777).toBe(0o600);
    const again = await run('backup', 'copy.db');
    expect([again.code, again.err]).toEqual([1, `fusewire: ${copy} is there already\n`]);
    expect((await run('backup', 'no/such/folder/copy.db')).code).toBe(1);
    await spend(3);
    await stop();
    expect((await run('backup', 'later.db')).out).toMatch(/later\.db: \d+ bytes, 2 events, schema \d+; sound\n$/);
    // Restored: the first copy in the place of the database.
    for (const name of ['fusewire.db', 'fusewire.db-wal', 'fusewire.db-shm'])
      await rm(join(dataDir, name), { force: true });
    await writeFile(join(dataDir, 'fusewire.db'), readFileSync(copy));
    const { store, team } = await start();
    expect((await store.findEvents(team.id, { page: 0, size: 5 })).totalElements).toBe(1);
    expect((await store.verifyBalances()).wrong).toEqual([]);
    expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    const postgres = await runInProcess(['backup', 'x.db'], {
      workingDir: folder,
      env: { DATABASE_URL: 'postgres://h/d' },
    });
    expect([postgres.code, postgres.err]).toEqual([1, expect.stringContaining('pg_dump')]);
  });

  it('rebuild compares with exit code 3, repairs, and then there is nothing to say', async () => {
    await json('controls', 'create', '--name', 'cap', '--limit', '1');
    await spend(2);
    const { team } = service!;
    expect(await json('rebuild')).toEqual({
      dryRun: false,
      teams: [{ teamId: team.id, name: 'Default team', checked: 1, differences: 0, wrong: [], rebuilt: 0 }],
    });
    const spoil = async () => {
      await stop();
      const driver = await openDriver(join(dataDir, 'fusewire.db'));
      driver.exec('UPDATE balance SET value = 1, announced = 0');
      driver.close();
    };
    await spoil();
    const compared = await run('rebuild', '--dry-run');
    expect([compared.code, compared.err]).toEqual([
      3,
      expect.stringMatching(/kept 1, sum 2000000000\n.*nothing was changed/),
    ]);
    expect((await run('rebuild', '--dry-run', '--json')).code).toBe(3);
    await start();
    const running = await run('rebuild', '--team', team.id, '--dry-run');
    expect([running.code, running.out]).toEqual([
      3,
      expect.stringMatching(new RegExp(`^${team.id}\\t.*\\t1\\t1\\t0$`, 'm')),
    ]);
    expect(await json('rebuild', '--team', team.id)).toMatchObject({ teams: [{ differences: 1, rebuilt: 1 }] });
    expect(await json('rebuild', '--dry-run')).toMatchObject({ teams: [{ differences: 0 }] });
    await spoil();
    expect(await json('rebuild')).toMatchObject({ teams: [{ differences: 1, rebuilt: 1 }] });
    const unknown = await run('rebuild', '--team', 'fwNobody');
    expect([unknown.code, unknown.err]).toEqual([1, 'fusewire: there is no team fwNobody\n']);
    await start();
    expect((await run('rebuild', '--team', 'fwNobody')).err).toBe('fusewire: there is no team fwNobody\n');
    expect((await service!.store.verifyBalances()).wrong).toEqual([]);
  });

  it('export writes to a pipe, to a file that is whole or not there, and compressed', async () => {
    await spend(1);
    await spend(2);
    const piped = await run('export');
    expect([piped.code, piped.err, piped.out.split('\r\n')]).toEqual([0, '', expect.objectContaining({ length: 4 })]);
    expect(piped.out).toContain(",'-triage,");
    expect(
      (await run('export', '--json')).out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toHaveLength(2);
    const file = join(folder, 'spend.jsonl.gz');
    expect(await json('export', '--format', 'jsonl', '--out', 'spend.jsonl.gz')).toMatchObject({
      file,
      format: 'jsonl',
    });
    expect(gunzipSync(readFileSync(file)).toString().trim().split('\n')).toHaveLength(2);
    expect((await run('export', '--out', 'spend.jsonl.gz')).code).toBe(1);
    const wrong = await run('export', '--from', 'yesterday', '--out', 'none.csv');
    expect([wrong.code, wrong.err]).toEqual([1, expect.stringContaining('answered 400')]);
    expect((await run('export', '--format', 'xml')).code).toBe(2);
    expect((await readdir(folder)).sort()).toEqual(['fusewire-data', 'spend.jsonl.gz']);
  });

  it('export ends quietly when the reader of its pipe has seen enough', async () => {
    const events = Array.from({ length: 8_000 }, () => event(Date.now(), { errorReason: 'x'.repeat(1_000) }));
    await service!.store.recordEvents(service!.team.id, events);
    const child = startCli(folder, ['export', '--format', 'jsonl']);
    await child.waitFor('"transactionId"');
    child.process.stdout!.destroy();
    const { code, err } = await child.ended;
    expect([code, err]).toEqual([0, '']);
  });

  it('keys have rates, are rotated, and are listed over all teams', async () => {
    const made = await json('keys', 'create', '--local', '--rate', '1', '--label', 'slow');
    expect(made).toMatchObject({ ratePerSecond: 1, label: 'slow' });
    const ask = async (key: string) =>
      (await sendJson({ method: 'GET', url: `${service!.url}/v2/api/teams`, headers: { 'x-api-key': key } })).status;
    expect([await ask(made.key), await ask(made.key), await ask(made.key)]).toEqual([200, 200, 429]);
    const rotated = await json('keys', 'rotate', '--local', made.id);
    expect(rotated).toMatchObject({ ratePerSecond: 1, label: 'slow', scope: 'metering' });
    expect([await ask(made.key), await ask(rotated.key)]).toEqual([401, 200]);
    const kept = await json('keys', 'rotate', '--local', rotated.id, '--keep-old');
    expect([await ask(rotated.key), await ask(kept.key)]).toEqual([200, 200]);
    expect((await run('keys', 'rotate', '--local', made.id)).code).toBe(1);
    expect((await run('keys', 'create', '--local', '--rate', '0')).code).toBe(2);
    const second = await service!.store.createTeam('second');
    await json('keys', 'create', '--local', '--team', second.id);
    const all = (await json('keys', 'list', '--local', '--all-teams')) as { teamId: string }[];
    expect(new Set(all.map(({ teamId }) => teamId))).toEqual(new Set([service!.team.id, second.id]));
    expect((await run('keys', 'list', '--local', '--all-teams', '--team', second.id)).code).toBe(2);
  });

  it('departments and webhooks are made, listed and tried', async () => {
    const root = await json('departments', 'create', '--name', 'Engineering');
    const child = await json('departments', 'create', '--name', 'Search', '--parent', String(root.id));
    expect(child.path).toContain('Engineering');
    expect(await json('departments', 'list')).toHaveLength(2);
    expect(
      await json('departments', 'members', String(child.id), '--set', 'rita@example.org, sam@example.org'),
    ).toEqual({
      id: child.id,
      memberCount: 2,
    });
    const members = (await json('departments', 'members', String(child.id))) as { email: string }[];
    expect(members.map(({ email }) => email).sort()).toEqual(['rita@example.org', 'sam@example.org']);
    expect((await run('departments', 'members', String(child.id), '--set', ' ')).code).toBe(2);
    expect((await run('departments', 'members', String(child.id), '--clear')).out).toBe('0 members\n');
    expect((await run('departments', 'members', '99999')).code).toBe(1);
    const hook = await json('webhooks', 'create', '--name', 'ops', '--target', 'http://127.0.0.1:9/hook');
    expect(hook.secret).toEqual(expect.any(String));
    const listed = await run('webhooks', 'list');
    expect([listed.out, listed.out.includes(hook.secret)]).toEqual([expect.stringContaining(hook.id), false]);
    const tried = await run('webhooks', 'test', hook.id, '--json');
    expect([tried.code, JSON.parse(tried.out)]).toEqual([
      3,
      expect.objectContaining({ id: hook.id, delivered: false }),
    ]);
    expect(await json('webhooks', 'delete', hook.id)).toEqual({ id: hook.id, deleted: true });
    expect((await run('webhooks', 'delete', hook.id)).code).toBe(1);
  });

  it('say in their help what they need of the service, and what exit codes mean', async () => {
    const needs = [
      ['explain', 'Needs the running service'],
      ['export', 'Needs the running service'],
      ['backup', 'while it is stopped'],
      ['rebuild', 'while it is stopped'],
      ['keys rotate', 'while it is stopped'],
      ['webhooks list', 'Needs the running service'],
    ] as const;
    for (const [command, words] of needs) {
      const { code, out } = await run(...command.split(' '), '--help');
      expect([code, out], command).toEqual([0, expect.stringContaining(words)]);
      expect(out).toContain('3 done, and the answer is no');
    }
  });
});
