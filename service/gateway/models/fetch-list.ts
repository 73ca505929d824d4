/** Asks an upstream which models it has. */
import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { listOf, type Runtime, recordOf, textOf } from 'fusewire/internal';
import { upstreamPathOf } from '../configured-upstream.js';
import { modelNameProblem } from '../model-name.js';
import type { Upstream } from '../types.js';

/** A model as its server lists it. */
export interface ListedModel {
  readonly id: string;
  /** Seconds since the epoch; 0 where the server does not say. */
  readonly createdAtS: number;
  readonly displayName: string | undefined;
  readonly description: string | undefined;
  readonly contextWindow: number | undefined;
}

/** For the whole answer. */
const LIMIT_MS = 10_000;
const ANSWER_BYTES_MAX = 8 * 1_048_576;
/** More are not listed (I10). */
const MODELS_MAX = 5_000;

/** Reads the list of an upstream, by its protocol. Rejects where there is none to be had in ten seconds. */
export async function fetchList(
  upstream: Upstream,
  runtime: Pick<Runtime, 'setTimer'>,
): Promise<readonly ListedModel[]> {
  const isOllama = upstream.protocol === 'ollama';
  // One page of Anthropic's holds a thousand.
  const path = isOllama ? '/api/tags' : upstream.protocol === 'anthropic' ? '/v1/models?limit=1000' : '/v1/models';
  const body = recordOf(JSON.parse(await get(upstream, upstreamPathOf(upstream, path), runtime)));
  const list = body?.[isOllama ? 'models' : 'data'];
  if (!Array.isArray(list)) throw new Error('it answered something else than a list of models');
  const models: ListedModel[] = [];
  for (const item of list.slice(0, MODELS_MAX)) {
    const model = recordOf(item);
    const id = textOf(isOllama ? (model?.['name'] ?? model?.['model']) : model?.['id']);
    if (model !== undefined && id !== undefined && modelNameProblem(id) === undefined) models.push(listed(id, model));
  }
  return models;
}

function listed(id: string, model: Readonly<Record<string, unknown>>): ListedModel {
  const contextWindow = model['context_window'] ?? model['context_length'];
  return {
    id,
    createdAtS: createdOf(model),
    displayName: textOf(model['display_name'])?.slice(0, 256),
    description: textOf(model['description'])?.slice(0, 1_024) ?? detailsOf(model['details']),
    contextWindow: typeof contextWindow === 'number' && Number.isSafeInteger(contextWindow) ? contextWindow : undefined,
  };
}

/** Some servers write milliseconds and more, which lie beyond every date: those say nothing. */
function createdOf(model: Readonly<Record<string, unknown>>): number {
  const created = model['created'];
  if (typeof created === 'number')
    return Number.isInteger(created) && created >= 0 && created <= LATEST_S ? created : 0;
  const at = Date.parse(textOf(model['modified_at']) ?? textOf(model['created_at']) ?? '');
  return Number.isNaN(at) ? 0 : Math.floor(at / 1_000);
}

/** The end of the year 9999, the last one that ISO 8601 writes without a sign. */
const LATEST_S = 253_402_300_799;

/** `llama, 3.2B, Q4_K_M`, as Ollama tells it. */
function detailsOf(value: unknown): string | undefined {
  const details = recordOf(value);
  const said = [details?.['family'], details?.['parameter_size'], details?.['quantization_level']];
  const texts = listOf(said).flatMap((part) => textOf(part)?.slice(0, 64) ?? []);
  return texts.length === 0 ? undefined : texts.join(', ');
}

/** The text of an answer with status 200. Errors never hold what was sent. */
function get(upstream: Upstream, path: string, runtime: Pick<Runtime, 'setTimer'>): Promise<string> {
  const url = `${upstream.origin}${path}`;
  const send = url.startsWith('https:') ? requestHttps : requestHttp;
  const headers: Record<string, string> = Object.fromEntries(upstream.headers);
  if (upstream.protocol === 'anthropic') headers['anthropic-version'] ??= '2023-06-01';
  return new Promise((resolve, reject) => {
    const sent = send(url, { headers, agent: false }, (answer) => {
      if (answer.statusCode !== 200) sent.destroy(new Error(`it answered ${answer.statusCode}`));
      else readText(answer).then(resolve, reject);
    });
    const timer = runtime.setTimer(() => sent.destroy(new Error('it did not answer within 10 s')), LIMIT_MS);
    sent.on('error', reject);
    sent.on('close', () => timer.cancel());
    sent.end();
  });
}

async function readText(answer: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of answer as AsyncIterable<Buffer>) {
    length += piece.length;
    if (length > ANSWER_BYTES_MAX) throw new Error('its list of models is longer than 8 MiB');
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}
