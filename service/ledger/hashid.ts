/** Public ids of teams and controls: short, unguessable, never a number (contract 4.2). */
import { randomInt } from 'node:crypto';

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const CHARACTERS = `${LETTERS}0123456789`;
/** 62⁹ × 52 ids: a team with a million controls meets a collision once in a billion. */
const LENGTH = 10;

/** A new id such as `jR2kmLsQ4v`. Begins with a letter. */
export function newHashid(): string {
  let id = LETTERS[randomInt(LETTERS.length)]!;
  while (id.length < LENGTH) id += CHARACTERS[randomInt(CHARACTERS.length)]!;
  return id;
}
