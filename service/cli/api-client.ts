/** The service's API, as commands use it: address and key from flags, the environment, or the data folder's own file. */
import { findOpenDoor } from '../admin/local-door.js';
import { ADMIN_TOKEN_HEADER, LOCAL_TEAM_HEADER } from '../http/access.js';
import { sendJson } from '../http/send-json.js';
import { CliFailure, type CliIo, CliUsageError } from './io.js';
import { localConfig } from './local-config.js';

/** Flags of every command that speaks to a service. */
export interface ApiOptions {
  readonly url?: string;
  readonly key?: string;
  readonly team?: string;
  readonly json?: boolean;
  readonly dataDir?: string;
}

/** A page of a management list, as far as commands read it. */
export interface ListAnswer<T> {
  readonly _embedded?: { readonly objectList?: readonly T[] };
  readonly page: { readonly totalElements: number; readonly totalPages: number };
}

/** Asks one service on behalf of one team. Every failure is a {@link CliFailure} with one clear line. */
export interface ApiClient {
  /** The team of the key, or the one that was named. */
  teamId(): Promise<string>;
  get<T>(path: string, query?: Readonly<Record<string, string>>): Promise<T>;
  /** Like `get`; `undefined` where there is nothing (204). */
  find<T>(path: string): Promise<{ readonly value: T | undefined; readonly revision: string | undefined }>;
  send<T>(method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: unknown): Promise<T>;
  /** All rows of a list, page by page, at most 10,000. */
  list<T>(path: string, query?: Readonly<Record<string, string>>): Promise<readonly T[]>;
}

const PAGE_SIZE = 500;
const PAGES_MAX = 20;

/** Where the service is: `--url`, else `REVENIUM_ENFORCEMENT_BASE_URL`, else `REVENIUM_METERING_BASE_URL`, else here. */
export function serviceUrl(io: CliIo, options: ApiOptions): string {
  const url = (givenUrl(io, options) ?? 'http://127.0.0.1:8787')
    .trim()
    .replace(/\/+$/, '')
    .replace(/(\/meter)?(\/v\d+)?$/i, '');
  if (!/^https?:\/\/[^/]/i.test(url))
    throw new CliUsageError(`the address must begin with http:// or https://, not '${url}'`);
  return url;
}

function givenUrl({ runtime: { env } }: CliIo, options: ApiOptions): string | undefined {
  return options.url || env['REVENIUM_ENFORCEMENT_BASE_URL'] || env['REVENIUM_METERING_BASE_URL'] || undefined;
}

/** Where the service is, and what a request shows it. */
export interface ApiAccess {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * The key, or without one the token of the service that holds this machine's data folder. The token is sent to no other
 * address than that service's own. `undefined` where there is neither.
 */
export async function findAccess(io: CliIo, options: ApiOptions): Promise<ApiAccess | undefined> {
  const url = serviceUrl(io, options);
  const key = findKey(io, options);
  if (key !== undefined) return { url, headers: { 'x-api-key': key } };
  const door = await findOpenDoor(localConfig(io, options).dataDir);
  const isMeant = givenUrl(io, options) === undefined || door?.url === url.replace('//localhost:', '//127.0.0.1:');
  if (door === undefined || !isMeant) return undefined;
  const team = options.team || io.runtime.env['REVENIUM_TEAM_ID'];
  const named: Record<string, string> = team ? { [LOCAL_TEAM_HEADER]: team } : {};
  return { url: door.url, headers: { [ADMIN_TOKEN_HEADER]: door.token, ...named } };
}

/** As {@link findAccess}. @throws CliUsageError where there is no way in */
export async function apiAccess(io: CliIo, options: ApiOptions): Promise<ApiAccess> {
  const access = await findAccess(io, options);
  if (access !== undefined) return access;
  throw new CliUsageError(
    'no key: set REVENIUM_WRITE_API_KEY, or pass --key (fusewire keys create --local makes one); and no service that ' +
      'runs on this machine holds the data folder',
  );
}

/** The key that commands use: `--key`, else the write key of the environment, else the metering key. */
export function findKey(io: CliIo, options: ApiOptions): string | undefined {
  const { env } = io.runtime;
  return options.key || env['REVENIUM_WRITE_API_KEY'] || env['REVENIUM_METERING_API_KEY'] || undefined;
}

/** A client for the service that flags and environment name. */
export function createApiClient(io: CliIo, options: ApiOptions): ApiClient {
  const { env } = io.runtime;
  serviceUrl(io, options);
  let access: Promise<ApiAccess> | undefined;
  const ask = async (method: string, path: string, body?: unknown) => {
    access ??= apiAccess(io, options);
    const { url, headers } = await access;
    const answer = await sendJson({ method, url: `${url}/v2/api${path}`, headers, body }).catch((error: Error) => {
      throw new CliFailure(`${url} does not answer: ${error.message}`);
    });
    if (answer.status >= 200 && answer.status < 300) return answer;
    throw new CliFailure(`${url} answered ${answer.status}: ${messageOf(answer.body)}`);
  };
  const client: ApiClient = {
    async teamId() {
      const named = options.team || env['REVENIUM_TEAM_ID'];
      if (named) return named;
      const teams = await client.get<{ _embedded: { teamResourceList: { id: string }[] } }>('/teams');
      const first = teams._embedded?.teamResourceList?.[0];
      if (first === undefined) throw new CliFailure('this key belongs to no team; pass --team');
      return first.id;
    },
    async get<T>(path: string, query: Readonly<Record<string, string>> = {}) {
      const text = new URLSearchParams(query).toString();
      return parse<T>((await ask('GET', text === '' ? path : `${path}?${text}`)).body);
    },
    async find<T>(path: string) {
      const answer = await ask('GET', path);
      const revision = answer.headers['fusewire-revision'];
      const value = answer.body === '' ? undefined : parse<T>(answer.body);
      return { value, revision: typeof revision === 'string' ? revision : undefined };
    },
    async send<T>(method: string, path: string, body?: unknown) {
      const answer = await ask(method, path, body);
      return parse<T>(answer.body === '' ? '{}' : answer.body);
    },
    async list<T>(path: string, query: Readonly<Record<string, string>> = {}) {
      const rows: T[] = [];
      for (let page = 0; page < PAGES_MAX; page += 1) {
        const paged = { ...query, page: String(page), size: String(PAGE_SIZE) };
        const answer = await client.get<ListAnswer<T>>(path, paged);
        rows.push(...(answer._embedded?.objectList ?? []));
        if (page + 1 >= answer.page.totalPages) break;
      }
      return rows;
    },
  };
  return client;
}

function parse<T>(text: string): T {
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new CliFailure('the answer is not JSON; is this the address of a service?');
  }
}

/** What an error answer says. */
export function messageOf(body: string): string {
  try {
    const { message, error } = JSON.parse(body) as { message?: unknown; error?: unknown };
    return String(message ?? error ?? body).slice(0, 500);
  } catch {
    return body.slice(0, 200);
  }
}
