/** Ids of controls that come from the seed too: they decide in which order balances are read. */
import { type Chance, createChance } from './chance.js';

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const LENGTH = 10;

/** Where the next id comes from; each world sets it anew. */
export const idSource: { chance: Chance } = { chance: createChance(0, 'ids') };

/** In place of the one that asks the system for chance. */
export function newHashid(): string {
  return Array.from({ length: LENGTH }, () => idSource.chance.pick([...LETTERS])).join('');
}
