/**
 * The local door: commands of the CLI that work on the data folder while this service holds its database. Whoever can
 * read the token in the data folder (0600) could as well read the database, so the door gives away nothing.
 */
import { z } from 'zod';
import type { Api, ServiceContext } from '../http/types.js';
import { type KeyCommand, runKeyCommand } from './key-commands.js';

/** Where the door is. */
export const LOCAL_KEYS_PATH = '/admin/local/keys';
/** Says which data folder a running service holds. */
export const LOCAL_PING_PATH = '/admin/local/ping';

const commandSchema = z.discriminatedUnion('command', [
  z.object({
    command: z.literal('create'),
    scope: z.enum(['metering', 'write']),
    label: z.string().max(255),
    teamId: z.string().optional(),
  }),
  z.object({ command: z.literal('list'), teamId: z.string().optional() }),
  z.object({ command: z.literal('revoke'), id: z.string().max(128) }),
]);

/** Registers the door; without a token in the context it stays shut. */
export function installLocalAdmin(api: Api, { store, adminToken }: ServiceContext): void {
  if (adminToken === undefined) return;
  const config = { access: 'local' as const };
  api.post(LOCAL_KEYS_PATH, { config, schema: { hide: true, body: commandSchema } }, async (request, reply) => {
    const command: KeyCommand = request.body;
    return reply.header('cache-control', 'no-store').send(await runKeyCommand(store, command));
  });
  api.post(LOCAL_PING_PATH, { config, schema: { hide: true } }, async () => ({ status: 'ok' }));
}
