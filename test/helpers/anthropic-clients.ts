/** The Anthropic clients that the tests run against, typed as the newest: what is tested is what they have in common. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type Anthropic from '@anthropic-ai/sdk';

/** The client, typed as the newest version. */
export type Client = Anthropic;
type Construct = new (options: Record<string, unknown>) => Client;

/** One version of @anthropic-ai/sdk, in both module systems. */
export interface Version {
  readonly version: string;
  readonly Anthropic: Construct;
  /** The same class of the CommonJS build: another one. */
  readonly CommonJs: Construct;
}

/** A client for a cloud, in both module systems. */
export interface Cloud {
  readonly Esm: Construct;
  readonly CommonJs: Construct;
}

// The versions are dependencies of test/matrix or of the root, and a package manager may put them in either.
const matrix = createRequire(new URL('../matrix/package.json', import.meta.url));

async function load(name: string, version: string): Promise<Version> {
  const { esm, commonJs } = await exportsOf(name, 'index', 'Anthropic');
  return { version, Anthropic: esm, CommonJs: commonJs };
}

async function loadCloud(name: string, file: string, exportName: string): Promise<Cloud> {
  const { esm, commonJs } = await exportsOf(name, file, exportName);
  return { Esm: esm, CommonJs: commonJs };
}

async function exportsOf(name: string, file: string, exportName: string) {
  const folder = dirname(matrix.resolve(name));
  const esm = (await import(pathToFileURL(join(folder, `${file}.mjs`)).href)) as Record<string, Construct>;
  const commonJs = matrix(join(folder, `${file}.js`)) as Record<string, Construct>;
  return { esm: esm[exportName] ?? esm['default']!, commonJs: commonJs[exportName] ?? commonJs['default']! };
}

/** Lowest and highest version of the peer range. */
export const VERSIONS: readonly Version[] = await Promise.all([
  load('anthropic060', '0.60'),
  load('@anthropic-ai/sdk', '1.11'),
]);

/** The clients for Bedrock (both kinds) and Vertex AI. */
export const BEDROCK: Cloud = await loadCloud('@anthropic-ai/bedrock-sdk', 'client', 'AnthropicBedrock');
export const MANTLE: Cloud = await loadCloud('@anthropic-ai/bedrock-sdk', 'mantle-client', 'AnthropicBedrockMantle');
export const VERTEX: Cloud = await loadCloud('@anthropic-ai/vertex-sdk', 'client', 'AnthropicVertex');

/** Options under which a client for a cloud asks nobody for credentials. */
export const BEDROCK_AUTH = { skipAuth: true, awsRegion: 'us-east-1' } as const;
/** Likewise. */
export const VERTEX_AUTH = {
  region: 'us-east5',
  projectId: 'p',
  authClient: { projectId: 'p', getRequestHeaders: async () => new Headers() },
} as const;
