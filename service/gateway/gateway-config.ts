/** The gateway's configuration: environment variables and one file, read once, all problems in one error. */
import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Allowances, DEFAULT_ALLOWANCES } from 'fusewire/internal';
import { ServiceConfigError } from '../config.js';
import { ConfiguredUpstream, keyHeader, readBaseUrl, type UpstreamFields } from './configured-upstream.js';
import { CONFIG_FILE_BYTES_MAX, type GatewayConfigFile, readConfigFile } from './gateway-config-file.js';
import { type ModelRoutes, readRoutes } from './model-routes.js';
import { DEFAULT_LIMITS, type Dialect, type GatewayLimits } from './types.js';

/** The gateway's settings. */
export interface GatewayConfig {
  /** @defaultValue 127.0.0.1 */
  readonly host: string;
  /** 0 asks the system for a free port. @defaultValue 8000 */
  readonly port: number;
  /** Ollama first, OpenAI and Anthropic where their keys are set, then those of the file. */
  readonly upstreams: readonly ConfiguredUpstream[];
  readonly routes: ModelRoutes;
  readonly limits: GatewayLimits;
  /** Origins of browsers that may call; `*` is none. @defaultValue none */
  readonly corsOrigins: readonly string[];
  /** A header that holds the caller's address, in lower case, where a proxy sets it. @defaultValue none */
  readonly addressHeader: string | undefined;
  /** Output that is set aside for a request that does not limit it. @defaultValue 4,096 */
  readonly assumedOutputTokens: number;
  readonly allowances: Allowances;
  /** What a gateway held under hard budgets that died for so long is charged or released. @defaultValue 60 */
  readonly holdTtlSeconds: number | undefined;
  /** Whether tools that run at the provider, and cost apart from tokens, may be asked for. @defaultValue false */
  readonly allowHostedTools: boolean;
  /** Whether lists show models of an upstream that neither `models` nor `aliases` of the file name. @defaultValue true */
  readonly defaultModelsVisible: boolean;
  /** What is odd and does not hinder, for the log. */
  readonly notes: readonly string[];
}

/** The variables that {@link readGatewayConfig} reads. */
export const GATEWAY_VARIABLES = [
  'GATEWAY_PORT',
  'GATEWAY_HOST',
  'OLLAMA_BASE_URL',
  'OPENAI_API_KEY',
  'OPENAI_BASE_URL',
  'ANTHROPIC_API_KEY',
  'ANTHROPIC_BASE_URL',
  'FUSEWIRE_GATEWAY_CONFIG',
] as const;

type Variable = (typeof GATEWAY_VARIABLES)[number];
type Environment = Readonly<Record<string, string | undefined>>;

/** One image at the most by the providers' own rules is in `media-allowance.ts`; a document at most fills a context. */

/**
 * Reads the settings from `env`; what is unset or empty takes its default. Relative paths start at `workingDir`.
 *
 * @throws ServiceConfigError with all problems at once; no message repeats a key.
 */
export function readGatewayConfig(env: Environment, workingDir: string): GatewayConfig {
  const problems: string[] = [];
  const notes: string[] = [];
  const host = readHost(settingOf(env, 'GATEWAY_HOST'), problems);
  const port = readPort(settingOf(env, 'GATEWAY_PORT'), problems);
  const place = settingOf(env, 'FUSEWIRE_GATEWAY_CONFIG');
  const file = place === undefined ? {} : readFile(resolve(workingDir, place), problems);
  const where = place ?? 'the configuration';
  const upstreams = [...standardUpstreams(env, file, problems, notes), ...moreUpstreams(env, file, where, problems)];
  for (const upstream of upstreams) {
    if (isOwnAddress(upstream.origin, host, port)) {
      problems.push(`the base URL of ${upstream.name} is this gateway's own address: name the server behind it`);
    }
  }
  notes.push(...upstreams.flatMap(openKeyNote));
  if (file.corsOrigins?.includes('*') === true) {
    notes.push('corsOrigins: * lets nobody in, since keys are no public matter: name the origins of your pages');
  }
  const config: GatewayConfig = {
    host,
    port,
    upstreams: Object.freeze(upstreams),
    routes: readRoutes(file, upstreams, where, problems),
    limits: Object.freeze({ ...DEFAULT_LIMITS, ...given(file.limits) }),
    corsOrigins: file.corsOrigins ?? [],
    addressHeader: file.addressHeader?.toLowerCase(),
    assumedOutputTokens: file.assumedOutputTokens ?? 4_096,
    holdTtlSeconds: file.holdTtlSeconds,
    allowances: { ...DEFAULT_ALLOWANCES, ...given(file.allowances) },
    allowHostedTools: file.allowHostedTools ?? false,
    defaultModelsVisible: file.defaultModelsVisible ?? true,
    notes,
  };
  if (problems.length > 0) throw new ServiceConfigError(problems);
  return Object.freeze(config);
}

