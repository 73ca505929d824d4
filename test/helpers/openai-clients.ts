/** The openai majors that the tests run against, typed as one: what is tested is what they have in common. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type OpenAI from 'openai';

/** The client, typed as the middle major. */
export type Client = OpenAI;
type Construct = new (options: Record<string, unknown>) => Client;

interface Exports {
  readonly default: Construct;
  readonly AzureOpenAI: Construct;
}

/** One major, in both module systems. */
export interface Major {
  readonly major: number;
  readonly OpenAI: Construct;
  readonly Azure: Construct;
  /** The same class of the CommonJS build: another one. */
  readonly CommonJs: Construct;
}

// The majors are dependencies of test/matrix, and a package manager may put them there or at the root.
const matrix = createRequire(new URL('../matrix/package.json', import.meta.url));

async function load(major: number): Promise<Major> {
  const name = major === 6 ? 'openai' : `openai${major}`;
  const folder = dirname(matrix.resolve(name));
  const esm = (await import(pathToFileURL(join(folder, 'index.mjs')).href)) as Exports;
  const commonJs = matrix(name) as Exports;
  return { major, OpenAI: esm.default, Azure: esm.AzureOpenAI, CommonJs: commonJs.default };
}

/** Lowest, middle and highest major of the peer range. */
export const MAJORS: readonly Major[] = await Promise.all([5, 6, 7].map(load));
