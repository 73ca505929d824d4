/** Chance that can be had again: everything random in a simulation comes from one seed. */

/** A stream of random numbers. */
export interface Chance {
  /** In [0, 1). */
  next(): number;
  /** An integer from `min` to `max`, both included. */
  int(min: number, max: number): number;
  pick<T>(from: readonly T[]): T;
  /** `true` with this probability. */
  is(probability: number): boolean;
  /** A stream of its own: what it gives does not depend on how far this one is read. */
  branch(name: string): Chance;
}

/** mulberry32 over a hash of seed and name. */
export function createChance(seed: number, name = ''): Chance {
  let state = hash(`${seed} ${name}`);
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const int = (min: number, max: number): number => min + Math.floor(next() * (max - min + 1));
  return {
    next,
    int,
    pick: (from) => from[int(0, from.length - 1)]!,
    is: (probability) => next() < probability,
    branch: (branch) => createChance(seed, `${name}/${branch}`),
  };
}

/** FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value | 0;
}