/** The upstream that health checks and `/api/tags` ask. */
export function ollamaUpstream(config: Pick<GatewayConfig, 'upstreams'>): ConfiguredUpstream {
  const found = config.upstreams.find(({ protocol }) => protocol === 'ollama');
  // The first one always is.
  if (found === undefined) throw new Error('there is no upstream of the Ollama protocol');
  return found;
}

/** The upstream of this name. */
export function upstreamNamed(config: Pick<GatewayConfig, 'upstreams'>, name: string): ConfiguredUpstream | undefined {
  return config.upstreams.find((upstream) => upstream.name === name);
}

function settingOf(env: Environment, name: Variable): string | undefined {
  const value = env[name]?.trim();
  return value === '' ? undefined : value;
}

function readPort(value: string | undefined, problems: string[]): number {
  if (value === undefined) return 8000;
  if (/^\d{1,5}$/.test(value) && Number(value) <= 65_535) return Number(value);
  problems.push(`GATEWAY_PORT must be a whole number from 0 to 65535, not '${value}'`);
  return 8000;
}

function readHost(value: string | undefined, problems: string[]): string {
  if (value === undefined) return '127.0.0.1';
  if (/^[A-Za-z0-9._:-]+$/.test(value)) return value;
  problems.push(`GATEWAY_HOST must be a host name or an address without scheme and brackets, not '${value}'`);
  return '127.0.0.1';
}

function readFile(path: string, problems: string[]): GatewayConfigFile {
  const place = `FUSEWIRE_GATEWAY_CONFIG (${path})`;
  try {
    if (statSync(path).size > CONFIG_FILE_BYTES_MAX) {
      problems.push(`${place} is larger than 1 MiB: it is no configuration of the gateway`);
      return {};
    }
    return readConfigFile(readFileSync(path, 'utf8'), place, problems);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    problems.push(`${place} cannot be read (${code}): give the path of a JSON file, or unset it`);
    return {};
  }
}

/** The three that need no file. */
function standardUpstreams(env: Environment, file: GatewayConfigFile, problems: string[], notes: string[]) {
  const ollama = make(
    { name: 'ollama', protocol: 'ollama', speaksAnthropic: file.ollamaSpeaksAnthropic },
    settingOf(env, 'OLLAMA_BASE_URL') ?? 'http://127.0.0.1:11434',
    'OLLAMA_BASE_URL',
    problems,
  );
  const found = ollama === undefined ? [] : [ollama];
  const withKey = (name: 'openai' | 'anthropic', variable: Variable, base: Variable, standard: string): void => {
    const key = settingOf(env, variable);
    const url = settingOf(env, base);
    if (key === undefined) {
      if (url !== undefined)
        notes.push(`${base} is set and ${variable} is not: models of that provider are not offered`);
      return;
    }
    if (!isHeaderText(key)) problems.push(`${variable} has characters that no header can carry: copy the key again`);
    const headers = [keyHeader(name, isHeaderText(key) ? key : '-')];
    const made = make({ name, protocol: name, takesIncludeUsage: true, headers }, url ?? standard, base, problems);
    if (made !== undefined) found.push(made);
  };
  withKey('openai', 'OPENAI_API_KEY', 'OPENAI_BASE_URL', 'https://api.openai.com/v1');
  withKey('anthropic', 'ANTHROPIC_API_KEY', 'ANTHROPIC_BASE_URL', 'https://api.anthropic.com');
  return found;
}

