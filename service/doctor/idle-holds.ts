/** Whether somebody holds a budget without using it, so that nobody else can. */

import type { LocalDoor } from '../admin/data-folder.js';
import { LOCAL_IDLE_HOLDS_PATH } from '../admin/local-admin-route.js';
import { askDoor } from '../admin/local-door.js';
import type { IdleHolding } from '../ledger/holds/idle-holders.js';
import { Finding } from './examination.js';

/** What to do about it. */
export const IDLE_HOLDS_ADVICE =
  'fusewire holds list --owner OWNER shows them, fusewire holds release ID ends one; then look at that program';
/** Of a budget. Who holds less leaves room for others. */
const SHARE_MAX = 0.5;
const TOLD_MAX = 3;

/** @throws Finding where half of a budget or more is held, and hardly any of it was drawn for ten minutes */
export async function lookAtIdleHolds(door: LocalDoor): Promise<{ readonly detail: string }> {
  const { idle } = await askDoor<{ readonly idle: readonly IdleHolding[] }>(door, LOCAL_IDLE_HOLDS_PATH, {});
  const large = idle.filter(({ share }) => share >= SHARE_MAX);
  if (large.length === 0) return { detail: 'no budget is held without being used' };
  const told = large.slice(0, TOLD_MAX).map(textOf);
  throw new Finding([...told, ...(large.length > TOLD_MAX ? [`${large.length - TOLD_MAX} more`] : [])].join('; '));
}

function textOf({ name, group, share, owners, owner, ownerShare, sinceMs }: IdleHolding): string {
  const of = group === null ? `'${name}'` : `'${name}' for ${group}`;
  const since = new Date(sinceMs).toISOString();
  const others = owners === 1 ? '' : `, ${owners} owners together ${percent(share)}`;
  return `${owner} holds ${percent(ownerShare)} of ${of} since ${since} and has drawn next to nothing${others}`;
}

function percent(share: number): string {
  return `${Math.floor(share * 100)} %`;
}
