/**
 * Ollama's own API (contract 6.1, 6.2): newline-delimited JSON, counts on the object that says `done: true`. Ids are
 * never unique there, so the attempt's own id is the transaction id (I4).
 */
import { boundOfValue } from '../bound/parsed-body.js';
import { isRecord } from '../wire/is-record.js';
import type {
  OperationType,
  ProviderAdapter,
  ProviderRequest,
  RequestReading,
  StopReason,
  UsageReader,
  UsageReading,
} from './adapter.js';
import { ollamaPrompts, ollamaPromptText } from './ollama-prompt-text.js';
import { countOf, textOf } from './values.js';

interface Endpoint {
  readonly name: string;
  readonly operationType: OperationType;
  /** The server streams unless the request says `stream: false`. */
  readonly streams: boolean;
}

/** What computes, and is metered. The path's last part tells, so that a server behind a path prefix is recognised. */
const CALLS: ReadonlyMap<string, Endpoint> = new Map([
  ['api/chat', { name: 'api.chat', operationType: 'CHAT', streams: true }],
  ['api/generate', { name: 'api.generate', operationType: 'GENERATE', streams: true }],
  ['api/embed', { name: 'api.embed', operationType: 'EMBED', streams: false }],
  ['api/embeddings', { name: 'api.embeddings', operationType: 'EMBED', streams: false }],
  ['v1/systemone', { name: 'v1.systemone', operationType: 'CLASSIFY', streams: false }],
]);

/** Managing models costs nothing. */
const FREE = new Set(['tags', 'show', 'ps', 'version', 'pull', 'push', 'create', 'copy', 'delete', 'blobs', 'me']);

const STOP_REASONS: ReadonlyMap<string, StopReason> = new Map([
  ['stop', 'END'],
  ['length', 'TOKEN_LIMIT'],
  ['error', 'ERROR'],
  ['cancelled', 'CANCELLED'],
  ['canceled', 'CANCELLED'],
  ['tool_calls', 'END_SEQUENCE'],
  ['content_filter', 'ERROR'],
]);

/** Ollama, native API. Knows chat, generate, embed, embeddings and System One; any other `/api/` path is flagged. */
export const ollamaAdapter: ProviderAdapter = {
  name: 'ollama',
  // Ollama reports neither: a cached prompt is simply not counted, and thinking is part of `eval_count`.
  tokenConvention: { cacheRead: 'outside', cacheWrite: 'outside', reasoning: 'inside' },
  readRequest,
  createUsageReader: () => new OllamaUsageReader(),
};

/** The stop reason that a `done_reason` stands for (contract 6.1): `END` for whatever the table does not name. */
export function ollamaStopReason(doneReason: unknown): StopReason {
  return (typeof doneReason === 'string' ? STOP_REASONS.get(doneReason.toLowerCase()) : undefined) ?? 'END';
}

