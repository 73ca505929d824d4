import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, canonicalJsonInParts } from '../../cache/canonical-json.js';

describe('canonical JSON', () => {
  it("is what Python's json.dumps(rules, sort_keys=True, separators=(',', ':')) writes", () => {
    const rules = [
      { ruleId: 7, name: 'Café 😀\u007f"\\\n', breached: true, filters: [], groupBy: null, a: { z: 1, b: -2.5 } },
    ];
    expect(canonicalJson(rules)).toBe(
      '[{"a":{"b":-2.5,"z":1},"breached":true,"filters":[],"groupBy":null,' +
        '"name":"Caf\\u00e9 \\ud83d\\ude00\\u007f\\"\\\\\\n","ruleId":7}]',
    );
  });

  it('has the fingerprint of an empty list that contract 2.9 implies', () => {
    const hex = createHash('sha256')
      .update([...canonicalJsonInParts([])].join(''))
      .digest('hex');
    expect(hex).toBe(createHash('sha256').update('[]').digest('hex'));
  });

  it('means the same as the value, and does not depend on the order of keys', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), (value) => {
        const received: unknown = JSON.parse(JSON.stringify(value));
        expect(JSON.parse(canonicalJson(received))).toEqual(received);
        expect(canonicalJson(reversed(received))).toBe(canonicalJson(received));
        // biome-ignore lint/suspicious/noControlCharactersInRegex: the property is about exactly these characters
        expect(canonicalJson(received)).toMatch(/^[\x00-\x7e]*$/);
      }),
    );
  });

  it('comes in parts of bounded length that add up to the whole, also for one rule with many groups', () => {
    const groups = Array.from({ length: 20_000 }, (_, index) => ({
      groupValue: `u-${index}`,
      breached: index % 2 === 0,
    }));
    const rules = [
      { ruleId: 1, groupBreakdown: groups, name: 'n' },
      ...Array.from({ length: 3_000 }, (_, ruleId) => ({ ruleId })),
    ];
    const parts = [...canonicalJsonInParts(rules)];
    expect(parts.join('')).toBe(canonicalJson(rules));
    expect(Math.max(...parts.map((part) => part.length))).toBeLessThan(70_000);
    expect(parts.length).toBeGreaterThan(10);
  });
});

function reversed(value: unknown): unknown {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(reversed);
  const entries = Object.entries(value).reverse();
  return Object.fromEntries(entries.map(([name, item]) => [name, reversed(item)]));
}
