/** The endpoints of Google's API, Gemini and Vertex AI alike: which are calls, which are free, which nobody knows yet. */
import type { OperationType, RequestReading } from './adapter.js';
import { decoded } from './values.js';

/** How an answer is to be read. */
export type GoogleShape = 'content' | 'embedding' | 'image' | 'video' | 'batch' | 'cache' | 'interaction';

/** What method and path say of a request. */
export interface GoogleEndpoint {
  readonly name: string;
  readonly known: boolean;
  readonly kind: RequestReading['kind'];
  readonly operationType: OperationType;
  readonly shape: GoogleShape;
  readonly streaming: boolean;
  /** The model in the path, without `models/`. */
  readonly model?: string;
  /** Vertex AI, or the Gemini API. */
  readonly isVertex: boolean;
  /** The operation, batch or interaction whose end is asked for, by its own name. */
  readonly polled?: string;
}

type Verb = Pick<GoogleEndpoint, 'operationType' | 'shape'> & { readonly streaming?: boolean };

/** What follows the colon behind a model, where it is paid for and understood. */
const CALLS: ReadonlyMap<string, Verb> = new Map([
  ['generateContent', { operationType: 'CHAT', shape: 'content' }],
  ['streamGenerateContent', { operationType: 'CHAT', shape: 'content', streaming: true }],
  ['embedContent', { operationType: 'EMBED', shape: 'embedding' }],
  ['batchEmbedContents', { operationType: 'EMBED', shape: 'embedding' }],
  ['predictLongRunning', { operationType: 'VIDEO', shape: 'video' }],
  ['batchGenerateContent', { operationType: 'CHAT', shape: 'batch' }],
  ['asyncBatchEmbedContent', { operationType: 'EMBED', shape: 'batch' }],
]);
const FREE_VERBS = /^(countTokens|computeTokens|cancel|delete|ping|rotateSigningSecret|register|fetchUploadUrl)$/;

/** Collections in which a POST stores or changes something and computes nothing that has a price. */
const FREE =
  /\/(files|fileSearchStores|auth_tokens|webhooks|agents|credentials|corpora)(\/|$)|\/(cachedContents|batches|models|operations|environments)\/|^\/?$/;
/** `importFile` and `uploadToFileSearchStore` compute embeddings, which are paid for. */
const UNDERSTOOD_BY_NOBODY = /:(importFile|uploadToFileSearchStore)$/;

const MODEL = /\/(?:publishers\/([^/]+)\/)?(models|tunedModels|endpoints)\/([^/:]+)(?::(\w+))?$/;
/** Only models make videos; operations of other collections store files or tune. */
const OPERATION = /\/(models\/[^/]+\/operations\/[^/:]+)$/;
const BATCH = /\/((?:batches|batchPredictionJobs)\/[^/:]+)$/;
const INTERACTION = /\/interactions\/([^/:]+)(\/cancel)?$/;
const EMBEDDING_MODEL = /embedding|gecko/i;
const IMAGE_MODEL = /imagen|image|virtual-try-on|product-recontext/i;

/** Reads a method and a path (no query, no trailing slash). Whatever stands before the endpoint is ignored. */
export function readGoogleEndpoint(method: string, path: string): GoogleEndpoint {
  const at = path.startsWith('/') ? path : `/${path}`;
  const isVertex = /\/(publishers|projects)\/|\/reasoningEngines\//.test(at);
  const base = { isVertex, streaming: false, known: true } as const;
  if (method !== 'POST') return readGet(method, at, base) ?? free(at, base);
  const other = readCollection(at, base);
  if (other !== undefined) return other;
  const match = MODEL.exec(at);
  if (match !== null && match[4] !== undefined) return readVerb(match, at, base);
  if (FREE_VERBS.test(verbOf(at))) return free(at, base);
  return FREE.test(at) && !UNDERSTOOD_BY_NOBODY.test(at) ? free(at, base) : unknown(at, base);
}

type Base = Pick<GoogleEndpoint, 'isVertex' | 'streaming' | 'known'>;

