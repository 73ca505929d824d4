import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { RateBound } from '../bound/types.js';
import type { FusewireOptions } from '../config.js';
import type { HoldState } from '../holds/hold-types.js';
import { wallClock } from '../runtime.js';
import { type FakeAnswer, type FakeBypass, FakeFeed, type FakeRule } from './fake-feed.js';
import { FAKE_RATES, type FakeBudget, type FakeHardControl } from './fake-hold-book.js';
import { FakeHolds } from './fake-holds.js';
import { FakeIngest } from './fake-ingest.js';

/** One request, as it came. */
export interface FakeRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
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
  /** The tool events that were taken in, likewise. */
  readonly toolEvents: readonly Readonly<Record<string, unknown>>[];
  /** The reports of refused calls that were taken in, once each. */
  readonly refusals: readonly Readonly<Record<string, unknown>>[];
  /** Every request, in order of arrival. */
  readonly requests: readonly FakeRequest[];
  /** Every hold that was taken, as it stands. */
  readonly holds: readonly HoldState[];
  /** How many polls of the feed were asked. */
  readonly polls: number;
  /**
   * Replaces the rules; an empty list is answered with 204, as a team without enabled controls. `envelope` are further
   * members of the feed, such as the department maps.
   */
  setRules(rules: readonly FakeRule[], envelope?: Readonly<Record<string, unknown>>): void;
  /** Switches an operators' bypass on or off. */
  setBypass(bypass: FakeBypass | undefined): void;
  /**
   * Replaces the hard controls that holds are taken of; what was spent stays. Rules with `enforcement: "HARD"` that send
   * calls there are set by {@link setRules}. Without `rates` each token costs a nano-dollar.
   */
  setHardControls(controls: readonly FakeHardControl[], rates?: RateBound): void;
  /** Spend, open holds and charges of one budget. @throws Error where there is no such hard control */
  holdBudget(controlId: string, group?: string | null): FakeBudget;
  /** Asks the owners of all holds for what they do not need. */
  recallHolds(): void;
  /** Ends all open holds, as if nobody had renewed them. */
  expireHolds(): void;
  /** What is announced, and done, beyond the contract; by default all that the real service can. */
  setCapabilities(capabilities: readonly string[]): void;
  /** Answers every request with this status until {@link recover}; `0` cuts the connection instead. */
  fail(status: number, headers?: Readonly<Record<string, string>>): void;
  recover(): void;
  /** From now on only this key is known. */
  rotateKey(apiKey: string): void;
  close(): Promise<void>;
}

const TEAM_ID = 'fakeTeam';
const API_KEY = 'rev_mk_fakeTeam_0123456789abcdef';
const INGEST_ROOT = '/meter/v2/';
const BODY_MAX_BYTES = 8 * 1024 * 1024;
const INGEST_TYPES = new Set(['ai/completions', 'ai/images', 'ai/audio', 'ai/video', 'tool/events']);

/** Everything that the real service can beyond the contract. */
const CAPABILITIES = [
  ...['feed-revision', 'feed-etag', 'feed-wait', 'feed-delta', 'feed-whole'],
  ...['ingest-batch', 'refusals', 'bypass', 'holds'],
];
/** Shorter answers are not worth compressing. */
const COMPRESSED_MIN_CHARS = 1_024;
/** Requests that are remembered. */
const REQUESTS_MAX = 10_000;

interface State {
  apiKey: string;
  failure: { status: number; headers: Readonly<Record<string, string>> } | undefined;
  polls: number;
  capabilities: ReadonlySet<string>;
  readonly requests: FakeRequest[];
  readonly feed: FakeFeed;
  readonly ingest: FakeIngest;
  readonly holds: FakeHolds;
}

/**
 * Starts a fake service on 127.0.0.1. It checks keys, answers polls with ETags, lets them wait, answers with differences,
 * takes each usage event once by transaction id and by Idempotency-Key, singly or in batches, and passes the same
 * contract suite as the real service.
 *
 * @example
 * const service = await startFakeService();
 * service.setRules([{ name: 'Cap', breached: true }]);
 */
