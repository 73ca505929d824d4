import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FusewireOptions } from '../config.js';
import { isRecord } from '../wire/is-record.js';

/** A rule as a test writes it: only what matters; the rest is filled in as the real service would. */
export interface FakeRule {
  readonly ruleId?: number;
  readonly name: string;
  readonly breached?: boolean;
  readonly threshold?: number;
  readonly currentValue?: number;
  /** Any other field of contract 2.2. */
  readonly [field: string]: unknown;
}

/** A service in this process that speaks the wire of contract 2 and 5. It keeps everything in memory. */
export interface FakeService {
  readonly url: string;
  readonly teamId: string;
  readonly apiKey: string;
  /** Options that point an instance at this service. */
  readonly options: FusewireOptions;
  /** The usage events that were taken in, once each, in order of arrival. */
  readonly events: readonly Readonly<Record<string, unknown>>[];
  /** How many polls of the feed were answered. */
  readonly polls: number;
  /** Replaces the rules; an empty list is answered with 204, as a team without enabled controls. */
  setRules(rules: readonly FakeRule[]): void;
  /** Answers every request with this status until {@link recover}; `0` cuts the connection instead. */
  fail(status: number, headers?: Readonly<Record<string, string>>): void;
  recover(): void;
  /** From now on only this key is known. */
  rotateKey(apiKey: string): void;
  close(): Promise<void>;
}

const TEAM_ID = 'fakeTeam';
const API_KEY = 'rev_mk_fakeTeam_0123456789abcdef';
const BODY_MAX_BYTES = 4 * 1024 * 1024;

interface Answer {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

interface State {
  apiKey: string;
  rules: readonly FakeRule[];
  revision: number;
  polls: number;
  failure: { status: number; headers: Readonly<Record<string, string>> } | undefined;
  readonly events: Record<string, unknown>[];
  readonly transactionIds: Set<string>;
  readonly answersByKey: Map<string, { readonly body: string; readonly answer: Answer }>;
}

/**
 * Starts a fake service on 127.0.0.1. It checks keys, answers polls with ETags, takes each usage event once by
 * transaction id and by Idempotency-Key, and passes the same contract suite as the real service.
 *
 * @example
 * const service = await startFakeService();
 * service.setRules([{ name: 'Cap', breached: true }]);
 */
export async function startFakeService(): Promise<FakeService> {
  const state: State = {
    apiKey: API_KEY,
    rules: [],
    revision: 1,
    polls: 0,
    failure: undefined,
    events: [],
    transactionIds: new Set(),
    answersByKey: new Map(),
  };
  const server = createServer((request, response) => {
    respond(state, request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    teamId: TEAM_ID,
    apiKey: API_KEY,
    options: { apiKey: API_KEY, teamId: TEAM_ID, meteringBaseUrl: url, circuitBreakerEnabled: true, logLevel: 'ERROR' },
    events: state.events,
    get polls() {
      return state.polls;
    },
    setRules(rules) {
      state.rules = rules;
      state.revision += 1;
    },
    fail(status, headers = {}) {
      state.failure = { status, headers };
    },
    recover() {
      state.failure = undefined;
    },
    rotateKey(apiKey) {
      state.apiKey = apiKey;
    },
    close: () => closeServer(server),
  };
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

async function respond(state: State, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await readBody(request);
  if (state.failure?.status === 0) {
    request.socket.destroy();
    return;
  }
  const answer = state.failure === undefined ? route(state, request, body) : failed(state.failure);
  const text = answer.body === undefined ? '' : JSON.stringify(answer.body);
  response.writeHead(answer.status, {
    'fusewire-capabilities': 'feed-revision',
    ...(text === '' ? {} : { 'content-type': 'application/json' }),
    ...answer.headers,
  });
  response.end(text);
}

function failed(failure: NonNullable<State['failure']>): Answer {
  return { status: failure.status, body: { message: 'the fake service was told to fail' }, headers: failure.headers };
}

async function readBody(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request) {
    size += (part as Buffer).length;
    if (size > BODY_MAX_BYTES) throw new Error('the body is too large');
    parts.push(part as Buffer);
  }
  return Buffer.concat(parts).toString('utf8');
}

function route(state: State, request: IncomingMessage, body: string): Answer {
  const path = new URL(request.url ?? '/', 'http://localhost').pathname.replace(/^\/profitstream/, '');
  if (request.headers['x-api-key'] !== state.apiKey) return { status: 401, body: { message: 'unknown key' } };
  if (request.method === 'GET' && path === `/v2/api/ai/enforcement-rules/${TEAM_ID}`) return feed(state, request);
  if (path.startsWith('/v2/api/ai/enforcement-rules/')) return { status: 403, body: { message: 'not your team' } };
  if (request.method === 'POST' && path === '/meter/v2/ai/completions') return ingest(state, request, body);
  return { status: 404, body: { message: `no such path: ${path}` } };
}

function feed(state: State, request: IncomingMessage): Answer {
  state.polls += 1;
  const etag = `"${state.revision}"`;
  if (request.headers['if-none-match'] === etag) return { status: 304, headers: { etag } };
  if (state.rules.length === 0) return { status: 204, headers: { etag } };
  const rules = state.rules.map((rule, index) => ({
    ruleId: index + 1,
    metricType: 'TOTAL_COST',
    threshold: 1,
    currentValue: rule.breached === true ? 1 : 0,
    breached: false,
    shadowMode: false,
    action: 'BLOCK',
    periodType: 'DAILY',
    filters: [],
    groupBy: null,
    groupBreakdown: null,
    ...rule,
  }));
  return { status: 200, body: { revision: state.revision, rules }, headers: { etag } };
}

function ingest(state: State, request: IncomingMessage, body: string): Answer {
  const key = String(request.headers['idempotency-key'] ?? '');
  const kept = state.answersByKey.get(key);
  if (key !== '' && kept !== undefined) {
    return kept.body === body ? kept.answer : { status: 409, body: { error: 'idempotency_key_mismatch' } };
  }
  const event = parseObject(body);
  if (event === undefined) return { status: 400, body: { message: 'the body is not a JSON object' } };
  if (typeof event['model'] !== 'string') return { status: 400, body: { model: 'model is required' } };
  const transactionId =
    typeof event['transactionId'] === 'string' ? event['transactionId'] : `fake-${state.events.length}`;
  if (!state.transactionIds.has(transactionId)) {
    state.transactionIds.add(transactionId);
    state.events.push(event);
  }
  const answer: Answer = {
    status: 201,
    body: { id: `mtr_${transactionId}`, label: transactionId, resourceType: 'metering', signature: '', _links: {} },
    headers: { 'fusewire-revision': String(state.revision) },
  };
  if (key !== '') state.answersByKey.set(key, { body, answer });
  return answer;
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
