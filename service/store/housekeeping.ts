/** What is done for all teams, a team a transaction: no other team waits for it, and several processes may do it at once. */
import type { Verification } from '../ledger/verify-balances.js';
import type { Executor } from './operations.js';

/** Ends every hold that is due and turns every window that is over; returns when to come again. */
export async function turnAll(executor: Executor): Promise<number> {
  for (const teamId of (await executor.execute('dueHolds')).teams) {
    while ((await executor.execute('expireHolds', teamId)) > 0);
  }
  for (const teamId of await executor.execute('dueTeams')) {
    while (await executor.execute('turnTeam', teamId));
  }
  await executor.execute('purgeAnswers');
  const turnMs = await executor.execute('nextTurn');
  const { nextMs } = await executor.execute('dueHolds');
  return nextMs === null ? turnMs : Math.min(turnMs, nextMs);
}

/** Goes on with one control that has not met all its events; returns the ids of all that still have not. */
export async function fillNext(executor: Executor): Promise<readonly string[]> {
  const open = await executor.execute('openFills');
  const [first] = open;
  if (first === undefined) return [];
  const left = await executor.execute('fillTeam', first.teamId);
  return [...left, ...open.filter(({ teamId }) => teamId !== first.teamId).map(({ controlId }) => controlId)];
}

/** Compares the balances of every team with its events. */
export async function verifyAll(executor: Executor): Promise<Verification> {
  let checked = 0;
  const wrong: string[] = [];
  for (const { id } of await executor.execute('listTeams')) {
    const found = await executor.execute('verifyTeam', id);
    checked += found.checked;
    wrong.push(...found.wrong);
  }
  return { checked, wrong };
}
