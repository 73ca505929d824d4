/** kill -9 of programs that hold slices of a hard budget; `npm run torture -- --holds` does it 200 times. */
import { expect, test } from 'vitest';
import { killSdkRounds } from './overspend/kill-sdk-rounds.js';

const ROUNDS = 10;

test(`I4, I6, I7: programs that are killed ${ROUNDS} times under their calls overspend nothing, lose nothing and leave nothing held`, {
  timeout: 400_000,
}, async () => {
  const { problems, sent, kills, charged, superseded } = await killSdkRounds(ROUNDS);
  expect(problems).toEqual([]);
  // There was something to lose, and something held when they were killed.
  expect(sent).toBeGreaterThan(10 * ROUNDS);
  expect(kills).toBe(2 * ROUNDS);
  expect(charged).toBeGreaterThan(0);
  // What they had metered took the place of what they were charged for.
  expect(superseded).toBeGreaterThan(0);
});
