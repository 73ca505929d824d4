/** A service over real HTTP, on either store, with a client that speaks to it through undici. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRuntime, type Runtime } from 'fusewire/internal';
import { Agent, request } from 'undici';
import { mintKeys } from '../../service/admin/first-start.js';
import type { StoreOpener } from '../../service/admin/open-service.js';
import { createLogger, toLog } from '../../service/http/logger.js';
import { createServer, type ServerConfig } from '../../service/http/server.js';
import type { Store, Team } from '../../service/store/store.js';

/** One request of a test. `key` left out: the write key; `null`: none. */
export interface Ask {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'HEAD' | 'OPTIONS';
  readonly path: string;
  readonly key?: string | null;
  readonly headers?: Record<string, string>;
  readonly json?: unknown;
  /** Sent as it is. */
  readonly text?: string | Buffer;
}

/** What JSON.parse gives: tests read deep into answers of every shape. */
export type ParsedJson = ReturnType<typeof JSON.parse>;

/** One answer. `json` is `undefined` where the body is empty or not JSON. */
export interface Got {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly text: string;
  readonly json: ParsedJson;
}

/** What a test holds. */
export interface ServiceFixture {
  readonly url: string;
  readonly store: Store;
  readonly team: Team;
  readonly other: Team;
  readonly keys: { readonly metering: string; readonly write: string };
  readonly otherKeys: { readonly metering: string; readonly write: string };
  /** Everything that was logged, as one text. */
  logged(): string;
  ask(ask: Ask): Promise<Got>;
  close(): Promise<void>;
}

/** Starts a server with two teams on the store that `openStore` opens. */
export async function openServiceFixture(
  openStore: StoreOpener,
  options: { readonly runtime?: Runtime; readonly config?: Partial<ServerConfig> } = {},
): Promise<ServiceFixture> {
  const lines: string[] = [];
  const logger = createLogger('debug', { write: (line) => void lines.push(line) });
  const runtime = options.runtime ?? createRuntime();
  const folder = await mkdtemp(join(tmpdir(), 'fusewire-test-'));
  const log = toLog(logger);
  const store = await openStore({ file: join(folder, 'fusewire.db'), runtime, log });
  const config = { credentialSecret: Buffer.alloc(32, 7), adminToken: 'a'.repeat(64), ...options.config };
  const api = await createServer({ store, runtime, log, logger, config });
  await api.listen({ host: '127.0.0.1', port: 0 });
  const url = `http://127.0.0.1:${(api.server.address() as { port: number }).port}`;
  const team = await store.createTeam('first');
  const other = await store.createTeam('second');
  const agent = new Agent({ connections: 64, pipelining: 1 });
  const keys = await mintKeys(store, team.id, 'test');
  const otherKeys = await mintKeys(store, other.id, 'test');
  return {
    url,
    store,
    team,
    other,
    keys,
    otherKeys,
    logged: () => lines.join(''),
    async ask({ method, path, key = keys.write, headers, json, text }) {
      const body = text ?? (json === undefined ? null : JSON.stringify(json));
      const answer = await request(`${url}${path}`, {
        method: method ?? (body === null ? 'GET' : 'POST'),
        dispatcher: agent,
        headers: {
          ...(key === null ? {} : { 'x-api-key': key }),
          ...(json === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        body,
      });
      const got = await answer.body.text();
      return { status: answer.statusCode, headers: answer.headers, text: got, json: parsed(got) };
    },
    async close() {
      await agent.close();
      await api.close();
      await store.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A valid event; `changes` are laid over it. */
export function usageEvent(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    transactionId: 'chatcmpl-9x',
    model: 'gpt-4o-mini',
    provider: 'OPENAI',
    costType: 'AI',
    operationType: 'CHAT',
    stopReason: 'END',
    isStreamed: false,
    inputTokenCount: 412,
    outputTokenCount: 96,
    totalTokenCount: 508,
    requestTime: new Date().toISOString(),
    completionStartTime: new Date().toISOString(),
    responseTime: new Date().toISOString(),
    requestDuration: 1180,
    ...changes,
  };
}

function parsed(text: string): ParsedJson {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
