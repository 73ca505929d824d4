// What an operator of the gateway asks: does it work, does it enforce, why was a customer refused.
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { DOCTOR_TEAM_NAME } from '../../../service/admin/doctor-team.js';
import { mintKeys } from '../../../service/admin/first-start.js';
import { type Check, Finding } from '../../../service/doctor/examination.js';
import { tryGateway } from '../../../service/doctor/try-gateway.js';
import { type RunningService, startService } from '../../../service/index.js';
import { createRuntime } from '../../../src/internal.js';
import { type StandInUpstream, startStandInUpstream } from '../gateway/support/stand-in-upstream.js';
import { runInProcess } from './in-process.js';

describe('an operator of the gateway', { timeout: 90_000 }, () => {
  let folder: string;
  let upstream: StandInUpstream;
  let service: RunningService;
  let other: Server | undefined;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fusewire-gateway-cli-'));
    upstream = await startStandInUpstream();
    const gateway = { OLLAMA_BASE_URL: upstream.ollama };
    service = await startService({ dataDir: join(folder, 'fusewire-data'), gateway });
  });
  afterEach(async () => {
    other?.closeAllConnections();
    await new Promise<void>((resolve) => (other === undefined ? resolve() : other.close(() => resolve())));
    other = undefined;
  });
  afterAll(async () => {
    await service.close();
    await upstream.close();
    await rm(folder, { recursive: true, force: true });
  });
  const run = (...args: string[]) => runInProcess(args, { workingDir: folder });
  const chats = () => upstream.seen.filter(({ path }) => path === '/v1/chat/completions').length;

  it('has it proved by doctor, again and again, that the gateway refuses, with nothing sent and nothing left', async () => {
    for (const _ of [1, 2]) {
      const { code, out, err } = await run('doctor', '--json');
      const { checks } = JSON.parse(out) as { checks: Check[] };
      expect([code, err, checks.filter(({ state }) => state !== 'ok')]).toEqual([0, '', []]);
      expect(checks.find(({ name }) => name === 'gateway')?.detail).toMatch(
        /^http:\/\/127\.0\.0\.1:\d+, healthy; \$1 asked of \$0\.00001: 402, nothing sent; revoked key: 401 after \d+ ms$/,
      );
    }
    expect(chats()).toBe(0);
    const { store } = service;
    const team = (await store.listTeams()).find(({ name }) => name === DOCTOR_TEAM_NAME)!;
    expect((await store.listControls(team.id, { page: 0, size: 10 })).totalElements).toBe(0);
    const prices = await store.listPrices(team.id, { all: true });
    expect(prices.filter(({ model }) => model === 'fusewire-doctor')).toHaveLength(1);
    const keys = await store.listGatewayKeys(team.id, { page: 0, size: 10 });
    expect(keys.items.map(({ revokedAtMs }) => revokedAtMs === undefined)).toEqual([false, false]);
  });

  it('hears of a gateway that sends what its budget has no room for, or takes a revoked key', async () => {
    const { id } = await service.store.createTeam('tried');
    const keys = await mintKeys(service.store, id, 'tried');
    const patient = {
      ...{ url: service.url, teamId: id, meteringKey: keys.metering, writeKey: keys.write },
      ...{ runtime: createRuntime(), run: 'r' },
    };
    const behave = async (answer: { status: number; sent?: boolean; body: unknown }) => {
      other?.close();
      other = createServer((asked, reply) => {
        asked.resume();
        const isHealth = asked.url === '/health';
        if (answer.sent) reply.setHeader('fusewire-transaction-id', 'x');
        reply.statusCode = isHealth ? 200 : answer.status;
        reply.end(JSON.stringify(isHealth ? { status: 'healthy' } : answer.body));
      });
      await new Promise<void>((resolve) => other!.listen(0, '127.0.0.1', () => resolve()));
      return `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    };
    const found = async (answer: Parameters<typeof behave>[0]) => {
      const error = await tryGateway(patient, await behave(answer)).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(Finding);
      return (error as Finding).message;
    };
    const error = { code: 'BUDGET_EXCEEDED', limit: '0.00001', asked: '1', message: 'no' };
    const sent = await found({ status: 404, sent: true, body: {} });
    expect(sent).toBe('a call for up to $1 on a budget of $0.00001 was sent, and answered 404');
    expect(await found({ status: 200, body: {} })).toMatch(/too large for its budget was answered 200: \{\}$/);
    const unknown = { ...error, code: 'UNKNOWN_PRICE' };
    expect(await found({ status: 402, body: { error: unknown } })).toMatch(/was answered 402: no$/);
    expect(await found({ status: 402, body: { error } })).toBe('a revoked key still works');
    expect((await service.store.listControls(id, { page: 0, size: 10 })).totalElements).toBe(0);
  });

  it('sees in status where the gateway is, what it serves and what is wrong', async () => {
    const { code, out } = await run('status');
    expect(code).toBe(0);
    expect(out.split('\n')[1]).toBe(`${service.gatewayUrl} is healthy: the gateway to ollama`);
    expect(JSON.parse((await run('status', '--json')).out).gateway).toMatchObject({
      ...{ url: service.gatewayUrl, status: 'healthy', upstreams: ['ollama'] },
    });
    const alone = await startService({ dataDir: join(folder, 'alone') });
    try {
      const seen = await run('status', '--data-dir', join(folder, 'alone'), '--json');
      expect(JSON.parse(seen.out)).not.toHaveProperty('gateway');
    } finally {
      await alone.close();
    }
    const away = { OLLAMA_BASE_URL: 'http://127.0.0.1:9', OPENAI_API_KEY: 'x' };
    const half = await startService({ dataDir: join(folder, 'half'), gateway: away });
    try {
      const seen = await run('status', '--data-dir', join(folder, 'half'));
      expect(seen.out).toContain(`${half.gatewayUrl} is degraded: the gateway to ollama, openai; ollama: failed\n`);
      const doctor = await run('doctor', '--data-dir', join(folder, 'half'));
      expect(doctor.out).toContain('degraded (Ollama does not answer); $1 asked of $0.00001: 402');
      expect(doctor.code).toBe(0);
    } finally {
      await half.close();
    }
  });

  it('is told by explain why a customer is refused, by any of its names', async () => {
    await run('customers', 'create', 'Ann', 'ann@example.com', '--budget', '0');
    const [ann] = JSON.parse((await run('customers', 'list', '--json')).out) as { id: string; number: number }[];
    for (const name of [ann!.id, String(ann!.number), 'ann@example.com']) {
      const { code, out } = await run('explain', '--model', 'llama3.2', '--provider', 'OLLAMA', '--customer', name);
      expect([code, out.split('\n')[0]]).toEqual([3, `refused: Budget of Ann (${ann!.id}): $0.00 >= $0.00: refused`]);
    }
    const nobody = await run('explain', '--model', 'm', '--customer', 'nobody@example.com');
    expect([nobody.code, nobody.err]).toEqual([1, expect.stringContaining("no customer 'nobody@example.com'")]);
    const both = await run('explain', '--model', 'm', '--customer', '1', '--subscriber-id', 'x');
    expect([both.code, both.err]).toEqual([2, expect.stringContaining('leave --subscriber-id')]);
  });

  it('is told which of the two listeners cannot have its address, and how to change it', async () => {
    const said = async (...args: string[]) => {
      const dataDir = join(folder, 'refused');
      const { code, err } = await runInProcess(['serve', '--data-dir', dataDir, ...args], {
        ...{ workingDir: folder, env: { LOG_LEVEL: 'silent', OLLAMA_BASE_URL: upstream.ollama } },
      });
      expect(code).toBe(1);
      return err;
    };
    const taken = new URL(service.gatewayUrl!).port;
    expect(await said('--port', '0', '--gateway-port', taken)).toMatch(
      /where the gateway listens, is taken.*--gateway-port/,
    );
    expect(await said('--port', taken, '--gateway-port', '0')).toMatch(
      /is taken by another program.*--port or PORT\n$/,
    );
    expect(await said('--port', taken, '--gateway-port', taken)).toMatch(
      /the API and the gateway cannot both listen at /,
    );
    const nowhere = '192.0.2.1';
    expect(await said('--port', '0', '--gateway-port', '0', '--gateway-host', nowhere)).toBe(
      `fusewire: ${nowhere}, where the gateway listens, is not an address of this machine; choose another with --gateway-host or GATEWAY_HOST\n`,
    );
    expect(await said('--port', '0', '--gateway-port', '0', '--host', nowhere)).toBe(
      `fusewire: ${nowhere} is not an address of this machine; choose another with --host or HOST\n`,
    );
  });

  it('hears of no room to come where the budget is 0', async () => {
    await run('customers', 'create', 'Zoe', 'zoe@example.com', '--budget', '0');
    const { key } = JSON.parse((await run('keys', 'create', 'zoe@example.com', '--json')).out) as { key: string };
    const answer = await fetch(`${service.gatewayUrl}/api/chat`, {
      ...{ method: 'POST', headers: { authorization: `Bearer ${key}` } },
      body: JSON.stringify({ model: 'llama3.2', messages: [{ role: 'user', content: 'x' }] }),
    });
    expect(answer.status).toBe(402);
    expect(((await answer.json()) as { error: string }).error).toMatch(
      /^The budget 'Budget of Zoe \(cus_\w+\)' of customer cus_\w+ lets nothing pass: its limit is 0\. Ask whoever/,
    );
  });

  it('is named as who declared a price, without a key too', async () => {
    await run('prices', 'set', 'llama3.2', '0.001');
    const listed = JSON.parse((await run('prices', 'list', '--json')).out) as { model: string; declaredBy: string }[];
    expect(listed.find(({ model }) => model === 'llama3.2')?.declaredBy).toBe('local:cli');
  });

  it('is told what is missing where a key is not named, for each command in its own words', async () => {
    const err = async (...args: string[]) => (await run('keys', ...args)).err;
    expect(await err('create')).toContain('name its customer;');
    expect(await err('list')).toContain('name a customer, or add --customers for those of all;');
    expect(await err('revoke', 'nonsense')).toContain('an id that begins with gk_;');
  });
});
