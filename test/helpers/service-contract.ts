/** What every service that speaks the wire must do, the fake one of `fusewire/testing` included. */
import { describe, expect, it } from 'vitest';

/** A service under test. */
export interface ServiceUnderTest {
  readonly url: string;
  readonly teamId: string;
  readonly apiKey: string;
  /** Makes the team have one tripped rule that covers everything. */
  trip(): Promise<void>;
  /** Transaction ids of everything that was stored. */
  stored(): Promise<readonly string[]>;
  close(): Promise<void>;
}

const EVENT = {
  model: 'gpt-4o-mini',
  provider: 'OPENAI',
  modelSource: 'OPENAI',
  costType: 'AI',
  operationType: 'CHAT',
  stopReason: 'END',
  isStreamed: false,
  inputTokenCount: 412,
  outputTokenCount: 96,
  totalTokenCount: 508,
  requestDuration: 1180,
  middlewareSource: 'test',
};

/** Runs the suite against what `start` starts. */
export function describeServiceContract(name: string, start: () => Promise<ServiceUnderTest>): void {
  describe(`the wire of ${name}`, () => {
    const using = async (task: (service: ServiceUnderTest) => Promise<void>) => {
      const service = await start();
      try {
        await task(service);
      } finally {
        await service.close();
      }
    };
    const feed = (service: ServiceUnderTest, headers: Record<string, string> = {}, path = '') =>
      fetch(`${service.url}${path}/v2/api/ai/enforcement-rules/${service.teamId}`, {
        headers: { 'x-api-key': service.apiKey, ...headers },
      });
    const send = (
      service: ServiceUnderTest,
      body: string,
      headers: Record<string, string> = {},
      resource = 'ai/completions',
    ) =>
      fetch(`${service.url}/meter/v2/${resource}`, {
        method: 'POST',
        headers: { 'x-api-key': service.apiKey, 'content-type': 'application/json', ...headers },
        body,
      });
    const event = (transactionId: string, more: object = {}) => {
      const time = new Date().toISOString();
      return JSON.stringify({
        ...EVENT,
        transactionId,
        requestTime: time,
        responseTime: time,
        completionStartTime: time,
        ...more,
      });
    };

    it('answers 204 to a team without rules, and counts that as rules loaded', () =>
      using(async (service) => {
        expect((await feed(service)).status).toBe(204);
      }));

    it('answers a tripped rule on both path families, with an ETag, and 304 to it', () =>
      using(async (service) => {
        await service.trip();
        const first = await feed(service);
        expect(first.status).toBe(200);
        const body = (await first.json()) as { rules: Record<string, unknown>[] };
        expect(body.rules).toHaveLength(1);
        expect(body.rules[0]).toMatchObject({ breached: true, shadowMode: false, action: 'BLOCK', filters: [] });
        expect(Number.isInteger(body.rules[0]?.['ruleId'])).toBe(true);
        const etag = first.headers.get('etag');
        expect(etag).toBeTruthy();
        const again = await feed(service, { 'if-none-match': String(etag) });
        expect(again.status).toBe(304);
        const other = await feed(service, {}, '/profitstream');
        expect(((await other.json()) as { rules: unknown }).rules).toEqual(body.rules);
      }));

    it('refuses an unknown key and a foreign team', () =>
      using(async (service) => {
        expect((await feed(service, { 'x-api-key': 'rev_mk_other_nonsense' })).status).toBe(401);
        const foreign = await fetch(`${service.url}/v2/api/ai/enforcement-rules/otherTeam`, {
          headers: { 'x-api-key': service.apiKey },
        });
        expect(foreign.status).toBe(403);
        expect((await send(service, event('t-1'), { 'x-api-key': 'rev_mk_other_nonsense' })).status).toBe(401);
        expect(await service.stored()).toEqual([]);
      }));

    it('stores an event, answers with a metering resource and the revision, and announces what it can', () =>
      using(async (service) => {
        const response = await send(service, event('t-1'));
        expect(response.status).toBeGreaterThanOrEqual(200);
        expect(response.status).toBeLessThan(300);
        expect(Number(response.headers.get('fusewire-revision'))).toBeGreaterThanOrEqual(0);
        expect(response.headers.get('fusewire-capabilities')).toContain('feed-revision');
        expect(await response.json()).toMatchObject({ label: 't-1', resourceType: 'metering' });
        expect(await service.stored()).toEqual(['t-1']);
      }));

    it('I4: stores a transaction id once, whatever key it comes with', () =>
      using(async (service) => {
        const body = event('t-1');
        for (const key of ['a', 'b', 'a']) {
          expect((await send(service, body, { 'idempotency-key': key })).ok).toBe(true);
        }
        expect(await service.stored()).toEqual(['t-1']);
      }));

    it('answers 409 to an Idempotency-Key that comes back with another body', () =>
      using(async (service) => {
        expect((await send(service, event('t-1'), { 'idempotency-key': 'k' })).ok).toBe(true);
        const second = await send(service, event('t-2'), { 'idempotency-key': 'k' });
        expect(second.status).toBe(409);
        expect(JSON.stringify(await second.json())).toContain('idempotency_key_mismatch');
        expect(await service.stored()).toEqual(['t-1']);
      }));

    it('takes tool events on their own path (contract 5.7), and says which field is missing', () =>
      using(async (service) => {
        const tool = { transactionId: 'tool-1', toolId: 'crm-lookup', durationMs: 84, success: true };
        const whole = { ...tool, timestamp: new Date().toISOString() };
        const post = (body: object) => send(service, JSON.stringify(body), {}, 'tool/events');
        const response = await post(whole);
        expect(response.ok).toBe(true);
        expect(await response.json()).toMatchObject({ label: 'tool-1', resourceType: 'metering' });
        expect((await post(whole)).ok).toBe(true);
        for (const missing of ['toolId', 'durationMs', 'timestamp']) {
          const refused = await post({ ...whole, [missing]: undefined });
          expect(refused.status).toBe(400);
          expect(JSON.stringify(await refused.json())).toContain(missing);
        }
      }));

    it('answers 400 to what is not an event, and stores nothing', () =>
      using(async (service) => {
        for (const body of ['{', '[]', '"text"', '{"transactionId":"t-1"}']) {
          expect((await send(service, body)).status).toBe(400);
        }
        expect(await service.stored()).toEqual([]);
      }));
  });
}
