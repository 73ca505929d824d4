/** What operators do to the balances and the database, said once: for the running service and for a command alone. */
import { access, link, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Store } from '../store/store.js';

/** How a team came out of a comparison of its balances with its events. */
export interface TeamBalances {
  readonly teamId: string;
  readonly name: string;
  readonly checked: number;
  /** How many balances were wrong. */
  readonly differences: number;
  /** The first of them in words. */
  readonly wrong: readonly string[];
  /** Cost controls that have new balances. */
  readonly rebuilt: number;
}

/** Differences that are told in words, for each team. */
const TOLD_MAX = 200;

/** Compares the balances of one team, and makes wrong ones anew unless it is a dry run. */
export async function rebuildBalances(
  store: Pick<Store, 'getTeam' | 'verifyTeam' | 'rebuildTeam'>,
  teamId: string,
  dryRun: boolean,
): Promise<TeamBalances | undefined> {
  const team = await store.getTeam(teamId);
  if (team === undefined) return undefined;
  const found = dryRun ? { ...(await store.verifyTeam(teamId)), rebuilt: 0 } : await store.rebuildTeam(teamId);
  const { checked, wrong, rebuilt } = found;
  return {
    teamId,
    name: team.name,
    checked,
    differences: wrong.length,
    wrong: wrong.slice(0, TOLD_MAX),
    rebuilt,
  };
}

/**
 * Gives a finished copy its name, which no other file may have: flushed first, so that a power cut leaves a whole file
 * or none.
 *
 * @throws Error with `code` `EEXIST` where the name is taken
 */
export async function finishCopy(temporary: string, file: string): Promise<void> {
  await flush(temporary);
  try {
    // Unlike a rename it never replaces anything.
    await link(temporary, file);
    await rm(temporary, { force: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw error;
    // A file system without links.
    if (await isThere(file)) throw Object.assign(new Error(`${file} is there already`), { code: 'EEXIST' });
    await rename(temporary, file);
  }
  await flush(dirname(file)).catch(() => undefined);
}

async function flush(path: string): Promise<void> {
  const handle = await open(path, 'r');
  await handle.sync().finally(() => handle.close());
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
