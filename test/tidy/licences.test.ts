import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { dependenciesOf, isAllowed, licencesText } from '../../scripts/licences.js';

const read = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');

describe('dependencies', () => {
  const dependencies = dependenciesOf(read('package-lock.json'));

  it('are listed with their licences, as they are locked (npm run licences)', () => {
    expect(dependencies.length).toBeGreaterThan(50);
    expect(read('LICENCES.md')).toBe(licencesText(dependencies));
  });

  it('ask for nothing but to be named', () => {
    expect(dependencies.filter(({ licence }) => !isAllowed(licence))).toEqual([]);
    for (const licence of ['GPL-3.0', 'unknown', '(MIT AND GPL-3.0)', 'SSPL-1.0'])
      expect(isAllowed(licence)).toBe(false);
  });
});
