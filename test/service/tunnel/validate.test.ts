import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { examineCredentials } from '../../../service/tunnel/credentials.js';
import { validateTunnel } from '../../../service/tunnel/validate.js';

const ID = '6ff42ae2-765d-4adf-8112-31c55c1551ef';
const SECRET = 'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ=';
const PORTS = { gateway: 8000, admin: 8787, ollama: 11_434 };
const RULES =
  'ingress:\n  - hostname: llm.example.com\n    service: http://127.0.0.1:8000\n  - service: http_status:404\n';

describe('the configuration of a tunnel', () => {
  let folder: string;
  let credentials: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fusewire-tunnel-'));
    credentials = join(folder, `${ID}.json`);
    await writeCredentials({});
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const writeCredentials = (members: Record<string, unknown>, mode = 0o600) =>
    writeFile(credentials, JSON.stringify({ AccountTag: 'a', TunnelID: ID, TunnelSecret: SECRET, ...members }), {
      mode,
    });
  const validate = async (text: string, isOnline = false, ports = PORTS) => {
    const file = join(folder, 'config.yml');
    await writeFile(file, text);
    const steps = await validateTunnel({ file, ports, isOnline });
    expect(JSON.stringify(steps)).not.toContain(SECRET);
    return steps;
  };
  const sound = () => `tunnel: ${ID}\ncredentials-file: ${credentials}\n${RULES}`;
  const wrong = async (text: string) =>
    (await validate(text))
      .filter(({ state }) => state === 'wrong')
      .map(({ name, line, found }) => `${name} ${line ?? '-'} ${found}`);

  it('is sound, step by step', async () => {
    expect((await validate(sound())).map(({ name, state }) => `${name} ${state}`)).toEqual([
      'file ok',
      'tunnel ok',
      'credentials ok',
      'rules ok',
      'gateway ok',
      'answer skipped',
    ]);
  });

  it('is looked for beside itself where its credentials are named without a folder', async () => {
    expect(await wrong(sound().replace(credentials, `${ID}.json`))).toEqual([]);
  });

  it('is missing', async () => {
    const [step, ...others] = await validateTunnel({ file: join(folder, 'none.yml'), ports: PORTS, isOnline: true });
    expect([step?.state, step?.found, others]).toEqual(['wrong', expect.stringContaining('is not there'), []]);
  });

  it('names the line of a slip in its YAML, and stops there', async () => {
    const steps = await validate(`${sound()}  - hostname: [x\n`);
    expect(steps.every(({ name, state }) => name === 'file' && state === 'wrong')).toBe(true);
    expect(steps[0]?.line).toBeGreaterThanOrEqual(7);
  });

  it.each([
    [
      'port 8787 is the admin API',
      (text: string) =>
        text.replace('  - service', '  - hostname: b.example.com\n    service: http://127.0.0.1:8787\n  - service'),
    ],
    [
      'port 11434 is Ollama itself',
      (text: string) =>
        text.replace('  - service', '  - hostname: b.example.com\n    service: http://ollama:11434\n  - service'),
    ],
    ['no rule leads to the gateway, at port 8000', (text: string) => text.replace('8000', '8001')],
    ['names no tunnel', (text: string) => text.replace(/^tunnel.*\n/, '')],
    ['are of the tunnel', (text: string) => text.replace(`tunnel: ${ID}`, `tunnel: ${ID.replace('6', '7')}`)],
    ['the file names no credentials-file', (text: string) => text.replace(/^credentials.*\n/m, '')],
    ['is not there', (text: string) => text.replace('.json', '.jsn')],
    ['cloudflared takes one or the other', (text: string) => `url: http://127.0.0.1:8000\n${text}`],
    ['bastionMode lets callers reach every address', (text: string) => `originRequest:\n  bastionMode: true\n${text}`],
    // Go's parser of YAML takes more words for true than YAML 1.2 has, where a yes or a no is wanted.
    ...['yes', 'On', '"y"'].map((word): [string, (text: string) => string] => [
      'bastionMode lets callers reach every address',
      (text) => `originRequest:\n  bastionMode: ${word}\n${text}`,
    ]),
    [
      'rule 1 is a bastion',
      (text: string) => text.replace(':8000\n', ':8000\n    originRequest:\n      bastionMode: YES\n'),
    ],
    [
      'bastionMode lets callers reach every address',
      (text: string) => `x-all: &all\n  bastionMode: true\noriginRequest: *all\n${text}`,
    ],
    [
      'port 8787 is the admin API',
      (text: string) =>
        `x-api: &api\n  service: http://127.0.0.1:8787\n${text.replace('  - service', '  - <<: *api\n    hostname: b.example.com\n  - service')}`,
    ],
    ['the last rule must take', (text: string) => text.replace(/ {2}- service.*\n/, '')],
  ])('is wrong: %s', async (expected, change) => {
    const found = await wrong(change(sound()));
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(expected);
  });

  it('may borrow from itself with aliases and merges, as cloudflared reads them', async () => {
    const gateway = 'x: &gateway\n  service: &at http://127.0.0.1:8000\n';
    const rules = [
      '  - &first\n    <<: [*gateway, *gateway]\n    hostname: llm.example.com\n',
      '  - hostname: b.example.com\n    service: *at\n',
      '  - &rest\n    service: http_status:404\n',
    ];
    const head = `tunnel: ${ID}\ncredentials-file: ${credentials}\n`;
    expect(await wrong(`${gateway}${head}ingress:\n${rules.join('')}`)).toEqual([]);
    expect(
      await wrong(`${gateway}y: &rule\n  service: http_status:404\n${head}ingress:\n${rules[0]}  - *rule\n`),
    ).toEqual([]);
    // One that merges itself has nothing more to give.
    expect(
      await wrong(`${head}ingress:\n  - &a\n    <<: *a\n    hostname: llm.example.com\n${rules[2]}`),
    ).toContainEqual(expect.stringContaining('has no service'));
  });

  it('says what is worth a look: the private network, and a name that its credentials do not know', async () => {
    const steps = await validate(`warp-routing:\n  enabled: yes\n${sound().replace(ID, 'box')}`);
    const notices = steps.filter(({ state }) => state === 'notice');
    expect(notices.map(({ name, advice }) => [name, advice])).toEqual([
      ['tunnel', undefined],
      ['credentials', `write \`tunnel: ${ID}\``],
    ]);
    await writeCredentials({ TunnelName: 'box' });
    expect(await wrong(sound().replace(ID, 'box'))).toEqual([]);
    expect(await wrong(sound().replace(ID, 'bax'))).toHaveLength(1);
  });

  describe('its credentials', () => {
    const found = async () => {
      const result = await examineCredentials(credentials);
      expect(JSON.stringify(result)).not.toContain(SECRET);
      return result.outcome === 'wrong' ? `${result.message}: ${result.advice}` : result.tunnelId;
    };

    it('are for their owner, and at most read by a group', async () => {
      for (const mode of [0o600, 0o400, 0o640]) {
        await chmod(credentials, mode);
        expect(await found()).toBe(ID);
      }
      for (const mode of [0o644, 0o660, 0o604, 0o666]) {
        await chmod(credentials, mode);
        expect(await found()).toMatch(/is open to other users .*: chmod 600 /);
      }
    });

    it('do not lie in a repository: one commit would publish them', async () => {
      await mkdir(join(folder, '.git'));
      expect(await found()).toMatch(/lies in the repository/);
    });

    it.each([
      ['{"AccountTag":', /names no tunnel/],
      [JSON.stringify({ TunnelID: 'x', TunnelSecret: SECRET }), /names no tunnel/],
      [JSON.stringify({ TunnelID: ID, TunnelSecret: SECRET }), /has no AccountTag/],
      [JSON.stringify({ TunnelID: ID, AccountTag: 'a' }), /has no TunnelSecret/],
      [`-----BEGIN ARGO TUNNEL TOKEN-----\n${SECRET}\n`, /names no tunnel.*not cert\.pem/],
      ['null', /names no tunnel/],
      [`"${SECRET}`, /names no tunnel/],
    ])('are told apart from %j, of which nothing is repeated', async (text, expected) => {
      await writeFile(credentials, text);
      expect(await found()).toMatch(expected);
    });

    it('stay as they are', async () => {
      const before = await readFile(credentials, 'utf8');
      await validate(sound());
      expect(await readFile(credentials, 'utf8')).toBe(before);
    });
  });

  describe('asked whether the gateway answers', () => {
    let server: Server | undefined;
    afterEach(async () => {
      await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
      server = undefined;
    });
    const listen = async (statusOf: (path: string) => number) => {
      const made = createServer((request, response) => {
        response.writeHead(statusOf(request.url ?? '')).end('{}');
      });
      server = made;
      await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve));
      return (made.address() as AddressInfo).port;
    };
    const answer = async (port: number) => {
      const steps = await validate(sound().replace('8000', String(port)), true, { ...PORTS, gateway: port });
      return steps.filter(({ name }) => name === 'answer').map(({ state, found }) => `${state} ${found}`);
    };

    it('takes what is well and has no admin API', async () => {
      const port = await listen((path) => (path === '/health' ? 200 : 404));
      expect(await answer(port)).toEqual([`ok http://127.0.0.1:${port} is the gateway, and well`]);
    });

    it.each([200, 401])('is not taken in by the admin API, which answers %d', async (status) => {
      const port = await listen((path) => (path === '/health' ? 200 : status));
      expect(await answer(port)).toEqual([expect.stringMatching(/^wrong .* is not the gateway: it answers (200|401)/)]);
    });

    it('says that it is not well, or not there', async () => {
      const port = await listen(() => 503);
      expect(await answer(port)).toEqual([`wrong http://127.0.0.1:${port}/health answers 503`]);
      await new Promise((resolve) => server?.close(resolve));
      server = undefined;
      expect(await answer(port)).toEqual([expect.stringMatching(/^wrong .* does not answer/)]);
    });
  });
});
