import { describe, expect, it } from 'vitest';
import {
  anyFindings,
  fileNameFindings,
  moduleStateFindings,
  switchedOffTestFindings,
  testTitles,
  unfinishedFindings,
} from './rules/hygiene.js';
import { isProduct, projectFiles, textOf } from './support/project.js';
import { parse, projectSources } from './support/syntax.js';

/** Module state of the SDK that is right. Each entry says why an instance cannot hold it (I11). */
const MODULE_STATE: ReadonlyMap<string, string> = new Map([
  ['src/runtime.ts lastIdMs', 'ids of one process must be unique and in order, whatever instance asks for them'],
  ['src/runtime.ts idSequence', 'the counter within lastIdMs'],
  ['src/runtime.ts pool', 'random bytes for ids to come; no instance can tell which draw an id is from'],
  ['src/runtime.ts poolAt', 'how much of the pool is used'],
]);

const sources = projectSources();
const isText = (path: string) => /\.(md|[cm]?[jt]s|json|sql|ya?ml|html|css)$|^\.ci\/|^\.env/.test(path);

describe('every file', () => {
  it('has a kebab-case name', () => {
    expect(projectFiles().flatMap(fileNameFindings)).toEqual([]);
    expect(fileNameFindings('src/ruleSet.ts')).toHaveLength(1);
    expect(fileNameFindings('src/rule_set.ts')).toHaveLength(1);
    expect(fileNameFindings('src/RuleSet/index.ts')).toHaveLength(1);
    expect(fileNameFindings('docs/decisions/2026-11-20-money.md')).toEqual([]);
    expect(fileNameFindings('src/rule-set.test.ts')).toEqual([]);
    expect(fileNameFindings('service/store/sql/0001_ledger.sql')).toEqual([]);
    expect(fileNameFindings('service/store/sql/insert_event.sql')).toHaveLength(1);
  });

  it('is finished: no marks of work left open', () => {
    const files = projectFiles().filter((path) => isText(path) && path !== 'package-lock.json');
    expect(files.flatMap((path) => unfinishedFindings(path, textOf(path)))).toEqual([]);
    const mark = `${'TO'}${'DO'}`;
    expect(unfinishedFindings('a.ts', `x();\n// ${mark}: later`)).toEqual([
      `a.ts:2 says ${mark}: do it, or open an issue`,
    ]);
    expect(unfinishedFindings('a.ts', `// ${'FIX'}${'ME'}`)).toHaveLength(1);
    expect(unfinishedFindings('a.ts', 'const todoList = 1;')).toEqual([]);
  });

  it('knows its types: no any', () => {
    expect(sources.flatMap(anyFindings)).toEqual([]);
    expect(anyFindings(parse('src/a.ts', 'const a: any = 1;'))).toHaveLength(1);
    expect(anyFindings(parse('src/a.ts', 'const a = b as Map<string, any[]>;'))).toHaveLength(1);
    expect(anyFindings(parse('src/a.ts', "const any = 'any'; // any"))).toEqual([]);
  });
});

describe('I11: the modules of the SDK', () => {
  it('hold no state, but for the list that says why', () => {
    const used = new Set<string>();
    const sdk = sources.filter((source) => isProduct(source.path));
    expect(sdk.flatMap((source) => moduleStateFindings(source, MODULE_STATE, used))).toEqual([]);
    expect([...MODULE_STATE.keys()].filter((key) => !used.has(key))).toEqual([]);
  });

  it.each([
    'let count = 0;',
    'export let current: string | undefined;',
    'var old = 1;',
    'const cache = new Map<string, number>();',
    'const seen = new WeakSet();',
    'const seen = new WeakMap();',
    'const list: string[] = [];',
    'const byName: Record<string, number> = {};',
    'const scope = new AsyncLocalStorage();',
  ])('are found out with: %s', (text) => {
    expect(moduleStateFindings(parse('src/a.ts', text), new Map())).toHaveLength(1);
    expect(moduleStateFindings(parse('cache/a.ts', text), new Map())).toHaveLength(1);
    const name = /(?:let|var|const) (\w+)/.exec(text)![1]!;
    expect(moduleStateFindings(parse('src/a.ts', text), new Map([[`src/a.ts ${name}`, 'a reason']]))).toEqual([]);
  });

  it.each([
    'const A = 1;',
    "const NAMES = new Set(['a']);",
    'const TABLE = { a: 1 };',
    'const LIST = [1] as const;',
    'const NONE: readonly string[] = [];',
    'const NONE: ReadonlyMap<string, number> = new Map();',
    'function f() { let count = 0; return () => (count += 1); }',
    'class C { readonly #map = new Map(); }',
  ])('may say: %s', (text) => {
    expect(moduleStateFindings(parse('src/a.ts', text), new Map())).toEqual([]);
  });
});

describe('the tests', () => {
  it('all run: none is skipped, focused or only planned', () => {
    expect(sources.flatMap(switchedOffTestFindings)).toEqual([]);
    for (const how of ['only', 'skip', 'todo']) {
      const dotted = ['it', how].join('.');
      expect(switchedOffTestFindings(parse('test/a.test.ts', `${dotted}('x', () => {});`))).toHaveLength(1);
      expect(switchedOffTestFindings(parse('test/a.test.ts', `${dotted}.each([1])('x', () => {});`))).toHaveLength(1);
    }
    expect(switchedOffTestFindings(parse('test/a.test.ts', "it.skipIf(true)('x', () => {});"))).toEqual([]);
  });

  it('bear the number of every invariant', () => {
    const titles = sources
      .filter((source) => source.path.endsWith('.test.ts'))
      .flatMap(testTitles)
      .join('\n');
    const numbers = Array.from({ length: 13 }, (_, index) => `I${index + 1}`);
    expect(numbers.filter((number) => !new RegExp(`\\b${number}\\b`).test(titles))).toEqual([]);
    expect(testTitles(parse('test/a.test.ts', "describe('I1: x', () => { it.each([1])('y %s', f); });"))).toEqual([
      "'I1: x'",
      "'y %s'",
    ]);
  });
});
