/** The instrument of the clients of `@google/genai`, Gemini and Vertex AI: which seams it lays, and what register patches. */
import type { CallPath } from '../call.js';
import type { Runtime } from '../runtime.js';
import type { ClientInstrument } from './client-instrument.js';
import { type GoogleClient, isGoogleClient } from './google-client.js';
import { guardLive } from './google-live.js';
import { guardChats, guardMethod, guardModels } from './google-methods.js';
import { guardNextGen } from './google-next-gen.js';
import { type GoogleContext, guardTransport } from './google-transport.js';
import { GoogleWork } from './google-work.js';
import { isGuarded, markGuarded } from './guarded-mark.js';

export { isGoogleClient } from './google-client.js';

/** Guards and meters a client of `@google/genai`, in place, and returns it. Twice is harmless. Never throws. */
export function instrumentGoogle<T extends object>(client: T, path: CallPath, runtime: Runtime): T {
  if (isGuarded(client)) return client;
  if (!markGuarded(client)) {
    runtime.log.error('a client of @google/genai is frozen and cannot be guarded');
    return client;
  }
  const { apiClient, models, chats, caches, batches, live } = client as unknown as GoogleClient;
  const context: GoogleContext = { path, runtime, work: new GoogleWork(), warnOnce: warningOnce(runtime) };
  guardTransport(apiClient, context);
  guardModels(models, context);
  if (chats !== undefined) guardChats(chats);
  if (caches !== undefined) guardMethod(caches, 'create', context);
  if (batches !== undefined) for (const name of ['create', 'createEmbeddings']) guardMethod(batches, name, context);
  if (live !== undefined) guardLive(live, apiClient.isVertexAI?.() === true, context);
  guardNextGen(client, context);
  return client;
}

function warningOnce({ log }: Runtime): (message: string) => void {
  let warned = false;
  return (message) => {
    if (warned) return;
    warned = true;
    log.warn(message);
  };
}

const BUILDS = ['dist', 'dist/node', 'dist/web'] as const;

/** See {@link ClientInstrument}. */
export const googleInstrument: ClientInstrument = {
  name: 'google',
  knows: '@google/genai (1 to 3)',
  recognises: isGoogleClient,
  instrument: (client, path, _options, runtime) => void instrumentGoogle(client, path, runtime),
  packages: [
    {
      name: '@google/genai',
      clientFiles: /^dist\/(?:(?:node|web)\/)?index\.[cm]?js$/,
      clientFileNames: ['index.mjs', 'index.cjs', 'index.js'],
      entryFiles: BUILDS.flatMap((folder) => [`${folder}/index.mjs`, `${folder}/index.cjs`]),
      deep: ['node', 'web'],
      classes: [{ exportName: 'GoogleGenAI', brand: 'constructor', methods: [], adoptOnAssign: 'operations' }],
    },
  ],
};
