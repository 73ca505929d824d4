import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Ask, openServiceFixture, type ServiceFixture, usageEvent } from '../../helpers/service-fixture.js';
import type { TestStore } from '../../helpers/stores.js';
import { control, event, handClock } from '../store-support.js';
import { failure, payload, question } from './payloads.js';

const CALLBACK = '/meter/v2/fusewire/litellm/callback';
const GUARDRAIL = '/meter/v2/fusewire/litellm/guardrail';
const CALL_ID = 'b980db26-9512-45cc-b1da-c511a363b83f';

/** Runs the suite on a store. */
export function describeLitellm({ name, open }: TestStore): void {
  describe(`a LiteLLM proxy, ${name}`, () => {
    let service: ServiceFixture;
    let clock: ReturnType<typeof handClock>;
    beforeEach(async () => {
      clock = handClock();
      service = await openServiceFixture(open, { runtime: clock.runtime });
    });
    afterEach(() => service.close());

    const send = (body: unknown, how: Partial<Ask> = {}) =>
      service.ask({ path: CALLBACK, key: service.keys.metering, json: body, ...how });
    const outcomes = async (body: unknown) =>
      (await send(body)).json.results.map(({ outcome }: { outcome: string }) => outcome);
    const stored = async () => (await service.store.findEvents(service.team.id, { page: 0, size: 50 })).items;
    const askGuardrail = async (changes: Record<string, unknown> = {}) =>
      (await service.ask({ path: GUARDRAIL, key: service.keys.metering, json: question(changes) })).json;
    const cap = (fields: Record<string, unknown> = {}) =>
      service.store.createControl(service.team.id, control({ name: 'Cap', hardLimit: '0.05', ...fields }));

    describe('callback', () => {
      it.each<[string, (payloads: unknown[]) => Partial<Ask>]>([
        ['an array', (payloads) => ({ json: payloads })],
        [
          'lines under application/json',
          (payloads) => ({ json: undefined, text: lines(payloads), headers: JSON_TYPE }),
        ],
        ['lines under their own type', (payloads) => ({ json: undefined, text: lines(payloads), headers: LINES_TYPE })],
      ])('meters calls that come as %s', async (_how, sent) => {
        const second = payload(clock.nowMs, { litellm_call_id: 'second', id: 'chatcmpl-2' });
        const got = await send(undefined, sent([payload(clock.nowMs), second]));
        expect(got.status).toBe(200);
        expect(got.json.results).toEqual([
          { outcome: 'stored', transactionId: CALL_ID },
          { outcome: 'stored', transactionId: 'second' },
        ]);
        expect(got.headers['fusewire-revision']).toBeDefined();
        const [one] = (await stored()).filter(({ transactionId }) => transactionId === CALL_ID);
        expect(one).toMatchObject({ amountNanoUsd: 37_500_000n, priceState: 'known', rateSource: 'caller' });
        expect(one?.body).toMatchObject({ middlewareSource: 'PROXY', provider: 'OpenAI', isStreamed: false });
      });

      it('takes one object, the key as a bearer, and a write key', async () => {
        const headers = { authorization: `Bearer ${service.keys.metering}` };
        expect((await send(payload(clock.nowMs), { key: null, headers })).json.results).toHaveLength(1);
        expect((await send([], { key: service.keys.write })).status).toBe(200);
      });

      it('nobody without a key, or with a wrong one, meters anything; elsewhere a bearer is none', async () => {
        expect((await send([payload(clock.nowMs)], { key: null })).status).toBe(401);
        const wrong = { authorization: `Bearer ${service.keys.metering}x` };
        expect((await send([payload(clock.nowMs)], { key: null, headers: wrong })).status).toBe(401);
        const headers = { authorization: `Bearer ${service.keys.metering}` };
        const elsewhere = await service.ask({
          path: '/meter/v2/ai/completions',
          key: null,
          headers,
          json: usageEvent(),
        });
        expect(elsewhere.status).toBe(401);
        expect(await stored()).toHaveLength(0);
      });

      it('I4: a payload that comes twice counts once; each failed try counts by itself', async () => {
        const tries = [failure(clock.nowMs - 2_000), failure(clock.nowMs - 1_000), payload(clock.nowMs)];
        expect(await outcomes(tries)).toEqual(['stored', 'stored', 'stored']);
        expect(await outcomes(tries)).toEqual(['duplicate', 'duplicate', 'duplicate']);
        const events = await stored();
        expect(events).toHaveLength(3);
        expect(events.filter(({ body }) => body['stopReason'] === 'ERROR')).toHaveLength(2);
        expect(events.map(({ amountNanoUsd }) => amountNanoUsd).sort()).toEqual([0n, 0n, 37_500_000n]);
        expect(events.every(({ priceState }) => priceState === 'known')).toBe(true);
      });

      it('I4: a call that caller and proxy both meter counts once, whoever tells first', async () => {
        await cap({ hardLimit: '1000' });
        const told = (id: string) => ({ transactionId: id, attributes: { providerResponseId: 'chatcmpl-9x' } });
        const own = (id: string) =>
          service.store.recordEvents(service.team.id, [event(clock.nowMs, { totalCost: 0.5, ...told(id) })]);
        await own(CALL_ID);
        expect(await outcomes([payload(clock.nowMs)])).toEqual(['shared']);
        await send([payload(clock.nowMs, { litellm_call_id: 'proxy-first' })]);
        await own('proxy-first');
        const events = await stored();
        expect(events.map(({ amountNanoUsd }) => amountNanoUsd).sort()).toEqual([37_500_000n, 500_000_000n]);
        const { totalElements } = await service.store.listConflicts(service.team.id, { page: 0, size: 9 });
        expect(totalElements).toBe(2);
        expect(await service.store.verifyBalances()).toMatchObject({ wrong: [] });
      });

      it('a call id that is the caller’s own choice hides no call', async () => {
        const same = (id: string, at: number) => payload(at, { id, litellm_call_id: 'always-the-same' });
        const calls = [
          same('chatcmpl-1', clock.nowMs),
          same('chatcmpl-2', clock.nowMs + 5),
          same('chatcmpl-3', clock.nowMs + 9),
        ];
        expect(await outcomes(calls)).toEqual(['stored', 'stored', 'stored']);
        expect(await outcomes(calls)).toEqual(['duplicate', 'duplicate', 'duplicate']);
        expect(await stored()).toHaveLength(3);
      });

      it('what is wrong with one payload harms no other, and is told', async () => {
        const body = `${JSON.stringify(payload(clock.nowMs))}\n{"id":"x"}\nnonsense\n`;
        const got = await send(undefined, { json: undefined, text: body, headers: JSON_TYPE });
        expect(got.json.results.map(({ outcome }: { outcome: string }) => outcome)).toEqual([
          'stored',
          'invalid',
          'invalid',
        ]);
        expect(got.json.results[1].problem).toContain('startTime');
        expect(service.logged()).toContain('were not metered');
      });

      it('I1: what the guardrail refused is not metered', async () => {
        await cap({ hardLimit: '0.01' });
        await send([payload(clock.nowMs, { litellm_call_id: 'spent' })]);
        const { blocked_reason: reason } = await askGuardrail();
        const error_str = `Content blocked by guardrail: ${reason}`;
        expect(await outcomes([failure(clock.nowMs, { error_str })])).toEqual(['refused']);
        expect(await stored()).toHaveLength(1);
      });

      it('I11: a team’s payloads are its own', async () => {
        await send([payload(clock.nowMs)]);
        const { json } = await send([payload(clock.nowMs)], { key: service.otherKeys.metering });
        expect(json.results[0].outcome).toBe('stored');
        expect((await send([], { path: `${CALLBACK}?teamId=${service.other.id}` })).status).toBe(403);
      });
    });

    describe('guardrail', () => {
      it('lets pass while nothing is used up, refuses when it is, and says why, for people and for programs', async () => {
        const capped = await cap();
        expect(await askGuardrail()).toEqual({ action: 'NONE', fusewire: { code: 'ALLOWED' } });
        await send([payload(clock.nowMs), payload(clock.nowMs, { litellm_call_id: 'second', id: 'two' })]);
        const answer = await askGuardrail();
        expect(answer.action).toBe('BLOCKED');
        expect(answer.blocked_reason).toMatch(
          /^Request blocked by Revenium enforcement rule: Cap \[COST_LIMIT_EXCEEDED RULE_TRIPPED /,
        );
        expect(answer.blocked_reason).toContain('spend=0.075 limit=0.05');
        expect(answer.fusewire).toMatchObject({
          code: 'RULE_TRIPPED',
          rule: { id: capped.ruleId, name: 'Cap', limit: 0.05, spend: 0.075, resetsAt: expect.any(String) },
        });
      });

      it('a refusal is kept as an enforcement event, once a call', async () => {
        await cap({ hardLimit: '0.01' });
        await send([payload(clock.nowMs)]);
        await askGuardrail();
        await askGuardrail();
        await askGuardrail({ litellm_call_id: 'another' });
        const query = new URLSearchParams({ teamId: service.team.id, level: 'ALL' });
        const { json } = await service.ask({ path: `/v2/api/ai/enforcement-events?${query}` });
        const rows = (json._embedded?.objectList ?? []) as { outcome?: string }[];
        expect(rows.filter(({ outcome }) => outcome === 'BLOCKED').length).toBeGreaterThanOrEqual(2);
        expect(await stored()).toHaveLength(1);
      });

      it('decides as explain does, on every dimension that headers and keys carry', async () => {
        await cap({ groupBy: 'SUBSCRIBER', hardLimit: '0.01' });
        await cap({
          name: 'Anthropic',
          filters: [{ dimension: 'PROVIDER', operator: 'IS', value: 'anthropic' }],
          hardLimit: '0.01',
        });
        await cap({
          name: 'Triage',
          filters: [{ dimension: 'AGENT', operator: 'IS', value: 'triage' }],
          hardLimit: '0.01',
        });
        const claude = { model: 'claude-sonnet-4-5', custom_llm_provider: 'anthropic' };
        await send([
          payload(clock.nowMs, { end_user: 'u-88' }),
          payload(clock.nowMs, { litellm_call_id: 'b', id: 'b', ...claude }),
          payload(
            clock.nowMs,
            { litellm_call_id: 'c', id: 'c' },
            { requester_custom_headers: { 'x-revenium-agent': 'triage' } },
          ),
        ]);
        const asked: [Record<string, unknown>, Record<string, string>][] = [
          [{}, { model: 'gpt-4o-mini', provider: 'OpenAI' }],
          [{ model: 'anthropic/claude-x' }, { model: 'claude-x', provider: 'Anthropic' }],
          [
            { request_data: { user_api_key_end_user_id: 'u-88' } },
            { model: 'gpt-4o-mini', provider: 'OpenAI', subscriberId: 'u-88' },
          ],
          [
            { request_data: { user_api_key_end_user_id: 'u-89' } },
            { model: 'gpt-4o-mini', provider: 'OpenAI', subscriberId: 'u-89' },
          ],
          [
            { request_headers: { 'x-revenium-agent': 'triage' } },
            { model: 'gpt-4o-mini', provider: 'OpenAI', agent: 'triage' },
          ],
          [{ request_headers: { 'x-revenium-agent': '[present]' } }, { model: 'gpt-4o-mini', provider: 'OpenAI' }],
        ];
        const verdicts: string[] = [];
        for (const [changes, call] of asked) {
          const explained = await service.ask({ path: `/v2/api/fusewire/explain?${new URLSearchParams(call)}` });
          const { action } = await askGuardrail(changes);
          expect(action, JSON.stringify(call)).toBe(explained.json.verdict.outcome === 'refuse' ? 'BLOCKED' : 'NONE');
          verdicts.push(action);
        }
        expect(verdicts).toEqual(['NONE', 'BLOCKED', 'BLOCKED', 'NONE', 'BLOCKED', 'NONE']);
      });

      it('I13: a verdict ends with its window; a bypass lets pass while it lasts', async () => {
        await cap({ hardLimit: '0.01' });
        await send([payload(clock.nowMs)]);
        expect((await askGuardrail()).action).toBe('BLOCKED');
        const until = new Date(clock.nowMs + 60_000).toISOString();
        const set = { path: '/v2/api/fusewire/bypass', method: 'PUT' as const, json: { until, reason: 'incident' } };
        expect((await service.ask(set)).status).toBeLessThan(300);
        expect(await askGuardrail()).toEqual({ action: 'NONE', fusewire: { code: 'BYPASSED' } });
        clock.advance(61_000);
        expect((await askGuardrail()).action).toBe('BLOCKED');
        clock.advance(24 * 3_600_000);
        expect((await askGuardrail()).action).toBe('NONE');
      });

      it('is found where older proxies look for it, with the key as a bearer; nobody else is answered', async () => {
        const path = `${GUARDRAIL}/beta/litellm_basic_guardrail_api`;
        const headers = { authorization: `Bearer ${service.keys.metering}` };
        expect((await service.ask({ path, key: null, headers, json: question() })).json).toMatchObject({
          action: 'NONE',
        });
        expect((await service.ask({ path, key: null, json: question() })).status).toBe(401);
      });

      it('what a model answered is paid for: it passes', async () => {
        await cap({ hardLimit: '0.01' });
        await send([payload(clock.nowMs)]);
        expect((await askGuardrail({ input_type: 'response' })).action).toBe('NONE');
      });

      it.each([
        ['{"a":'],
        ['[]'],
        ['"x"'],
        ['{}'],
        ['{"input_type":"later"}'],
        ['{"input_type":"request","request_data":7}'],
        [''],
      ])('I2: a question of a shape that nobody knows passes and says so: %s', async (text) => {
        await cap({ hardLimit: '0.01' });
        await send([payload(clock.nowMs)]);
        const got = await service.ask({ path: GUARDRAIL, method: 'POST', text, headers: JSON_TYPE });
        expect(got.status).toBe(200);
        expect(got.json).toEqual({ action: 'NONE', fusewire: { code: 'UNDECIDED', unknownShape: true } });
      });

      it('unless the guardrail is told to fail closed', async () => {
        const closed = { input_type: 'later', additional_provider_specific_params: { fail_mode: 'closed' } };
        const answer = await askGuardrail(closed);
        expect(answer).toMatchObject({ action: 'BLOCKED', fusewire: { code: 'UNDECIDED', unknownShape: true } });
        expect(answer.blocked_reason).toContain('COST_LIMIT_EXCEEDED UNDECIDED');
      });

      it('long prompts are no error: a proxy would block what is answered with one', async () => {
        const images = ['A'.repeat(3 * 1_048_576)];
        const deep = Array.from({ length: 100 }).reduce<unknown>((inside) => [inside], 'x');
        expect((await askGuardrail({ images, tools: deep })).action).toBe('NONE');
      });

      it('many at once are answered by one reading of the rules', async () => {
        await cap({ hardLimit: '0.01' });
        await send([payload(clock.nowMs)]);
        const answers = await Promise.all(
          Array.from({ length: 40 }, (_, at) => askGuardrail({ litellm_call_id: `c${at}` })),
        );
        expect(new Set(answers.map(({ action }) => action))).toEqual(new Set(['BLOCKED']));
      });

      it('I11: another team’s budget refuses nobody here', async () => {
        await cap({ hardLimit: '0.01' });
        await send([payload(clock.nowMs)]);
        const other = await service.ask({ path: GUARDRAIL, key: service.otherKeys.metering, json: question() });
        expect(other.json.action).toBe('NONE');
      });
    });
  });
}

const JSON_TYPE = { 'content-type': 'application/json' };
const LINES_TYPE = { 'content-type': 'application/x-ndjson' };

function lines(payloads: readonly unknown[]): string {
  return payloads.map((one) => JSON.stringify(one)).join('\n');
}
