/** Keys of the gateway's customers. The key itself is never here: its maker hands over its SHA-256 and its end (I12). */
import type { Customer, FixedDimensions, FoundGatewayKey, GatewayKey } from '../gateway/types.js';
import { bigintOrNull, flagOf, numberOf, type SqlParams, type SqlRow, textOf, textOrNull } from '../store/sql.js';
import type { Page } from '../store/store.js';
import { StoreError } from '../store/store-error.js';
import { type AuditActor, noteAudit, SERVICE_ACTOR } from './audit.js';
import type { LedgerContext } from './context.js';
import { selectCustomer } from './customer-rows.js';
import { refuseDeleted } from './customers.js';
import { readKeyInput } from './gateway-key-input.js';
import { newHashid } from './hashid.js';
import { readPage } from './reading.js';

/** What a person writes of a key. What is left out does not limit it. */
export interface GatewayKeyInput {
  readonly label?: string | undefined;
  /** In milliseconds; from then on it is refused. */
  readonly expiresAtMs?: number | undefined;
  readonly ratePerSecond?: number | undefined;
  readonly concurrencyMax?: number | undefined;
  readonly models?: readonly string[] | undefined;
  readonly dimensions?: FixedDimensions | undefined;
}

/** What is kept of a secret. */
export interface HashedSecret {
  /** SHA-256 in hex. */
  readonly hash: string;
  /** The last four characters. */
  readonly hint: string;
}

/** Which keys to list, oldest first. */
export interface GatewayKeyQuery {
  readonly page: number;
  readonly size: number;
  /** Of one customer. */
  readonly customerId?: string | undefined;
}

/** For so long a secret may go on after a rotation. */
export const OVERLAP_MAX_MS = 30 * 86_400_000;
/** Keys of one customer, revoked ones too (I10). */
export const CUSTOMER_KEYS_MAX = 10_000;

/**
 * Keeps a new key of a customer. `undefined` where there is no such customer.
 * @throws StoreError `INVALID`; `CONFLICT` where the customer was deleted
 */
export async function createGatewayKey(
  context: LedgerContext,
  teamId: string,
  customerId: string,
  input: GatewayKeyInput,
  secret: HashedSecret,
  actor: AuditActor = SERVICE_ACTOR,
): Promise<GatewayKey | undefined> {
  const customer = await selectCustomer(context, teamId, customerId);
  if (customer === undefined) return undefined;
  refuseDeleted(customer);
  const [count] = await context.sql.query('count-gateway-keys', { teamId, customerId });
  if (count !== undefined && numberOf(count, 'total') >= CUSTOMER_KEYS_MAX) {
    throw new StoreError('CONFLICT', `a customer has at most ${CUSTOMER_KEYS_MAX} keys, revoked ones included`);
  }
  const read = readKeyInput(input, context.nowMs);
  const { label, expiresAtMs = null, ratePerSecond = null, concurrencyMax = null, models, dimensions } = read;
  const { nowMs } = context;
  const id = `gk_${newHashid()}`;
  const texts = {
    models: models === undefined ? null : JSON.stringify(models),
    dimensions: JSON.stringify(dimensions),
  };
  const limits = { expiresAtMs, ratePerSecond, concurrencyMax };
  const kept: SqlParams = { id, teamId, customerId, label, hash: secret.hash, hint: secret.hint, nowMs };
  await context.sql.query('insert-gateway-key', { ...kept, ...limits, ...texts });
  return changed(context, actor, 'created', undefined, { teamId, id });
}

/**
 * Gives a key another secret; id, limits and dimensions stay. The secret before it works for `overlapMs` more, the one
 * before that no longer. `undefined` where there is no such key.
 *
 * @throws StoreError `INVALID`; `CONFLICT` where it was revoked or has expired
 */
export async function rotateGatewayKey(
  context: LedgerContext,
  teamId: string,
  id: string,
  secret: HashedSecret,
  overlapMs = 0,
  actor: AuditActor = SERVICE_ACTOR,
): Promise<GatewayKey | undefined> {
  const before = await getGatewayKey(context, teamId, id);
  if (before === undefined) return undefined;
  if (!Number.isSafeInteger(overlapMs) || overlapMs < 0 || overlapMs > OVERLAP_MAX_MS) {
    const problem = 'must be from 0 to 30 days';
    throw new StoreError('INVALID', `overlap: ${problem}`, { problems: { overlap: problem } });
  }
  const { nowMs } = context;
  const ended =
    before.revokedAtMs !== undefined ? 'was revoked' : (before.expiresAtMs ?? nowMs + 1) <= nowMs && 'has expired';
  if (ended) throw new StoreError('CONFLICT', `the key ${id} ${ended}; make a new one for its customer`);
  await context.sql.query('rotate-gateway-key', { id, ...hashOf(secret), untilMs: nowMs + overlapMs });
  return changed(context, actor, 'rotated', before, before);
}

