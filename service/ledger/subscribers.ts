/**
 * One person, one budget: a subscriber is grouped by id, and an e-mail address (without an id, or as the id) by the id
 * that it came with first. So a caller that leaves one of the two out, or writes the address in another case, opens no second
 * budget. Every spelling that was seen is kept, since public guards compare exactly (contract 2.6).
 */
import { type CompiledControl, verdictOf } from '../compile/compiled-control.js';
import type { TeamScope } from '../compile/team-scope.js';
import { numberOf, textOf } from '../store/sql.js';
import { announce, balanceOf, moveBalance } from './balances.js';
import { type LedgerContext, makeRoom, moveRevision } from './context.js';
import { aliasKeyOf, emailKeyOf } from './counted-event.js';
import { windowOf } from './windows.js';

/** One id with more addresses than this is a program, not a person: further spellings are not emitted (I10). */
const SPELLINGS_MAX = 64;

/** The subscriber as an event names it. */
export interface NamedSubscriber {
  readonly subscriberId: string | undefined;
  readonly subscriberEmail: string | undefined;
}

/**
 * The group of a subscriber; remembers what the event tells about id and address. Where an address gains its id, the
 * balances of both become one. `undefined`: the event names nobody.
 */
export async function subscriberGroupOf(
  context: LedgerContext,
  teamId: string,
  scope: TeamScope,
  { subscriberId, subscriberEmail }: NamedSubscriber,
): Promise<string | undefined> {
  const key = aliasKeyOf({ subscriberId, subscriberEmail });
  // An id that is an address is that address: whoever has it already is the same person.
  if (subscriberId !== undefined && key !== undefined) await learnAlias(context, teamId, scope, key, subscriberId);
  const alias = key === undefined ? undefined : await aliasOf(context, teamId, key);
  const group = alias ?? subscriberId ?? key;
  if (group === undefined) return undefined;
  if (subscriberId !== undefined && key !== undefined) await learnSpelling(context, teamId, group, subscriberId, key);
  const emailKey = subscriberEmail === undefined ? '' : emailKeyOf(subscriberEmail);
  if (subscriberEmail === undefined || emailKey === '') return group;
  if (subscriberId !== undefined) await learnAlias(context, teamId, scope, emailKey, group);
  await learnSpelling(context, teamId, group, subscriberEmail, emailKey);
  return group;
}

async function aliasOf(context: LedgerContext, teamId: string, emailKey: string): Promise<string | undefined> {
  const cacheKey = `${teamId}\n${emailKey}`;
  const known = context.cache.aliases.get(cacheKey);
  if (known !== undefined) return known;
  const [row] = await context.sql.query('select-alias', { teamId, emailKey });
  if (row === undefined) return undefined;
  const alias = textOf(row, 'subscriber_id');
  makeRoom(context.cache.aliases);
  context.cache.aliases.set(cacheKey, alias);
  return alias;
}

/** What has no @ is no address: it may be the id of somebody else, so it stands for nobody but itself. */
async function learnAlias(
  context: LedgerContext,
  teamId: string,
  scope: TeamScope,
  emailKey: string,
  subscriberId: string,
): Promise<void> {
  if (!emailKey.includes('@') || (await aliasOf(context, teamId, emailKey)) !== undefined) return;
  const [inserted] = await context.sql.query('insert-alias', { teamId, emailKey, subscriberId });
  if (inserted === undefined || subscriberId === emailKey) return;
  // The plain form was the name of the group until now, so it is not among its spellings yet.
  await learnSpelling(context, teamId, subscriberId, emailKey, emailKey);
  for (const compiled of scope.controls) {
    if (compiled.control.groupBy === 'SUBSCRIBER') await mergeGroup(context, compiled, emailKey, subscriberId);
  }
}

/** Moves the balances of one group, in every window, into another. */
async function mergeGroup(
  context: LedgerContext,
  compiled: CompiledControl,
  from: string,
  into: string,
): Promise<void> {
  const { control } = compiled;
  const rows = await context.sql.query('select-group-balances', { controlId: control.id, groupKey: from });
  for (const row of rows) {
    const old = balanceOf(row);
    const window = windowOf(control.windowType, numberOf(row, 'window_start_ms'));
    const key = { controlId: control.id, windowStartMs: window.startMs };
    await context.sql.query('delete-balance', { ...key, groupKey: from });
    const merged = await moveBalance(context, compiled, window, into, old);
    if (old.announced > merged.announced) {
      // The verdict moves along: it was told already, under the other name.
      const announced = Math.min(old.announced, verdictOf(compiled, merged));
      await context.sql.query('announce-balance', { ...key, groupKey: into, announced });
      await announce(context, compiled, window, into, { ...merged, announced: announced as 0 | 1 | 2 }, null);
    } else {
      await announce(context, compiled, window, into, merged, null);
    }
    await moveRevision(context, control.teamId);
  }
}

async function learnSpelling(
  context: LedgerContext,
  teamId: string,
  groupKey: string,
  spelling: string,
  emailKey: string,
): Promise<void> {
  if (spelling === groupKey) return;
  const cacheKey = `${teamId}\n${groupKey}\n${spelling}`;
  const { spellings } = context.cache;
  if (spellings.has(cacheKey)) return;
  makeRoom(spellings);
  spellings.add(cacheKey);
  const [count] = await context.sql.query('count-spellings', { teamId, groupKey });
  if (count !== undefined && numberOf(count, 'total') >= SPELLINGS_MAX) return;
  const [added] = await context.sql.query('insert-spelling', { teamId, groupKey, spelling, emailKey });
  // A guard that knows only this spelling must see the verdict of the group: the feed has to be compiled again.
  if (added !== undefined) context.effects.touched.add(teamId);
}
