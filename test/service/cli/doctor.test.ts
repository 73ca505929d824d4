import { chmodSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, request as requestHttp, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DOCTOR_TEAM_NAME } from '../../../service/admin/doctor-team.js';
import type { Check } from '../../../service/doctor/examination.js';
import { type RunningService, startService } from '../../../service/index.js';
import { control, event } from '../store-support.js';
import { runInProcess } from './in-process.js';

/** What a broken service answers instead; `undefined`: what it answers itself. */
type Break = (path: string, answer: { status: number; body: string }) => { status: number; body: string } | undefined;

describe('fusewire doctor', { timeout: 90_000 }, () => {
  let folder: string;
  let dataDir: string;
  let service: RunningService;
  let proxy: Server | undefined;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fusewire-doctor-test-'));
    dataDir = join(folder, 'fusewire-data');
    service = await startService({ dataDir });
  });
  afterEach(async () => {
    proxy?.closeAllConnections();
    await new Promise<void>((resolve) => (proxy === undefined ? resolve() : proxy.close(() => resolve())));
    proxy = undefined;
    await service.close();
    await rm(folder, { recursive: true, force: true });
  });
  const examine = async (env: Record<string, string> = {}) => {
    const { code, out, err } = await runInProcess(['doctor', '--json'], { workingDir: folder, env });
    expect(err).toBe('');
    const { sound, checks } = JSON.parse(out) as { sound: boolean; checks: Check[] };
    const failed = checks.filter(({ state }) => state === 'failed');
    return { code, sound, checks, failed, names: failed.map(({ name }) => name) };
  };
  /** Puts something between the door and the service that changes what it answers. */
  const breakBy = async (broken: Break) => {
    const target = new URL(service.url);
    proxy = createServer((asked, answer) => {
      const { method, url: path = '/', headers } = asked;
      const options = { host: target.hostname, port: target.port, method, path, headers };
      const sent = requestHttp(options, (got) => {
        const chunks: Buffer[] = [];
        got.on('data', (chunk: Buffer) => chunks.push(chunk));
        got.on('end', () => {
          const whole = { status: got.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') };
          const changed = broken(path, whole);
          const { 'content-length': _length, 'transfer-encoding': _encoding, ...kept } = got.headers;
          answer.writeHead((changed ?? whole).status, kept);
          answer.end(changed === undefined ? Buffer.concat(chunks) : changed.body);
        });
      });
      sent.on('error', () => answer.destroy());
      answer.on('close', () => sent.destroy());
      asked.pipe(sent);
    });
    await new Promise<void>((resolve) => proxy!.listen(0, '127.0.0.1', () => resolve()));
    const { port } = proxy.address() as AddressInfo;
    const file = join(dataDir, 'local-door.json');
    const door = JSON.parse(await readFile(file, 'utf8'));
    await writeFile(file, JSON.stringify({ ...door, url: `http://127.0.0.1:${port}` }));
    return async () => writeFile(file, JSON.stringify(door));
  };

  it('finds a sound installation sound, proves every surface, leaves other teams alone and cleans up', async () => {
    const { store, team } = service;
    await store.createControl(team.id, control({ hardLimit: '1' }));
    await store.recordEvents(team.id, [event(Date.now(), { totalCost: 3 })]);
    const state = async () => ({
      feed: await store.feed(team.id),
      keys: await store.listKeys(team.id),
      controls: await store.listControls(team.id, { page: 0, size: 10 }),
      events: await store.findEvents(team.id, { page: 0, size: 10 }),
      audit: await store.listAudit(team.id, { page: 0, size: 50 }),
      enforcement: await store.listEnforcementEvents(team.id, { page: 0, size: 50 }),
    });
    const before = await state();
    const address = { REVENIUM_METERING_BASE_URL: `${service.url}/meter/v2` };
    const first = await examine(address);
    expect(first.failed).toEqual([]);
    expect([first.code, first.sound]).toEqual([0, true]);
    const names =
      'service data folder store clock versions holds team keys address single batch feed wait sdk balances cleaned up';
    expect(first.checks.map(({ name }) => name).join(' ')).toBe(names);
    const detail = (name: string) => first.checks.find((check) => check.name === name)?.detail;
    for (const surface of ['single', 'batch', 'sdk']) {
      expect(detail(surface)).toMatch(
        /^priced at \$0\.00045, counted once; \$0\.00045 >= \$0\.00001: refused; recorded/,
      );
    }
    expect(detail('sdk')).toMatch(/the next call was refused before it left$/);
    expect(await state()).toEqual(before);

    const second = await examine();
    expect([second.code, second.failed]).toEqual([0, []]);
    expect(await state()).toEqual(before);
    const teams = await store.listTeams();
    expect(teams.map(({ name }) => name)).toEqual([team.name, DOCTOR_TEAM_NAME]);
    const doctor = teams[1]!;
    expect((await store.listControls(doctor.id, { page: 0, size: 10 })).totalElements).toBe(0);
    const keys = await store.listKeys(doctor.id);
    expect([keys.length, keys.filter(({ revokedAtMs }) => revokedAtMs === undefined)]).toEqual([4, []]);
    expect(await store.verifyBalances()).toMatchObject({ wrong: [] });
    // Nothing of it is left on the disk either.
    expect((await readdir(tmpdir())).filter((name) => /^fusewire-doctor-(?!test)/.test(name))).toEqual([]);
  });

  it('is for people as well: a line a check, and what to do about what failed', async () => {
    chmodSync(join(dataDir, 'credential.secret'), 0o644);
    const { code, out, err } = await runInProcess(['doctor'], { workingDir: folder });
    expect(code).toBe(3);
    expect(out).toMatch(/^CHECK\tSTATE\tFOUND\n/);
    expect(out).toMatch(/^data folder\tfailed\tothers may read credential\.secret \(644\)$/m);
    expect(out).toMatch(/^sdk\tok\tpriced/m);
    expect(err).toBe(`data folder: chmod 700 ${dataDir}; chmod 600 on its files\n`);
  });

  it('names who holds a budget without using it', async () => {
    const holding = { teamId: 't', controlId: 'c', name: 'Research', metric: 'TOTAL_COST', group: null };
    const idle = [
      { ...holding, ...{ share: 0.92, owners: 1, owner: 'host:7', ownerShare: 0.92, sinceMs: 0 } },
      { ...holding, ...{ group: 'a', share: 0.6, owners: 3, owner: 'x', ownerShare: 0.25, sinceMs: 0 } },
      { ...holding, ...{ group: 'b', share: 0.49, owners: 1, owner: 'y', ownerShare: 0.49, sinceMs: 0 } },
    ];
    const heal = await breakBy((path) =>
      path === '/admin/local/idle-holds' ? { status: 200, body: JSON.stringify({ idle }) } : undefined,
    );
    const { code, failed } = await examine();
    await heal();
    expect([code, failed.map(({ name, detail }) => [name, detail])]).toEqual([
      3,
      [
        [
          'holds',
          "host:7 holds 92 % of 'Research' since 1970-01-01T00:00:00.000Z and has drawn next to nothing; " +
            "x holds 25 % of 'Research' for a since 1970-01-01T00:00:00.000Z and has drawn next to nothing, " +
            '3 owners together 60 %',
        ],
      ],
    ]);
  });

  it('is red where the feed is stuck: what is refused by the books is not refused by guards', async () => {
    let stuck: string | undefined;
    const heal = await breakBy((path, { status, body }) => {
      if (!path.includes('/ai/enforcement-rules/') || status !== 200) return undefined;
      // The control is there, and its verdict never comes.
      stuck = body.replaceAll('"breached":true', '"breached":false');
      return { status, body: stuck };
    });
    const found = await examine();
    await heal();
    expect([found.code, found.sound]).toEqual([3, false]);
    expect(found.names).toEqual(['single', 'batch', 'wait', 'sdk']);
    expect(found.failed[0]!.detail).toBe('the feed never said that the limit is reached');
    expect(found.failed.every(({ advice }) => advice !== null)).toBe(true);
    expect(stuck).toBeDefined();
    const doctor = (await service.store.listTeams())[1]!;
    expect((await service.store.listControls(doctor.id, { page: 0, size: 10 })).totalElements).toBe(0);
  });

  it('is red where calls are lost, prices unknown, or keys not told apart', async () => {
    const heal = await breakBy((path, { status, body }) => {
      if (path.startsWith('/meter/v2/batch')) return { status: 503, body: '{}' };
      if (path.includes('/sources/metrics/'))
        return { status, body: body.replace('"priceState":"known"', '"priceState":"unknown"') };
      if (path === '/v2/api/ai/cost-controls' && status === 403) return { status: 200, body: '{}' };
      return undefined;
    });
    const found = await examine({ REVENIUM_METERING_BASE_URL: 'http://127.0.0.1:9' });
    await heal();
    expect(found.code).toBe(3);
    const details = Object.fromEntries(found.failed.map(({ name, detail }) => [name, detail]));
    expect(details).toEqual({
      keys: 'a metering key reads cost controls (200)',
      address: expect.stringContaining('http://127.0.0.1:9 does not answer'),
      single: expect.stringContaining('is unknown'),
      batch: expect.stringContaining('was answered 503'),
      sdk: expect.stringMatching(/is unknown|could not deliver/),
    });
  });

  it('says that it needs the running service', async () => {
    const elsewhere = await mkdtemp(join(tmpdir(), 'fusewire-doctor-test-'));
    const { code, out } = await runInProcess(['doctor', '--json'], { workingDir: elsewhere });
    const seen = await runInProcess(['doctor'], { workingDir: elsewhere, isTerminal: true });
    expect([seen.code, seen.out]).toEqual([3, expect.stringMatching(/no service that runs[\s\S]*not sound\n$/)]);
    await rm(elsewhere, { recursive: true, force: true });
    expect([code, JSON.parse(out)]).toMatchObject([
      3,
      {
        sound: false,
        checks: [{ name: 'service', state: 'failed', advice: expect.stringContaining('fusewire serve') }],
      },
    ]);
  });
});
