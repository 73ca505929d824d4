// What people see of a refusal: the official clients, as installed, against answers of our own.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import Anthropic from '@anthropic-ai/sdk';
import { Ollama } from 'ollama';
import OpenAI from 'openai';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Exchange } from '../../../../service/gateway/http/exchange.js';
import { unavailable } from '../../../../service/gateway/http/failure.js';
import { sendFailure, sendRefusal } from '../../../../service/gateway/http/own-answers.js';
import { until } from '../../../helpers/until.js';
import { BUDGET, type Front, KEY, OTHER_KEY, openFront, REFUSAL } from './front.js';

const MESSAGES = [{ role: 'user' as const, content: 'hi' }];
const FIELDS = {
  rule: { id: 'ctl_1', rule_id: 7, name: 'Budget of Jürgen' },
  scope: { kind: 'customer', value: 'cus_1' },
  metric: 'TOTAL_COST',
  group: null,
  limit: '10',
  raised: null,
  spend: '9.5',
  held: '0.25',
  remaining: '0.25',
  asked: '0.4',
  resets_at: '2026-12-01T00:00:00.000Z',
  documentation: 'docs/gateway.md#refused-calls',
};
const HEADERS = {
  'fusewire-budget-control': 'ctl_1',
  'fusewire-budget-metric': 'TOTAL_COST',
  'fusewire-budget-limit': '10',
  'fusewire-budget-spend': '9.5',
  'fusewire-budget-held': '0.25',
  'fusewire-budget-remaining': '0.25',
  'fusewire-budget-reset': '2026-12-01T00:00:00.000Z',
  'fusewire-budget-warning': '95% used; control=ctl_1; name=Budget%20of%20J%C3%BCrgen',
  'x-should-retry': 'false',
};

const failed = async (call: Promise<unknown>): Promise<Record<string, unknown> & Error & { headers: Headers }> => {
  const failure = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(Error);
  return failure as Record<string, unknown> & Error & { headers: Headers };
};

function expectHeaders(headers: Headers): void {
  for (const [name, value] of Object.entries(HEADERS)) expect(headers.get(name), name).toBe(value);
  expect(headers.get('retry-after')).toBeNull();
}

