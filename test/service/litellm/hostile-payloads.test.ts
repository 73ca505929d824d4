// Payloads that a caller behind the proxy, or a broken provider, had a hand in (I4, I5, I10).
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readGuardrailQuestion } from '../../../service/litellm/guardrail-request.js';
import { readPayload } from '../../../service/litellm/read-payload.js';
import { openServiceFixture, type ServiceFixture } from '../../helpers/service-fixture.js';
import { STORES } from '../../helpers/stores.js';
import { event, handClock } from '../store-support.js';
import { failure, payload, question } from './payloads.js';

const DEPTH = 20_000;
const NEST = `${'['.repeat(DEPTH)}${']'.repeat(DEPTH)}`;
const deep = (): unknown => JSON.parse(NEST);
/** Stands for a nest in what is sent: nobody can write one from an object. */
const DEEP = 'a nest';
const eventOf = (given: unknown) => {
  const reading = readPayload(given);
  if (reading.kind !== 'event') throw new Error(JSON.stringify(reading));
  return reading.event as Record<string, unknown> & { attributes: Record<string, unknown> };
};

describe('a hostile payload', () => {
  let service: ServiceFixture;
  let clock: ReturnType<typeof handClock>;
  beforeEach(async () => {
    clock = handClock();
    service = await openServiceFixture(STORES[0]!.open, { runtime: clock.runtime });
  });
  afterEach(() => service.close());

  const send = async (...payloads: unknown[]) => {
    const path = '/meter/v2/fusewire/litellm/callback';
    const text = JSON.stringify(payloads).replaceAll(`"${DEEP}"`, NEST);
    const headers = { 'content-type': 'application/json' };
    const got = await service.ask({ path, key: service.keys.metering, text, headers });
    expect(got.status).toBe(200);
    return got.json.results.map(({ outcome }: { outcome: string }) => outcome);
  };
  const stored = async () => (await service.store.findEvents(service.team.id, { page: 0, size: 50 })).items;

  it.each(['error_str', 'id', 'model_id', 'api_base', 'endTime', 'end_user', 'messages', 'response', 'hidden_params'])(
    'nested deeper than a stack is harms neither itself nor what comes beside it: %s',
    async (name) => {
      const call = payload(clock.nowMs, { litellm_call_id: 'odd', [name]: DEEP });
      expect(await send(call, payload(clock.nowMs))).toEqual(['stored', 'stored']);
    },
  );

  it('a failure that is nested so is one too', async () => {
    const error_information = { error_code: DEEP, error_class: DEEP, error_message: DEEP };
    expect(await send(failure(clock.nowMs, { error_information }), payload(clock.nowMs))).toEqual(['stored', 'stored']);
  });

  it.each<[string, Record<string, unknown>]>([
    ['a cost', { response_cost: 1e300 }],
    ['a cost in text', { response_cost: '1e300' }],
  ])('I5: %s that cannot be leaves the price to the prices', async (_name, changes) => {
    expect(await send(payload(clock.nowMs, changes))).toEqual(['stored']);
    // gpt-4o-mini: 0.15 in, 0.075 cached, 0.6 out.
    expect(await stored()).toMatchObject([
      { priceState: 'known', amountNanoUsd: 284n * 150n + 128n * 75n + 96n * 600n },
    ]);
  });

  it('I5: counts and times that cannot be leave the usage unknown, and lose no call', async () => {
    const usage_object = { prompt_tokens: Number.MAX_SAFE_INTEGER, completion_tokens: 1, total_tokens: 2 };
    const huge = payload(clock.nowMs, { response_cost: 0 }, { usage_object });
    const film = payload(clock.nowMs, {
      ...{ call_type: 'atranscription', litellm_call_id: 'sound', response_cost: 0, model: 'whisper-1' },
      response: { duration: 1e12 },
    });
    const images = payload(clock.nowMs, {
      ...{ call_type: 'aimage_generation', litellm_call_id: 'images', response_cost: 0, model: 'dall-e-3' },
      ...{ response: { data: [{}] }, model_parameters: { n: Number.MAX_SAFE_INTEGER } },
    });
    expect(await send(huge, film, images)).toEqual(['stored', 'stored', 'stored']);
    expect((await stored()).map(({ priceState }) => priceState)).toEqual(['unknown', 'unknown', 'unknown']);
  });

  it('a call id that is the id of another call hides none', async () => {
    const own = (transactionId: string, fields: object = {}) =>
      service.store.recordEvents(service.team.id, [event(clock.nowMs, { transactionId, totalCost: 0.5, ...fields })]);
    await own('direct');
    await own('aborted', { attributes: { gateway: 'litellm' } });
    const again = (litellm_call_id: string, id: string, later = 0) =>
      payload(clock.nowMs + later, { litellm_call_id, id });
    expect(await send(again('direct', 'a'), again('direct', 'b'))).toEqual(['stored', 'stored']);
    expect(await send(again('aborted', 'c', 5))).toEqual(['shared']);
    expect(await send(again('aborted', 'd', 3 * 3_600_000))).toEqual(['stored']);
  });

  it('an error that repeats the caller’s own words refuses nothing that was consumed', () => {
    const error_str = 'you said: [COST_LIMIT_EXCEEDED RULE]';
    expect(readPayload(failure(clock.nowMs, { error_str })).kind).toBe('refused');
    expect(readPayload(failure(clock.nowMs, { error_str, completion_tokens: 50 })).kind).toBe('event');
  });

  it('I12: a prompt in parts is kept as text, without its keys', () => {
    const content = [{ type: 'text', text: 'be short, sk-ant-api03-abcdefghijklmnop' }];
    const requester_custom_headers = { 'x-revenium-capture-prompts': 'true' };
    const messages = [{ role: 'system', content }];
    expect(eventOf(payload(clock.nowMs, { messages }, { requester_custom_headers }))).toMatchObject({
      systemPrompt: 'be short, sk-ant-***REDACTED***',
    });
  });

  it('a caller does not say by which model, and as what, his call is priced', () => {
    const attributes = {
      requestedModel: 'free',
      inputImageTokens: 1,
      cacheInside: false,
      usageState: 'unknown',
      own: 1,
    };
    const event = eventOf(payload(clock.nowMs, {}, { requester_metadata: { attributes } }));
    expect(event.attributes).toMatchObject({ own: 1, cacheInside: true, usageState: 'reported' });
    expect(event.attributes).not.toHaveProperty('requestedModel');
    expect(event.attributes).not.toHaveProperty('inputImageTokens');
  });

  it('no name in it is a prototype’s', () => {
    const text =
      '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"subscriber":{"__proto__":{"id":"x"}}}';
    const event = eventOf(payload(clock.nowMs, {}, { requester_metadata: JSON.parse(text) }));
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
    expect(event['subscriber']).not.toHaveProperty('id');
  });

  it('a question of the guardrail is read, however it is nested', () => {
    for (const name of ['request_data', 'request_headers', 'additional_provider_specific_params', 'model'])
      expect(() => readGuardrailQuestion(question({ [name]: deep() }))).not.toThrow();
    const nested = { usage_metadata: { attributes: deep(), subscriber: { id: deep() }, agent: 'a' } };
    const { call } = readGuardrailQuestion(question({ additional_provider_specific_params: nested }));
    expect(call.agent).toBe('a');
  });
});
