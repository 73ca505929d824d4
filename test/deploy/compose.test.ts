import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readExecForm, readStages } from '../../scripts/image/dockerfile.js';
import { readServiceConfig } from '../../service/config.js';
import { readGatewayConfig } from '../../service/gateway/gateway-config.js';
import { type ComposeService, composeVariables, networksOf, readCompose } from './support/compose.js';

const source = readFileSync('docker-compose.yml', 'utf8');
const guide = readFileSync('docs/deploying.md', 'utf8');
const file = readCompose(source);
const services = Object.entries(file.services);
const one = (name: string): ComposeService => file.services[name]!;
const ours = ['fusewire', 'fusewire-replica'] as const;
const SET = {
  OPENAI_API_KEY: 'sk-openai',
  ANTHROPIC_API_KEY: 'sk-ant',
  DATABASE_URL: 'postgres://f:p@postgres/fusewire',
  LOG_LEVEL: 'warn',
};
const everyText = (value: unknown): readonly string[] =>
  typeof value === 'object' && value !== null ? Object.values(value).flatMap(everyText) : [String(value)];

describe('docker-compose.yml', () => {
  it('has the services that the issue names, and starts Ollama and the gateway when nothing is asked for', () => {
    expect(services.filter(([, { profiles }]) => profiles === undefined).map(([name]) => name)).toEqual([
      'ollama',
      'fusewire',
    ]);
    expect(services.map(([name]) => name).sort()).toEqual([
      'cloudflared',
      'fusewire',
      'fusewire-replica',
      'ollama',
      'postgres',
    ]);
  });

  it('publishes the gateway alone, and that on this machine unless an address is given', () => {
    const ports = services.flatMap(([name, service]) => (service.ports ?? []).map((port) => `${name} ${port}`));
    expect(ports).toEqual(['fusewire 127.0.0.1:8000:8000']);
    const open = readCompose(source, { FUSEWIRE_PUBLISH_ADDRESS: '0.0.0.0' });
    expect(open.services['fusewire']?.ports).toEqual(['0.0.0.0:8000:8000']);
  });

  it.each(ours)('keeps the API of %s on the loopback address of its container', (name) => {
    const env = one(name).environment!;
    const config = readServiceConfig(env, '/app');
    const gateway = readGatewayConfig(env, '/app');
    expect([config.host, config.port]).toEqual(['127.0.0.1', 8787]);
    expect([gateway.host, gateway.port]).toEqual(['0.0.0.0', 8000]);
    // Whatever is in the environment of whoever starts it: shells export HOST.
    const moved = readCompose(source, { HOST: '0.0.0.0', PORT: '80', GATEWAY_PORT: '81', GATEWAY_HOST: 'x' });
    expect(moved.services[name]?.environment).toEqual(env);
  });

  it.each(ours)('seed weakness 21: hands the keys of both providers to %s', (name) => {
    const env = readCompose(source, SET).services[name]!.environment!;
    expect(env).toMatchObject({ OPENAI_API_KEY: 'sk-openai', ANTHROPIC_API_KEY: 'sk-ant', LOG_LEVEL: 'warn' });
    const { upstreams } = readGatewayConfig(env, '/app');
    expect(upstreams.map((upstream) => upstream.name).sort()).toEqual(['anthropic', 'ollama', 'openai']);
    expect(upstreams.find((upstream) => upstream.name === 'ollama')?.origin).toBe('http://ollama:11434');
    // Not set, they are empty, and an empty key is none.
    expect(readGatewayConfig(one(name).environment!, '/app').upstreams.map((upstream) => upstream.name)).toEqual([
      'ollama',
    ]);
  });

  it('hands keys of providers, the database and its password to nobody else', () => {
    const filled = readCompose(source, { ...SET, POSTGRES_PASSWORD: 'pw-of-postgres' });
    const holders = (secret: string) =>
      Object.entries(filled.services)
        .filter(([, service]) => everyText(service).some((text) => text.includes(secret)))
        .map(([name]) => name);
    for (const secret of ['sk-openai', 'sk-ant', SET.DATABASE_URL]) expect(holders(secret)).toEqual(ours);
    expect(holders('pw-of-postgres')).toEqual(['postgres']);
  });

  it.each(services)('gives %s no rights that it does not need', (name, service) => {
    expect(service.cap_drop).toEqual(['ALL']);
    expect(service.security_opt).toEqual(['no-new-privileges:true']);
    expect(service.mem_limit).toMatch(/^\d+[mg]$/);
    expect(service.restart).toBe('unless-stopped');
    expect(service.init).toBe(true);
    expect(everyText(service).filter((text) => /docker\.sock|^host$|privileged/.test(text))).toEqual([]);
    expect(service.cap_add ?? []).toEqual(
      name === 'postgres' ? ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'SETGID', 'SETUID'] : [],
    );
    if (!['ollama', 'postgres'].includes(name)) expect(service.read_only).toBe(true);
  });

  it.each(services)('takes %s from an image of one version', (name, { image }) => {
    const version = (JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }).version;
    expect(image).toMatch(/^[a-z0-9/-]+:[\w.-]+$/);
    expect(image).not.toMatch(/:(latest|main|stable)$/);
    if (name.startsWith('fusewire')) expect(image).toBe(`fusewire:${version}`);
  });

  it.each(services)(
    'waits for %s only where it can become healthy',
    (_, { depends_on: dependencies = {}, profiles = [] }) => {
      for (const [name, { condition, required }] of Object.entries(dependencies)) {
        expect(condition).toBe('service_healthy');
        expect(one(name).healthcheck.test[0]).toBe('CMD');
        // What is not always there must not keep others from starting.
        const isThere = (one(name).profiles ?? []).every((profile) => profiles.includes(profile));
        expect(required !== false).toBe(isThere);
      }
    },
  );

  it.each(ours)('asks %s itself whether it is well, at paths that the gateway has', (name) => {
    const [, program, flag, script = ''] = one(name).healthcheck.test;
    expect([program, flag]).toEqual(['node', '-e']);
    expect(() => new Function(script)).not.toThrow();
    const [, port, path] = /127\.0\.0\.1:(\d+)(\/\w+)/.exec(script) ?? [];
    expect(port).toBe(one(name).environment!['GATEWAY_PORT']);
    const surfaces = readFileSync('service/gateway/http/surfaces.ts', 'utf8');
    const final = readStages(readFileSync('Dockerfile', 'utf8')).at(-1)!;
    const image = readExecForm(final.instructions.find((found) => found.name === 'HEALTHCHECK')!)?.at(-1);
    for (const asked of [path!, /\/\w+(?=`)/.exec(image ?? '')?.[0] ?? '']) expect(surfaces).toContain(`'${asked}'`);
  });

  it('keeps Ollama and the database away from the tunnel', () => {
    expect(networksOf(one('cloudflared'))).toEqual(['edge']);
    const others = (network: string) =>
      services.filter(([, service]) => networksOf(service).includes(network)).map(([name]) => name);
    expect(others('edge')).toEqual(['fusewire', 'fusewire-replica', 'cloudflared']);
    expect(others('models')).toEqual(['ollama', 'fusewire', 'fusewire-replica']);
    expect(others('database')).toEqual(['fusewire', 'fusewire-replica', 'postgres']);
    expect(file.networks['database']).toEqual({ internal: true });
    expect([...new Set(services.flatMap(([, service]) => networksOf(service)))].sort()).toEqual(
      Object.keys(file.networks).sort(),
    );
  });

  it('shows the credentials of the tunnel to cloudflared alone, to be read, from outside of the project', () => {
    const mounts = (service: ComposeService) => service.volumes.filter((volume) => typeof volume !== 'string');
    expect(services.filter(([, service]) => mounts(service).length > 0).map(([name]) => name)).toEqual(['cloudflared']);
    for (const { source: from, read_only: isReadOnly, bind } of mounts(one('cloudflared'))) {
      expect([from.startsWith('/etc/'), isReadOnly, bind.create_host_path]).toEqual([true, true, false]);
    }
    expect(one('cloudflared').user).toMatch(/^[1-9]\d*:[1-9]\d*$/);
    const { command = [], volumes } = one('cloudflared');
    const targets = volumes.map((volume) => (typeof volume === 'string' ? '' : volume.target));
    expect(command.filter((word) => word.startsWith('/'))).toEqual(targets);
  });

  it('keeps everything that must stay in volumes that it declares', () => {
    const used = services.flatMap(([, { volumes }]) =>
      volumes.filter((volume) => typeof volume === 'string').map((volume) => volume.split(':')[0]),
    );
    expect([...used].sort()).toEqual(Object.keys(file.volumes).sort());
    expect(one('fusewire').volumes).toEqual(['data:/data']);
    // Each process has a door of its own for local commands.
    expect(one('fusewire-replica').volumes).toEqual(['replica-data:/data']);
  });

  it('starts no second process with a database of its own', () => {
    expect(readServiceConfig(one('fusewire').environment!, '/app').databaseUrl).toBeUndefined();
    expect(readServiceConfig(one('fusewire-replica').environment!, '/app').databaseUrl).toBeDefined();
    const shared = readCompose(source, SET);
    const urls = ours.map((name) => shared.services[name]?.environment?.['DATABASE_URL']);
    expect(new Set(urls)).toEqual(new Set([SET.DATABASE_URL]));
  });

  it('ends a process no sooner than it needs to end well', () => {
    const limit = /CLOSE_LIMIT_MS = ([\d_]+)/.exec(readFileSync('service/gateway/http/gateway-server.ts', 'utf8'))?.[1];
    const closeMs = Number(limit?.replaceAll('_', ''));
    expect(closeMs).toBeGreaterThan(0);
    for (const name of ours)
      expect(Number.parseInt(one(name).stop_grace_period ?? '', 10) * 1_000).toBeGreaterThanOrEqual(2 * closeMs);
  });

  it('asks for variables that the guide explains, each with its default', () => {
    const rows = new Map(
      [...guide.matchAll(/^\| `([A-Z_]+)` \| ([^|]*) \|/gm)].map(([, name = '', fallback = '']) => [
        name,
        fallback.trim(),
      ]),
    );
    for (const [name, fallback] of composeVariables(source)) {
      const isPlain = fallback !== undefined && fallback !== '' && !fallback.includes('not-set');
      expect([name, rows.get(name)]).toEqual([name, isPlain ? `\`${fallback}\`` : expect.any(String)]);
    }
  });

  it('seed weakness 22: has every profile that is named anywhere', () => {
    const known = services.flatMap(([, { profiles = [] }]) => profiles);
    const named = [guide, source, readFileSync('README.md', 'utf8')].flatMap((text) =>
      [...text.matchAll(/--profile[ =]([\w-]+)/g)].map(([, name]) => name),
    );
    expect(named.length).toBeGreaterThan(1);
    expect([...new Set(named)].sort()).toEqual([...new Set(known)].sort());
  });
});

describe('the reader of compose files', () => {
  const service = (more: string) =>
    readCompose(source.replace('    image: ollama/ollama', `${more}\n    image: ollama/ollama`));

  it('refuses what nobody looked at', () => {
    expect(() => service('    privileged: true')).toThrow(/privileged/);
    expect(() => service('    network_mode: host')).toThrow(/network_mode/);
    expect(() => readCompose(`${source}\nsecrets:\n`)).toThrow('secrets: no such member');
    expect(() => readCompose(source.replace('name: fusewire', 'name: $USER'))).toThrow(/a \$ that is no/);
  });

  it('refuses a plain text with a colon in a list, which YAML takes for a member', () => {
    expect(() =>
      readCompose(source.replace('test: [CMD, ollama, list]', 'test:\n        - CMD\n        - a ? 0 : 1')),
    ).toThrow();
  });

  it('fills variables in as compose does: an empty one is not set', () => {
    expect(readCompose(source, { LOG_LEVEL: '' }).services['fusewire']?.environment?.['LOG_LEVEL']).toBe('info');
    expect([...composeVariables(['# ${', 'NOT}\na: ${', 'A:-b}-${', 'C}'].join(''))]).toEqual([
      ['A', 'b'],
      ['C', undefined],
    ]);
  });
});
