/**
 * The local door: commands of the CLI that work on the data folder while this service holds its database. Whoever can
 * read the token in the data folder (0600) could as well read the database, so the door gives away nothing.
 */
import { isAbsolute } from 'node:path';
import { z } from 'zod';
import { replayLetters } from '../gateway/books/replay-letters.js';
import { ApiError } from '../http/api-error.js';
import type { Api, ServiceContext } from '../http/types.js';
import { StoreError } from '../store/store-error.js';
import { ensureDoctorTeam } from './doctor-team.js';
import { type KeyCommand, runKeyCommand } from './key-commands.js';
import { rebuildBalances } from './maintenance-commands.js';

/** Where the door is. */
export const LOCAL_KEYS_PATH = '/admin/local/keys';
/** Says which data folder a running service holds. */
export const LOCAL_PING_PATH = '/admin/local/ping';
/** The teams of the installation. */
export const LOCAL_TEAMS_PATH = '/admin/local/teams';
/** The throwaway team in which enforcement is tried, with new keys. */
export const LOCAL_DOCTOR_PATH = '/admin/local/doctor';
/** Budgets of all teams that are held and not used. */
export const LOCAL_IDLE_HOLDS_PATH = '/admin/local/idle-holds';
/** Compares the balances of a team, or makes them anew. */
export const LOCAL_REBUILD_PATH = '/admin/local/rebuild';
/** Offers events that could not be recorded to the ledger again. */
export const LOCAL_LETTERS_PATH = '/admin/local/dead-letters';
/** Copies the database. */
export const LOCAL_BACKUP_PATH = '/admin/local/backup';

/** As long as reading all events of a team, or all of the database, may take. */
export const LONG_LIMIT_MS = 600_000;

const IDLE_TOLD_MAX = 50;

const rebuildSchema = z.object({ teamId: z.string().max(128), dryRun: z.boolean() });
const absolutePath = z.string().min(1).max(4_096).refine(isAbsolute, { error: 'must be an absolute path' });
const lettersSchema = z.object({ teamId: z.string().max(128), folder: absolutePath });
const backupSchema = z.object({ file: absolutePath });
const commandSchema = z.discriminatedUnion('command', [
  z.object({
    command: z.literal('create'),
    scope: z.enum(['metering', 'write']),
    label: z.string().max(255),
    teamId: z.string().optional(),
    ratePerSecond: z.int().min(1).max(1_000_000).optional(),
  }),
  z.object({ command: z.literal('list'), teamId: z.string().optional(), allTeams: z.boolean().optional() }),
  z.object({ command: z.literal('rotate'), id: z.string().max(128), keepOld: z.boolean().optional() }),
  z.object({ command: z.literal('revoke'), id: z.string().max(128) }),
]);

/** Registers the door; without a token in the context it stays shut. */
export function installLocalAdmin(api: Api, context: ServiceContext): void {
  const { store, runtime, adminToken } = context;
  if (adminToken === undefined) return;
  const config = { access: 'local' as const };
  api.post(LOCAL_KEYS_PATH, { config, schema: { hide: true, body: commandSchema } }, async (request, reply) => {
    const command: KeyCommand = request.body;
    return reply.header('cache-control', 'no-store').send(await runKeyCommand(store, command));
  });
  api.post(LOCAL_PING_PATH, { config, schema: { hide: true } }, async () => ({ status: 'ok' }));
  api.post(LOCAL_TEAMS_PATH, { config, schema: { hide: true } }, async () => ({ teams: await store.listTeams() }));
  api.post(LOCAL_DOCTOR_PATH, { config, schema: { hide: true } }, async (_request, reply) =>
    reply.header('cache-control', 'no-store').send(await ensureDoctorTeam(store, runtime.now())),
  );
  api.post(LOCAL_IDLE_HOLDS_PATH, { config, schema: { hide: true } }, async () => ({
    idle: (await store.holdFigures()).idle.slice(0, IDLE_TOLD_MAX),
  }));
  const long = { config, handlerTimeout: LONG_LIMIT_MS };
  api.post(LOCAL_LETTERS_PATH, { ...long, schema: { hide: true, body: lettersSchema } }, async (request) => {
    const { teamId, folder } = request.body;
    const protect = (value: string) => context.protectCredential(teamId, value);
    return replayLetters({ store, teamId, folder, tools: { newId: runtime.newId, protect } });
  });
  api.post(LOCAL_REBUILD_PATH, { ...long, schema: { hide: true, body: rebuildSchema } }, async (request) => {
    const found = await rebuildBalances(store, request.body.teamId, request.body.dryRun);
    if (found === undefined) throw new ApiError(404, 'not_found', 'there is no such team');
    return found;
  });
  api.post(LOCAL_BACKUP_PATH, { ...long, schema: { hide: true, body: backupSchema } }, async (request) => {
    await store.backUp(request.body.file).catch((error: unknown) => {
      if (error instanceof StoreError && error.code === 'INVALID') throw new ApiError(409, 'refused', error.message);
      throw error;
    });
    return { file: request.body.file };
  });
}
