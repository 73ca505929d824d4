/** The description of the API at `/openapi.json`, made from the schemas that the routes validate with. */
import swagger from '@fastify/swagger';
import { jsonSchemaTransform } from 'fastify-type-provider-zod';
import { VERSION } from '../version.js';
import type { Api } from './types.js';

/** Collects the routes that are registered after it; each path family is described once. */
export async function installOpenApi(api: Api): Promise<void> {
  await api.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Fusewire service',
        description:
          'Metering in, cost controls, and the rule feed that SDKs poll. Every path under /v2/api answers under ' +
          '/profitstream/v2/api as well, with the same bodies.',
        version: VERSION,
      },
      components: { securitySchemes: { apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key' } } },
      security: [{ apiKey: [] }],
    },
    transform: jsonSchemaTransform,
  });
  api.get('/openapi.json', { config: { access: 'public' }, schema: { hide: true } }, async (_request, reply) => {
    return reply.header('cache-control', 'no-cache').send(api.swagger());
  });
}
