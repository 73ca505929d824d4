import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  defaultExportFindings,
  entryPointFindings,
  sourceOfTarget,
  starExportFindings,
  undocumentedExportFindings,
} from './rules/exports.js';
import { isProduct, ROOT } from './support/project.js';
import { parse, projectSources, type Source } from './support/syntax.js';

type Conditions = string | { readonly [condition: string]: Conditions };

/** Every target of an `exports` field that ends in `.d.ts`. */
function typeTargets(exports: Conditions): readonly string[] {
  if (typeof exports === 'string') return exports.endsWith('.d.ts') ? [exports] : [];
  return Object.values(exports).flatMap(typeTargets);
}

function entryPoints(): readonly string[] {
  const exportsOf = (path: string) =>
    (JSON.parse(readFileSync(join(ROOT, path), 'utf8')) as { exports: Conditions }).exports;
  const targets = [
    ...typeTargets(exportsOf('package.json')).map((target) => sourceOfTarget(target)),
    ...typeTargets(exportsOf('service/package.json')).map((target) => sourceOfTarget(target, 'service')),
  ];
  return [...new Set(targets)];
}

const lookupIn = (sources: readonly Source[]) => {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  return (path: string) => byPath.get(path);
};

describe('exports', () => {
  const sources = projectSources();

  it('are named, never default', () => {
    expect(sources.flatMap(defaultExportFindings)).toEqual([]);
  });

  it('are documented wherever the product declares one', () => {
    expect(sources.filter((source) => isProduct(source.path)).flatMap(undocumentedExportFindings)).toEqual([]);
  });

  it('of the public entry points are explicit lists, each name documented where it is declared', () => {
    expect(entryPoints()).toContain('src/index.ts');
    expect(entryPoints().flatMap((entry) => entryPointFindings(entry, lookupIn(sources)))).toEqual([]);
  });
});

describe('the rules on exports', () => {
  it('find default exports in every form', () => {
    const forms = [
      'export default 1;',
      'export default function f() {}',
      'const a = 1; export { a as default };',
      'export = 1;',
    ];
    for (const text of forms) expect(defaultExportFindings(parse('src/a.ts', text))).toHaveLength(1);
    expect(defaultExportFindings(parse('src/a.ts', 'export const a = 1;'))).toEqual([]);
    expect(defaultExportFindings(parse('vitest.config.ts', 'export default {};'))).toEqual([]);
  });

  it('find exports without words', () => {
    const bare = [
      'export const a = 1;',
      'export function f() {}',
      'export interface I {}',
      'export type T = 1;',
      'export class C {}',
    ];
    for (const text of bare) {
      expect(undocumentedExportFindings(parse('src/a.ts', text))).toHaveLength(1);
      expect(undocumentedExportFindings(parse('src/a.ts', `/** Says what. */\n${text}`))).toEqual([]);
      expect(undocumentedExportFindings(parse('src/a.ts', `/** */\n${text}`))).toHaveLength(1);
      expect(undocumentedExportFindings(parse('src/a.ts', `// not TSDoc\n${text}`))).toHaveLength(1);
    }
    expect(undocumentedExportFindings(parse('src/a.ts', 'const a = 1; export { a };'))).toHaveLength(1);
    expect(undocumentedExportFindings(parse('src/a.ts', '/** One. */\nconst a = 1;\nexport { a };'))).toEqual([]);
  });

  it('follow what an entry point re-exports', () => {
    const files = [
      parse('src/good.ts', '/** Words. */\nexport const good = 1;'),
      parse('src/bare.ts', 'export const bare = 1;'),
      parse('src/between.ts', "export { bare as renamed } from './bare.js';"),
      parse('src/entry.ts', "export { good } from './good.js';"),
      parse('src/bad.ts', "import { bare } from './bare.js';\nexport { bare };"),
      parse('src/far.ts', "export { renamed } from './between.js';"),
      parse('src/missing.ts', "export { nothing } from './good.js';\nexport { x } from './nowhere.js';"),
      parse('src/star.ts', "export * from './good.js';"),
      parse('src/other.ts', "export { z } from 'zod';"),
    ];
    const count = (entry: string) => entryPointFindings(entry, lookupIn(files)).length;
    expect(count('src/entry.ts')).toBe(0);
    expect(count('src/bad.ts')).toBe(1);
    expect(count('src/far.ts')).toBe(1);
    expect(count('src/missing.ts')).toBe(2);
    expect(count('src/star.ts')).toBe(1);
    expect(count('src/other.ts')).toBe(1);
    expect(count('src/absent.ts')).toBe(1);
    expect(starExportFindings(files[0]!)).toEqual([]);
  });
});
