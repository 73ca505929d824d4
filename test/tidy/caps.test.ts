import { describe, expect, it } from 'vitest';
import { fileCapFindings, functionCapFindings } from './rules/caps.js';
import { parse, projectSources } from './support/syntax.js';

const lines = (count: number) => 'x();\n'.repeat(count);

describe('the caps', () => {
  it('hold: no file has more than 400 lines, no test file more than 600', () => {
    expect(projectSources().flatMap(fileCapFindings)).toEqual([]);
  });

  it('hold: no function outside the tests has more than 70 lines', () => {
    expect(projectSources().flatMap(functionCapFindings)).toEqual([]);
  });

  it('count the lines of a file', () => {
    expect(fileCapFindings(parse('src/a.ts', lines(400)))).toEqual([]);
    expect(fileCapFindings(parse('src/a.ts', lines(401)))).toHaveLength(1);
    expect(fileCapFindings(parse('test/a.ts', lines(600)))).toEqual([]);
    expect(fileCapFindings(parse('test/a.ts', lines(601)))).toHaveLength(1);
  });

  it('count the lines of every kind of function', () => {
    const bodies = (count: number) => [
      `function f() {\n${lines(count)}}`,
      `const f = () => {\n${lines(count)}};`,
      `class C {\n m() {\n${lines(count)}}\n}`,
      `class C {\n constructor() {\n${lines(count)}}\n}`,
      `const o = { get a() {\n${lines(count)}} };`,
    ];
    for (const text of bodies(68)) expect(functionCapFindings(parse('src/a.ts', text))).toEqual([]);
    for (const text of bodies(69)) expect(functionCapFindings(parse('src/a.ts', text))).toHaveLength(1);
    expect(functionCapFindings(parse('test/a.ts', bodies(200)[0]!))).toEqual([]);
  });
});
