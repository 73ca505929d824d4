/** Values as they come back: integers of every size and flags as bigint, everything else as text. */

const INTEGERS: ReadonlySet<number> = new Set([20, 21, 23, 26, 1700]);
const BOOLEAN = 16;
const FLOATS: ReadonlySet<number> = new Set([700, 701]);

/** How a column of this type (by its number in `pg_type`) is read. */
export function valueParser(type: number): (text: string) => string | bigint {
  if (INTEGERS.has(type)) return BigInt;
  if (type === BOOLEAN) return (text) => (text === 't' ? 1n : 0n);
  if (FLOATS.has(type)) return refuseFloat;
  return (text) => text;
}

/** No float comes out of the database either (I6). */
function refuseFloat(): never {
  throw new TypeError('a statement gives a floating-point number');
}
