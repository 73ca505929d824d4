/**
 * The hold protocol, met in full: two processes, two windows, every order of take, draw, extend, give back, renew, recall,
 * expire, charge, settle and turn, with messages that are lost, late and double and processes that are killed. The ledger's
 * side is a model; the real ledger is held against it in every state that was reached.
 */

import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tempFolder } from '../service/store-support.js';
import { conform } from './exploration/conform.js';
import { type Exploration, explore } from './exploration/explore.js';
import { RealLedger } from './exploration/real-ledger.js';
import { ALL_RULES, type Rules } from './exploration/rules.js';
import { SETTINGS, type SettingName } from './exploration/settings.js';

const NAMES = Object.keys(SETTINGS) as SettingName[];
/** So much is met at least: an exploration that stops early is none. */
const STATES_MIN: Readonly<Record<SettingName, number>> = {
  messages: 70_000,
  crashes: 100_000,
  windows: 130_000,
  slices: 80_000,
  renewals: 130_000,
  release: 100_000,
  expected: 10_000,
};

/** Where the lack of a rule shows first. */
const MUTATIONS: Readonly<Record<keyof Rules, SettingName>> = {
  heldCounts: 'messages',
  takesAreIdempotent: 'messages',
  oldSequencesAreIgnored: 'slices',
  givesBackWhatIsLeftOnly: 'slices',
  eventsCountOnce: 'messages',
  eventsKeepTheirWindow: 'messages',
  settlingLowersHeld: 'messages',
  eventsSupersedeCharges: 'messages',
  overrunsAreRecorded: 'expected',
  expiryCharges: 'messages',
  drawingEndsBeforeExpiry: 'messages',
  drawingEndsWithTheWindow: 'renewals',
  drawingEndsAtAll: 'messages',
  callsUnderWayAreKept: 'messages',
  eventsUnderWayAreKept: 'messages',
  acknowledgedCountsUntilSeen: 'slices',
  givingBackIsFeltAtOnce: 'messages',
  timeRunsFromSending: 'messages',
};

const folder = tempFolder();
const explored = new Map<SettingName, Exploration>();

beforeAll(() => {
  for (const name of NAMES) explored.set(name, explore(SETTINGS[name]));
});
afterAll(() => folder.remove());

describe.each(NAMES)('%s', (name) => {
  test('I7: in every state that can be reached no more is spent and held than the limit, and every hold ends', () => {
    const { states, transitions, counterexample } = explored.get(name)!;
    expect(counterexample).toBeUndefined();
    expect(states).toBeGreaterThan(STATES_MIN[name]);
    expect(transitions).toBeGreaterThan(2 * states);
  });

  test('I6, I7: the real ledger is in every one of these states what the protocol says, and a duplicate changes nothing', async () => {
    const real = await RealLedger.open(SETTINGS[name], join(folder.path, `${name}.db`));
    try {
      const { ledgers } = explored.get(name)!;
      const { states, inputs, difference } = await conform(real, ledgers);
      expect(difference).toBeUndefined();
      expect(states).toBe(ledgers.length);
      expect(inputs).toBeGreaterThan(states);
    } finally {
      real.close();
    }
  });
});

test('every kind of step is taken', () => {
  const kinds = new Set([...explored.values()].flatMap(({ kinds: taken }) => [...taken.keys()]));
  for (const kind of [
    'take arrives',
    'extend arrives',
    'give-back arrives',
    'renew arrives',
    'draw',
    'meter',
    'release',
  ]) {
    expect(kinds).toContain(kind);
  }
  for (const kind of ['settle', 'acknowledged', 'tick', 'sweep', 'repeat', 'crash', 'take arrives late']) {
    expect(kinds).toContain(kind);
  }
  const holds = [...explored.values()].flatMap(({ ledgers }) => ledgers.flatMap(({ ledger }) => ledger.holds));
  expect(holds.some(({ isRecalled }) => isRecalled)).toBe(true);
  expect(holds.some(({ charge, drawnLate }) => charge > 0 && drawnLate > 0)).toBe(true);
  expect(holds.some(({ drawn, amount }) => drawn > amount)).toBe(true);
});

test.each(Object.entries(MUTATIONS))('without the rule %s something goes wrong, and is found', (rule, name) => {
  const { counterexample } = explore(SETTINGS[name], { ...ALL_RULES, [rule]: false });
  expect(counterexample?.faults.length).toBeGreaterThan(0);
});
