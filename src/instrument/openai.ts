/** The openai client, Azure's class included: what its instrument has of its own. The work is done in stainless.ts. */
import type { CallPath } from '../call.js';
import type { GuardOptions } from '../guard-client.js';
import { type OpenAIRequestReading, openaiAdapter, readOpenAIRequest } from '../providers/openai.js';
import { stripInjectedUsage } from '../providers/sse-usage.js';
import type { Runtime } from '../runtime.js';
import type { ClientInstrument } from './client-instrument.js';
import { allDeployments, isAzureClient } from './openai-azure.js';
import { BackgroundResponses } from './openai-background.js';
import { withUsageAsked } from './openai-usage-asked.js';
import { instrumentStainless, type StainlessDialect } from './stainless.js';
import { hasStainlessSeams, partOf, STAINLESS_METHODS } from './stainless-client.js';

/** The dialect of openai 5 to 7. */
export const openaiDialect: StainlessDialect<OpenAIRequestReading> = {
  name: 'openai',
  read: (request, _client, options) => readOpenAIRequest(request, options),
  createUsageReader: (reading) => openaiAdapter.createUsageReader(reading),
  helpers: [
    [['chat', 'completions'], 'stream', '/chat/completions'],
    [['chat', 'completions'], 'runTools', '/chat/completions'],
    [['beta', 'chat', 'completions'], 'stream', '/chat/completions'],
    [['beta', 'chat', 'completions'], 'runTools', '/chat/completions'],
    [['responses'], 'stream', '/responses'],
    [['beta', 'responses'], 'stream', '/responses'],
  ],
  askForUsage(body, reading, { injectUsage = 'known-hosts' }) {
    const mayAsk = injectUsage === 'known-hosts' ? reading.takesIncludeUsage : injectUsage;
    return mayAsk ? withUsageAsked(body, reading) : undefined;
  },
  rewrite: stripInjectedUsage,
  createPending: () => new BackgroundResponses(),
};

/**
 * Whether `client` is an openai client of any supported version, copy or module system, Azure's class included. Told by
 * its parts, not by its class: other clients of the same generator lack some of them.
 */
export function isOpenAIClient(client: unknown): client is object {
  if (!hasStainlessSeams(client)) return false;
  const methods = [
    ['chat', 'completions', 'create'],
    ['embeddings', 'create'],
    ['moderations', 'create'],
  ] as const;
  return methods.every((names) => typeof partOf(client, ...names) === 'function');
}

/** Guards and meters an openai client, in place, and returns it. Twice is harmless. Never throws. */
export function instrumentOpenAI<T extends object>(
  client: T,
  path: CallPath,
  options: GuardOptions,
  runtime: Pick<Runtime, 'log'>,
): T {
  return instrumentStainless(client, path, openaiDialect, options, runtime);
}

/** See {@link ClientInstrument}. */
export const openaiInstrument: ClientInstrument = {
  name: 'openai',
  knows: 'openai (5 to 7)',
  recognises: isOpenAIClient,
  variants: [{ name: 'azure', recognises: isAzureClient }],
  instrument(client, path, options, runtime) {
    instrumentOpenAI(client, path, { ...options, deployments: allDeployments(options, runtime) }, runtime);
  },
  packages: [
    {
      name: 'openai',
      clientFiles: /^(client|index|azure)\.m?js$/,
      clientFileNames: ['client', 'index', 'azure'].flatMap((name) => [`${name}.js`, `${name}.mjs`]),
      entryFiles: ['client.mjs', 'client.js'],
      deep: ['client', 'azure', 'index'],
      classes: [
        {
          exportName: 'OpenAI',
          brand: 'request',
          methods: STAINLESS_METHODS,
          resources: true,
        },
      ],
    },
  ],
};