/** Revokes a key for good, both of its secrets; again it changes nothing. `undefined` where there is no such key. */
export async function revokeGatewayKey(
  context: LedgerContext,
  teamId: string,
  id: string,
  actor: AuditActor = SERVICE_ACTOR,
): Promise<GatewayKey | undefined> {
  const before = await getGatewayKey(context, teamId, id);
  if (before === undefined || before.revokedAtMs !== undefined) return before;
  await context.sql.query('revoke-gateway-key', { id, nowMs: context.nowMs });
  return changed(context, actor, 'revoked', before, before);
}

/** One key. */
export async function getGatewayKey(
  context: LedgerContext,
  teamId: string,
  id: string,
): Promise<GatewayKey | undefined> {
  const [row] = await context.sql.query('select-gateway-key', { teamId, id });
  return row === undefined ? undefined : keyOf(row);
}

/** A page of keys, revoked ones too, oldest first. */
export function listGatewayKeys(
  context: LedgerContext,
  teamId: string,
  query: GatewayKeyQuery,
): Promise<Page<GatewayKey>> {
  const params = { teamId, customerId: query.customerId ?? null };
  return readPage(context, ['list-gateway-keys', 'count-gateway-keys'], params, query, keyOf);
}

/**
 * Finds a key with its customer by the SHA-256 of what a caller sent, whatever state both are in, so that who refuses it
 * can say why. Of a key that was rotated the secret before is found too, with the time until which it works.
 */
export async function findGatewayKey(context: LedgerContext, hash: string): Promise<FoundGatewayKey | undefined> {
  const [row] = await context.sql.query('select-gateway-key-by-hash', { hash });
  if (row === undefined) return undefined;
  const key = keyOf(row);
  const listed = await selectCustomer(context, key.teamId, key.customerId);
  if (listed === undefined) throw new Error('a key has no customer');
  // What is remembered of a key is not told when a control changes: no amounts in it.
  const { budget: _budget, updatedAtMs: _updatedAtMs, ...customer } = listed;
  const found: { key: GatewayKey; customer: Customer } = { key, customer };
  return flagOf(row, 'is_current') ? found : { ...found, validUntilMs: numberOf(row, 'previous_until_ms') };
}

function hashOf({ hash, hint }: HashedSecret): SqlParams {
  return { hash, hint };
}

async function changed(
  context: LedgerContext,
  actor: AuditActor,
  action: string,
  before: GatewayKey | undefined,
  { teamId, id }: Pick<GatewayKey, 'teamId' | 'id'>,
): Promise<GatewayKey> {
  const after = await getGatewayKey(context, teamId, id);
  if (after === undefined) throw new Error('a key was written and is not there');
  const states = { before: before && stateOf(before), after: stateOf(after) };
  await noteAudit(context, { teamId, actor, action, subject: 'gateway-key', subjectId: id, ...states });
  return after;
}

function stateOf({ id: _id, teamId: _teamId, createdAtMs: _createdAtMs, ...state }: GatewayKey): object {
  return state;
}

function keyOf(row: SqlRow): GatewayKey {
  const optional = (name: string, column: string) => {
    const value = bigintOrNull(row, column);
    return value === null ? {} : { [name]: Number(value) };
  };
  const models = textOrNull(row, 'models');
  return {
    id: textOf(row, 'id'),
    teamId: textOf(row, 'team_id'),
    customerId: textOf(row, 'customer_id'),
    label: textOf(row, 'label'),
    hint: textOf(row, 'hint'),
    createdAtMs: numberOf(row, 'created_at_ms'),
    ...optional('expiresAtMs', 'expires_at_ms'),
    ...optional('revokedAtMs', 'revoked_at_ms'),
    ...optional('ratePerSecond', 'rate_per_second'),
    ...optional('concurrencyMax', 'concurrency_max'),
    ...(models === null ? {} : { models: JSON.parse(models) as string[] }),
    dimensions: JSON.parse(textOf(row, 'dimensions')) as FixedDimensions,
  };
}
