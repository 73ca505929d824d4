import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VERSION } from '../../../service/version.js';

import { openServiceFixture, type ServiceFixture, usageEvent } from '../../helpers/service-fixture.js';
import { openTestStore } from '../../helpers/stores.js';

const COMPLETIONS = '/meter/v2/ai/completions';
const CONTROLS = '/v2/api/ai/cost-controls';

describe('the HTTP side', () => {
  let service: ServiceFixture;
  beforeEach(async () => {
    service = await openServiceFixture(openTestStore, {
      config: { bodyLimitBytes: 10_000, inFlightMax: 4 },
    });
  });
  afterEach(() => service.close());

  it('answers both path families with the same bodies', async () => {
    const control = {
      teamId: service.team.id,
      name: 'cap',
      metricType: 'TOTAL_COST',
      windowType: 'DAILY',
      hardLimit: 5,
    };
    const made = await service.ask({ path: `/profitstream${CONTROLS}`, json: control });
    expect(made.status).toBe(201);
    const rules = `/v2/api/ai/enforcement-rules/${service.team.id}`;
    for (const path of [CONTROLS, `${CONTROLS}/${made.json.id}`, '/v2/api/teams', rules, '/v2/api/fusewire/prices']) {
      const [bare, prefixed] = await Promise.all([
        service.ask({ path }),
        service.ask({ path: `/profitstream${path}` }),
      ]);
      expect(bare.status, path).toBe(200);
      const withoutTime = (text: string) => text.replace(/"compiledAt":"[^"]*"/, '');
      expect(withoutTime(prefixed.text), path).toBe(withoutTime(bare.text));
    }
    expect((await service.ask({ path: `/meter${rules}` })).status).toBe(200);
    expect((await service.ask({ path: '/v2/ai/completions', json: usageEvent() })).status).toBe(201);
  });

  it('tolerates a trailing slash and doubled slashes', async () => {
    for (const path of ['/v2/api/teams/', '//v2//api/teams', `${CONTROLS}/`]) {
      expect((await service.ask({ path })).status, path).toBe(200);
    }
  });

  it.each([
    ['{"model": x}', 'line 1, column 11: a value expected'],
    ['{"a":1,\n "b" 2}', 'line 2, column 6: : expected'],
    ['{"a":[1,2', 'line 1, column 10: , or ] expected'],
    ['{"a":1}}', 'line 1, column 8: the end of the body expected'],
    ['{,}', 'line 1, column 2: a "name" or } expected'],
    ['nonsense', 'line 1, column 1: a value expected'],
    [`{"secret":"${'k'.repeat(20)}`, 'line 1, column 11: a value expected'],
  ])('names the place where a body stops being JSON: %j', async (text, place) => {
    const got = await service.ask({ path: COMPLETIONS, text, headers: { 'content-type': 'application/json' } });
    expect([got.status, got.json.error]).toEqual([400, 'malformed_json']);
    expect(got.json.message).toBe(`the body is not valid JSON at ${place}`);
    expect(got.text).not.toContain('kkkk');
  });

  it('asks for a body where there is none', async () => {
    const got = await service.ask({ path: COMPLETIONS, method: 'POST' });
    expect([got.status, got.json.message]).toEqual([400, 'the body must be a JSON object: one usage event']);
    for (const text of ['', 'null', '[]', '"text"', '3']) {
      const other = await service.ask({ path: COMPLETIONS, text, headers: { 'content-type': 'application/json' } });
      expect(other.status, text).toBe(400);
    }
  });

  it('takes JSON under its names and refuses other content types with 415', async () => {
    const text = JSON.stringify(usageEvent());
    for (const type of [
      'application/json',
      'application/json; charset=utf-8',
      'application/hal+json',
      'Application/JSON',
    ]) {
      expect((await service.ask({ path: COMPLETIONS, text, headers: { 'content-type': type } })).status, type).toBe(
        201,
      );
    }
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonx', 'nonsense']) {
      const got = await service.ask({ path: COMPLETIONS, text, headers: { 'content-type': type } });
      expect([got.status, got.json.error], type).toEqual([415, 'unsupported_media_type']);
    }
    expect((await service.ask({ path: COMPLETIONS, text })).status).toBe(415);
  });

  it('I10: refuses bodies that are too large or too deep', async () => {
    const large = await service.ask({ path: COMPLETIONS, json: usageEvent({ inputMessages: 'x'.repeat(20_000) }) });
    expect([large.status, large.json.error]).toEqual([413, 'body_too_large']);
    const deep = `{"attributes":${'['.repeat(4_000)}${']'.repeat(4_000)}}`;
    const got = await service.ask({ path: COMPLETIONS, text: deep, headers: { 'content-type': 'application/json' } });
    expect([got.status, got.json.error]).toEqual([400, 'too_deep']);
  });

  it('I10: a request that takes too long ends with 503 and a time to come back', async () => {
    const slow = await openServiceFixture(openTestStore, {
      config: { requestLimitMs: 300 },
    });
    slow.store.findEvents = () => new Promise(() => undefined);
    const got = await slow.ask({ path: '/v2/api/sources/metrics/ai/completions' });
    expect([got.status, got.json.error, got.headers['retry-after']]).toEqual([503, 'unavailable', '5']);
    await slow.close();
  });

  it('is not ready while its store is late, and alive in any case', async () => {
    Object.assign(service.store, { probeWrite: () => new Promise(() => undefined) });
    const late = await service.ask({ path: '/ready', key: null });
    expect([late.status, late.json.message, late.headers['retry-after']]).toEqual([
      503,
      'the store does not answer',
      '2',
    ]);
    expect((await service.ask({ path: '/health', key: null })).json).toEqual({ status: 'ok' });
  });

  it('I10: too many requests at once are told to come back; one line when it begins, one when it is over', async () => {
    const release: (() => void)[] = [];
    const list = service.store.listControls;
    const heldUp = async (...args: Parameters<typeof list>) => {
      await new Promise<void>((resolve) => release.push(resolve));
      return list(...args);
    };
    Object.assign(service.store, { listControls: heldUp });
    const path = CONTROLS;
    const held = Array.from({ length: 4 }, () => service.ask({ path }));
    await expect.poll(() => release.length).toBe(4);
    const refused = await Promise.all([service.ask({ path }), service.ask({ path })]);
    for (const got of refused)
      expect([got.status, got.json.error, got.headers['retry-after']]).toEqual([503, 'overloaded', '1']);
    for (const one of release) one();
    await Promise.all(held);
    await expect.poll(() => service.logged()).toContain('requests are accepted again');
    expect(service.logged().split('too many requests at once;')).toHaveLength(2);
    Object.assign(service.store, { listControls: list });
    expect((await service.ask({ path })).status).toBe(200);
  });

  it('answers an unknown path with 404 and where to look', async () => {
    for (const path of ['/', '/v3/api/teams', '/v2/api/nothing', '/%E0%A4%A', '/meter/v2/ai/nothing']) {
      const got = await service.ask({ path });
      expect(got.status, path).toBeGreaterThanOrEqual(400);
      expect(got.status, path).toBeLessThan(500);
      expect(got.json, path).toMatchObject({ message: expect.any(String), error: expect.any(String) });
    }
    const got = await service.ask({ path: '/v3/api/teams?x=1' });
    expect([got.status, got.json.message]).toEqual([404, expect.stringContaining('GET /v3/api/teams; /openapi.json')]);
  });

  it('answers a wrong method with 405 and the right ones, before it reads the body', async () => {
    const put = await service.ask({
      path: `${CONTROLS}/x`,
      method: 'PUT',
      text: '{',
      headers: { 'content-type': 'application/json' },
    });
    expect([put.status, put.json.error, put.headers['allow']]).toEqual([
      405,
      'method_not_allowed',
      'GET, HEAD, PATCH, DELETE, OPTIONS',
    ]);
    expect(put.json.message).toContain('use PATCH');
    const get = await service.ask({ path: COMPLETIONS });
    expect([get.status, get.headers['allow']]).toEqual([405, 'POST, OPTIONS']);
    const rest = await service.ask({ path: '/health', method: 'DELETE', key: null });
    expect([rest.status, rest.json.message]).toEqual([405, 'DELETE is not accepted here; allowed: GET, HEAD, OPTIONS']);
  });

  it('answers OPTIONS and HEAD', async () => {
    const options = await service.ask({ path: CONTROLS, method: 'OPTIONS', key: null });
    expect([options.status, options.headers['allow'], options.text]).toEqual([204, 'GET, HEAD, POST, OPTIONS', '']);
    const head = await service.ask({ path: '/v2/api/teams', method: 'HEAD' });
    expect([head.status, head.text]).toEqual([200, '']);
    expect((await service.ask({ path: '/v2/api/teams', method: 'HEAD', key: null })).status).toBe(401);
  });

  it('says with every answer what an SDK may count on', async () => {
    const asks = [
      { path: '/v2/api/teams' },
      { path: '/v2/api/teams', key: null },
      { path: '/nowhere' },
      { path: COMPLETIONS, json: usageEvent() },
      { path: COMPLETIONS, json: {} },
      { path: CONTROLS, method: 'PUT' as const },
    ];
    for (const ask of asks) {
      expect((await service.ask(ask)).headers['fusewire-capabilities'], ask.path).toBe(
        'feed-revision, feed-etag, feed-wait, feed-delta, feed-whole, ingest-batch, refusals, bypass, holds',
      );
    }
  });

  it('survives what is not HTTP', async () => {
    const { port } = new URL(service.url);
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(Number(port), '127.0.0.1', () => socket.write('NONSENSE\r\n\r\n'));
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk;
      });
      socket.on('close', () => resolve(text));
    });
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect((await service.ask({ path: '/health', key: null })).status).toBe(200);
  });

  it('describes itself from the schemas it validates with', async () => {
    const got = await service.ask({ path: '/openapi.json', key: null });
    // Which paths there are is held against the routes by routes.test.ts.
    const body = got.json.paths['/meter/v2/ai/completions'].post.requestBody.content['application/json'].schema;
    expect(body.required.sort()).toEqual(['model', 'provider', 'requestTime']);
    expect(JSON.stringify(body.properties.operationType)).toContain('GUARDRAIL');
    const control = got.json.paths['/v2/api/ai/cost-controls'].post.requestBody.content['application/json'].schema;
    expect(control.required.sort()).toEqual(['hardLimit', 'metricType', 'name', 'windowType']);
    expect(got.json.info.version).toBe(VERSION);
  });

  it('has the version of its package', () => {
    expect(JSON.parse(readFileSync('service/package.json', 'utf8')).version).toBe(VERSION);
  });
});
