/** A known path answers every method: OPTIONS with what it takes, another wrong method with 405 that says what is right. */
import type { HTTPMethods } from 'fastify';
import { ApiError } from './api-error.js';
import { send } from './error-answers.js';
import type { Api } from './types.js';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

/** Notes the routes that are registered from now on; `close` adds the answers for the methods that they lack. */
export function watchMethods(api: Api): { close(): void } {
  const taken = new Map<string, Set<string>>();
  let closed = false;
  api.addHook('onRoute', (route) => {
    if (closed) return;
    const methods = taken.get(route.url) ?? new Set<string>();
    for (const method of [route.method].flat()) methods.add(method);
    taken.set(route.url, methods);
  });
  return {
    close() {
      closed = true;
      for (const [url, methods] of taken) answerTheRest(api, url, methods);
    },
  };
}

function answerTheRest(api: Api, url: string, taken: ReadonlySet<string>): void {
  const allow = METHODS.filter((method) => taken.has(method) || method === 'OPTIONS').join(', ');
  const missing: HTTPMethods[] = METHODS.filter((method) => !taken.has(method) && method !== 'OPTIONS');
  const common = { url, config: { access: 'public' as const }, schema: { hide: true } };
  api.route({
    ...common,
    method: 'OPTIONS',
    handler: (_request, reply) => reply.code(204).header('allow', allow).send(),
  });
  if (missing.length === 0) return;
  api.route({
    ...common,
    method: missing,
    // Answered before the body is read: what it holds does not matter.
    onRequest: async (request, reply) => {
      const instead =
        request.method === 'PUT' && taken.has('PATCH') ? 'use PATCH to change a part' : `allowed: ${allow}`;
      const message = `${request.method} is not accepted here; ${instead}`;
      return send(reply, new ApiError(405, 'method_not_allowed', message, { headers: { allow } }));
    },
    handler: () => undefined,
  });
}
