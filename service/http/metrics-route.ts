/** `/metrics` for Prometheus: open to this machine, elsewhere with a write key in `x-api-key`. */
import type { Api, ServiceContext } from './types.js';

/** Registers the route, and counts requests and refusals. */
export function installMetrics(api: Api, { metrics }: ServiceContext): void {
  api.addHook('onResponse', async (request, reply) => {
    const route = request.is404 ? 'unknown' : (request.routeOptions.url ?? 'unknown');
    metrics.request(route, request.method, reply.statusCode, reply.elapsedTime / 1_000);
    if (request.refusalCode !== null) metrics.refused(request.refusalCode);
  });
  api.get('/metrics', { config: { access: 'loopback' }, schema: { hide: true } }, async (_request, reply) => {
    const { contentType, body } = await metrics.text();
    return reply.header('cache-control', 'no-store').type(contentType).send(body);
  });
}
