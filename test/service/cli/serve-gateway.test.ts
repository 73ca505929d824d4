// Which of the two listeners `fusewire serve` opens, and where.
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CliChild, startCli } from '../../helpers/run-cli.js';
import { usePostgres } from '../postgres-support.js';
import { runInProcess } from './in-process.js';

/** Every command is a process that compiles its sources: seconds each on a busy machine. */
const TIME_LIMIT_MS = 180_000;
const API_PATH = '/v2/api/customers';

describe('the listeners of fusewire serve', { timeout: TIME_LIMIT_MS }, () => {
  const postgres = usePostgres();
  const taken = createServer();
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
  afterAll(() => {
    taken.close();
  });

  const takenPort = async (): Promise<string> => {
    if (!taken.listening) await new Promise<void>((done) => taken.listen(0, '127.0.0.1', done));
    return String((taken.address() as { port: number }).port);
  };
  const serve = async (args: readonly string[], env: Record<string, string> = {}) => {
    running = startCli(folder, ['serve', ...args], { PORT: '0', LOG_LEVEL: 'silent', ...env });
    await running.waitFor('\n');
    return running;
  };
  const serveJson = async (args: readonly string[], env?: Record<string, string>) =>
    JSON.parse((await serve([...args, '--json'], env)).out()) as { url?: string; gatewayUrl?: string; keys?: unknown };
  const status = async (url: string) => {
    const answer = await fetch(url);
    await answer.text();
    return answer.status;
  };
  const stop = async () => {
    running!.process.kill('SIGTERM');
    return (await running!.ended).code;
  };

  it('opens both, the gateway where --gateway-port says, and neither answers for the other', async () => {
    const port = await takenPort();
    const { url, gatewayUrl } = await serveJson(['--gateway-port', '0'], { GATEWAY_PORT: port });
    expect([await status(`${url}/healthz`), await status(`${gatewayUrl}/healthz`)]).toEqual([200, 200]);
    expect([await status(`${url}${API_PATH}`), await status(`${gatewayUrl}${API_PATH}`)]).toEqual([401, 404]);
    expect([await status(`${url}/v1/models`), await status(`${gatewayUrl}/v1/models`)]).toEqual([404, 401]);
    expect(await stop()).toBe(0);
  });

  it('--gateway-only: the gateway alone, on a database that processes share', async () => {
    const env = { DATABASE_URL: await postgres.createDatabase(), PORT: await takenPort() };
    const said = await serveJson(['--gateway-only'], env);
    expect(said.url).toBe(undefined);
    expect([await status(`${said.gatewayUrl}/healthz`), await status(`${said.gatewayUrl}/v1/models`)]).toEqual([
      200, 401,
    ]);
    expect(await stop()).toBe(0);
  });

  it('says in one line that the port of the gateway is taken; --no-gateway asks for none, as the first start', async () => {
    const port = await takenPort();
    const env = { PORT: '0', LOG_LEVEL: 'silent', GATEWAY_PORT: port };
    expect(await runInProcess(['serve'], { workingDir: folder, env })).toEqual({
      code: 1,
      out: '',
      err: `fusewire: 127.0.0.1:${port}, where the gateway listens, is taken by another program; choose another port with --gateway-port or GATEWAY_PORT, or leave the gateway out with --no-gateway\n`,
    });
    const child = await serve(['--no-gateway'], env);
    await child.waitFor('Fusewire is at');
    expect(child.out()).toContain('REVENIUM_WRITE_API_KEY=rev_sk_');
    expect(child.out()).not.toContain('ateway');
    expect(await stop()).toBe(0);
  });

  it.each([
    [['--no-gateway', '--gateway-only'], 2, /leave nothing to run/],
    [['--gateway-only'], 1, /set DATABASE_URL=postgres:/],
    [['--gateway-port', '70000'], 1, /GATEWAY_PORT must/],
  ] as const)('refuses %j', async (args, code, reason) => {
    const env = { PORT: '0', LOG_LEVEL: 'silent', GATEWAY_PORT: '0' };
    const run = await runInProcess(['serve', ...args], { workingDir: folder, env });
    expect([run.code, run.out, run.err]).toEqual([code, '', expect.stringMatching(reason)]);
  });
});
