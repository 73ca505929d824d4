import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { FusewireError } from '../../src/errors.js';
import { createFusewireOn, type Fusewire } from '../../src/instance.js';
import {
  AgenticOutcomeClient,
  type AgenticOutcomeSettings,
  JobsApiError,
  OutcomeAlreadyReportedError,
  OutcomeAmendConflictError,
  OutcomeNotReportedError,
} from '../../src/outcomes.js';
import { openServiceFixture, type ServiceFixture } from '../helpers/service-fixture.js';
import { openTestStore } from '../helpers/stores.js';
import { until } from '../helpers/until.js';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

function clientOf(settings: AgenticOutcomeSettings): AgenticOutcomeClient {
  const client = new AgenticOutcomeClient(settings);
  closing.push(() => client.close());
  return client;
}

describe('the client for jobs and outcomes, against the service', () => {
  let service: ServiceFixture;
  beforeAll(async () => {
    service = await openServiceFixture(openTestStore);
  });
  afterAll(() => service.close());

  const open = (more: AgenticOutcomeSettings = {}) =>
    clientOf({
      apiKey: service.keys.write,
      teamId: service.team.id,
      meteringBaseUrl: service.url,
      attempts: 2,
      ...more,
    });

  it('meters, reports, amends, measures and reads back', async () => {
    const client = open();
    const event = { model: 'gpt-4o-mini', provider: 'OPENAI', inputTokenCount: 1_000, outputTokenCount: 100 };
    client.emitCompletion({ ...event, totalCost: 0.5, usageMetadata: { agenticJobId: 'deal-1' } });
    await client.fusewire.flush();
    expect(await client.getJob('deal-1')).toMatchObject({ agenticJobId: 'deal-1', hasOutcome: false });
    const reported = await client.reportOutcome('deal-1', {
      executionStatus: 'SUCCESS',
      outcomeType: 'CONVERTED',
      outcomeValue: 49.9,
      metadata: { seats: 3 },
      reportedBy: 'billing-bot',
    });
    expect(reported).toMatchObject({ outcomeValue: 49.9, outcomeCurrency: 'USD', outcomeMetadata: '{"seats":3}' });
    await client.appendOutcomeMetrics('deal-1', [{ key: 'quality', value: 0.9, provenance: 'MEASURED' }]);
    expect(await client.amendOutcome('deal-1', { outcomeValue: 40, reason: 'a discount' })).toMatchObject({
      outcomeValue: 40,
      outcomeAmendmentCount: 1,
    });
    expect((await client.outcomeHistory('deal-1')).map(({ outcomeValue }) => outcomeValue)).toEqual([49.9, 40]);
    expect(await client.jobRoi('deal-1')).toMatchObject({ totalCost: 0.5, outcomeValue: 40, transactionCount: 1 });
    expect(await client.jobTransactions('deal-1')).toMatchObject({ totalCount: 1 });
    expect(await client.conversionFunnel()).toMatchObject({ totalJobs: 1, convertedJobs: 1 });
  });

  it('declares jobs; one that is there is no error; lists them and their types', async () => {
    const client = open();
    const declared = { name: 'Nightly run', type: 'Coding', version: '2' };
    expect(await client.createJob('run-1', declared)).toMatchObject({ agenticJobId: 'run-1', type: 'coding' });
    expect(await client.createJob('run-1', declared)).toMatchObject({ agenticJobId: 'run-1' });
    expect(await client.jobTypes()).toContain('coding');
    const { jobs, page } = await client.listJobs({ type: 'coding', size: 5 });
    expect(jobs.map(({ agenticJobId }) => agenticJobId)).toEqual(['run-1']);
    expect(page).toMatchObject({ number: 0, size: 5, totalElements: 1 });
  });

  it('says that an outcome is there already, that there is none, and that it changed in between', async () => {
    const client = open();
    await client.createJob('twice');
    await expect(client.amendOutcome('twice', { outcomeValue: 1, reason: 'none yet' })).rejects.toBeInstanceOf(
      OutcomeNotReportedError,
    );
    await client.reportOutcome('twice', { executionStatus: 'SUCCESS' });
    const again = await client.reportOutcome('twice', { executionStatus: 'FAILED' }).catch((error: unknown) => error);
    expect(again).toBeInstanceOf(OutcomeAlreadyReportedError);
    expect(again).toMatchObject({ status: 409, amendmentCount: 0 });
    expect((again as OutcomeAlreadyReportedError).reportedAt).toMatch(/^\d{4}-/);
    const conflict = await client
      .amendOutcome('twice', { outcomeValue: 1, reason: 'late', expectedEntityVersion: 99 })
      .catch((error: unknown) => error);
    expect(conflict).toBeInstanceOf(OutcomeAmendConflictError);
    expect((conflict as OutcomeAmendConflictError).currentEntityVersion).toEqual(expect.any(Number));
    expect(JobsApiError.is(conflict)).toBe(true);
  });

  it('runs a job: what is inside is counted for it, and its outcome is reported', async () => {
    const client = open();
    const result = await client.runJob(
      {
        id: 'deal-2',
        type: 'sales',
        outcome: (won: boolean) => ({ executionStatus: 'SUCCESS', outcomeType: won ? 'CONVERTED' : 'UNSUCCESSFUL' }),
      },
      async () => {
        await Promise.resolve();
        client.emitCompletion({ model: 'm', provider: 'OPENAI', totalCost: 0.25 });
        client.emitToolEvent({ toolId: 'crm', durationMs: 84, costUsd: 0.5 });
        return true;
      },
    );
    expect(result).toBe(true);
    expect(await client.getJob('deal-2')).toMatchObject({ type: 'sales', outcomeType: 'CONVERTED' });
    expect(await client.jobRoi('deal-2')).toMatchObject({ totalCost: 0.75, transactionCount: 2 });
  });

  it('a job that fails is reported as failed, and the task’s own error passes', async () => {
    const client = open();
    await client.createJob('broken');
    const boom = new Error('boom');
    const run = client.runJob({ id: 'broken' }, () => {
      throw boom;
    });
    await expect(run).rejects.toBe(boom);
    expect(await client.getJob('broken')).toMatchObject({ executionStatus: 'FAILED' });
  });

  it('meters with an instance that it is given, and leaves that open', async () => {
    const fusewire: Fusewire = createFusewireOn(
      {},
      { apiKey: service.keys.metering, teamId: service.team.id, meteringBaseUrl: service.url, logLevel: 'CRITICAL' },
    );
    closing.push(() => fusewire.close());
    const client = clientOf({ apiKey: service.keys.write, fusewire });
    client.emitCompletion({ model: 'm', provider: 'P', usageMetadata: { agenticJobId: 'given' } });
    await client.close();
    expect(await fusewire.flush()).toBe(true);
    expect((await service.ask({ path: '/v2/api/jobs/given' })).status).toBe(200);
  });
});

