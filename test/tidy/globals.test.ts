import { describe, expect, it } from 'vitest';
import { ALLOWED_FILES, globalFindings } from './rules/globals.js';
import { isProduct } from './support/project.js';
import { parse, projectSources } from './support/syntax.js';

const count = (text: string, path = 'src/a.ts') => globalFindings(parse(path, text)).length;

describe('the outside world', () => {
  it('is reached through the Runtime in every file of the product', () => {
    const product = projectSources().filter((source) => isProduct(source.path));
    expect(product.flatMap(globalFindings)).toEqual([]);
  });

  it.each([
    'Date.now();',
    'const now = Date.now;',
    "Date['now']();",
    'globalThis.Date.now();',
    'const { now } = Date;',
    'new Date();',
    'new Date;',
    'Date();',
    'performance.now();',
    "import { performance } from 'node:perf_hooks';",
    'Math.random();',
    'const { random: chance } = Math;',
    'process.env.HOME;',
    "process['env'];",
    'const { env } = process;',
    "import { env } from 'node:process';",
    'process.hrtime.bigint();',
    "fetch('http://a');",
    "globalThis.fetch('http://a');",
    'const send = fetch;',
    'const options = { fetch };',
    'function f() { const g = 1; return fetch; }',
  ])('is found in: %s', (text) => {
    expect(count(text)).toBe(1);
    for (const path of ALLOWED_FILES) expect(count(text, path)).toBe(0);
  });

  it.each([
    'runtime.now();',
    'new Date(0);',
    "Date.parse('x');",
    'Math.max(1, 2);',
    "process.on('exit', () => {});",
    'class C { fetch() {} }',
    'interface I { fetch(url: string): void }',
    'client.fetch(1);',
    'function f(fetch: (u: string) => void) { fetch("x"); }',
    'function f(options: { fetch: F }) { const { fetch } = options; return fetch("x"); }',
    "import { fetch } from 'undici'; fetch('x');",
    'const options = { fetch: other };',
    'type F = typeof globalThis.fetch;',
    '// Date.now() in words',
    "const text = 'process.env';",
  ])('is not found in: %s', (text) => {
    expect(count(text)).toBe(0);
  });
});
