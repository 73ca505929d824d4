import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const child = fileURLToPath(new URL('./inside-child.ts', import.meta.url));
/** This Node, and the other one that the environment names. */
const NODES = [
  process.execPath,
  ...(process.env['FUSEWIRE_TEST_NODE'] === undefined ? [] : [process.env['FUSEWIRE_TEST_NODE']]),
];

const once = (events: number, inside: number) => ({ events, inside, isOnce: true });

describe.each(NODES)('I4: under %s, a model whose own client is guarded too', (node) => {
  it.each(['plain', 'with-context'])(
    'is metered once, for whom it ran (LangChain: %s)',
    { timeout: 60_000 },
    async (mode) => {
      const { stdout } = await promisify(execFile)(node, ['--import', 'tsx', child, mode], { timeout: 50_000 });
      expect(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')).toEqual({
        'sixty at once': once(60, 30),
        'sixty at once with one prompt': once(60, 30),
        'prompts within prompts': once(60, 30),
        'a queue inside the model': once(12, 12),
        'a queue inside the model, one prompt': once(12, 12),
        'several prompts of one call': once(1, 1),
        'several prompts in one request': once(1, 1),
        'a guarded client beside a run': once(2, 1),
        'a guarded client of another instance': once(2, 1),
      });
    },
  );
});
