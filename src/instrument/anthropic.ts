/**
 * The clients of Anthropic, those of its Bedrock and Vertex packages included: what their instrument has of its own. The
 * work is done in stainless.ts.
 */
import type { CallPath } from '../call.js';
import { readVariable } from '../config-variables.js';
import type { GuardOptions } from '../guard-client.js';
import { type AnthropicRequestReading, anthropicAdapter, readAnthropicRequest } from '../providers/anthropic.js';
import type { AnthropicPlatform } from '../providers/anthropic-host.js';
import type { Runtime } from '../runtime.js';
import { MessageBatches } from './anthropic-batches.js';
import { guardThreads } from './anthropic-threads.js';
import type { ClientInstrument, PatchablePackage } from './client-instrument.js';
import { instrumentStainless, type StainlessDialect } from './stainless.js';
import { hasStainlessSeams, partOf, STAINLESS_METHODS } from './stainless-client.js';

/** The dialect of @anthropic-ai/sdk 0.60 to 1, and of the packages that stand on it. */
export const anthropicDialect: StainlessDialect<AnthropicRequestReading> = {
  name: 'anthropic',
  read: (request, client) => readAnthropicRequest(request, platformOf(client)),
  createUsageReader: (reading) => anthropicAdapter.createUsageReader(reading),
  helpers: [
    [['messages'], 'stream', '/v1/messages'],
    [['beta', 'messages'], 'stream', '/v1/messages'],
  ],
  lay: guardThreads,
  // A batch is refused where any of its models would be.
  parts: (reading) => reading.otherModels.map((model) => ({ ...reading, model, otherModels: [] })),
  endsWithMark: true,
  createPending: () => new MessageBatches(),
};

/**
 * Whether `client` is one of Anthropic's own, Bedrock's or Vertex AI's, of any supported version, copy or module system.
 * Told by its parts, not by its class.
 */
export function isAnthropicClient(client: unknown): client is object {
  if (!hasStainlessSeams(client)) return false;
  const methods = [
    ['messages', 'create'],
    ['messages', 'stream'],
    ['beta', 'messages', 'create'],
  ] as const;
  return methods.every((names) => typeof partOf(client, ...names) === 'function');
}

/**
 * Guards and meters a client, in place, and returns it. Twice is harmless. Never throws. With `REVENIUM_BEDROCK_DISABLE`
 * a client for Bedrock passes unguarded, and the log says so.
 */
export function instrumentAnthropic<T extends object>(
  client: T,
  path: CallPath,
  options: GuardOptions,
  runtime: Pick<Runtime, 'log' | 'env'>,
): T {
  if (platformOf(client) === 'bedrock' && isBedrockDisabled(runtime.env)) {
    runtime.log.warn('a client for Bedrock is neither guarded nor metered: REVENIUM_BEDROCK_DISABLE is set');
    return client;
  }
  return instrumentStainless(client, path, anthropicDialect, options, runtime);
}

/** The cloud that a client was made for, by the parts that only its class has; Bedrock also by its address. */
function platformOf(client: object): AnthropicPlatform {
  if ('awsRegion' in client) return 'bedrock';
  if ('_authClientPromise' in client || ('projectId' in client && 'region' in client)) return 'vertex';
  const { baseURL } = client as { readonly baseURL?: unknown };
  return typeof baseURL === 'string' && baseURL.includes('amazonaws.com') ? 'bedrock' : 'anthropic';
}

function isBedrockDisabled(env: Runtime['env']): boolean {
  return /^(1|true|yes|on)$/i.test(readVariable(env, 'REVENIUM_BEDROCK_DISABLE')?.trim() ?? '');
}

/** See {@link ClientInstrument}. */
export const anthropicInstrument: ClientInstrument = {
  name: 'anthropic',
  knows: '@anthropic-ai/sdk (0.60 to 1), @anthropic-ai/bedrock-sdk, @anthropic-ai/vertex-sdk',
  recognises: isAnthropicClient,
  instrument: (client, path, options, runtime) => void instrumentAnthropic(client, path, options, runtime),
  packages: [
    patchable('@anthropic-ai/sdk', ['client', 'index'], ['Anthropic']),
    patchable(
      '@anthropic-ai/bedrock-sdk',
      ['client', 'index', 'mantle-client'],
      ['AnthropicBedrock', 'AnthropicBedrockMantle'],
    ),
    patchable('@anthropic-ai/vertex-sdk', ['client', 'index'], ['AnthropicVertex']),
  ],
};

function patchable(name: string, files: readonly string[], classNames: readonly string[]): PatchablePackage {
  return {
    name,
    clientFiles: new RegExp(`^(${files.join('|')})\\.m?js$`),
    clientFileNames: files.flatMap((file) => [`${file}.js`, `${file}.mjs`]),
    entryFiles: files.filter((file) => file !== 'index').flatMap((file) => [`${file}.mjs`, `${file}.js`]),
    deep: files,
    classes: classNames.map((exportName) => ({
      exportName,
      brand: 'request',
      methods: STAINLESS_METHODS,
      resources: true,
    })),
  };
}
