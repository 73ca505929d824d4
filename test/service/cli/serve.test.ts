import { statSync, writeFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sendJson } from '../../../service/http/send-json.js';
import { type CliChild, runCli, startCli } from '../../helpers/run-cli.js';

const ENV_BLOCK =
  /^REVENIUM_METERING_BASE_URL=(http:\/\/127\.0\.0\.1:\d+)\nREVENIUM_TEAM_ID=(fw\w+)\nREVENIUM_METERING_API_KEY=(rev_mk_\2_\w{43})\nREVENIUM_WRITE_API_KEY=(rev_sk_\2_\w{43})\nREVENIUM_CIRCUIT_BREAKER_ENABLED=true$/m;
/** Every command is a process that compiles its sources: seconds each on a busy machine. */
const TIME_LIMIT_MS = 180_000;

describe('fusewire serve', { timeout: TIME_LIMIT_MS }, () => {
  let folder: string;
  let running: CliChild | undefined;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fusewire-cli-'));
  });
  afterEach(async () => {
    running?.process.kill('SIGKILL');
    await running?.ended;
    running = undefined;
    await rm(folder, { recursive: true, force: true });
  });

  const serve = async (...args: string[]) => {
    running = startCli(folder, ['serve', '--port', '0', ...args]);
    await running.waitFor('Fusewire is at');
    return running;
  };
  const stop = async (signal: 'SIGINT' | 'SIGTERM') => {
    running!.process.kill(signal);
    const run = await running!.ended;
    running = undefined;
    return run;
  };

  it('shows the keys at the first start only, keeps everything, and is stopped by a signal with code 0', async () => {
    const first = await serve();
    const [, url, team, metering, write] = ENV_BLOCK.exec(first.out())!;
    expect(first.out()).toContain(
      `Fusewire is at ${url}. Its data is in ${join(folder, 'fusewire-data')}; to start over,`,
    );
    const control = { teamId: team, name: 'cap', metricType: 'TOTAL_COST', windowType: 'DAILY', hardLimit: 1 };
    const made = await sendJson({
      method: 'POST',
      url: `${url}/v2/api/ai/cost-controls`,
      headers: { 'x-api-key': write! },
      body: control,
    });
    expect(made.status).toBe(201);
    expect((await stop('SIGTERM')).code).toBe(0);

    const second = await serve();
    expect(second.out()).not.toContain('rev_');
    expect(second.out()).toContain('fusewire keys create --local');
    const newUrl = /Fusewire is at (\S+)\. /.exec(second.out())![1]!;
    const feed = await sendJson({
      method: 'GET',
      url: `${newUrl}/v2/api/ai/enforcement-rules/${team}`,
      headers: { 'x-api-key': metering! },
    });
    expect([feed.status, JSON.parse(feed.body).rules[0].name]).toEqual([200, 'cap']);
    const end = await stop('SIGINT');
    expect([end.code, end.out + end.err]).toEqual([0, expect.not.stringContaining(write!)]);
  });

  it('I12: keeps its files to itself, and no key in any of them', async () => {
    const child = await serve();
    const [, , , metering, write] = ENV_BLOCK.exec(child.out())!;
    const data = join(folder, 'fusewire-data');
    expect(statSync(data).mode & 0o777).toBe(0o700);
    for (const file of ['fusewire.db', 'fusewire.db-wal', 'credential.secret', 'local-door.json']) {
      expect(statSync(join(data, file)).mode & 0o777, file).toBe(0o600);
      const text = await readFile(join(data, file), 'latin1');
      expect(text.includes(metering!) || text.includes(write!), file).toBe(false);
    }
    expect(child.err()).not.toContain('rev_');
    await stop('SIGTERM');
    expect(() => statSync(join(data, 'local-door.json'))).toThrow();
  });

  it('says in one line that the port is taken, or the folder, and ends with code 1; the first start is not used up', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as { port: number };
    const refused = await runCli(folder, ['serve'], { PORT: String(port), LOG_LEVEL: 'silent' });
    taken.close();
    expect(refused).toEqual({
      code: 1,
      out: '',
      err: `fusewire: 127.0.0.1:${port} is taken by another program; choose another port with --port or PORT\n`,
    });

    const child = await serve();
    expect(child.out()).toMatch(ENV_BLOCK);
    const second = await runCli(folder, ['serve', '--port', '0'], { LOG_LEVEL: 'silent' });
    expect([second.code, second.err.trim().split('\n').length, second.err]).toEqual([
      1,
      1,
      expect.stringContaining('is in use by the service at http'),
    ]);
  });

  it('names the data folder where it cannot be one', async () => {
    writeFileSync(join(folder, 'a-file'), '');
    const run = await runCli(folder, ['serve', '--port', '0'], { FUSEWIRE_DATA_DIR: 'a-file', LOG_LEVEL: 'silent' });
    expect([run.code, run.out, run.err.trim().split('\n')]).toEqual([
      1,
      '',
      [expect.stringMatching(/^fusewire: the data folder \S*a-file cannot be used \(.*\); choose another with /)],
    ]);
  });

  it('names every wrong setting at once', async () => {
    const run = await runCli(folder, ['serve'], {
      PORT: '99999',
      HOST: 'http://x',
      LOG_LEVEL: 'loud',
      DATABASE_URL: 'mysql://u:secret@h/db',
    });
    expect([run.code, run.out]).toEqual([1, '']);
    for (const name of ['PORT', 'HOST', 'LOG_LEVEL', 'DATABASE_URL']) expect(run.err).toContain(`${name} must`);
    expect(run.err).not.toContain('secret');
  });

  it('reads .env of the folder it is started in, prints JSON when asked, and takes a database elsewhere', async () => {
    await writeFile(
      join(folder, '.env'),
      'PORT=0\nFUSEWIRE_DATA_DIR=here\nDATABASE_URL=file:elsewhere/spend.db\nLOG_LEVEL=silent\n',
    );
    running = startCli(folder, ['serve', '--json']);
    await running.waitFor('\n');
    const said = JSON.parse(running.out());
    expect(said).toEqual({
      url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      gatewayUrl: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      teamId: expect.stringMatching(/^fw/),
      dataDir: join(folder, 'here'),
      keys: { metering: expect.stringMatching(/^rev_mk_fw/), write: expect.stringMatching(/^rev_sk_fw/) },
    });
    expect(statSync(join(folder, 'elsewhere', 'spend.db')).mode & 0o777).toBe(0o600);
    const end = await stop('SIGTERM');
    expect([end.code, end.err]).toEqual([0, '']);
  });

  it('finishes what is under way before it ends', async () => {
    const child = await serve();
    const [, url, , metering] = ENV_BLOCK.exec(child.out())!;
    const event = (id: number) => ({
      transactionId: `t-${id}`,
      model: 'm',
      provider: 'p',
      requestTime: new Date().toISOString(),
      totalCost: 1,
    });
    const send = (id: number) =>
      sendJson({
        method: 'POST',
        url: `${url}/meter/v2/ai/completions`,
        headers: { 'x-api-key': metering! },
        body: event(id),
      });
    await send(0);
    const sent = Array.from({ length: 40 }, (_, index) =>
      send(index + 1).then(
        ({ status }) => ({ id: index + 1, status }),
        () => undefined,
      ),
    );
    child.process.kill('SIGTERM');
    const answers = (await Promise.all(sent)).filter((answer) => answer?.status === 201);
    expect((await child.ended).code).toBe(0);
    const again = await serve();
    const newUrl = /Fusewire is at (\S+)\. /.exec(again.out())![1]!;
    for (const answer of answers) {
      const path = `/v2/api/sources/metrics/ai/completions?transactionId=t-${answer!.id}`;
      const got = await sendJson({ method: 'GET', url: newUrl + path, headers: { 'x-api-key': metering! } });
      expect(JSON.parse(got.body).page.totalElements).toBe(1);
    }
    await stop('SIGTERM');
  });
});