export async function startFakeService(): Promise<FakeService> {
  let bypass: FakeBypass | undefined;
  const holds = new FakeHolds(wallClock, () => bypass !== undefined && Date.parse(bypass.until) > wallClock());
  const state: State = {
    apiKey: API_KEY,
    failure: undefined,
    polls: 0,
    capabilities: new Set(CAPABILITIES),
    requests: [],
    feed: new FakeFeed(),
    ingest: new FakeIngest((event) => holds.book.settle(event)),
    holds,
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
    events: state.ingest.events,
    toolEvents: state.ingest.toolEvents,
    refusals: state.ingest.refusals,
    requests: state.requests,
    get polls() {
      return state.polls;
    },
    setRules: (rules, envelope = {}) => state.feed.setRules(rules, envelope),
    setBypass(next) {
      bypass = next;
      state.feed.setBypass(next);
    },
    ...holdMethods(holds),
    get holds() {
      return holds.list();
    },
    setCapabilities(capabilities) {
      state.capabilities = new Set(capabilities);
    },
    fail(status, headers = {}) {
      state.failure = { status, headers };
      // Who waits learns it too.
      state.feed.release();
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

function holdMethods(
  holds: FakeHolds,
): Pick<FakeService, 'setHardControls' | 'holdBudget' | 'recallHolds' | 'expireHolds'> {
  return {
    setHardControls(controls, rates = FAKE_RATES) {
      holds.book.controls = controls;
      holds.book.rates = rates;
      holds.version += 1;
    },
    holdBudget: (controlId, group = null) => holds.book.budget(controlId, group),
    recallHolds: () => holds.recall(),
    expireHolds: () => holds.expireAll(),
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
  const { method = '', url = '', headers } = request;
  state.requests.push({ method, path: url, headers });
  if (state.requests.length > REQUESTS_MAX) state.requests.shift();
  const isDown = () => state.failure?.status === 0;
  const routed = state.failure === undefined ? await route(state, request, body) : undefined;
  if (isDown()) {
    request.socket.destroy();
    return;
  }
  const answer = state.failure === undefined ? (routed ?? NOT_FOUND) : failed(state.failure);
  const text = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body ?? '');
  const isEmpty = answer.body === undefined;
  const isPacked = text.length >= COMPRESSED_MIN_CHARS && /\bgzip\b/.test(String(headers['accept-encoding'] ?? ''));
  response.writeHead(answer.status, {
    ...(state.capabilities.size === 0 ? {} : { 'fusewire-capabilities': [...state.capabilities].join(', ') }),
    ...(isEmpty ? {} : { 'content-type': 'application/json' }),
    ...(isPacked ? { 'content-encoding': 'gzip' } : {}),
    ...answer.headers,
  });
  response.end(isEmpty ? '' : isPacked ? gzipSync(text) : text);
}

const NOT_FOUND: FakeAnswer = { status: 404, body: { message: 'no such path' } };

function failed(failure: NonNullable<State['failure']>): FakeAnswer {
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

async function route(state: State, request: IncomingMessage, body: string): Promise<FakeAnswer> {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const path = url.pathname.replace(/^\/profitstream/, '');
  const { headers, method } = request;
  if (headers['x-api-key'] !== state.apiKey) return { status: 401, body: { message: 'unknown key' } };
  if (method === 'GET' && path === `/v2/api/ai/enforcement-rules/${TEAM_ID}`) {
    state.polls += 1;
    return await state.feed.answer(headers, url.searchParams, state.capabilities);
  }
  if (path.startsWith('/v2/api/ai/enforcement-rules/')) return { status: 403, body: { message: 'not your team' } };
  const taken = method === 'POST' ? take(state, path, body, headers) : undefined;
  return taken === undefined ? NOT_FOUND : withRevision(state, taken);
}

function take(state: State, path: string, body: string, headers: IncomingMessage['headers']): FakeAnswer | undefined {
  const { ingest, capabilities } = state;
  const type = path.startsWith(INGEST_ROOT) ? path.slice(INGEST_ROOT.length) : '';
  if (INGEST_TYPES.has(type)) return ingest.take(body, String(headers['idempotency-key'] ?? ''), type);
  if (path === '/meter/v2/batch' && capabilities.has('ingest-batch')) {
    return ingest.takeBatch(body, String(headers['content-type'] ?? ''));
  }
  if (path === '/meter/v2/fusewire/refusals' && capabilities.has('refusals')) return ingest.takeRefusals(body);
  if (path === '/v2/api/holds/batch' && capabilities.has('holds')) return state.holds.answer(body);
  return undefined;
}

function withRevision(state: State, answer: FakeAnswer): FakeAnswer {
  return { ...answer, headers: { 'fusewire-revision': String(state.feed.revision), ...answer.headers } };
}
