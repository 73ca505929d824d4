import { describe, expect, it } from 'vitest';
import { RULES_TTL_MS, RuleCache } from '../../cache/rule-cache.js';
import { compileRuleSet } from '../../enforcement/rule-set.js';

const emptyMaps = { blocks: new Map(), balances: new Map(), warnings: new Map() };
const ruleSet = compileRuleSet({ rules: [], departments: emptyMaps });

function cacheAt(startMs: number) {
  const time = { ms: startMs, wakes: 0 };
  const cache = new RuleCache({ monotonicNow: () => time.ms }, () => {
    time.wakes += 1;
  });
  return { cache, time };
}

describe('the rule cache', () => {
  it('wakes the poller when it has nothing', () => {
    const { cache, time } = cacheAt(5);
    expect(cache.read()).toBeUndefined();
    expect(time.wakes).toBe(1);
  });

  it.each([0, 1, 1_000, 1e9])(
    'is fresh for 120 s on a clock that stands at %d, then stale, and never gone',
    (start) => {
      const { cache, time } = cacheAt(start);
      const loaded = cache.activate(ruleSet, 4, 'wire');
      time.ms += RULES_TTL_MS;
      expect(cache.read()).toBe(loaded);
      expect(time.wakes).toBe(0);
      time.ms += 1;
      expect(cache.read()).toBe(loaded);
      expect(time.wakes).toBe(1);
      time.ms += 10 * 3_600_000;
      expect(cache.read()).toBe(loaded);
      expect(cache.read()).toBe(loaded);
      expect(time.wakes).toBe(3);
    },
  );

  it.each([0, 1e9])('takes rules from disk for stale at once, on a clock that stands at %d', (start) => {
    const { cache, time } = cacheAt(start);
    const loaded = cache.activate(ruleSet, undefined, 'disk');
    expect(cache.read()).toBe(loaded);
    expect(time.wakes).toBe(1);
  });

  it('is fresh again, in the same generation, when nothing changed', () => {
    const { cache, time } = cacheAt(0);
    const loaded = cache.activate(ruleSet, undefined, 'disk');
    cache.renew();
    expect(cache.read()).toBe(loaded);
    expect(cache.generation).toBe(1);
    expect(time.wakes).toBe(0);
  });

  it('counts a generation for each activation, a load from disk included, and goes on counting after clear', () => {
    const { cache } = cacheAt(0);
    expect(cache.generation).toBe(0);
    expect(cache.activate(ruleSet, 1, 'disk').generation).toBe(1);
    expect(cache.activate(ruleSet, 2, 'wire').generation).toBe(2);
    cache.clear();
    expect(cache.peek()).toBeUndefined();
    expect(cache.activate(ruleSet, 1, 'wire').generation).toBe(3);
  });
});
