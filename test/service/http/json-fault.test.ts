import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findJsonFault } from '../../../service/http/json-fault.js';

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

describe('the place where a text stops being JSON', () => {
  it('is nowhere in JSON, however it is written', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(4), (text, indent) => {
        expect(findJsonFault(text)).toBeUndefined();
        expect(findJsonFault(JSON.stringify(JSON.parse(text), null, indent))).toBeUndefined();
      }),
    );
  });

  it('is found in exactly the texts that JSON.parse refuses', () => {
    const broken = fc
      .tuple(fc.json(), fc.nat(), fc.constantFrom('', '{', '}', '"', ',', '\\', '\u0001', '0', 'e', 'tru'))
      .map(
        ([text, at, insert]) =>
          text.slice(0, at % (text.length + 1)) + insert + text.slice((at % (text.length + 1)) + 1),
      );
    fc.assert(
      fc.property(broken, (text) => {
        expect(findJsonFault(text) === undefined).toBe(isJson(text));
      }),
      { numRuns: 2_000 },
    );
  });

  it('is found in a megabyte of text and in a hundred thousand brackets without running out of stack', () => {
    expect(findJsonFault(`{"a":"${'x\\n'.repeat(350_000)}`)).toMatchObject({ line: 1, column: 6 });
    expect(findJsonFault('['.repeat(100_000))).toMatchObject({ column: 100_001 });
  });
});