function moreUpstreams(env: Environment, { upstreams = [] }: GatewayConfigFile, where: string, problems: string[]) {
  const names = new Set(['ollama', 'openai', 'anthropic']);
  const made: ConfiguredUpstream[] = [];
  for (const [index, given] of upstreams.entries()) {
    const place = `${where}: upstreams[${index}]`;
    if (names.has(given.name)) problems.push(`${place}.name ${given.name} is taken: choose another one`);
    names.add(given.name);
    const headers: (readonly [string, string])[] = Object.entries(given.headers ?? {});
    const fromEnv = (variable: string, put: (value: string) => void): void => {
      const value = env[variable]?.trim() ?? '';
      if (value === '') problems.push(`${place}: the variable ${variable} is not set: set it, or take it out there`);
      else if (!isHeaderText(value))
        problems.push(`${place}: the variable ${variable} has characters that no header can carry`);
      else put(value);
    };
    if (given.apiKeyEnv !== undefined) fromEnv(given.apiKeyEnv, (key) => headers.push(keyHeader(given.protocol, key)));
    for (const [name, variable] of Object.entries(given.headersEnv ?? {})) {
      fromEnv(variable, (value) => headers.push([name, value]));
    }
    if (given.speaksAnthropic === true && given.protocol !== 'ollama') {
      problems.push(`${place}.speaksAnthropic is for upstreams with protocol ollama only`);
    }
    const upstream = make({ ...given, headers }, given.baseUrl, `${place}.baseUrl`, problems);
    if (upstream !== undefined) made.push(upstream);
  }
  return made;
}

function make(
  fields: UpstreamFields,
  baseUrl: string,
  place: string,
  problems: string[],
): ConfiguredUpstream | undefined {
  const base = readBaseUrl(baseUrl, fields.protocol satisfies Dialect);
  if (typeof base !== 'string') return new ConfiguredUpstream(fields, base);
  problems.push(`${place} ${base}`);
  return undefined;
}

/** A variable for clients of this gateway that its own process also sees would make it call itself for ever. */
function isOwnAddress(origin: string, host: string, port: number): boolean {
  const url = new URL(origin);
  const urlPort = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  if (port === 0 || urlPort !== port) return false;
  const name = url.hostname.replace(/^\[|\]$/g, '');
  return (
    name === host ||
    (/^(localhost|127\.0\.0\.1|::1)$/.test(name) && /^(localhost|127\.0\.0\.1|::1|0\.0\.0\.0|::)$/.test(host))
  );
}

/** What a key is sent in the clear for, over more than this machine and its network. */
function openKeyNote({ name, origin, headers }: ConfiguredUpstream): readonly string[] {
  const { protocol, hostname } = new URL(origin);
  if (protocol === 'https:' || headers.length === 0 || NEAR.test(hostname)) return [];
  return [`the key of ${name} goes to ${hostname} unencrypted, for anybody on the way to read: use https://`];
}

/** This machine, private networks, names without a dot (of containers) and those that never leave a network. */
const NEAR =
  /^(?:localhost|127\.[\d.]+|10\.[\d.]+|192\.168\.[\d.]+|172\.(?:1[6-9]|2\d|3[01])\.[\d.]+|169\.254\.[\d.]+|\[::1\]|\[f[cde][\da-f:]+\]|[^.[\]:]+|.+\.(?:local|internal|lan|home\.arpa|localhost))$/;

function isHeaderText(value: string): boolean {
  return /^[\x21-\x7e]+$/.test(value);
}

/** Without what is absent, which would hide a default. */
function given<T extends object>(values: T | undefined): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(values ?? {}).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
