import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import type { ForwardOutcome } from '../../../../service/gateway/forward/exchange.js';
import { countForwardings } from '../../../../service/gateway/http/forward-metrics.js';
import { createGatewayMetrics } from '../../../../service/gateway/http/gateway-metrics.js';
import { createRequestLog } from '../../../../service/gateway/http/request-log.js';
import { writeError } from '../../../../service/gateway/http/write-error.js';
import type { GatewayCall } from '../../../../service/gateway/types.js';
import { createMetrics } from '../../../../service/http/metrics.js';
import { createFakeClock } from '../../../../src/testing.js';
import { until } from '../../../helpers/until.js';
import { CUSTOMER, type Front, head, KEY, OTHER_KEY, openFront, RawClient } from './front.js';

describe('the metrics of the gateway', () => {
  const texts = async (use: (metrics: ReturnType<typeof createGatewayMetrics>) => void) => {
    const service = createMetrics();
    use(createGatewayMetrics(service));
    return (await service.text()).body;
  };

  it('count what happened, and stand beside those of the service', async () => {
    const text = await texts((metrics) => {
      metrics.request('openai.responses', 200);
      metrics.request('openai.responses', 204);
      metrics.request('openai.responses', 402);
      metrics.request(undefined, 404);
      metrics.request('ollama.chat', undefined);
      metrics.refused('BUDGET_EXCEEDED');
      metrics.unauthenticated('unknown_api_key');
      metrics.failed('rate_limited');
      metrics.upstreamTrouble('ollama', 'connect');
      metrics.drained('cut');
      metrics.bytes(10, 32);
      metrics.bytes(1, 2);
      metrics.own(0.2);
      metrics.clientLeft();
      metrics.connections(() => 7);
      metrics.callsUnderWay(() => 5);
      metrics.deadLetters(() => 3);
    });
    for (const line of [
      'requests_total{surface="openai.responses",status="2xx"} 2',
      'requests_total{surface="openai.responses",status="4xx"} 1',
      'requests_total{surface="unknown",status="4xx"} 1',
      'requests_total{surface="ollama.chat",status="left"} 1',
      'refusals_total{code="BUDGET_EXCEEDED"} 1',
      'auth_failures_total{code="unknown_api_key"} 1',
      'failures_total{code="rate_limited"} 1',
      'upstream_errors_total{upstream="ollama",kind="connect"} 1',
      'drains_total{outcome="cut"} 1',
      'bytes_total{direction="from_callers"} 11',
      'bytes_total{direction="to_callers"} 34',
      'own_seconds_bucket{le="0.00025"} 1',
      'own_seconds_bucket{le="0.0001"} 0',
      'clients_left_total 1',
      'connections 7',
      'calls_under_way 5',
      'dead_letters 3',
    ]) {
      expect(text).toContain(`\nfusewire_gateway_${line}\n`);
    }
    expect(text).toContain('fusewire_http_refused_total');
  });

  it('tell how forwardings ended', async () => {
    const text = await texts((metrics) => {
      const ended = countForwardings(metrics);
      const call = { body: Buffer.alloc(10), upstream: { name: 'openai' } } as GatewayCall;
      const end = (outcome: ForwardOutcome, status?: number, drained = false) =>
        ended(call, { outcome, status, answerBytes: 5, drained });
      end('answered', 200);
      end('answered', 429);
      end('answered', 503);
      end('unreachable');
      end('timeout');
      end('failed');
      end('cut', 200);
      end('left', 200);
      end('answered', 200, true);
      end('left', 200, true);
    });
    const counted = [...text.matchAll(/fusewire_gateway_((?:upstream_errors|drains|bytes)_total\{.*) /g)].map(
      ([, name]) => name,
    );
    expect(counted.sort()).toEqual([
      'bytes_total{direction="from_callers"}',
      'bytes_total{direction="to_callers"}',
      'drains_total{outcome="aborted"}',
      'drains_total{outcome="cut"}',
      'drains_total{outcome="read"}',
      'upstream_errors_total{upstream="openai",kind="4xx"}',
      'upstream_errors_total{upstream="openai",kind="5xx"}',
      'upstream_errors_total{upstream="openai",kind="broken"}',
      'upstream_errors_total{upstream="openai",kind="connect"}',
      'upstream_errors_total{upstream="openai",kind="timeout"}',
    ]);
    expect(text).toContain('kind="broken"} 2\n');
    expect(text).toContain('direction="from_callers"} 100\n');
  });

  it('are the same when they are read twice', async () => {
    const service = createMetrics();
    createGatewayMetrics(service).refused('UNKNOWN_PRICE');
    expect((await service.text()).body).toBe((await service.text()).body);
  });

  it('have a bound on their labels', async () => {
    const text = await texts((metrics) => {
      for (let i = 0; i < 5_000; i += 1) {
        metrics.failed(`code-${i}`);
        metrics.request(`surface-${i}`, 200 + (i % 300));
      }
    });
    expect(text.length).toBeLessThan(60_000);
    expect(text).toContain('fusewire_gateway_failures_total{code="other"} 4800');
    const total = [...text.matchAll(/gateway_requests_total\{.*\} (\d+)/g)].reduce(
      (sum, [, count]) => sum + Number(count),
      0,
    );
    expect(total).toBe(5_000);
  });
});

describe('the log of requests', () => {
  let front: Front | undefined;
  afterEach(() => front?.close());

  it('tells who asked what and what came of it, without a key, a query or a prompt', async () => {
    front = await openFront();
    const raw = new RawClient(front.port);
    const body = '{"prompt":"my secret diary"}';
    const lines = [`content-length: ${body.length}`, 'x-request-id: one'];
    raw.write(`${head('POST', '/v1/messages?beta=hidden', lines)}${body}`);
    await raw.until('got');
    raw.write(head('GET', '/v1/models?after=hidden', ['x-request-id: two']).replace(KEY, OTHER_KEY));
    await raw.until('unknown_api_key');
    raw.destroy();
    await until(() => front!.lines.length >= 2, 'two lines');
    const [one, two] = front.lines;
    expect(one).toMatchObject({
      level: 'debug',
      message: 'gateway request',
      fields: {
        requestId: 'one',
        method: 'POST',
        path: '/v1/messages',
        status: 200,
        customer: CUSTOMER.id,
        caller: 'gk_1',
      },
    });
    expect(two).toMatchObject({ level: 'info', fields: { requestId: 'two', status: 401, code: 'unknown_api_key' } });
    expect(JSON.stringify(front.lines)).not.toMatch(/diary|hidden|sk_/);
    expect(await front.metricsText()).not.toMatch(/sk_|gk_|cus_/);
  });

  it('is not filled by those who do everything wrong', () => {
    const clock = createFakeClock();
    const lines: { message: string; fields?: unknown }[] = [];
    const add = (message: string, fields?: unknown) => void lines.push({ message, fields });
    const log = createRequestLog({ debug: add, info: add, warn: add, error: add, isDebug: () => false }, clock);
    const exchange = { request: { method: 'GET', url: `/${'x'.repeat(9_000)}?q` }, requestId: 'r' };
    const fail = () => log.request(exchange as never, 404, 1);
    for (let i = 0; i < 1_000; i += 1) fail();
    expect(lines).toHaveLength(50);
    expect(JSON.stringify(lines[0]).length).toBeLessThan(400);
    log.request(exchange as never, 200, 1);
    expect(lines).toHaveLength(50);
    return clock.advance(1_000).then(() => {
      fail();
      expect(lines[50]).toEqual({ message: 'requests that went wrong were not all logged', fields: { leftOut: 950 } });
      expect(lines).toHaveLength(52);
    });
  });
});

describe('an answer that the forwarding writes', () => {
  it('has the form of its caller, and is not written twice', async () => {
    let answers: ((response: ServerResponse) => void)[] = [];
    const own = await openFront({ call: ({ response }) => void answers.shift()!(response) });
    answers = [
      (response) => {
        writeError(response, 'anthropic', 502, 'upstream_unreachable', 'nobody is there', [
          'x-request-id',
          'r1',
          'a',
          'b',
        ]);
        writeError(response, 'anthropic', 502, 'again', 'again', []);
      },
    ];
    const raw = new RawClient(own.port).write(head('POST', '/v1/messages', ['content-length: 0']));
    const text = await raw.until('request_id');
    expect(text).toContain('HTTP/1.1 502');
    expect(text).toContain('\r\nrequest-id: r1\r\n');
    expect(text).toContain('"error_code":"upstream_unreachable"');
    expect(text).toContain('"request_id":"r1"');
    expect(text).not.toContain('again');
    raw.destroy();
    await own.close();
  });
});
