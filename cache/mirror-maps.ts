/** The second file of a mirror: the department maps and whose rules they belong to (contract 2.9). */
import type { DepartmentMaps } from '../src/wire/feed.js';

/** Parts are handed out at about this length. */
const PART_LENGTH = 65_536;

/** The file's text in parts; `fingerprint` is that of the rules in the first file. */
export function* mapsTextInParts(fingerprint: string, departments: DepartmentMaps): Generator<string, void> {
  let part = `{"rules_fingerprint":${JSON.stringify(fingerprint)}`;
  const maps = { blocks: departments.blocks, balances: departments.balances, warnings: departments.warnings };
  for (const [name, map] of Object.entries(maps)) {
    part += `,${JSON.stringify(name)}:{`;
    let comma = '';
    for (const [email, value] of map) {
      part += `${comma}${JSON.stringify(email)}:${value}`;
      comma = ',';
      if (part.length < PART_LENGTH) continue;
      yield part;
      part = '';
    }
    part += '}';
  }
  yield `${part}}`;
}
