/**
 * The upstreams of the gateway in one object, on 127.0.0.1: a server that speaks Ollama, one that speaks OpenAI and one
 * that speaks Anthropic. They answer by the request, note what they saw and fail on demand; what an answer counts follows
 * from its request ({@link countsOf}), so that money can be checked to the last nano-dollar.
 */
import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Fields } from '../../../helpers/stub-provider-answers.js';
import { type Answer, jsonAnswer } from './stand-in-answer.js';
import { anthropicAnswer } from './stand-in-anthropic.js';
import { ollamaAnswer } from './stand-in-ollama.js';
import { openaiAnswer } from './stand-in-openai.js';
import { type Fault, sendAnswer } from './stand-in-send.js';

export type { Fault } from './stand-in-send.js';
export { countsOf } from './stand-in-tokens.js';

/** The keys that the stand-ins take; another one, a customer's above all, is answered with 401. */
export const UPSTREAM_KEYS = { openai: 'sk-upstream-openai', anthropic: 'sk-ant-upstream' } as const;

export type UpstreamName = 'ollama' | 'openai' | 'anthropic';

/** A request as an upstream saw it. */
export interface SeenCall {
  readonly upstream: UpstreamName;
  readonly method: string;
  /** With its query, as sent. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly bytes: Buffer;
  /** Parsed JSON or the text fields of a form; empty where it is neither. */
  readonly body: Fields;
  /** Packets that were made for it, and how many of them after the connection was closed. */
  generated: number;
  generatedAfterLeave: number;
  /** How it ended; `undefined` while it goes on. */
  end: 'answered' | 'left' | 'broken' | undefined;
  /** Resolves when the one who asked closed the connection before the end of the answer. */
  readonly left: Promise<void>;
  /** Resolves when the answer is out, or the connection is gone. */
  readonly ended: Promise<void>;
}

/** The three servers. */
export interface StandInUpstream {
  /** Origins; the official clients take `${openai}/v1` as their base. */
  readonly ollama: string;
  readonly openai: string;
  readonly anthropic: string;
  readonly seen: SeenCall[];
  /** Taken in order, one a request; `undefined` lets one pass. */
  readonly faults: (Fault | undefined)[];
  /** For requests for which `faults` has nothing. */
  plan: ((call: SeenCall) => Fault | undefined) | undefined;
  /** Whether keys are looked at. */
  checksKeys: boolean;
  /** Goes on generating when nobody listens any more, as hosted providers do (and bill). */
  isStubborn: boolean;
  /** Headers of every answer beside its own. */
  headers: Record<string, string>;
  /** Connections that are open now. */
  openConnections(): number;
  /** Lets the one that waits longest go on; `releaseAll` all of them, and those that come. */
  release(): void;
  releaseAll(): void;
  /** Resolves when so many requests have arrived. */
  arrived(count: number): Promise<void>;
  /** The ids of the next answer are made of this number: so that two answers to one request can be the same. */
  numberNext(count: number): void;
  /** Forgets what was seen and planned. */
  reset(): void;
  close(): Promise<void>;
}