interface Answer {
  readonly status: number;
  readonly body?: unknown;
  /** Instead of JSON. */
  readonly text?: string;
  readonly headers?: Record<string, string>;
}

async function startScripted(answers: Answer[]) {
  const seen: { method: string; url: string; headers: IncomingMessage['headers']; body: string }[] = [];
  const server = createServer(async (request: IncomingMessage, response: ServerResponse) => {
    let body = '';
    for await (const part of request) body += String(part);
    seen.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body });
    const answer = answers.shift() ?? { status: 500 };
    if (answer.status === 0) {
      response.destroy();
      return;
    }
    response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers });
    response.end(answer.text ?? (answer.body === undefined ? '' : JSON.stringify(answer.body)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

/** Timers that fire at once, and say how long they would have taken. */
function impatient(env: Record<string, string> = {}) {
  const delays: number[] = [];
  const runtime = {
    env,
    setTimer(task: () => void, delayMs: number, options?: { keepAlive?: boolean }) {
      if (options?.keepAlive !== true) return { cancel: () => undefined };
      delays.push(delayMs);
      setImmediate(task);
      return { cancel: () => undefined };
    },
  };
  return { runtime, delays };
}

function impatientClient(url: string, more: AgenticOutcomeSettings = {}, env: Record<string, string> = {}) {
  const { runtime, delays } = impatient(env);
  const fusewire = createFusewireOn(runtime, { apiKey: 'hak_test', meteringBaseUrl: url, logLevel: 'CRITICAL' });
  closing.push(() => fusewire.close());
  return { client: clientOf({ fusewire, ...more }), delays };
}

describe('the client for jobs and outcomes, against anything else', () => {
  it('I9: tries what passes by itself again, with one key over all tries, and heeds Retry-After within its bound', async () => {
    const { url, seen } = await startScripted([
      { status: 0 },
      { status: 404 },
      { status: 429, headers: { 'retry-after': '7' } },
      { status: 503, headers: { 'retry-after': '3600' } },
      { status: 200, body: { agenticJobId: 'j' } },
    ]);
    const { client, delays } = impatientClient(`${url}/meter/v2`, { teamId: 'T 1' });
    await client.reportOutcome('j', { executionStatus: 'SUCCESS' });
    expect(delays).toEqual([2_000, 4_000, 7_000, 90_000]);
    expect(new Set(seen.map(({ headers }) => headers['idempotency-key'])).size).toBe(1);
    expect(seen[0]?.url).toBe('/profitstream/v2/api/jobs/j/outcome?teamId=T+1');
    expect(seen[0]?.headers['x-api-key']).toBe('hak_test');
  });

  it('gives up after ten tries, and says what happened', async () => {
    const { url, seen } = await startScripted(Array.from({ length: 10 }, () => ({ status: 503 })));
    const { client } = impatientClient(url);
    await expect(client.reportOutcome('j', { executionStatus: 'SUCCESS' })).rejects.toThrow(
      'report the outcome of j: HTTP 503',
    );
    expect(seen).toHaveLength(10);
  });

  it.each([
    ['amendOutcome', (client: AgenticOutcomeClient) => client.amendOutcome('j', { reason: 'r' }), 503],
    ['appendOutcomeMetrics', (client: AgenticOutcomeClient) => client.appendOutcomeMetrics('j', []), 503],
    ['getJob', (client: AgenticOutcomeClient) => client.getJob('j'), 404],
    ['reportOutcome', (client: AgenticOutcomeClient) => client.reportOutcome('j', { executionStatus: 'FAILED' }), 401],
  ] as const)('%s does not try again what does not pass', async (_name, ask, status) => {
    const { url, seen } = await startScripted([{ status, body: { message: 'no', error: 'nope' } }]);
    const { client } = impatientClient(url);
    await expect(ask(client)).rejects.toMatchObject({ name: 'JobsApiError', status, code: 'nope' });
    expect(seen).toHaveLength(1);
  });

  it('reads the other form of a list, and both forms of “already reported”', async () => {
    const flat = { error: 'ALREADY', guidance: 'amend it', reportedAt: '2026-11-20T00:00:00Z', amendmentCount: 2 };
    const nested = {
      message: 'there',
      details: { guidance: 'amend', reportedAt: '2026-11-20T00:00:00Z', updateCount: '3' },
    };
    const { url } = await startScripted([
      {
        status: 200,
        body: { content: [{ agenticJobId: 'a' }], number: 1, size: 20, totalElements: 21, totalPages: 2 },
      },
      { status: 409, body: flat },
      { status: 409, body: nested },
    ]);
    const { client } = impatientClient(url);
    expect(await client.listJobs({ page: 1 })).toEqual({
      jobs: [{ agenticJobId: 'a' }],
      page: { number: 1, size: 20, totalElements: 21, totalPages: 2 },
    });
    const report = () => client.reportOutcome('a', { executionStatus: 'SUCCESS' }).catch((error: unknown) => error);
    expect(await report()).toMatchObject({ amendmentCount: 2, guidance: 'amend it' });
    expect(await report()).toMatchObject({ amendmentCount: 3, guidance: 'amend' });
  });

  it('I12: outcomes are not written with a metering key, and the error does not show it', async () => {
    const { url, seen } = await startScripted([]);
    const env = { REVENIUM_WRITE_API_KEY: 'rev_mk_T_0123456789abcdef' };
    const { client } = impatientClient(url, {}, env);
    const error = await client.reportOutcome('j', { executionStatus: 'SUCCESS' }).catch((caught: unknown) => caught);
    expect(FusewireError.is(error)).toBe(true);
    expect(String(error)).toContain('rev_mk_…cdef');
    expect(String(error)).not.toContain('0123456789');
    expect(seen).toHaveLength(0);
    expect(() => new AgenticOutcomeClient({ apiKey: 'rev_mk_T_x' })).toThrow('write key');
  });

  it.each([
    [{ apiKey: 'rev_sk_T_explicit' }, { REVENIUM_WRITE_API_KEY: 'rev_sk_T_w' }, 'rev_sk_T_explicit'],
    [{}, { REVENIUM_WRITE_API_KEY: 'rev_sk_T_w', REVENIUM_OUTCOME_API_KEY: 'rev_sk_T_o' }, 'rev_sk_T_w'],
    [{}, { REVENIUM_OUTCOME_API_KEY: 'rev_sk_T_o' }, 'rev_sk_T_o'],
    [{}, {}, 'hak_test'],
  ])('takes its key from %o, then %o: %s', async (settings, env, key) => {
    const { url, seen } = await startScripted([{ status: 200, body: {} }]);
    await impatientClient(url, settings, env as Record<string, string>).client.getJob('j');
    expect(seen[0]?.headers['x-api-key']).toBe(key);
  });

  it('a page under 200, a redirect and a form that is not known are errors, never an empty list or an outcome', async () => {
    const html = { status: 200, text: '<html>sign in</html>', headers: { 'content-type': 'text/html' } };
    const elsewhere = { status: 302, headers: { location: 'http://127.0.0.1:1/' } };
    const { url, seen } = await startScripted([
      html,
      html,
      html,
      elsewhere,
      ...[{}, {}, []].map((body) => ({ status: 200, body })),
    ]);
    const { client } = impatientClient(url, { attempts: 1 });
    await expect(client.reportOutcome('j', { executionStatus: 'SUCCESS' })).rejects.toThrow('no JSON');
    await expect(client.listJobs()).rejects.toThrow('no JSON');
    await expect(client.getJob('j')).rejects.toMatchObject({ name: 'JobsApiError', status: 200 });
    await expect(client.getJob('j')).rejects.toMatchObject({ status: 302 });
    await expect(client.listJobs()).rejects.toThrow('not known');
    await expect(client.jobTypes()).rejects.toThrow('not known');
    await expect(client.listJobs()).rejects.toThrow('not known');
    expect(seen).toHaveLength(7);
  });

  it('I10, I12: an error is short and does not repeat the key, whatever the server says', async () => {
    const key = 'rev_sk_T9qLm2_0f3c7be1d2';
    const said = { message: `the key ${key} is not ours ${'x'.repeat(1_000_000)}` };
    const { url } = await startScripted([
      { status: 403, text: `bad ${key} ${'x'.repeat(1e6)}` },
      { status: 401, body: said },
    ]);
    const { client } = impatientClient(url, { apiKey: key });
    for (const status of [403, 401]) {
      const error = await client.getJob('j').catch((reason: unknown) => reason);
      expect(error).toMatchObject({ status });
      expect(String(error)).not.toContain('0f3c7be1d2');
      expect(String(error).length).toBeLessThan(5_000);
    }
  });

  it('close() ends the wait for a retry, and nothing is sent after it', async () => {
    const { url, seen } = await startScripted([{ status: 503 }, { status: 503 }]);
    const fusewire = createFusewireOn({}, { apiKey: 'hak_test', meteringBaseUrl: url, logLevel: 'CRITICAL' });
    closing.push(() => fusewire.close());
    const client = clientOf({ fusewire });
    const asked = client.getJob('j').catch((reason: unknown) => reason);
    await until(() => seen.length === 1, 'the first try');
    await client.close();
    expect(await asked).toBeInstanceOf(JobsApiError);
    expect(await client.getJob('j').catch((reason: unknown) => reason)).toBeInstanceOf(JobsApiError);
    expect(seen).toHaveLength(1);
  });

  it('finds the jobs API where a variable or a setting says', async () => {
    const { url, seen } = await startScripted([
      { status: 200, body: {} },
      { status: 200, body: {} },
    ]);
    const env = { REVENIUM_PROFITSTREAM_BASE_URL: `${url}/profitstream` };
    await impatientClient('http://127.0.0.1:9', {}, env).client.getJob('j');
    await impatientClient('http://127.0.0.1:9', { jobsBaseUrl: `${url}/base/` }).client.getJob('j');
    expect(seen.map((request) => request.url)).toEqual([
      '/profitstream/v2/api/jobs/j',
      '/base/profitstream/v2/api/jobs/j',
    ]);
  });

  it.each(['', 'types', 'conversion-funnel', '../x', 'a b', 'a'.repeat(256)])('refuses the job id %j', async (id) => {
    const { url, seen } = await startScripted([]);
    const { client } = impatientClient(url);
    await expect(client.getJob(id)).rejects.toThrow('is no job id');
    expect(seen).toHaveLength(0);
  });

  it('lists every wrong setting', () => {
    const wrong = { apiKey: '', attempts: 0, timeoutSeconds: -1, jobsBaseUrl: 'ftp://x', colour: 'red' };
    expect(() => new AgenticOutcomeClient(wrong as AgenticOutcomeSettings)).toThrow(FusewireError);
    const error = (() => {
      try {
        new AgenticOutcomeClient(wrong as AgenticOutcomeSettings);
      } catch (caught) {
        return caught;
      }
    })();
    expect((error as FusewireError).problems).toHaveLength(5);
  });

  it('I2: a service that does not answer holds the result for 5 s and no longer', async () => {
    const { url } = await startScripted(Array.from({ length: 30 }, () => ({ status: 503 })));
    const waits: number[] = [];
    // Only the wait of 5 s fires; the pauses between tries never end.
    const runtime = {
      env: {},
      setTimer(task: () => void, delayMs: number, options?: { keepAlive?: boolean }) {
        if (options?.keepAlive === true) waits.push(delayMs);
        if (delayMs === 5_000) setImmediate(task);
        return { cancel: () => undefined };
      },
    };
    const fusewire = createFusewireOn(runtime, { apiKey: 'hak_test', meteringBaseUrl: url, logLevel: 'CRITICAL' });
    closing.push(() => fusewire.close());
    const client = clientOf({ fusewire });
    expect(await client.runJob({ id: 'j' }, () => 'result')).toBe('result');
    expect(waits).toContain(5_000);
  });

  it('says what is wrong before anything runs or is sent', async () => {
    const { url, seen } = await startScripted([]);
    const { client } = impatientClient(url);
    expect(() => new AgenticOutcomeClient('rev_sk_x' as never)).toThrow('the settings must be an object');
    await expect(client.reportOutcome('j', undefined as never)).rejects.toThrow('an outcome must be an object');
    let ran = false;
    const task = () => {
      ran = true;
    };
    await expect(client.runJob({} as never, task)).rejects.toThrow('is no job id');
    expect(ran).toBe(false);
    expect(seen).toHaveLength(0);
  });

  it('I2: an outcome that cannot be reported costs neither result nor error', async () => {
    const { url } = await startScripted([{ status: 401 }, { status: 401 }, { status: 401 }, { status: 401 }]);
    const { client } = impatientClient(url);
    expect(await client.runJob({ id: 'j' }, () => 'result')).toBe('result');
    const throws = () => JSON.parse('{') as string;
    expect(await client.runJob({ id: 'j', outcome: throws as never }, () => 5)).toBe(5);
    expect(await client.runJob({ id: 'j', outcome: () => undefined }, () => 6)).toBe(6);
  });
});
