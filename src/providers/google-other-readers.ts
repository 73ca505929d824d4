/** Reads what Google's answers other than contents say of their usage: embeddings, media, caches, batches. */
import { isRecord } from '../wire/is-record.js';
import type { UsageReader, UsageReading } from './adapter.js';
import { googleModelName } from './google-endpoints.js';
import { countImages, countVideos } from './google-media.js';
import { attributesOfUsage, countsOfUsage, given, googleError } from './google-reader.js';
import { addGoogleUsage, type GoogleUsage, readGoogleUsage } from './google-usage.js';
import { countOf, recordOf, textOf } from './values.js';

/** A reader for answers that come whole. `read` says what a body without an error holds. */
function wholeReader(read: (body: Record<string, unknown>) => Partial<UsageReading>): UsageReader {
  let found: UsageReading = { finished: false, outputText: '' };
  const take = (body: unknown) => {
    if (!isRecord(body)) return;
    const errorReason = googleError(body['error']);
    if (errorReason === undefined) found = { finished: true, outputText: '', ...read(body) };
    else found = { finished: false, outputText: '', errorReason };
  };
  return { whole: take, chunk: take, reading: () => found };
}

/**
 * Embeddings have no output; the count is given, not missing (contract 6.2). The Gemini API mostly counts nothing at all:
 * then the input is estimated from its text and marked so, never 0 (I5).
 */
export function createEmbeddingReader(): UsageReader {
  return wholeReader((body) => {
    const usage = readGoogleUsage(body['usageMetadata']) ?? readStatistics(body['predictions']);
    const characters = countOf(recordOf(body['metadata'])?.['billableCharacterCount']);
    return {
      ...countsOfUsage(usage),
      ...(usage === undefined ? {} : { outputTokens: 0 }),
      ...(characters === undefined ? {} : { attributes: { billableCharacters: characters } }),
    };
  });
}

/** Vertex AI counts each text apart: `predictions[].embeddings.statistics.token_count`. */
function readStatistics(predictions: unknown): GoogleUsage | undefined {
  if (!Array.isArray(predictions)) return undefined;
  let tokens = 0;
  for (const prediction of predictions) {
    const statistics = recordOf(recordOf(recordOf(prediction)?.['embeddings'])?.['statistics']);
    const count = countOf(statistics?.['token_count']);
    if (count === undefined) return undefined;
    tokens += count;
  }
  return readGoogleUsage({ promptTokenCount: tokens });
}

/** Images of `predict`. */
export function createImageReader(): UsageReader {
  return wholeReader((body) => {
    const made = countImages(body);
    return made === undefined ? {} : { media: { actualImageCount: made } };
  });
}

/**
 * A video's operation: the answer that starts it and those that tell its state. `seconds` is the length of one video, where
 * the request that started it is known and said so.
 */
export function createVideoReader(seconds: number | undefined): UsageReader {
  return wholeReader((body) => {
    const name = textOf(body['name']);
    const made = body['done'] === true ? countVideos(body['response']) : undefined;
    return {
      ...given('responseId', name),
      finished: body['done'] === true,
      pending: body['done'] !== true,
      ...(made === undefined || (seconds === undefined && made > 0)
        ? {}
        : { media: { durationSeconds: made * (seconds ?? 0), completionStatus: 'SUCCESS' as const } }),
    };
  });
}

/** Hours of a cache's life are paid for besides; no catalogue knows that price, so the event says how many. */
const MS_PER_HOUR = 3_600_000;

/** A cache: its tokens are read by the model once, at the price of input. */
export function createCacheReader(): UsageReader {
  return wholeReader((body) => {
    const tokens = countOf(recordOf(body['usageMetadata'])?.['totalTokenCount']);
    const hours = (Date.parse(String(body['expireTime'])) - Date.parse(String(body['createTime']))) / MS_PER_HOUR;
    const model = textOf(body['model']);
    return {
      ...given('responseId', textOf(body['name'])),
      ...(model === undefined ? {} : { model: googleModelName(model) }),
      ...(tokens === undefined ? {} : { inputTokens: tokens, outputTokens: 0, totalTokens: tokens }),
      ...(Number.isFinite(hours) && tokens !== undefined
        ? { attributes: { cacheStorageTokenHours: Math.round(hours * tokens) } }
        : {}),
    };
  });
}

const BATCH_ENDED = /^(BATCH|JOB)_STATE_(SUCCEEDED|PARTIALLY_SUCCEEDED|CANCELLED|EXPIRED|FAILED)$/;

/**
 * A batch: the answer that creates it and those that tell its state. Usage is in the results, where those come with the
 * answer; results in a file are not seen by us, and their usage is unknown.
 */
export function createBatchReader(): UsageReader {
  return wholeReader((body) => {
    const metadata = recordOf(body['metadata']) ?? body;
    const state = textOf(metadata['state']);
    const finished = body['done'] === true || (state !== undefined && BATCH_ENDED.test(state));
    const output = recordOf(body['response']) ?? recordOf(metadata['output']) ?? recordOf(metadata['dest']) ?? {};
    const usage = finished ? usageOfResults(output) : undefined;
    const model = textOf(metadata['model']);
    const attributes = attributesOfUsage(usage);
    return {
      ...countsOfUsage(usage),
      ...given('responseId', textOf(body['name'])),
      ...(model === undefined ? {} : { model: googleModelName(model) }),
      ...(Object.keys(attributes).length === 0 ? {} : { attributes }),
      finished,
      pending: !finished,
      ...(finished && usage === undefined ? { isUnknownShape: true } : {}),
    };
  });
}

/** `inlinedResponses` is a list, or an object that holds the list. */
function usageOfResults(output: Record<string, unknown>): GoogleUsage | undefined {
  const holder = output['inlinedResponses'] ?? output['inlinedEmbedContentResponses'];
  const inner = recordOf(holder);
  const list = inner === undefined ? holder : (inner['inlinedResponses'] ?? inner['inlinedEmbedContentResponses']);
  if (!Array.isArray(list)) return undefined;
  let sum: GoogleUsage | undefined;
  for (const one of list) {
    const response = recordOf(recordOf(one)?.['response']);
    const tokens = countOf(Number(response?.['tokenCount'] ?? Number.NaN));
    const usage =
      readGoogleUsage(response?.['usageMetadata']) ??
      (tokens === undefined ? undefined : readGoogleUsage({ promptTokenCount: tokens, totalTokenCount: tokens }));
    if (usage !== undefined) sum = addGoogleUsage(sum, usage);
  }
  return sum;
}