/** Starts the three. */
export async function startStandInUpstream(): Promise<StandInUpstream> {
  const standIn = new StandIn();
  const names: UpstreamName[] = ['ollama', 'openai', 'anthropic'];
  const servers = new Map<UpstreamName, Server>();
  for (const name of names) {
    // As the real ones: no word on how long a connection is kept, and longer than whoever asks keeps it.
    const options = { keepAliveTimeout: 0, requestTimeout: 0 };
    const server = createServer(options, (request, response) => void standIn.handle(name, request, response));
    server.on('connection', (socket) => standIn.connected(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    servers.set(name, server);
  }
  const origin = (name: UpstreamName) => `http://127.0.0.1:${(servers.get(name)!.address() as AddressInfo).port}`;
  return Object.assign(standIn, {
    ollama: origin('ollama'),
    openai: origin('openai'),
    anthropic: origin('anthropic'),
    async close() {
      standIn.releaseAll();
      for (const server of servers.values()) {
        server.closeAllConnections();
        server.close();
        await once(server, 'close');
      }
    },
  });
}

class StandIn {
  readonly seen: SeenCall[] = [];
  readonly faults: (Fault | undefined)[] = [];
  plan: ((call: SeenCall) => Fault | undefined) | undefined;
  checksKeys = true;
  isStubborn = false;
  headers: Record<string, string> = {};
  readonly #held: (() => void)[] = [];
  readonly #arrivals: { count: number; tell: () => void }[] = [];
  #holdsNobody = false;
  #connections = 0;
  #count = 0;

  openConnections(): number {
    return this.#connections;
  }

  connected(socket: { once(event: 'close', listener: () => void): unknown }): void {
    this.#connections += 1;
    socket.once('close', () => {
      this.#connections -= 1;
    });
  }

  release(): void {
    this.#held.shift()?.();
  }

  numberNext(count: number): void {
    this.#count = count - 1;
  }

  releaseAll(): void {
    this.#holdsNobody = true;
    for (const go of this.#held.splice(0)) go();
  }

  reset(): void {
    this.releaseAll();
    this.#holdsNobody = false;
    this.seen.length = 0;
    this.faults.length = 0;
    this.plan = undefined;
    this.checksKeys = true;
    this.isStubborn = false;
    this.headers = {};
  }

  arrived(count: number): Promise<void> {
    if (this.seen.length >= count) return Promise.resolve();
    return new Promise((tell) => this.#arrivals.push({ count, tell }));
  }

  async handle(upstream: UpstreamName, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    try {
      for await (const part of request) parts.push(part as Buffer);
    } catch {
      // The one who asked left in the middle of the request: it is no request.
      return;
    }
    const call = this.#note(upstream, request, response, Buffer.concat(parts));
    const fault = this.faults.length > 0 ? this.faults.shift() : this.plan?.(call);
    // What is only looked up has no id, and a gateway looks up when it likes.
    if (call.method === 'POST') this.#count += 1;
    const answer = this.#answer(call, fault);
    const headed = { ...answer, headers: { ...answer.headers, ...this.headers } };
    await sendAnswer(response, headed, fault, {
      isStubborn: this.isStubborn,
      generated: () => {
        call.generated += 1;
        if (call.end === 'left') call.generatedAfterLeave += 1;
      },
      released: () => this.#released(response),
      breaks: () => {
        call.end = 'broken';
      },
    });
  }

  /** Resolves with a `release`; one whose caller has gone takes none away from others. */
  #released(response: ServerResponse): Promise<void> {
    if (this.#holdsNobody || response.destroyed) return Promise.resolve();
    return new Promise((go) => {
      this.#held.push(go);
      response.once('close', () => {
        const index = this.#held.indexOf(go);
        if (index >= 0) this.#held.splice(index, 1);
        go();
      });
    });
  }

  #note(upstream: UpstreamName, request: IncomingMessage, response: ServerResponse, bytes: Buffer): SeenCall {
    const { method = '', url = '', headers, rawHeaders } = request;
    let leave: () => void = () => undefined;
    let finish: () => void = () => undefined;
    const left = new Promise<void>((resolve) => {
      leave = resolve;
    });
    const ended = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const body = fieldsOf(headers['content-type'] ?? '', bytes);
    const counted = { generated: 0, generatedAfterLeave: 0, end: undefined };
    const call: SeenCall = { upstream, method, path: url, headers, rawHeaders, bytes, body, ...counted, left, ended };
    response.once('close', () => {
      call.end ??= response.writableFinished ? 'answered' : 'left';
      if (call.end === 'left') leave();
      finish();
    });
    this.seen.push(call);
    for (const waiting of [...this.#arrivals]) {
      if (this.seen.length < waiting.count) continue;
      this.#arrivals.splice(this.#arrivals.indexOf(waiting), 1);
      waiting.tell();
    }
    return call;
  }

  #answer(call: SeenCall, fault: Fault | undefined): Answer {
    const { upstream, method } = call;
    if (typeof fault === 'object' && 'status' in fault) {
      if (fault.body === undefined) return errorAnswer(upstream, fault.status, 'stand-in fault', fault.headers);
      const headers = { 'content-type': 'application/json', ...fault.headers };
      return { status: fault.status, headers, packets: [Buffer.from(fault.body)], kind: 'whole' };
    }
    if (this.checksKeys && !hasKey(upstream, call.headers)) return errorAnswer(upstream, 401, 'Incorrect API key');
    const ours = Object.keys(call.body).find((name) => /usage_?metadata|fusewire/i.test(name));
    if (ours !== undefined) return errorAnswer(upstream, 400, `Unrecognized request argument supplied: ${ours}`);
    const path = call.path.replace(/\?.*$/s, '');
    const needsModel = method === 'POST' && upstream !== 'ollama' && NEEDS_MODEL.test(path);
    if (needsModel && call.body['model'] === undefined) return errorAnswer(upstream, 400, 'model: Field required');
    return (
      answerOf(upstream, method, path, call.body, this.#count) ?? errorAnswer(upstream, 404, `Invalid URL ${path}`)
    );
  }
}

const NEEDS_MODEL = /\/(chat\/completions|completions|embeddings|responses|messages)$/;

function answerOf(upstream: UpstreamName, method: string, path: string, body: Fields, count: number) {
  if (upstream === 'ollama') return ollamaAnswer(method, path, body, count);
  if (!path.startsWith('/v1/')) return undefined;
  return (upstream === 'openai' ? openaiAnswer : anthropicAnswer)(method, path.slice(3), body, count);
}

/** Anthropic's newer clients send their key as a bearer token, the older ones as `x-api-key`. */
function hasKey(upstream: UpstreamName, headers: IncomingHttpHeaders): boolean {
  if (upstream === 'ollama') return true;
  if (headers.authorization === `Bearer ${UPSTREAM_KEYS[upstream]}`) return true;
  return upstream === 'anthropic' && headers['x-api-key'] === UPSTREAM_KEYS.anthropic;
}

function errorAnswer(
  upstream: UpstreamName,
  status: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  if (upstream === 'ollama') return jsonAnswer({ error: message }, status, headers);
  const type = status === 429 ? 'rate_limit_error' : status >= 500 ? 'api_error' : 'invalid_request_error';
  if (upstream === 'anthropic') return jsonAnswer({ type: 'error', error: { type, message } }, status, headers);
  return jsonAnswer({ error: { message, type, param: null, code: null } }, status, headers);
}

function fieldsOf(type: string, bytes: Buffer): Fields {
  if (type.startsWith('multipart/')) return formFields(bytes.toString('latin1'));
  try {
    const value: unknown = JSON.parse(bytes.toString());
    return typeof value === 'object' && value !== null ? (value as Fields) : {};
  } catch {
    return {};
  }
}

/** The text fields of a form; its files are left out. */
function formFields(text: string): Fields {
  const fields: Fields = {};
  for (const [, name = '', value] of text.matchAll(/name="([^"]+)"\r\n\r\n([\s\S]*?)\r\n--/g)) fields[name] = value;
  return fields;
}
