/** The wrappers as decorators, as TypeScript compiles them: standard ones, and with `experimentalDecorators`. */
import { readFileSync } from 'node:fs';
import * as fusewire from 'fusewire';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { createMetadataResolver } from '../../src/metadata/resolver.js';
import type { makeDesk } from './decorated-desk.js';

const log = { debug() {}, info() {}, warn() {}, error() {}, isDebug: () => false };
const resolver = createMetadataResolver({ env: {}, log });
const seen = () => resolver.resolve(undefined).fields;

/** Compiles and runs a module whose only import is `fusewire`; `lib` is a global of it too. */
function compiled(text: string, experimentalDecorators: boolean): Record<string, unknown> {
  const { outputText } = ts.transpileModule(text, {
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.CommonJS,
      experimentalDecorators,
      useDefineForClassFields: !experimentalDecorators,
    },
  });
  const exports: Record<string, unknown> = {};
  const run = new Function('exports', 'require', 'lib', 'seen', outputText) as (...args: unknown[]) => void;
  run(exports, () => fusewire, fusewire, seen);
  return exports;
}

describe('standard decorators', () => {
  const text = readFileSync(new URL('./decorated-desk.ts', import.meta.url), 'utf8');
  const { Desk, Special } = (compiled(text, false)['makeDesk'] as typeof makeDesk)(seen);

  it('hold for methods: public, private, static, async and generators, with this and private members', async () => {
    const desk = new Desk();
    expect(desk.plain('q')).toEqual({ agent: 'triage', question: 'q', secret: 's-1' });
    expect(await desk.later()).toEqual(['triage', 's-1']);
    expect([...desk.parts(2)]).toEqual([
      [0, 'parts', 's-1'],
      [1, 'parts', 's-1'],
    ]);
    for await (const part of desk.stream()) expect(part).toEqual(['stream', 's-1']);
    expect(Desk.shared()).toEqual(['shared', 'Desk']);
    expect(desk.throughPrivate()).toEqual(['private', 's-1']);
    expect(seen()).toEqual({});
  });

  it('stack on one method', () => {
    expect(new Desk().stacked({ id: 'u-1' }, 7)).toEqual([
      { organizationName: 'Northwind', subscriber: { id: 'u-1' }, traceId: 'u-1-s-1' },
      7,
    ]);
  });

  it('keep name and length, and stay on the prototype', () => {
    expect([Desk.prototype.plain.name, Desk.prototype.plain.length]).toEqual(['plain', 1]);
    expect(Object.hasOwn(new Desk(), 'plain')).toBe(false);
  });

  it('hold for what a subclass overrides and calls with super', () => {
    expect(new Special().plain('q')).toMatchObject({ agent: 'triage', taskType: 'special', secret: 's-1' });
  });
});

const PROGRAM = `
export class Desk {
  tenant = 'Northwind';
  @lib.reveniumMetadata({ agent: 'triage' })
  @lib.trackOrganization({ fromProperty: 'tenant' })
  async answer(question) { await null; return [question, seen()]; }
  @lib.trackAgent('parts') *parts() { yield seen().agent; }
  @lib.trackAgent('static') static shared() { return seen().agent; }
}`;

interface CompiledDesk {
  new (): { answer(question: string): Promise<unknown>; parts(): Iterable<unknown> };
  shared(): unknown;
}

describe.each([
  ['standard decorators', false],
  ['experimentalDecorators', true],
])('compiled by TypeScript with %s', (_name, isLegacy) => {
  it('hold for methods, generators and static methods', async () => {
    const Desk = compiled(PROGRAM, isLegacy)['Desk'] as CompiledDesk;
    expect(await new Desk().answer('q')).toEqual(['q', { agent: 'triage', organizationName: 'Northwind' }]);
    expect([...new Desk().parts()]).toEqual(['parts']);
    expect(Desk.shared()).toBe('static');
  });

  it.each([
    ['a getter', '@lib.trackAgent("a") get name() { return 1; }'],
    ['a setter', '@lib.trackAgent("a") set name(value) {}'],
    ['a field', '@lib.trackAgent("a") name = 1;'],
  ])('refuse %s, where it is written', (_what, member) => {
    expect(() => compiled(`export class A { ${member} }`, isLegacy)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTIONS', message: expect.stringContaining('trackAgent() is for') }),
    );
  });

  it('refuse a class', () => {
    expect(() => compiled('@lib.reveniumMeter() class A {}', isLegacy)).toThrow(/was put on a class/);
  });
});

describe('standard decorators only', () => {
  it('refuse an accessor', () => {
    expect(() => compiled('class A { @lib.trackAgent("a") accessor name = 1; }', false)).toThrow(
      /trackAgent\(\) is for functions and methods, and was put on an accessor/,
    );
  });
});
