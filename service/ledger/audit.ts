/** Who changed what, when, from what to what: one entry a change, written in the transaction that makes it. */
import { maskSecrets } from 'fusewire/internal';
import { type SqlParams, type SqlRow, textOf, textOrNull } from '../store/sql.js';
import type { KeyRecord, Page } from '../store/store.js';
import type { LedgerContext } from './context.js';
import { readPage } from './reading.js';

/** Who acts. `id` is the id of a key, `local:cli` for a command on the service's machine, or `service` itself. */
export interface AuditActor {
  readonly id: string;
  /** The last four characters of the key. */
  readonly hint?: string;
  readonly label?: string;
}

/** What can be changed. */
export const AUDIT_SUBJECTS = [
  'control',
  'price',
  'key',
  'bypass',
  'webhook',
  'department',
  'team',
  'customer',
  'gateway-key',
  'hold',
] as const;
/** One of {@link AUDIT_SUBJECTS}. */
export type AuditSubject = (typeof AUDIT_SUBJECTS)[number];

/** A change. `before` and `after` are what a person sees of the subject, without secrets; left out where there is none. */
export interface AuditNote {
  readonly teamId: string;
  readonly actor: AuditActor;
  /** `created`, `updated`, `deleted`, `revoked`, `rotated`, `ended` … */
  readonly action: string;
  readonly subject: AuditSubject;
  readonly subjectId: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

/** A change as it is kept. */
export interface AuditEntry extends AuditNote {
  readonly id: string;
  readonly atMs: number;
}

/** Which changes to list; times in milliseconds, both ends included. */
export interface AuditQuery {
  readonly page: number;
  readonly size: number;
  readonly subject?: string | undefined;
  readonly subjectId?: string | undefined;
  readonly sinceMs?: number | undefined;
  readonly untilMs?: number | undefined;
}

/** A command on the machine of the service. */
export const LOCAL_ACTOR: AuditActor = { id: 'local:cli' };
/** What the service does by itself, for instance by timer. */
export const SERVICE_ACTOR: AuditActor = { id: 'service' };

/** Larger states are not kept; the entry says so (I10). */
const STATE_BYTES_MAX = 65_536;

/** The holder of a key, as the audit names it: never the key. */
export function keyActor({ id, hint, label }: Pick<KeyRecord, 'id' | 'hint' | 'label'>): AuditActor {
  return id === LOCAL_ACTOR.id ? LOCAL_ACTOR : { id, hint, label };
}

/** The actor in few words, for people. */
export function actorText({ id, hint, label }: AuditActor): string {
  return hint === undefined ? id : `${label === undefined || label === '' ? 'key' : label} (…${hint})`;
}

/** Writes an entry. Members whose names speak of secrets are masked, whatever a caller hands over (I12). */
export async function noteAudit(context: LedgerContext, note: AuditNote): Promise<void> {
  await context.sql.query('insert-audit-entry', {
    id: context.newId(),
    teamId: note.teamId,
    atMs: context.nowMs,
    actorId: note.actor.id,
    actorHint: note.actor.hint ?? null,
    actorLabel: note.actor.label ?? null,
    action: note.action,
    subject: note.subject,
    subjectId: note.subjectId,
    beforeText: stateText(note.before),
    afterText: stateText(note.after),
  });
}

/** A page of a team's changes, newest first. */
export function listAudit(context: LedgerContext, teamId: string, query: AuditQuery): Promise<Page<AuditEntry>> {
  const params: SqlParams = {
    teamId,
    subject: query.subject ?? null,
    subjectId: query.subjectId ?? null,
    sinceMs: query.sinceMs ?? 0,
    untilMs: query.untilMs ?? Number.MAX_SAFE_INTEGER,
  };
  return readPage(context, ['list-audit-entries', 'count-audit-entries'], params, query, entryOf);
}

function entryOf(row: SqlRow): AuditEntry {
  const hint = textOrNull(row, 'actor_hint');
  const label = textOrNull(row, 'actor_label');
  return {
    id: textOf(row, 'id'),
    teamId: textOf(row, 'team_id'),
    atMs: Number(row['at_ms']),
    actor: {
      id: textOf(row, 'actor_id'),
      ...(hint === null ? {} : { hint }),
      ...(label === null ? {} : { label }),
    },
    action: textOf(row, 'action'),
    subject: textOf(row, 'subject') as AuditSubject,
    subjectId: textOf(row, 'subject_id'),
    before: stateOf(textOrNull(row, 'before_text')),
    after: stateOf(textOrNull(row, 'after_text')),
  };
}

function stateText(state: unknown): string | null {
  if (state === undefined || state === null) return null;
  const text = JSON.stringify(maskSecrets(state), (_name, value) =>
    typeof value === 'bigint' ? String(value) : value,
  );
  const bytes = Buffer.byteLength(text);
  return bytes <= STATE_BYTES_MAX ? text : JSON.stringify({ omittedBytes: bytes });
}

function stateOf(text: string | null): unknown {
  return text === null ? null : JSON.parse(text);
}