describe('a refused call', () => {
  let front: Front;
  let calls = 0;
  let answer: (exchange: Exchange) => void;
  beforeEach(async () => {
    calls = 0;
    answer = (exchange) => sendRefusal(exchange, REFUSAL, undefined);
    front = await openFront({
      call: (exchange) => {
        calls += 1;
        answer(exchange);
      },
    });
  });
  afterEach(() => front.close());

  const openai = (apiKey = KEY) => new OpenAI({ baseURL: `${front.url}/v1`, apiKey });
  const anthropic = (apiKey = KEY) => new Anthropic({ baseURL: front.url, apiKey });
  const ollama = (key = KEY) => new Ollama({ host: front.url, headers: { authorization: `Bearer ${key}` } });

  it('is shown by the client of OpenAI, and not tried again', async () => {
    for (const stream of [false, true]) {
      const failure = await failed(openai().chat.completions.create({ model: 'gpt-4o', messages: MESSAGES, stream }));
      expect(failure).toBeInstanceOf(OpenAI.APIError);
      expect(failure).toMatchObject({
        status: 402,
        code: 'BUDGET_EXCEEDED',
        type: 'insufficient_quota',
        param: null,
        message: `402 ${REFUSAL.message}`,
        error: { ...FIELDS, message: REFUSAL.message },
      });
      expect(failure['requestID']).toMatch(/^[0-9a-f-]{36}\.\d$/);
      expectHeaders(failure.headers);
    }
    expect(calls).toBe(2);
    await until(
      async () => (await front.metricsText()).includes('refusals_total{code="BUDGET_EXCEEDED"} 2\n'),
      'both counted',
    );
  });

  it('is shown by the client of Anthropic, and not tried again', async () => {
    const ask = { model: 'claude-opus-4', max_tokens: 5, messages: MESSAGES };
    const plain = await failed(anthropic().messages.create(ask));
    const streamed = await failed(anthropic().messages.create({ ...ask, stream: true }));
    const beta = await failed(anthropic().beta.messages.create(ask));
    const bearer = new Anthropic({ baseURL: front.url, apiKey: null, authToken: KEY });
    for (const failure of [plain, streamed, beta, await failed(bearer.messages.create(ask))]) {
      expect(failure).toBeInstanceOf(Anthropic.APIError);
      expect(failure).toMatchObject({
        status: 402,
        type: 'billing_error',
        errorCode: 'BUDGET_EXCEEDED',
        apiMessage: REFUSAL.message,
        error: { type: 'error', error: { ...FIELDS, code: 'BUDGET_EXCEEDED', type: 'billing_error' } },
      });
      expect(failure.message).toContain(REFUSAL.message);
      const { request_id } = failure['error'] as { request_id: string };
      expect(failure['requestID']).toBe(request_id);
      expectHeaders(failure.headers);
    }
    expect(calls).toBe(4);
  });

  it('is shown by the client of Ollama, and not tried again', async () => {
    for (const stream of [false, true]) {
      const failure = await failed(ollama().chat({ model: 'llama3.2', messages: MESSAGES, stream: stream as false }));
      expect(failure).toMatchObject({ name: 'ResponseError', status_code: 402, message: REFUSAL.message });
    }
    expect(calls).toBe(2);
  });

  it('is shown by curl', async () => {
    const run = promisify(execFile);
    const ask = (path: string) =>
      run('curl', [
        '-sS',
        '-i',
        '-H',
        `Authorization: Bearer ${KEY}`,
        '-d',
        '{"model":"llama3.2"}',
        `${front.url}${path}`,
      ]);
    const { stdout } = await ask('/api/generate');
    expect(stdout).toContain('402 Payment Required');
    for (const [name, value] of Object.entries(HEADERS)) expect(stdout).toContain(`${name}: ${value}\r\n`);
    const body = JSON.parse(stdout.slice(stdout.indexOf('{')));
    expect(body).toEqual({ error: REFUSAL.message, fusewire: { code: 'BUDGET_EXCEEDED', ...FIELDS } });
  });

  it('says null for what does not apply', async () => {
    answer = (exchange) =>
      sendRefusal(
        exchange,
        { code: 'UNKNOWN_PRICE', message: 'nobody knows', rule: null, scope: { kind: 'team', value: null } },
        { ...BUDGET, held: '0', resetsAt: null, isWarning: false },
        'https://example.com/more-credit',
      );
    const failure = await failed(openai().embeddings.create({ model: 'x', input: 'y' }));
    expect(failure['error']).toMatchObject({
      rule: null,
      limit: null,
      asked: null,
      resets_at: null,
      code: 'UNKNOWN_PRICE',
    });
    expect(failure['error']).toMatchObject({ documentation: 'https://example.com/more-credit' });
    expect(failure.headers.get('fusewire-budget-reset')).toBe('never');
    expect(failure.headers.get('fusewire-budget-held')).toBeNull();
    expect(failure.headers.get('fusewire-budget-warning')).toBeNull();
  });

  it('that cannot be decided is tried again, after the time that it was told', async () => {
    answer = (exchange) => {
      if (calls === 1) sendFailure(exchange, unavailable('cannot_decide', 'the store is out of reach', 1), BUDGET);
      else exchange.response.writeHead(200, { 'content-type': 'application/json' }).end('{"id":"x","choices":[]}');
    };
    const got = await openai().chat.completions.create({ model: 'gpt-4o', messages: MESSAGES });
    expect([got.id, calls]).toEqual(['x', 2]);
    calls = 0;
    const failure = await failed(new OpenAI({ baseURL: `${front.url}/v1`, apiKey: KEY, maxRetries: 0 }).models.list());
    expect(failure).toMatchObject({ status: 503, code: 'cannot_decide' });
    expect(failure.headers.get('retry-after')).toBe('1');
    expect(failure.headers.get('x-should-retry')).toBeNull();
    expect(failure.headers.get('fusewire-budget-spend')).toBe('9.5');
  });

  it('with a wrong key is told so by every client, and not tried again', async () => {
    const first = await failed(openai(OTHER_KEY).models.list());
    expect(first).toBeInstanceOf(OpenAI.AuthenticationError);
    expect(first).toMatchObject({ status: 401, code: 'unknown_api_key' });
    const second = await failed(
      anthropic(OTHER_KEY).messages.countTokens({ model: 'claude-opus-4', messages: MESSAGES }),
    );
    expect(second).toBeInstanceOf(Anthropic.AuthenticationError);
    expect(second).toMatchObject({ type: 'authentication_error', errorCode: 'unknown_api_key' });
    const third = await failed(ollama(OTHER_KEY).list());
    expect(third.message).toContain('not known here');
    expect(calls).toBe(0);
    await until(
      async () => (await front.metricsText()).includes('auth_failures_total{code="unknown_api_key"} 3\n'),
      'three in the metrics',
    );
  });

  it('of an unknown path is told so by every client', async () => {
    const first = await failed(openai().files.list() as unknown as Promise<unknown>);
    expect(first).toMatchObject({ status: 404, code: 'unknown_path' });
    const second = await failed(anthropic().messages.batches.list() as unknown as Promise<unknown>);
    expect(second).toMatchObject({ status: 404, type: 'not_found_error' });
    const third = await failed(ollama().pull({ model: 'llama3.2' }));
    expect(third).toMatchObject({ status_code: 404 });
    expect(third.message).toContain('/api/pull');
    const fourth = await failed(openai().responses.retrieve('resp_1'));
    expect(fourth).toMatchObject({ status: 404 });
    expect(calls).toBe(0);
  });
});
