import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ChatReader } from '../../src/providers/openai-reader.js';

const chunk = fc.record(
  {
    id: fc.constantFrom('a', 'b'),
    model: fc.constantFrom('m', 'n'),
    choices: fc.array(
      fc.record(
        {
          index: fc.nat(2),
          delta: fc.record(
            { role: fc.constant('assistant'), content: fc.string({ unit: 'binary' }) },
            { requiredKeys: [] },
          ),
          logprobs: fc.constant(null),
          finish_reason: fc.constantFrom(null, null, null, 'stop'),
        },
        { requiredKeys: ['index', 'delta'] },
      ),
      { minLength: 1, maxLength: 2 },
    ),
    usage: fc.constantFrom(null, null, { prompt_tokens: 1 }),
    obfuscation: fc.string(),
    error: fc.constant('e'),
  },
  { requiredKeys: ['id', 'model', 'choices'] },
);

it('reads the same of a stream with and without parsing every chunk', () => {
  let skimmed = 0;
  fc.assert(
    fc.property(fc.array(chunk, { maxLength: 12 }), (chunks) => {
      const [fast, slow] = [new ChatReader(1, false), new ChatReader(1, false)];
      for (const one of chunks) {
        const text = JSON.stringify(one);
        if (fast.skim(text)) skimmed += 1;
        else fast.chunk(JSON.parse(text));
        slow.chunk(JSON.parse(text));
      }
      expect(fast.reading()).toEqual(slow.reading());
    }),
    { numRuns: 500 },
  );
  expect(skimmed).toBeGreaterThan(0);
});
