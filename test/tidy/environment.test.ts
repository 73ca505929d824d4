import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { renderEnvExample } from '../../scripts/render-env-example.js';
import { VARIABLES } from '../../src/config.js';
import { declaredNames, namesInEnvFile, undeclaredVariableFindings, type VariableRow } from './rules/environment.js';
import { isProduct, ROOT, textOf } from './support/project.js';
import { parse, projectSources } from './support/syntax.js';

const SERVICE_CONFIG = 'service/config.ts';

async function serviceVariables(): Promise<readonly VariableRow[]> {
  const path = join(ROOT, SERVICE_CONFIG);
  if (!existsSync(path)) return [];
  const module = (await import(path)) as { SERVICE_VARIABLES?: readonly VariableRow[] };
  if (module.SERVICE_VARIABLES === undefined) throw new Error(`${SERVICE_CONFIG} must export SERVICE_VARIABLES`);
  return module.SERVICE_VARIABLES;
}

describe('.env.example', () => {
  it('names exactly the variables that the configuration reads', async () => {
    const declared = declaredNames([VARIABLES, await serviceVariables()]);
    expect([...namesInEnvFile(textOf('.env.example'))].sort()).toEqual([...declared].sort());
  });

  it('gives the default and the meaning of each (npm run env-example writes it)', async () => {
    expect(textOf('.env.example')).toBe(renderEnvExample(VARIABLES, await serviceVariables()));
  });

  it('is read as a .env file is', () => {
    const text =
      '# Words with REVENIUM_NOT_THIS in them.\n# Also read: AN_ALIAS, ANOTHER.\n# A_NAME=1\nB_NAME=\n#C_NAME=x\n';
    expect([...namesInEnvFile(text)]).toEqual(['AN_ALIAS', 'ANOTHER', 'A_NAME', 'B_NAME', 'C_NAME']);
  });
});

describe('the tables of variables', () => {
  it('declare every variable once, with words', async () => {
    const rows = [...VARIABLES, ...(await serviceVariables())];
    const names = rows.map((row) => row.name);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
    expect(rows.filter((row) => row.meaning.trim() === '').map((row) => row.name)).toEqual([]);
  });

  it('declare whatever the product reads from the environment', async () => {
    const declared = declaredNames([VARIABLES, await serviceVariables()]);
    const product = projectSources().filter((source) => isProduct(source.path));
    expect(product.flatMap((source) => undeclaredVariableFindings(source, declared))).toEqual([]);
  });

  it.each([
    'runtime.env.HOME',
    "env['HOME']",
    "process.env['HOME']",
    "read('REVENIUM_NEW')",
    "from.text('FUSEWIRE_X')",
  ])('are missed by: %s', (text) => {
    expect(undeclaredVariableFindings(parse('src/a.ts', text), new Set(['REVENIUM_OLD']))).toHaveLength(1);
    expect(
      undeclaredVariableFindings(parse('src/a.ts', "runtime.env['REVENIUM_OLD']"), new Set(['REVENIUM_OLD'])),
    ).toEqual([]);
  });
});