function readRequest(request: ProviderRequest): RequestReading | undefined {
  const path = /\/((?:api\/([\w-]+)|v1\/systemone)(?:\/[^?#]*)?)(?:[?#]|$)/.exec(request.url);
  if (path === null) return undefined;
  const full = path[1]!.replace(/\/+$/, '');
  const endpoint = CALLS.get(full);
  const body = isRecord(request.body) ? request.body : {};
  const name = path[2] ?? '';
  if (endpoint === undefined) return otherEndpoint(full, FREE.has(name), body);
  const options = isRecord(body['options']) ? body['options'] : {};
  const temperature = numberOf(options['temperature']);
  return {
    ...common(body),
    endpoint: endpoint.name,
    known: true,
    operationType: endpoint.operationType,
    ...(Array.isArray(body['tools']) && body['tools'].length > 0 ? { operationSubtype: 'function_call' } : {}),
    streaming: endpoint.streams && body['stream'] !== false,
    ...(temperature === undefined ? {} : { temperature }),
    kind: 'call',
    bound: (assumed) =>
      boundOfValue(
        { endpoint: endpoint.name, operationType: endpoint.operationType, provider: 'OLLAMA' },
        body,
        assumed,
      ),
  };
}

function otherEndpoint(path: string, free: boolean, body: Record<string, unknown>): RequestReading {
  return {
    ...common(body),
    endpoint: path.replaceAll('/', '.'),
    known: free,
    operationType: path === 'api/web_search' ? 'SEARCH' : 'OTHER',
    streaming: false,
    kind: free ? 'free' : 'call',
  };
}

function common(body: Record<string, unknown>) {
  const model = textOf(body['model']) ?? textOf(body['name']);
  return {
    provider: 'OLLAMA',
    modelSource: 'OLLAMA',
    ...(model === undefined ? {} : { model }),
    ...(hasImages(body) ? { hasVisionContent: true } : {}),
    promptText: () => ollamaPromptText(body),
    prompts: () => ollamaPrompts(body),
    idsAreUnique: false,
  };
}

/** `images` of a prompt or of a message. */
function hasImages(body: Record<string, unknown>): boolean {
  const carries = (part: unknown) => isRecord(part) && Array.isArray(part['images']) && part['images'].length > 0;
  return carries(body) || (Array.isArray(body['messages']) && body['messages'].some(carries));
}

/** Text kept for the estimate of an answer without counts, in characters (I10). */
const OUTPUT_TEXT_MAX = 1024 * 1024;

class OllamaUsageReader implements UsageReader {
  #model: string | undefined;
  #input: number | undefined;
  #output: number | undefined;
  #stopReason: StopReason | undefined;
  #errorReason: string | undefined;
  #finished = false;
  #text = '';
  #rawUsage: Record<string, unknown> | undefined;

  whole(body: unknown): void {
    this.chunk(body);
    if (isRecord(body) && this.#errorReason === undefined) this.#finished = true;
  }

  chunk(data: unknown): void {
    if (!isRecord(data)) return;
    this.#model = textOf(data['model']) ?? this.#model;
    this.#readText(data);
    this.#readCounts(data);
    if (data['done'] === true) {
      this.#finished = true;
      this.#stopReason = ollamaStopReason(data['done_reason']);
    }
    // A server that fails after the first byte can only say so inside the stream, under HTTP 200.
    const error = data['error'];
    if (error !== undefined && error !== null) this.#errorReason = errorText(error);
  }

  reading(): UsageReading {
    return {
      ...(this.#model === undefined ? {} : { model: this.#model }),
      ...(this.#input === undefined ? {} : { inputTokens: this.#input }),
      ...(this.#output === undefined ? {} : { outputTokens: this.#output }),
      ...(this.#stopReason === undefined ? {} : { stopReason: this.#stopReason }),
      ...(this.#errorReason === undefined ? {} : { errorReason: this.#errorReason }),
      ...(this.#rawUsage === undefined ? {} : { rawUsage: this.#rawUsage }),
      finished: this.#finished && this.#errorReason === undefined,
      outputText: this.#text,
    };
  }

  /** Thinking and tool calls are generated, hence paid for, like the answer's own text. */
  #readText(data: Record<string, unknown>): void {
    if (this.#text.length >= OUTPUT_TEXT_MAX) return;
    const source = isRecord(data['message']) ? data['message'] : data;
    this.#text += textOf(source['thinking']) ?? '';
    this.#text += textOf(source['content']) ?? textOf(source['response']) ?? '';
    if (Array.isArray(source['tool_calls'])) this.#text += JSON.stringify(source['tool_calls']);
  }

  #readCounts(data: Record<string, unknown>): void {
    const usage = isRecord(data['usage']) ? data['usage'] : {};
    const input = countOf(data['prompt_eval_count']) ?? countOf(usage['input_tokens']);
    const output = countOf(data['eval_count']) ?? countOf(usage['output_tokens']);
    if (input !== undefined) this.#input = input;
    if (output !== undefined) this.#output = output;
    if (input !== undefined || output !== undefined) {
      this.#rawUsage = { prompt_eval_count: this.#input, eval_count: this.#output };
    }
  }
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

function errorText(error: unknown): string {
  if (typeof error === 'string') return error;
  return JSON.stringify(error) ?? 'the provider reported an error';
}
