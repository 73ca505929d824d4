import { describe, expect, it } from 'vitest';
import { renderEnvExample } from '../../scripts/render-env-example.js';
import { serviceRows } from '../../scripts/service-variables.js';
import { SERVICE_VARIABLES } from '../../service/config.js';
import { GATEWAY_VARIABLES } from '../../service/gateway/gateway-config.js';
import { VARIABLES } from '../../src/config.js';
import { declaredNames, namesInEnvFile, undeclaredVariableFindings } from './rules/environment.js';
import { isProduct, textOf } from './support/project.js';
import { parse, projectSources } from './support/syntax.js';

const service = serviceRows([...SERVICE_VARIABLES, ...GATEWAY_VARIABLES]);
const declared = declaredNames([VARIABLES, service]);
/**
 * What others read, and nobody sets for us: Node, whose flags tell how `fusewire/register` was loaded, and the openai
 * client, whose address tells which provider answers.
 */
const OF_OTHERS = ['NODE_OPTIONS', 'OPENAI_BASE_URL', 'OPENAI_API_BASE'];

describe('.env.example', () => {
  it('names exactly the variables that the configuration reads', () => {
    expect([...namesInEnvFile(textOf('.env.example'))].sort()).toEqual([...declared].sort());
  });

  it('gives the default and the meaning of each (npm run env-example writes it)', () => {
    expect(textOf('.env.example')).toBe(renderEnvExample(VARIABLES, service));
  });

  it('is read as a .env file is', () => {
    const text =
      '# Words with REVENIUM_NOT_THIS in them.\n# Also read: AN_ALIAS, ANOTHER.\n# A_NAME=1\nB_NAME=\n#C_NAME=x\n';
    expect([...namesInEnvFile(text)]).toEqual(['AN_ALIAS', 'ANOTHER', 'A_NAME', 'B_NAME', 'C_NAME']);
  });
});

describe('the tables of variables', () => {
  it('declare every variable once, with words', () => {
    const rows = [...VARIABLES, ...service];
    const names = rows.map((row) => row.name);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
    expect(rows.filter((row) => row.meaning.trim() === '').map((row) => row.name)).toEqual([]);
  });

  it('declare whatever the product reads from the environment', () => {
    const product = projectSources().filter((source) => isProduct(source.path));
    const known = new Set([...declared, ...OF_OTHERS]);
    expect(product.flatMap((source) => undeclaredVariableFindings(source, known))).toEqual([]);
  });

  it('declare nothing that the product does not read', () => {
    const product = projectSources().filter((source) => isProduct(source.path));
    const mentions = (name: string) =>
      product.flatMap((source) => source.text.match(new RegExp(`\\b${name}\\b`, 'g')) ?? []);
    const rows = [...VARIABLES, ...service];
    // Once in its table, and once more where it is read.
    expect(rows.map((row) => row.name).filter((name) => mentions(name).length < 2)).toEqual([]);
  });

  it.each([
    'runtime.env.HOME',
    "env['HOME']",
    "process.env['HOME']",
    "read('REVENIUM_NEW')",
    "from.text('FUSEWIRE_X')",
  ])('are missed by: %s', (text) => {
    expect(undeclaredVariableFindings(parse('src/a.ts', text), new Set(['REVENIUM_OLD']))).toHaveLength(1);
  });

  it('know what they declare', () => {
    expect(undeclaredVariableFindings(parse('src/a.ts', "env['REVENIUM_OLD']"), new Set(['REVENIUM_OLD']))).toEqual([]);
  });
});
