/** Teams and their keys. */
import { LOCAL_TENANT_PREFIX } from 'fusewire/internal';
import { ANY_MODEL } from '../pricing/declared-prices.js';
import { bigintOrNull, numberOf, type SqlRow, textOf } from '../store/sql.js';
import type { KeyRecord, Team } from '../store/store.js';
import { type AuditActor, LOCAL_ACTOR, noteAudit } from './audit.js';
import { type LedgerContext, nextInSequence, readTeamState } from './context.js';
import { newHashid } from './hashid.js';
import { setPrice } from './prices.js';

/**
 * Makes a team. Models of a local Ollama cost nothing, which a person has to declare (I5): the declaration is made with
 * the team, in sight of `listPrices`, and can be replaced.
 */
export async function createTeam(context: LedgerContext, name: string): Promise<Team> {
  const numericId = await nextInSequence(context, 'team');
  const revision = await nextInSequence(context, 'revision');
  // An SDK recognises a key of a self-hosted service by this beginning of its team's id.
  const team: Team = { id: `${LOCAL_TENANT_PREFIX}${newHashid()}`, numericId, name, createdAtMs: context.nowMs };
  await context.sql.query('insert-team', { ...team, revision });
  const anyTime = { validFromMs: null, validUntilMs: null };
  const ollama = {
    provider: 'OLLAMA',
    model: ANY_MODEL,
    serviceTier: null,
    kind: 'free',
    rates: {},
    ...anyTime,
  } as const;
  await setPrice(context, team.id, ollama, { declaredBy: 'made with the team' });
  return team;
}

/** One team. */
export async function getTeam(context: LedgerContext, teamId: string): Promise<Team | undefined> {
  const [row] = await context.sql.query('select-team', { id: teamId });
  return row === undefined ? undefined : teamOf(row);
}

/** Every team, oldest first. */
export async function listTeams(context: LedgerContext): Promise<readonly Team[]> {
  return (await context.sql.query('select-teams')).map(teamOf);
}

/** Keeps a key's hash. Keys are made on the service's machine, unless `actor` says otherwise. The change is audited. */
export async function addKey(
  context: LedgerContext,
  key: Omit<KeyRecord, 'id' | 'createdAtMs'>,
  actor: AuditActor = LOCAL_ACTOR,
): Promise<KeyRecord> {
  await readTeamState(context, key.teamId);
  const { teamId, scope, label, hash, hint, revokedAtMs, ratePerSecond } = key;
  const kept = { id: context.newId(), teamId, scope, label, hash, hint, createdAtMs: context.nowMs };
  const nullable = { revokedAtMs: revokedAtMs ?? null, ratePerSecond: ratePerSecond ?? null };
  await context.sql.query('insert-key', { ...kept, ...nullable });
  const after = { scope, label, hint, ...(ratePerSecond === undefined ? {} : { ratePerSecond }) };
  await noteAudit(context, { teamId, actor, action: 'created', subject: 'key', subjectId: kept.id, after });
  return {
    ...kept,
    ...(revokedAtMs === undefined ? {} : { revokedAtMs }),
    ...(ratePerSecond === undefined ? {} : { ratePerSecond }),
  };
}

/** Finds a key by its hash, a revoked one too. */
export async function findKey(context: LedgerContext, hash: string): Promise<KeyRecord | undefined> {
  const [row] = await context.sql.query('select-key-by-hash', { hash });
  return row === undefined ? undefined : keyOf(row);
}

/** The keys of a team, oldest first. */
export async function listKeys(context: LedgerContext, teamId: string): Promise<readonly KeyRecord[]> {
  return (await context.sql.query('select-keys', { teamId })).map(keyOf);
}

/** Revokes a key; `false` where there is none, or it is revoked already. The change is audited. */
export async function revokeKey(context: LedgerContext, id: string, actor: AuditActor = LOCAL_ACTOR): Promise<boolean> {
  const [row] = await context.sql.query('revoke-key', { id, atMs: context.nowMs });
  if (row === undefined) return false;
  const before = { scope: textOf(row, 'scope'), label: textOf(row, 'label'), hint: textOf(row, 'hint') };
  const teamId = textOf(row, 'team_id');
  await noteAudit(context, { teamId, actor, action: 'revoked', subject: 'key', subjectId: id, before });
  return true;
}

function teamOf(row: SqlRow): Team {
  return {
    id: textOf(row, 'id'),
    numericId: numberOf(row, 'numeric_id'),
    name: textOf(row, 'name'),
    createdAtMs: numberOf(row, 'created_at_ms'),
  };
}

function keyOf(row: SqlRow): KeyRecord {
  const revokedAtMs = bigintOrNull(row, 'revoked_at_ms');
  const ratePerSecond = bigintOrNull(row, 'rate_per_second');
  return {
    id: textOf(row, 'id'),
    teamId: textOf(row, 'team_id'),
    scope: textOf(row, 'scope') as KeyRecord['scope'],
    label: textOf(row, 'label'),
    hash: textOf(row, 'hash'),
    hint: textOf(row, 'hint'),
    createdAtMs: numberOf(row, 'created_at_ms'),
    ...(revokedAtMs === null ? {} : { revokedAtMs: Number(revokedAtMs) }),
    ...(ratePerSecond === null ? {} : { ratePerSecond: Number(ratePerSecond) }),
  };
}
