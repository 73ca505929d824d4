import { expect, test } from 'vitest';
import { OPERATIONS, READS, WRITES } from '../../../service/store/operations.js';

/** These touch no balance: on PostgreSQL they hold a name of their own instead of a team. */
const WITHOUT_TEAM = [
  'addKey',
  'claimWebhooks',
  'createTeam',
  'ensureFirstTeam',
  'keepSetting',
  'logRequests',
  'noteCatalogue',
  'probeWrite',
  'purgeAlerts',
  'purgeAnswers',
  'purgeFeedChanges',
  'purgeRequests',
  'revokeKey',
  'settleAlert',
];

test('an operation that changes something names the team that it holds first, or is known to hold none', () => {
  const without = Object.entries(WRITES)
    .filter(([, operation]) => !/^[^(]*\(\s*\w+,\s*teamId\b/.test(String(operation)))
    .map(([name]) => name);
  expect(without.sort()).toEqual(WITHOUT_TEAM);
});

test('no operation is a reading and a writing one', () => {
  expect(Object.keys(READS).filter((name) => name in WRITES)).toEqual([]);
  expect(Object.keys(OPERATIONS)).toHaveLength(Object.keys(READS).length + Object.keys(WRITES).length);
});
