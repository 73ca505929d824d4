/** A server that speaks Google's protocol, Gemini's and Vertex AI's, and answers by the request; on 127.0.0.1. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as tick } from 'node:timers/promises';

type Fields = Record<string, unknown>;

/** How the next request goes wrong. */
export type GoogleFault =
  | { readonly status: number; readonly message?: string }
  /** Never answers. */
  | 'hang'
  /** Sends the head and two chunks, then waits for `release`. */
  | 'hold'
  /** Breaks the connection in the middle of the answer. */
  | 'cut'
  | 'error-inside'
  | 'blocked';

export interface GoogleRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
  readonly body: Fields;
}

export interface StubGoogle {
  readonly url: string;
  readonly requests: GoogleRequest[];
  /** Taken in order, one a request; `undefined` lets one pass. */
  readonly faults: (GoogleFault | undefined)[];
  /** Of streams, how many chunks are sent before the connection breaks; `undefined`: all. */
  chunksMax: number | undefined;
  release(): void;
  reset(): void;
  close(): Promise<void>;
}

/** What the strict server takes; anything else is a 400, as at Google. */
const ALLOWED =
  /^(contents|content|systemInstruction|generationConfig|tools|toolConfig|safetySettings|cachedContent|serviceTier|labels|requests|instances|parameters|model|displayName|ttl|batch|taskType|outputDimensionality|operationName|input|stream|background|generation_config|system_instruction|store|continuation_token|previous_interaction_id|inputConfig|outputConfig|response_modalities|embedContentConfig|continuationConfig|baseModel|supervisedTuningSpec|tunedModelDisplayName)$/;

export const USAGE = { promptTokenCount: 12, candidatesTokenCount: 6, thoughtsTokenCount: 5, totalTokenCount: 23 };
export const INTERACTION_USAGE = {
  total_input_tokens: 9,
  total_output_tokens: 4,
  total_thought_tokens: 2,
  total_tokens: 15,
};

