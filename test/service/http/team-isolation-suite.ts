import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Ask, openServiceFixture, type ServiceFixture, usageEvent } from '../../helpers/service-fixture.js';
import type { TestStore } from '../../helpers/stores.js';
import { handClock } from '../store-support.js';

/** Stands in everything that the first team has. */
const MARK = 'ISOLATED-7f3a';

interface Described {
  readonly path: string;
  readonly method: NonNullable<Ask['method']>;
  readonly takesTeam: boolean;
  readonly hasBody: boolean;
}

/** Runs the suite on a store. */
export function describeTeamIsolation({ name, open }: TestStore): void {
  describe(`I11: two teams on one service, ${name}`, () => {
    let service: ServiceFixture;
    let routes: readonly Described[];
    /** What stands for a parameter of a path, by the beginning of the path. */
    const ids: { readonly prefix: string; readonly id: string }[] = [];
    beforeAll(async () => {
      // Time stands still, so that two readings of the same state are the same text.
      service = await openServiceFixture(open, { runtime: handClock(Date.now()).runtime });
      routes = await describedRoutes(service);
      const make = async (path: string, json: object, read = (answer: { id?: unknown }) => answer.id) => {
        const got = await service.ask({ path, json });
        expect(got.status, `${path}: ${got.text}`).toBeLessThan(300);
        return String(read(got.json));
      };
      const put = (prefix: string, id: string) => ids.push({ prefix, id });
      const named = { name: MARK, description: MARK };
      const cost = { metricType: 'TOTAL_COST', windowType: 'DAILY', hardLimit: 5, teamId: service.team.id };
      put('/v2/api/ai/cost-controls', await make('/v2/api/ai/cost-controls', { ...named, ...cost }));
      put('/v2/api/fusewire/departments', await make('/v2/api/fusewire/departments', { name: MARK }));
      put(
        '/v2/api/fusewire/prices',
        await make('/v2/api/fusewire/prices', { provider: MARK, model: MARK, kind: 'free' }),
      );
      put(
        '/v2/api/fusewire/webhooks',
        await make('/v2/api/fusewire/webhooks', { name: MARK, url: `https://${MARK}.example.org/hook` }),
      );
      const customer = await make('/v2/api/customers', { name: MARK, email: `${MARK}@example.com`, budget: 5 });
      put('/v2/api/customers', customer);
      put('/v2/api/gateway-keys', await make(`/v2/api/customers/${customer}/keys`, { label: MARK }));
      await service.ask({ path: '/v2/api/fusewire/bypass', method: 'PUT', json: { until: soon(), reason: MARK } });
      const named2 = { transactionId: MARK, agent: MARK, agenticJobId: MARK, organizationName: MARK, traceId: MARK };
      put('/v2/api/sources/metrics', await make('/meter/v2/ai/completions', usageEvent({ ...named2, totalCost: 9 })));
      put('/v2/api/jobs', MARK);
      await service.ask({
        path: '/meter/v2/ai/completions',
        json: usageEvent({ transactionId: MARK, agent: 'other' }),
      });
    });
    afterAll(() => service.close());

    const filled = (path: string, teamId: string) =>
      path.replace(/\{(\w+)\}/g, (_all, name: string) => {
        if (name === 'teamId') return teamId;
        return ids.find(({ prefix }) => path.startsWith(prefix))?.id ?? MARK;
      });
    /** Everything that the first team can read of itself, as one text. */
    const state = async () => {
      const texts: string[] = [];
      for (const { path, method } of routes) {
        // What is counted as it is asked for, and what is made anew with each reading.
        if (method !== 'GET' || /requests|\/feed|enforcement-rules|explain/.test(path)) continue;
        const got = await service.ask({ path: `${filled(path, service.team.id)}?teamId=${service.team.id}` });
        texts.push(`${path} ${got.status} ${got.text}`);
      }
      return texts;
    };

    it('cannot read, change or name each other, by any route', async () => {
      const before = await state();
      expect(before.filter((text) => text.includes(MARK)).length).toBeGreaterThan(12);
      const leaks: string[] = [];
      for (const { path, method, takesTeam, hasBody } of routes) {
        for (const key of [service.otherKeys.write, service.otherKeys.metering]) {
          const body = hasBody ? { json: bodyFor(path) } : {};
          // By the ids alone, as a guess or a leaked id would have it.
          const guess = await service.ask({ path: filled(path, service.other.id), method, key, ...body });
          const where = `${method} ${path}`;
          if (guess.status >= 500) leaks.push(`${where} failed: ${guess.status} ${guess.text}`);
          const own = path.includes('fusewire/') || method !== 'POST';
          if (own && guess.text.replaceAll(echoOf(guess.json), '').includes(MARK))
            leaks.push(`${where} showed ${guess.text}`);
          if (!takesTeam && !path.includes('{teamId}')) continue;
          const query = takesTeam ? `?teamId=${service.team.id}` : '';
          const bold = await service.ask({ path: filled(path, service.team.id) + query, method, key, ...body });
          if (![400, 403, 422].includes(bold.status))
            leaks.push(`${where} of the other team: ${bold.status} ${bold.text}`);
        }
      }
      expect(leaks).toEqual([]);
      expect(await state()).toEqual(before);
      expect(routes.length).toBeGreaterThan(40);
    });

    it('may use the same transaction id, idempotency key, job and names, each for itself', async () => {
      const key = service.otherKeys.write;
      const headers = { 'idempotency-key': MARK };
      const mine = {
        path: '/meter/v2/ai/completions',
        json: usageEvent({ transactionId: 'shared', agenticJobId: 'shared' }),
        headers,
      };
      const [one, two] = [await service.ask(mine), await service.ask({ ...mine, key })];
      expect([one.status, two.status, two.headers['idempotent-replayed']]).toEqual([201, 201, undefined]);
      expect(one.json.id).not.toBe(two.json.id);
      const { json } = await service.ask({ path: '/v2/api/jobs', key });
      expect(JSON.stringify(json)).not.toContain(MARK);
    });
  });
}

/** A message may repeat what the caller itself wrote. */
function echoOf(json: { message?: unknown } | undefined): string {
  return typeof json?.message === 'string' ? json.message : '\u0000';
}

function bodyFor(path: string): object {
  if (path.includes('bypass')) return { until: soon(), reason: 'x' };
  if (path.endsWith('/members')) return { members: [] };
  if (path.includes('departments')) return { name: 'Taken over' };
  if (path.includes('cost-controls')) return { name: 'Taken over' };
  if (path.includes('webhooks')) return { name: 'Taken over', url: 'https://example.org/' };
  if (path.endsWith('/customers')) return { name: 'Taken over', email: `${MARK}@example.com` };
  if (path.endsWith('/customers/{ref}')) return { name: 'Taken over', budget: null };
  return {};
}

function soon(): string {
  return new Date(Date.now() + 3_600_000).toISOString();
}

async function describedRoutes(service: ServiceFixture): Promise<readonly Described[]> {
  interface Operation {
    readonly parameters?: readonly { readonly name: string; readonly in: string }[];
    readonly requestBody?: unknown;
    readonly security?: readonly unknown[];
  }
  const { json } = await service.ask({ path: '/openapi.json', key: null });
  const paths = json.paths as Record<string, Record<string, Operation>>;
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, operation]) => operation.security?.length !== 0)
      .map(([method, operation]) => ({
        path,
        method: method.toUpperCase() as Described['method'],
        takesTeam: operation.parameters?.some((one) => one.name === 'teamId' && one.in === 'query') ?? false,
        hasBody: operation.requestBody !== undefined,
      })),
  );
}
