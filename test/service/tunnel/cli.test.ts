import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runInProcess } from '../cli/in-process.js';

const ID = '6ff42ae2-765d-4adf-8112-31c55c1551ef';
const SECRET = 'c2VjcmV0LXNlY3JldC1zZWNyZXQ=';

describe('fusewire tunnel', () => {
  let folder: string;
  let credentials: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fusewire-tunnel-'));
    credentials = join(folder, `${ID}.json`);
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const createTunnel = () =>
    writeFile(credentials, JSON.stringify({ AccountTag: 'a', TunnelID: ID, TunnelSecret: SECRET }), { mode: 0o600 });
  const run = async (args: string, env: Record<string, string> = {}) => {
    const ran = await runInProcess(['tunnel', ...args.split(' '), '--dir', folder], { workingDir: folder, env });
    expect(ran.out + ran.err).not.toContain(SECRET);
    return ran;
  };
  const config = () => readFile(join(folder, 'config.yml'), 'utf8');

  it('goes from nothing to a sound configuration, saying each step', async () => {
    const first = await run('init --hostname llm.example.com --tunnel box');
    expect([first.code, first.err]).toEqual([0, '']);
    const commands = first.out.match(/^ {2}\S.*$/gm)?.map((line) => line.trim());
    const file = join(folder, 'config.yml');
    expect(commands).toEqual([
      'cloudflared tunnel login',
      'cloudflared tunnel create box',
      'cloudflared tunnel route dns box llm.example.com',
      `cloudflared tunnel --config ${file} ingress validate`,
      `cloudflared tunnel --config ${file} ingress rule https://llm.example.com/health`,
      `cloudflared tunnel --config ${file} run box`,
      `sudo cloudflared --config ${file} service install`,
      'curl https://llm.example.com/health',
    ]);
    const early = await run('validate');
    expect([early.code, early.out]).toEqual([
      3,
      expect.stringContaining('✗ credentials: the file names no credentials-file'),
    ]);

    await createTunnel();
    const second = await run(`init --hostname llm.example.com --credentials ${ID}.json`);
    expect([second.code, second.out]).toEqual([
      0,
      expect.stringContaining(`✓ tunnel: ${ID}, which the file called box`),
    ]);
    expect(second.out).not.toContain('tunnel create');
    expect(await config()).toContain(`credentials-file: ${credentials}\n`);
    expect(await config()).not.toContain(SECRET);
    const late = await run('validate');
    expect([late.code, late.out.match(/^✗.*$/gm)]).toEqual([0, null]);
    expect(late.out).toContain('✓ gateway: rule 1: llm.example.com leads to http://127.0.0.1:8000');
  });

  it('finds the one credentials file beside the configuration', async () => {
    await createTunnel();
    expect((await run('init --hostname llm.example.com')).code).toBe(0);
    expect(await config()).toMatch(new RegExp(`^tunnel: ${ID}\ncredentials-file: ${credentials}$`, 'm'));
    expect((await run('validate')).code).toBe(0);
  });

  it('keeps the file as it was, and writes nothing where nothing changes', async () => {
    const before = `tunnel: ${ID}\ningress:\n  - hostname: b.example.com\n    service: http://127.0.0.1:8787\n  - service: http_status:404\n`;
    await writeFile(join(folder, 'config.yml'), before, { mode: 0o640 });
    const done = await run('init --hostname llm.example.com');
    expect(done.out).toContain('✗ rule 1 publishes http://127.0.0.1:8787: port 8787 is the admin API');
    const backups = (await readdir(folder)).filter((name) => name.endsWith('.bak'));
    expect(backups).toEqual([expect.stringMatching(/^config\.yml\.\d{8}T\d{6}Z\.bak$/)]);
    expect(await readFile(join(folder, backups[0]!), 'utf8')).toBe(before);
    expect((await stat(join(folder, 'config.yml'))).mode & 0o777).toBe(0o640);
    const again = JSON.parse((await run('init --hostname llm.example.com --json')).out);
    expect([again.changed, again.backup]).toEqual([false, null]);
    expect(await readdir(folder)).toHaveLength(2);
    expect((await run('validate')).code).toBe(3);
  });

  it.each([
    ['--service http://127.0.0.1:8787', /8787: port 8787 is the admin API/],
    ['--service http://127.0.0.1:11434', /Ollama itself/],
    ['--service http://127.0.0.1:3000', /the gateway is at port 8000 \(GATEWAY_PORT\); nothing else is published/],
    ['--service 127.0.0.1:8000', /must be http:\/\/HOST:PORT/],
    ['--service http://127.0.0.1:8000/v1', /without a path/],
    ['--service ssh://127.0.0.1:8000', /must be http/],
    ['--hostname https://llm.example.com', /is an address/],
    ['--tunnel a/b', /is no name of a tunnel/],
  ])('refuses %s, and writes nothing', async (flags, message) => {
    const ran = await run(`init --hostname llm.example.com ${flags}`);
    expect([ran.code, ran.out, ran.err]).toEqual([2, '', expect.stringMatching(message)]);
    expect(await readdir(folder)).toEqual([]);
  });

  it('refuses the port of the admin API wherever that is', async () => {
    const ran = await run('init --hostname llm.example.com --service http://127.0.0.1:8001', { PORT: '8001' });
    expect([ran.code, ran.err]).toEqual([2, expect.stringMatching(/port 8001 is the admin API/)]);
  });

  it('goes by the ports of this installation', async () => {
    const env = { GATEWAY_PORT: '9000', OLLAMA_BASE_URL: 'http://gpu.example:9001/' };
    expect((await run('init --hostname llm.example.com', env)).out).toContain('leads to http://127.0.0.1:9000');
    const past = await run('init --hostname llm.example.com --service http://gpu.example:9001', env);
    expect([past.code, past.err]).toEqual([2, expect.stringMatching(/port 9001 is Ollama itself/)]);
    const random = await run('init --hostname llm.example.com', { GATEWAY_PORT: '0' });
    expect([random.code, random.err]).toEqual([1, expect.stringMatching(/a port that stays/)]);
  });

  it('refuses credentials that are open, or of another tunnel, and writes nothing', async () => {
    await writeFile(credentials, '{}', { mode: 0o644 });
    const open = await run(`init --hostname llm.example.com --credentials ${ID}.json`);
    expect([open.code, open.err]).toEqual([1, expect.stringMatching(/is open to other users .*chmod 600/)]);
    await rm(credentials);
    await createTunnel();
    const other = await run(
      `init --hostname llm.example.com --credentials ${ID}.json --tunnel ${ID.replace('6', '7')}`,
    );
    expect([other.code, other.err]).toEqual([1, expect.stringContaining(`is of the tunnel ${ID}, not of`)]);
    expect(await readdir(folder)).toEqual([`${ID}.json`]);
  });

  it('names a host that it must be given', async () => {
    expect((await run('init')).code).toBe(2);
  });

  it('answers programs with JSON', async () => {
    const ran = await run('validate --json');
    expect(ran.code).toBe(3);
    expect(JSON.parse(ran.out)).toMatchObject({
      sound: false,
      file: join(folder, 'config.yml'),
      steps: [{ name: 'file', state: 'wrong' }],
    });
  });
});