export async function startStubGoogle(): Promise<StubGoogle> {
  const stub = new Stub();
  const server = createServer((request, response) => void stub.handle(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return Object.assign(stub, {
    url: `http://127.0.0.1:${port}`,
    async close() {
      stub.reset();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  });
}

class Stub {
  readonly requests: GoogleRequest[] = [];
  readonly faults: (GoogleFault | undefined)[] = [];
  chunksMax: number | undefined;
  readonly #held: (() => void)[] = [];
  #polls = 0;
  #released = 0;

  /** Lets the stream go on that is held, or the next one that will be. */
  release(): void {
    const go = this.#held.shift();
    if (go === undefined) this.#released += 1;
    else go();
  }

  reset(): void {
    for (const go of this.#held.splice(0)) go();
    this.requests.length = 0;
    this.faults.length = 0;
    this.chunksMax = undefined;
    this.#polls = 0;
    this.#released = 0;
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const text = Buffer.concat(parts).toString();
    const body = parsed(text);
    const path = request.url ?? '';
    this.requests.push({ method: request.method ?? '', path, headers: request.headers, text, body });
    const fault = this.faults.shift();
    if (fault === 'hang') return;
    if (typeof fault === 'object') {
      json(response, fault.status, {
        error: { code: fault.status, message: fault.message ?? 'stub fault', status: 'FAULT' },
      });
      return;
    }
    const unknown = Object.keys(body).find((name) => !ALLOWED.test(name));
    if (unknown !== undefined) {
      const message = `Invalid JSON payload received. Unknown name "${unknown}": Cannot find field.`;
      json(response, 400, { error: { code: 400, message, status: 'INVALID_ARGUMENT' } });
      return;
    }
    await this.#answer(response, path.replace(/\?.*$/s, ''), body, fault);
  }

  async #answer(response: ServerResponse, path: string, body: Fields, fault: GoogleFault | undefined): Promise<void> {
    if (/:streamGenerateContent$/.test(path)) await this.#stream(response, contentChunks(path, body), fault);
    else if (/\/interactions$/.test(path) && body['stream'] === true) {
      await this.#stream(response, interactionEvents(body), fault);
    } else if (fault === 'cut') cut(response);
    else json(response, 200, this.#whole(path, body, fault));
  }

  #whole(path: string, body: Fields, fault: GoogleFault | undefined): unknown {
    if (/:generateContent$/.test(path)) return wholeContent(path, body, fault);
    if (/:batchEmbedContents$|:embedContent$/.test(path))
      return { embeddings: [{ values: [1] }], embedding: { values: [1] } };
    if (/:countTokens$/.test(path)) return { totalTokens: 3 };
    if (/:predictLongRunning$/.test(path)) return { name: operationOf(path) };
    if (/:fetchPredictOperation$/.test(path)) return this.#operation(String(body['operationName']));
    if (/\/operations\//.test(path)) return this.#operation(/(models\/[^/]+\/operations\/\w+)$/.exec(path)?.[1] ?? '');
    if (/:predict$/.test(path)) return predictions(path, body);
    if (/:batchGenerateContent$/.test(path)) return { name: 'batches/b1', metadata: { state: 'BATCH_STATE_PENDING' } };
    if (/\/batches\//.test(path)) return this.#batch();
    if (/\/cachedContents$/.test(path)) return cache(body);
    if (/\/interactions(\/|$)/.test(path)) return this.#interaction(path, body);
    return {};
  }

  #operation(name: string): unknown {
    this.#polls += 1;
    if (this.#polls < 2) return { name };
    const isVertex = name.startsWith('projects/');
    const video = { video: { uri: 'https://x/v.mp4' } };
    const response = isVertex
      ? { videos: [{ gcsUri: 'gs://x/v.mp4' }] }
      : { generateVideoResponse: { generatedSamples: [video] } };
    return { name, done: true, response };
  }

  #batch(): unknown {
    this.#polls += 1;
    const metadata = { state: 'BATCH_STATE_RUNNING', model: 'models/gemini-2.5-flash' };
    if (this.#polls < 2) return { name: 'batches/b1', metadata };
    const inlinedResponses = {
      inlinedResponses: [{ response: { usageMetadata: USAGE } }, { response: { usageMetadata: USAGE } }],
    };
    return {
      name: 'batches/b1',
      done: true,
      metadata: { ...metadata, state: 'BATCH_STATE_SUCCEEDED', output: { inlinedResponses } },
      response: { inlinedResponses },
    };
  }

  #interaction(path: string, body: Fields): unknown {
    const id = 'int-1';
    const done = {
      id,
      status: 'completed',
      model: 'gemini-2.5-flash',
      steps: [],
      outputs: [],
      usage: INTERACTION_USAGE,
    };
    if (/\/interactions$/.test(path)) {
      return body['background'] === true ? { id, status: 'in_progress', steps: [], outputs: [] } : done;
    }
    this.#polls += 1;
    return this.#polls < 2 ? { id, status: 'in_progress', steps: [], outputs: [] } : done;
  }

  #hold(): Promise<void> {
    if (this.#released === 0) return new Promise((resolve) => void this.#held.push(resolve));
    this.#released -= 1;
    return Promise.resolve();
  }

  async #stream(response: ServerResponse, chunks: unknown[], fault: GoogleFault | undefined): Promise<void> {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    let sent = 0;
    for (const chunk of chunks) {
      if (sent === this.chunksMax || (fault === 'cut' && sent === 2)) {
        await tick();
        response.destroy();
        return;
      }
      if (fault === 'hold' && sent === 2) await this.#hold();
      const isError = fault === 'error-inside' && sent === 1;
      const data = isError ? { error: { code: 503, message: 'overloaded inside', status: 'UNAVAILABLE' } } : chunk;
      response.write(`data: ${JSON.stringify(data)}\r\n\r\n`);
      sent += 1;
      await tick();
    }
    response.end();
  }
}

function contentChunks(path: string, body: Fields): unknown[] {
  const head = { modelVersion: modelOf(path), responseId: 'resp-1' };
  const text = (piece: string) => ({ content: { role: 'model', parts: [{ text: piece }] }, index: 0 });
  const usage = (candidates: number) => ({
    ...USAGE,
    candidatesTokenCount: candidates,
    totalTokenCount: 17 + candidates,
  });
  if (wantsCall(body)) {
    const parts = [{ functionCall: { name: 'weather', args: { city: 'Oslo' } } }];
    return [
      { ...head, candidates: [{ content: { role: 'model', parts }, finishReason: 'STOP' }], usageMetadata: USAGE },
    ];
  }
  return [
    { ...head, candidates: [text('one ')], usageMetadata: { promptTokenCount: 13, totalTokenCount: 13 } },
    { ...head, candidates: [text('two ')], usageMetadata: usage(2) },
    { ...head, candidates: [text('three ')], usageMetadata: usage(4) },
    { ...head, candidates: [{ ...text('four'), finishReason: 'STOP' }], usageMetadata: USAGE },
  ];
}

function wholeContent(path: string, body: Fields, fault: GoogleFault | undefined): unknown {
  if (fault === 'blocked') {
    return { promptFeedback: { blockReason: 'SAFETY' }, usageMetadata: { promptTokenCount: 12, totalTokenCount: 12 } };
  }
  const parts = wantsCall(body) ? [{ functionCall: { name: 'weather', args: { city: 'Oslo' } } }] : [{ text: 'hello' }];
  const cached = body['cachedContent'] === undefined ? {} : { cachedContentTokenCount: 8 };
  return {
    candidates: [{ content: { role: 'model', parts }, finishReason: 'STOP', index: 0 }],
    usageMetadata: { ...USAGE, ...cached },
    modelVersion: modelOf(path),
    responseId: 'resp-1',
  };
}

/** Tools are called once: not where the last content is their answer. */
function wantsCall(body: Fields): boolean {
  if (!Array.isArray(body['tools']) || !Array.isArray(body['contents'])) return false;
  return !JSON.stringify(body['contents'].at(-1)).includes('functionResponse');
}

function interactionEvents(body: Fields): unknown[] {
  const interaction = { id: 'int-1', status: 'in_progress', model: body['model'] };
  return [
    { event_type: 'interaction.created', interaction },
    { event_type: 'step.start', index: 0, step: { type: 'model_output' } },
    { event_type: 'step.delta', index: 0, delta: { type: 'text', text: 'hello' } },
    {
      event_type: 'interaction.completed',
      interaction: { ...interaction, status: 'completed', usage: INTERACTION_USAGE },
    },
  ];
}

function predictions(path: string, body: Fields): unknown {
  if (/embedding|gecko/.test(path)) {
    const one = { embeddings: { values: [1], statistics: { token_count: 7, truncated: false } } };
    return { predictions: (body['instances'] as unknown[]).map(() => one), metadata: { billableCharacterCount: 21 } };
  }
  const asked = Number((body['parameters'] as Fields | undefined)?.['sampleCount'] ?? 1);
  const made = Array.from({ length: Math.max(1, asked - 1) }, () => ({
    bytesBase64Encoded: 'aGk=',
    mimeType: 'image/png',
  }));
  return { predictions: asked > 1 ? [...made, { raiFilteredReason: 'filtered' }] : made };
}

function cache(body: Fields): unknown {
  return {
    name: 'cachedContents/c1',
    model: body['model'],
    createTime: '2026-11-20T12:00:00Z',
    expireTime: '2026-11-20T14:00:00Z',
    usageMetadata: { totalTokenCount: 4000 },
  };
}

function operationOf(path: string): string {
  const vertex = /(projects\/.*|publishers\/.*)$/.exec(path)?.[1];
  if (vertex !== undefined) return `projects/p/locations/l/publishers/google/models/veo/operations/op1`;
  return `${/(models\/[^:]+)/.exec(path)![1]}/operations/op1`;
}

function modelOf(path: string): string {
  return /models\/([^/:]+)/.exec(path)?.[1] ?? 'unknown';
}

function cut(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.write('{"candidates": [');
  setImmediate(() => response.destroy());
}

function parsed(text: string): Fields {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Fields) : {};
  } catch {
    return {};
  }
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=UTF-8' });
  response.end(JSON.stringify(body));
}
