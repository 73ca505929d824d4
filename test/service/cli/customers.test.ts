import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hashKey } from '../../../service/admin/keys.js';
import { type RunningService, startService } from '../../../service/index.js';
import { runCli } from '../../helpers/run-cli.js';
import { runInProcess } from './in-process.js';

describe('fusewire customers, and keys of customers', { timeout: 60_000 }, () => {
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
  const run = (...args: string[]) => runInProcess(args, { workingDir: folder });
  const terminal = (answer: string, ...args: string[]) =>
    runInProcess(args, { workingDir: folder, isTerminal: true, answer });
  const json = async (...args: string[]) => {
    const { code, out, err } = await run(...args, '--json');
    expect([code, err], args.join(' ')).toEqual([0, '']);
    return JSON.parse(out);
  };
  const ended = async (code: number, words: string, ...args: string[]) => {
    const got = await run(...args);
    expect([got.code, got.out], args.join(' ')).toEqual([code, '']);
    expect(got.err).toContain(words);
  };

  it('makes, lists, shows, changes and deletes customers, and says what came of it by its exit code', async () => {
    const made = await run('customers', 'create', 'Ann', 'ann@example.com', '--budget', '12.50', '--window', 'daily');
    expect([made.code, made.err]).toEqual([0, '']);
    expect(made.out.split('\n').map((line) => line.split('\t'))).toEqual([
      ['NUMBER', 'ID', 'NAME', 'E-MAIL', 'BUDGET', 'WINDOW', 'STATE'],
      ['1', expect.stringMatching(/^cus_/), 'Ann', 'ann@example.com', '$12.5', 'DAILY', 'active'],
      [''],
    ]);
    expect(await json('customers', 'create', 'Bob', 'bob@example.com')).toMatchObject({ number: 2, budget: null });
    expect(await json('customers', 'list')).toMatchObject([{ number: 1 }, { number: 2 }]);
    expect(await json('customers', 'list', '--query', 'BOB')).toMatchObject([{ number: 2 }]);
    expect(await json('customers', 'update', 'bob@example.com', '--budget', '0')).toMatchObject({
      budget: { amount: '0' },
    });
    expect(
      await json('customers', 'update', '2', '--budget', 'none', '--active', 'false', '--name', 'Rob'),
    ).toMatchObject({ name: 'Rob', active: false, budget: null });
    const shown = await run('customers', 'show', '1');
    expect(shown.out).toContain('budget\t$12.5 DAILY\n');
    expect(shown.out).toContain('active keys\t0\n');
    const table = await terminal('', 'customers', 'list');
    expect(table.out).toContain('│ Ann');
    expect(table.out).toContain('inactive');
    await ended(2, 'nobody is here to ask: add --yes', 'customers', 'delete', '2');
    expect(await json('customers', 'delete', '2', '--yes')).toMatchObject({ number: 2, revokedKeys: 0 });
    expect(await json('customers', 'list')).toHaveLength(1);
    expect(await json('customers', 'list', '--all')).toHaveLength(2);
    await ended(1, '409: the customer Rob (number 2, cus_', 'customers', 'delete', '2', '--yes');
  });

  it('asks before it deletes, where a person can answer', async () => {
    await json('customers', 'create', 'Cid', 'cid@example.com');
    const no = await terminal('delete', 'customers', 'delete', 'cid@example.com');
    expect([no.code, no.out]).toEqual([1, '']);
    expect(no.err).toContain('Cid <cid@example.com>: its keys stop at once, its bills stay. Type DELETE');
    expect(no.err).toContain('nothing was deleted');
    const yes = await terminal('DELETE', 'customers', 'delete', 'cid@example.com');
    expect([yes.code, yes.out]).toEqual([
      0,
      expect.stringMatching(/^deleted cus_\w+ \(number 3, Cid\); keys revoked: 0\n$/),
    ]);
  });

  it('says what is wrong and what to do, with exit code 1 or 2', async () => {
    const create = ['customers', 'create', 'Dan'];
    await ended(1, 'a customer with the e-mail Ann@example.com exists already: number 1', ...create, 'Ann@example.com');
    await ended(1, "email: 'dan' is not an e-mail address", ...create, 'dan');
    await ended(1, "budget: 'lots' is not an amount of dollars", ...create, 'd@x', '--budget', 'lots');
    await ended(1, 'must not be negative', ...create, 'd@x', '--budget=-5');
    await ended(
      1,
      'timeZone: must be the name of an IANA time zone',
      ...create,
      'd@x',
      '--budget',
      '1',
      '--time-zone',
      'x',
    );
    await ended(2, 'add --budget', ...create, 'd@x', '--window', 'DAILY');
    await ended(2, 'leave --budget out', ...create, 'd@x', '--budget', 'none');
    await ended(2, "missing required argument 'email'", ...create);
    await ended(2, 'nothing to change', 'customers', 'update', '1');
    await ended(2, 'it has no window', 'customers', 'update', '1', '--budget', 'none', '--window', 'DAILY');
    await ended(1, "there is no customer '99'; give its id (cus_…), its number", 'customers', 'show', '99');
    await ended(1, "there is no customer '99'", 'keys', 'create', '99');
    await ended(1, "there is no customer '99'", 'customers', 'delete', '99', '--yes');
    expect((await json('customers', 'list')).map(({ number }: { number: number }) => number)).toEqual([1]);
    expect((await service.store.listControls(service.team.id, { page: 0, size: 9 })).totalElements).toBe(1);
  });

  it('makes, lists, rotates and revokes keys of customers beside the keys of the service', async () => {
    const made = await run(
      'keys',
      'create',
      '1',
      '--label',
      'ci',
      '--rate',
      '5',
      '--concurrency',
      '2',
      '--expires',
      '30d',
    );
    expect([made.code, made.err]).toEqual([
      0,
      expect.stringMatching(/^# Key gk_\w+ of customer cus_\w+\. Shown this once:\n$/),
    ]);
    expect(made.out).toMatch(/^sk_[0-9A-Za-z]{43}\n$/);
    const first = (await service.store.findGatewayKey(hashKey(made.out.trim())))!.key;
    expect(first).toMatchObject({ label: 'ci', ratePerSecond: 5, concurrencyMax: 2, dimensions: {} });
    expect(first.expiresAtMs! - first.createdAtMs).toBeGreaterThan(30 * 86_400_000 - 60_000);
    const fixed = ['--organization', 'o', '--product', 'p', '--agent', 'a', '--task-type', 't', '--environment', 'e'];
    const second = await json(
      'keys',
      'create',
      'ann@example.com',
      '--models',
      'm1, m2',
      '--expires',
      '2999-12-31',
      ...fixed,
    );
    expect(second).toMatchObject({
      ...{ models: ['m1', 'm2'], expires: '3000-01-01T00:00:00.000Z', key: expect.stringMatching(/^sk_/) },
      dimensions: { organizationName: 'o', productName: 'p', agent: 'a', taskType: 't', environment: 'e' },
    });
    const listed = await run('keys', 'list', '1');
    expect(
      listed.out
        .split('\n')
        .slice(1, 3)
        .map((line) => line.split('\t').slice(2, 9)),
    ).toEqual(
      expect.arrayContaining([
        [first.hint, 'ci', 'active', '5', '2', '', ''],
        [
          second.hint,
          '',
          'active',
          '',
          '',
          'm1 m2',
          'organizationName=o productName=p agent=a taskType=t environment=e',
        ],
      ]),
    );
    const rotated = await run('keys', 'rotate', first.id, '--overlap', '1h');
    expect(rotated.out).toMatch(/^sk_[0-9A-Za-z]{43}\n$/);
    const before = await service.store.findGatewayKey(hashKey(made.out.trim()));
    expect((before?.validUntilMs ?? 0) - Date.now()).toBeGreaterThan(3_500_000);
    expect((await run('keys', 'revoke', first.id)).out).toBe(`revoked ${first.id}\n`);
    expect((await service.store.findGatewayKey(hashKey(rotated.out.trim())))?.key.revokedAtMs).toBeDefined();
    expect((await json('keys', 'list', '--customers')).map(({ state }: { state: string }) => state).sort()).toEqual([
      'active',
      'revoked',
    ]);
    // The keys of the service are made, listed and revoked as before.
    const own = await json('keys', 'create', '--local', '--label', 'own');
    expect(own.key).toMatch(/^rev_mk_/);
    expect((await json('keys', 'list', '--local')).map(({ label }: { label: string }) => label)).toContain('own');
    expect((await json('keys', 'rotate', own.id, '--local')).key).toMatch(/^rev_mk_/);
    await ended(1, 'there is no active key', 'keys', 'revoke', own.id, '--local');
  });

  it('tells the two kinds of keys apart, and takes no key for its id', async () => {
    await ended(2, 'name its customer; for keys of the service', 'keys', 'create');
    await ended(2, 'add --local', 'keys', 'list');
    await ended(2, '--scope is for keys of the service', 'keys', 'create', '1', '--scope', 'write');
    await ended(2, '--local is for keys of the service', 'keys', 'create', '1', '--local');
    await ended(2, '--task-type is for keys of customers', 'keys', 'create', '--local', '--task-type', 'x');
    await ended(2, 'not several', 'keys', 'list', '1', '--customers');
    await ended(2, '--keep-old is for keys of the service', 'keys', 'rotate', 'gk_x', '--keep-old');
    await ended(2, '--overlap is for keys of customers', 'keys', 'rotate', 'x', '--local', '--overlap', '1h');
    await ended(
      2,
      "--overlap takes a span such as 30m, 1h or 2d, not 'soon'",
      'keys',
      'rotate',
      'gk_x',
      '--overlap',
      'soon',
    );
    await ended(2, "not '2026-02-30'", 'keys', 'create', '1', '--expires', '2026-02-30');
    await ended(1, 'expires: must be in the future', 'keys', 'create', '1', '--expires', '2020-01-01');
    await ended(2, 'must be a whole number', 'keys', 'create', '1', '--concurrency', 'many');
    await ended(1, 'there is no key with this id (gk_…)', 'keys', 'revoke', 'gk_nobody');
    const key = `sk_${'a'.repeat(43)}`;
    for (const command of [['keys', 'revoke'], ['keys', 'rotate'], ['revoke-key'], ['refresh-key']]) {
      const got = await run(...command, key);
      expect([got.code, got.out]).toEqual([2, '']);
      expect(got.err).toContain('that is a key itself; give its id');
      expect(got.err).not.toContain(key);
    }
    await ended(2, 'is not the id of a customer', 'revoke-key', 'x');
  });

  it('understands the spellings of the seed, which its help does not name', async () => {
    const eve = await json('create-customer', 'Eve', 'eve@example.com', '--budget', '3');
    expect(await json('list-customers')).toContainEqual(eve);
    expect(await json('update-customer', eve.id, '--name', 'Eva')).toMatchObject({ name: 'Eva' });
    const made = await json('generate-key', eve.id, '--label', 'x');
    expect(await json('list-keys', eve.id)).toMatchObject([{ id: made.id, label: 'x', state: 'active' }]);
    const fresh = await json('refresh-key', made.id);
    expect(fresh).toMatchObject({ id: made.id, key: expect.stringMatching(/^sk_/) });
    expect(fresh.key).not.toBe(made.key);
    expect(await json('revoke-key', made.id)).toMatchObject({ id: made.id, state: 'revoked' });
    expect(await json('delete-customer', eve.id, '--force')).toMatchObject({ id: eve.id, revokedKeys: 0 });
    const help = (await run('--help')).out;
    expect(help).toContain('customers');
    for (const alias of ['create-customer', 'generate-key', 'list-keys', 'delete-customer']) {
      expect(help).not.toContain(alias);
      expect((await run(alias, '--help')).code).toBe(0);
    }
  });

  it('I12: leaves no key in the data folder, and the exit codes of the real program tell its ends apart', async () => {
    const env = { HOME: folder };
    const made = await runCli(folder, ['keys', 'create', '1'], env);
    expect([made.code, made.out]).toEqual([0, expect.stringMatching(/^sk_[0-9A-Za-z]{43}\n$/)]);
    const failed = await runCli(folder, ['customers', 'create', 'Ann', 'ann@example.com'], env);
    expect([failed.code, failed.out]).toEqual([1, '']);
    expect(failed.err).toMatch(
      /^fusewire: http:\/\/127\.0\.0\.1:\d+ answered 409: a customer with the e-mail ann@example.com/,
    );
    const refused = await runCli(folder, ['customers', 'delete', '1'], env);
    expect([refused.code, refused.out]).toEqual([2, '']);
    const dataDir = join(folder, 'fusewire-data');
    const files = (await readdir(dataDir, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
    expect(files.length).toBeGreaterThan(1);
    for (const { parentPath, name } of files) {
      expect((await readFile(join(parentPath, name))).includes(made.out.trim()), name).toBe(false);
    }
  });
});
