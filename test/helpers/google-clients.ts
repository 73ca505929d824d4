/** The majors of `@google/genai` that the tests run against, typed as one: what is tested is what they have in common. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { GoogleGenAI } from '@google/genai';

/** The client, typed as the middle major. */
export type Client = GoogleGenAI;
type Construct = new (options: Record<string, unknown>) => Client;

interface Exports {
  readonly GoogleGenAI: Construct;
}

/** One major, in both module systems and in the build for browsers. */
export interface Major {
  readonly major: number;
  readonly Esm: Construct;
  readonly CommonJs: Construct;
  readonly Web: Construct;
}

// The majors are dependencies of test/matrix, and a package manager may put them there or at the root.
const matrix = createRequire(new URL('../matrix/package.json', import.meta.url));

async function load(major: number): Promise<Major> {
  const name = major === 2 ? '@google/genai' : `genai${major}`;
  const commonJs = matrix(name) as Exports;
  const dist = dirname(dirname(matrix.resolve(name)));
  const esm = (await import(pathToFileURL(join(dist, 'node', 'index.mjs')).href)) as Exports;
  const web = (await import(pathToFileURL(join(dist, 'web', 'index.mjs')).href)) as Exports;
  return { major, Esm: esm.GoogleGenAI, CommonJs: commonJs.GoogleGenAI, Web: web.GoogleGenAI };
}

/** Lowest, middle and highest major of the peer range. */
export const MAJORS: readonly Major[] = await Promise.all([1, 2, 3].map(load));

/** Options of a client that talks to `url`. Vertex AI is spoken to without credentials of Google. */
export function optionsFor(url: string, vertexai: boolean, httpOptions: object = {}): Record<string, unknown> {
  return { apiKey: 'k', vertexai, httpOptions: { ...httpOptions, baseUrl: url } };
}
