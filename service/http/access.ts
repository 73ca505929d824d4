/** The outermost guard: no route that is not declared public is reached without a key that may use it. */
import { timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { hashKey, isSameHash, looksLikeKey } from '../admin/keys.js';
import { LOCAL_ACTOR } from '../ledger/audit.js';
import { ApiError, invalidFields } from './api-error.js';
import { isWaiting } from './overload.js';
import { KEY_RATE_PER_SECOND, rateLimited, TokenBuckets, WRONG_KEYS_PER_SECOND } from './rate-limit.js';
import type { Access, Api, Caller, ServiceContext } from './types.js';

/** Header of local commands; its value is in the data folder, readable by the owner only. */
export const ADMIN_TOKEN_HEADER = 'fusewire-admin-token';

const GUESSES: ReadonlySet<string> = new Set(['unknown_api_key', 'revoked_api_key']);

/** Names the team that a local command acts for; without it, it is the first one. */
export const LOCAL_TEAM_HEADER = 'fusewire-team';

/** Requests a second: of one key, and wrong keys of one address. 0: no limit. */
export interface RateLimits {
  readonly keyPerSecond?: number;
  readonly wrongKeysPerSecond?: number;
}

/** Checks the key of every request before its body is read, and notes the caller in `request.caller`. */
export function installAccess(api: Api, context: ServiceContext, limits: RateLimits = {}): void {
  const { runtime } = context;
  const keys = new TokenBuckets(runtime, limits.keyPerSecond ?? KEY_RATE_PER_SECOND);
  const wrong = new TokenBuckets(runtime, limits.wrongKeysPerSecond ?? WRONG_KEYS_PER_SECOND);
  api.decorateRequest('caller', null);
  api.decorateRequest('refusedKey', null);
  api.decorateRequest('refusalCode', null);
  api.decorate('routeFacts', []);
  api.addHook('onRoute', ({ method, url, config, schema }) => {
    const access = config?.access;
    if (access === undefined) throw new Error(`${method} ${url} does not say who may use it`);
    for (const name of [method].flat()) {
      api.routeFacts.push({ method: name, url, access, isHidden: schema?.hide === true });
    }
  });
  api.addHook('onRequest', async (request) => {
    const access: Access = request.is404 ? 'public' : (request.routeOptions.config.access ?? 'write');
    if (access === 'public') return;
    if (access === 'local') return checkLocal(request, context.adminToken);
    if (access === 'loopback' && isLocal(request)) return;
    if (request.headers[ADMIN_TOKEN_HEADER] !== undefined && request.headers['x-api-key'] === undefined) {
      request.caller = await localCaller(request, context);
      return;
    }
    const caller = await findCallerOnce(request, context, wrong);
    const waitMs = isWaiting(request) ? 0 : keys.take(caller.key.id, caller.key.ratePerSecond);
    if (waitMs > 0) {
      request.refusedKey = caller.key;
      throw rateLimited(waitMs, 'this key sends more requests than it may');
    }
    if (access !== 'metering' && caller.key.scope !== 'write') {
      request.refusedKey = caller.key;
      throw new ApiError(
        403,
        'forbidden',
        'this is a metering key: it sends usage and reads rules; use a write key (rev_sk_…)',
      );
    }
    request.caller = caller;
  });
}

/** The caller of a route that needs a key. */
export function callerOf(request: FastifyRequest): Caller {
  if (request.caller === null) throw new Error('a route without a key asked for its caller');
  return request.caller;
}

/**
 * The team that a request is about: the key's own.
 *
 * @throws ApiError 403 where `teamIds` names another one; 400 where none is given and `required` is set.
 */
export function ownTeam(caller: Caller, teamIds: readonly (string | null | undefined)[], required = false): string {
  const given = teamIds.filter((id): id is string => typeof id === 'string' && id !== '');
  for (const id of given) {
    if (id === caller.team.id) continue;
    throw new ApiError(
      403,
      'forbidden',
      `this key belongs to the team ${caller.team.id} and not to the team that the request names`,
    );
  }
  if (required && given.length === 0) throw invalidFields([{ field: 'teamId', problem: 'teamId is required' }]);
  return caller.team.id;
}

/** Who tries many wrong keys is told to wait before the next one is even looked up. */
async function findCallerOnce(request: FastifyRequest, context: ServiceContext, wrong: TokenBuckets): Promise<Caller> {
  const address = request.socket.remoteAddress ?? '';
  const waitMs = wrong.peek(address);
  if (waitMs > 0) throw rateLimited(waitMs, 'too many requests with wrong keys came from this address');
  try {
    return await findCaller(request, context);
  } catch (error) {
    // A request without a key, or with something else, guesses nothing.
    if (error instanceof ApiError && GUESSES.has(error.code)) wrong.take(address);
    throw error;
  }
}

async function findCaller(request: FastifyRequest, context: ServiceContext): Promise<Caller> {
  const { authorization } = request.headers;
  const bearer =
    request.routeOptions.config.bearer === true ? /^Bearer (.*)$/i.exec(authorization ?? '')?.[1] : undefined;
  const key = request.headers['x-api-key'] ?? bearer;
  if (typeof key !== 'string' || key.trim() === '') {
    const hint = authorization === undefined ? '' : '; the Authorization header is not read';
    throw unauthorized('missing_api_key', `send your key in the x-api-key header${hint}`);
  }
  if (!looksLikeKey(key.trim())) {
    throw unauthorized(
      'malformed_api_key',
      'the x-api-key header does not hold a key of this service (rev_mk_… or rev_sk_…)',
    );
  }
  const hash = hashKey(key.trim());
  const record = await context.store.findKey(hash);
  if (record === undefined || !isSameHash(record.hash, hash)) {
    throw unauthorized('unknown_api_key', 'this key is not known here; `fusewire keys create --local` makes a new one');
  }
  if (record.revokedAtMs !== undefined) {
    request.refusedKey = record;
    throw unauthorized('revoked_api_key', 'this key was revoked; `fusewire keys create --local` makes a new one');
  }
  const team = await context.store.getTeam(record.teamId);
  if (team === undefined) throw unauthorized('unknown_api_key', 'the team of this key is not known here');
  return { key: record, team };
}

/**
 * A command on this machine without a key: who can read the token in the data folder could as well make a key. Its
 * requests are audited as `local:cli`.
 */
async function localCaller(request: FastifyRequest, { adminToken, store }: ServiceContext): Promise<Caller> {
  checkLocal(request, adminToken);
  const named = request.headers[LOCAL_TEAM_HEADER];
  const team = typeof named === 'string' ? await store.getTeam(named) : (await store.listTeams())[0];
  if (team === undefined) throw new ApiError(403, 'forbidden', 'there is no such team');
  const nothing = { label: '', hash: '', hint: '', createdAtMs: team.createdAtMs };
  return { key: { ...nothing, id: LOCAL_ACTOR.id, teamId: team.id, scope: 'write' }, team };
}

function unauthorized(code: string, message: string): ApiError {
  return new ApiError(401, code, message);
}

function checkLocal(request: FastifyRequest, token: string | undefined): void {
  const given = request.headers[ADMIN_TOKEN_HEADER];
  const same = typeof given === 'string' && token !== undefined && isSameText(given, token);
  if (same && isLocal(request)) return;
  throw new ApiError(403, 'forbidden', 'only commands on this machine that can read the data folder may ask this');
}

/** A proxy on this machine speaks for others. */
function isLocal(request: FastifyRequest): boolean {
  const loopback = /^(127\.|::1$|::ffff:127\.)/.test(request.socket.remoteAddress ?? '');
  return loopback && request.headers['x-forwarded-for'] === undefined && request.headers['forwarded'] === undefined;
}

function isSameText(one: string, other: string): boolean {
  const left = Buffer.from(hashKey(one), 'hex');
  return timingSafeEqual(left, Buffer.from(hashKey(other), 'hex'));
}
