/** The client of @perplexity-ai/perplexity_ai: what its instrument has of its own. The work is done in stainless.ts. */
import type { CallPath } from '../call.js';
import type { GuardOptions } from '../guard-client.js';
import { type PerplexityRequestReading, perplexityAdapter, readPerplexityRequest } from '../providers/perplexity.js';
import type { Runtime } from '../runtime.js';
import type { ClientInstrument } from './client-instrument.js';
import { BackgroundResponses } from './openai-background.js';
import { instrumentStainless, type StainlessDialect } from './stainless.js';
import { hasStainlessSeams, partOf, STAINLESS_METHODS } from './stainless-client.js';

/** The dialect of @perplexity-ai/perplexity_ai 0.38 and later. Usage comes unasked, in every chunk. */
export const perplexityDialect: StainlessDialect<PerplexityRequestReading> = {
  name: 'perplexity',
  read: (request) => readPerplexityRequest(request),
  createUsageReader: (reading) => perplexityAdapter.createUsageReader(reading),
  helpers: [],
  createPending: () => new BackgroundResponses(),
};

/** Whether `client` is one of Perplexity's own package, of any supported version or copy. Told by its parts. */
export function isPerplexityClient(client: unknown): client is object {
  if (!hasStainlessSeams(client)) return false;
  const methods = [
    ['chat', 'completions', 'create'],
    ['async', 'chat', 'completions', 'create'],
    ['search', 'create'],
  ] as const;
  return methods.every((names) => typeof partOf(client, ...names) === 'function');
}

/** Guards and meters a client of Perplexity's package, in place, and returns it. Twice is harmless. Never throws. */
export function instrumentPerplexity<T extends object>(
  client: T,
  path: CallPath,
  options: GuardOptions,
  runtime: Pick<Runtime, 'log'>,
): T {
  return instrumentStainless(client, path, perplexityDialect, options, runtime);
}

/** See {@link ClientInstrument}. */
export const perplexityInstrument: ClientInstrument = {
  name: 'perplexity',
  knows: '@perplexity-ai/perplexity_ai (0.38 and later)',
  recognises: isPerplexityClient,
  instrument: (client, path, options, runtime) => void instrumentPerplexity(client, path, options, runtime),
  packages: [
    {
      name: '@perplexity-ai/perplexity_ai',
      // Published as ESM only.
      clientFiles: /^dist\/(client|index)\.js$/,
      clientFileNames: ['client.js', 'index.js'],
      entryFiles: ['dist/client.js'],
      deep: [],
      classes: [{ exportName: 'Perplexity', brand: 'request', methods: STAINLESS_METHODS, resources: true }],
    },
  ],
};