/** The end of work that another request asked for. */
function readGet(method: string, at: string, base: Base): GoogleEndpoint | undefined {
  if (method !== 'GET') return undefined;
  const operation = OPERATION.exec(at);
  if (operation !== null) return poll('operations.get', 'VIDEO', 'video', operation[1]!, base);
  const batch = BATCH.exec(at);
  if (batch !== null) return poll('batches.get', 'CHAT', 'batch', batch[1]!, base);
  const interaction = INTERACTION.exec(at);
  return interaction === null ? undefined : poll('interactions.get', 'CHAT', 'interaction', interaction[1]!, base);
}

function poll(
  name: string,
  operationType: OperationType,
  shape: GoogleShape,
  polled: string,
  base: Base,
): GoogleEndpoint {
  return { ...base, name, kind: 'poll', operationType, shape, polled };
}

function readCollection(at: string, base: Base): GoogleEndpoint | undefined {
  if (/\/interactions$/.test(at)) return call('interactions', 'CHAT', 'interaction', base);
  const interaction = INTERACTION.exec(at);
  if (interaction !== null) return poll('interactions.cancel', 'CHAT', 'interaction', interaction[1]!, base);
  if (/\/cachedContents$/.test(at)) return call('cachedContents', 'OTHER', 'cache', base);
  if (/\/batchPredictionJobs$/.test(at)) return call('batchPredictionJobs', 'CHAT', 'batch', base);
  return undefined;
}

function call(name: string, operationType: OperationType, shape: GoogleShape, base: Base): GoogleEndpoint {
  return { ...base, name, kind: 'call', operationType, shape };
}

function readVerb(match: RegExpExecArray, at: string, base: Base): GoogleEndpoint {
  const [, publisher, collection, id, verb = ''] = match;
  const model = modelName(publisher, collection!, id!);
  // Asks for the state of a video by the model's path; the operation's name is in the body.
  if (verb === 'fetchPredictOperation') return { ...poll('operations.get', 'VIDEO', 'video', '', base), model };
  if (FREE_VERBS.test(verb)) return { ...free(at, base), model };
  const known = verb === 'predict' ? predictVerb(id!) : CALLS.get(verb);
  if (known === undefined) return { ...unknown(at, base), model };
  const { operationType, shape, streaming = false } = known;
  return { ...base, name: `models.${verb}`, kind: 'call', operationType, shape, streaming, model };
}

/** `predict` takes whatever its model takes. */
function predictVerb(model: string): Verb | undefined {
  if (EMBEDDING_MODEL.test(model)) return { operationType: 'EMBED', shape: 'embedding' };
  return IMAGE_MODEL.test(model) ? { operationType: 'IMAGE', shape: 'image' } : undefined;
}

/** `gemini-2.5-flash`; other publishers and tuned models keep what tells them apart. */
function modelName(publisher: string | undefined, collection: string, id: string): string {
  const name = decoded(id);
  if (collection !== 'models') return `${collection}/${name}`;
  return publisher === undefined || publisher === 'google' ? name : `${publisher}/${name}`;
}

/** A model as a request or an answer names it, in the form that {@link GoogleEndpoint.model} has. */
export function googleModelName(model: string): string {
  const match = MODEL.exec(`/${model}`);
  return match === null ? model : modelName(match[1], match[2]!, match[3]!);
}

function free(at: string, base: Base): GoogleEndpoint {
  return { ...base, name: nameOf(at), kind: 'free', operationType: 'OTHER', shape: 'content' };
}

function unknown(at: string, base: Base): GoogleEndpoint {
  return { ...base, name: nameOf(at), kind: 'call', known: false, operationType: 'OTHER', shape: 'content' };
}

function verbOf(at: string): string {
  return /:(\w+)$/.exec(at)?.[1] ?? '';
}

/** A name for logs: collections and the verb, without ids (bounded, for it becomes an attribute). */
function nameOf(at: string): string {
  const verb = verbOf(at);
  const words = at
    .replace(/:\w+$/, '')
    .split('/')
    .filter((word) => /^[a-z][A-Za-z_]{2,31}$/.test(word) && !/^(projects|locations|publishers|google)$/.test(word));
  return [...words.slice(0, 2), ...(verb === '' ? [] : [verb])].join('.') || 'unknown';
}
