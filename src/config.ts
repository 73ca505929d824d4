/** Configuration: code over environment over default, parsed once, frozen. */

import { readVariable, VARIABLES, variableNamed } from './config-variables.js';
import { FusewireError } from './errors.js';
import { type GivenLog, LOG_LEVELS, type LogLevel } from './log.js';
import { Secret } from './secret.js';
import type { SummaryForm } from './summary/terminal-summary.js';
import { isRecord } from './wire/is-record.js';

export { VARIABLES };

/** What happens while no rule set was ever loaded. */
export type FailMode = 'open' | 'closed';

/** Options of an instance. Each beats its environment variable; see `.env.example` for meanings and defaults. */
export interface FusewireOptions {
  /** `REVENIUM_METERING_API_KEY`. */
  readonly apiKey?: string;
  /** `REVENIUM_METERING_BASE_URL`. */
  readonly meteringBaseUrl?: string;
  /** `REVENIUM_TEAM_ID`. */
  readonly teamId?: string;
  /** `REVENIUM_ENFORCEMENT_BASE_URL`. */
  readonly enforcementBaseUrl?: string;
  /** `REVENIUM_CIRCUIT_BREAKER_ENABLED`. */
  readonly circuitBreakerEnabled?: boolean;
  /** `REVENIUM_BYPASS`. */
  readonly bypass?: boolean;
  /** `REVENIUM_BYPASS_FILE`. */
  readonly bypassFile?: string;
  /** `REVENIUM_CB_POLL_INTERVAL_SECONDS`. */
  readonly pollIntervalSeconds?: number;
  /** `REVENIUM_CB_FAIL_MODE`. */
  readonly failMode?: FailMode;
  /** `REVENIUM_CACHE_DIR`. */
  readonly cacheDir?: string;
  /** `REVENIUM_LOG_LEVEL`. */
  readonly logLevel?: LogLevel;
  /** Where log lines go instead of standard error: all of them, `logLevel` is not asked. One that throws is silenced. */
  readonly log?: GivenLog;
  /** `REVENIUM_BUFFER_MAX_SIZE`. */
  readonly bufferMaxSize?: number;
  /** `REVENIUM_BUFFER_FLUSH_INTERVAL`, seconds. */
  readonly bufferFlushIntervalSeconds?: number;
  /** `REVENIUM_METERING_WORKERS`. */
  readonly meteringWorkers?: number;
  /** `REVENIUM_METERING_QUEUE_SIZE`. */
  readonly meteringQueueSize?: number;
  /** `REVENIUM_METERING_TIMEOUT_SECONDS`. */
  readonly meteringTimeoutSeconds?: number;
  /** `REVENIUM_METERING_CONNECT_TIMEOUT_SECONDS`. */
  readonly meteringConnectTimeoutSeconds?: number;
  /** `REVENIUM_METERING_MAX_RETRIES`. */
  readonly meteringMaxRetries?: number;
  /** `REVENIUM_SHUTDOWN_TIMEOUT_SECONDS`. */
  readonly shutdownTimeoutSeconds?: number;
  /** `REVENIUM_INSTALL_SIGNAL_HANDLERS`. */
  readonly installSignalHandlers?: boolean;
  /** `REVENIUM_SELECTIVE_METERING`: only calls inside of `reveniumMeter` are metered; all are decided on. */
  readonly selectiveMetering?: boolean;
  /** `REVENIUM_CAPTURE_PROMPTS`; `usageMetadata.capturePrompts` of a call or a scope beats it. */
  readonly capturePrompts?: boolean;
  /** `REVENIUM_MAX_PROMPT_SIZE`, characters of one captured field. */
  readonly maxPromptSize?: number;
  /** `REVENIUM_PRINT_SUMMARY`. */
  readonly printSummary?: SummaryForm | false;
  /** `FUSEWIRE_OPENTELEMETRY`. */
  readonly openTelemetry?: boolean;
  /** Usage metadata of every call of this instance; a scope and a call beat it, it beats the environment. */
  readonly usageMetadata?: Readonly<Record<string, unknown>>;
}

/** The configuration of an instance: complete, valid, frozen. Durations in milliseconds. */
export interface Config {
  /** As given in code; the environment is read anew at each use, so that a key that is set late is picked up (I9). */
  readonly apiKey: Secret | undefined;
  readonly teamId: string | undefined;
  readonly meteringBaseUrl: string;
  readonly enforcementBaseUrl: string;
  readonly circuitBreakerEnabled: boolean;
  readonly bypass: boolean;
  readonly bypassFile: string | undefined;
  readonly pollIntervalMs: number;
  readonly failMode: FailMode;
  readonly cacheDir: string | undefined;
  readonly logLevel: LogLevel;
  /** Of the outbox: the larger of the buffer's and the queue's size. */
  readonly bufferMaxSize: number;
  readonly flushIntervalMs: number;
  readonly workers: number;
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly maxRetries: number;
  readonly shutdownTimeoutMs: number;
  readonly installSignalHandlers: boolean;
  readonly usageMetadata: Readonly<Record<string, unknown>> | undefined;
  readonly openTelemetry: boolean;
  readonly selectiveMetering: boolean;
  readonly capturePrompts: boolean;
  readonly maxPromptSize: number;
  /** `undefined`: no summary is printed. */
  readonly printSummary: SummaryForm | undefined;
}

/** What was wrong in the environment: the default was taken. Reported once, at this level. */
export interface ConfigProblem {
  readonly level: 'warn' | 'error';
  readonly message: string;
}

type Env = Readonly<Record<string, string | undefined>>;
/** A reader returns the value, or `undefined` where the text means nothing. */
type Reader<T> = (text: string) => T | undefined;

/** A timer takes no longer delay than this, and fires at once instead. */
const TIMER_MAX_MS = 2 ** 31 - 1;
const ON = new Set(['true', '1', 'yes', 'on']);
const OFF = new Set(['false', '0', 'no', 'off']);

const readFlag: Reader<boolean> = (text) => {
  const word = text.trim().toLowerCase();
  return ON.has(word) ? true : OFF.has(word) ? false : undefined;
};
const readCount: Reader<number> = (text) => {
  const value = Number(text.trim());
  return Number.isFinite(value) && value >= 1 ? Math.floor(value) : undefined;
};
const readZeroCount: Reader<number> = (text) => {
  const value = Number(text.trim());
  return Number.isFinite(value) && value >= 0 ? Math.floor(value) : undefined;
};
const readSeconds: Reader<number> = (text) => {
  const value = Number(text.trim());
  return Number.isFinite(value) && value > 0 ? value : undefined;
};
const readFailMode: Reader<FailMode> = (text) => {
  const word = text.trim().toLowerCase();
  return word === 'open' || word === 'closed' ? word : undefined;
};
const readLogLevel: Reader<LogLevel> = (text) => {
  const word = text.trim().toUpperCase();
  return LOG_LEVELS.find((level) => level === word);
};
/** Characters of one captured field (contract 5.12). */
const PROMPT_SIZE = 50_000;
const readSummaryForm: Reader<SummaryForm | false> = (text) => {
  const word = text.trim().toLowerCase();
  if (word === 'json') return 'json';
  if (word === 'human' || ON.has(word)) return 'human';
  return OFF.has(word) ? false : undefined;
};
const readHttpUrl: Reader<string> = (text) => {
  const url = URL.canParse(text.trim()) ? new URL(text.trim()) : undefined;
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:')) return undefined;
  // Name and password of a URL are never sent; so they are not kept for logs and status either.
  return text
    .trim()
    .replace(/^([a-z]+:\/\/)[^/?#]*@/i, '$1')
    .replace(/\/+$/, '');
};

/** A key that the contract allows (1.1): anything else is not sent anywhere. */
export function isApiKey(text: string): boolean {
  return /^(hak_|rev_)\S+$/.test(text.trim());
}

class EnvironmentReader {
  readonly problems: ConfigProblem[] = [];
  readonly #env: Env;

  constructor(env: Env) {
    this.#env = env;
  }

  text(name: string): string | undefined {
    return readVariable(this.#env, name)?.trim();
  }

  /** The value of a variable, or its default where the text means nothing; that is reported, without the text of a secret. */
  value<T>(name: string, read: Reader<T>, fallback: T, level: ConfigProblem['level'] = 'warn'): T {
    const text = readVariable(this.#env, name);
    if (text === undefined) return fallback;
    const value = read(text);
    if (value !== undefined) return value;
    const shown = variableNamed(name)?.kind === 'secret' ? '' : ` (${JSON.stringify(text.slice(0, 80))})`;
    this.problems.push({ level, message: `${name}${shown} is not understood; ${String(fallback)} is used instead` });
    return fallback;
  }
}

/**
 * Builds the configuration. Wrong options in code throw one error with every problem; wrong environment values take
 * their default and are listed in `problems`, to be reported once (I2).
 *
 * @throws FusewireError with code `INVALID_OPTIONS`.
 */
export function resolveConfig(
  options: FusewireOptions,
  env: Env,
): { config: Config; problems: readonly ConfigProblem[] } {
  checkOptions(options);
  const from = new EnvironmentReader(env);
  const seconds = (option: number | undefined, name: string, fallback: number) =>
    Math.min(1000 * (option ?? from.value(name, readSeconds, fallback)), TIMER_MAX_MS);
  const count = (option: number | undefined, name: string, fallback: number) =>
    option ?? from.value(name, readCount, fallback);
  const flag = (option: boolean | undefined, name: string) => option ?? from.value(name, readFlag, false);
  const url = (option: string | undefined, name: string, fallback: string) =>
    (option === undefined ? from.value(name, readHttpUrl, fallback) : readHttpUrl(option)) ?? fallback;

  const meteringBaseUrl = url(options.meteringBaseUrl, 'REVENIUM_METERING_BASE_URL', 'https://api.revenium.ai');
  const debug = from.value('REVENIUM_DEBUG', readFlag, false);
  const envLevel = from.value('REVENIUM_LOG_LEVEL', readLogLevel, 'INFO');
  const bufferSize = count(options.bufferMaxSize, 'REVENIUM_BUFFER_MAX_SIZE', 1000);
  const config: Config = {
    apiKey: options.apiKey === undefined ? undefined : new Secret(options.apiKey.trim()),
    teamId: options.teamId?.trim(),
    meteringBaseUrl,
    enforcementBaseUrl: url(
      options.enforcementBaseUrl,
      'REVENIUM_ENFORCEMENT_BASE_URL',
      new URL(meteringBaseUrl).origin,
    ),
    circuitBreakerEnabled: flag(options.circuitBreakerEnabled, 'REVENIUM_CIRCUIT_BREAKER_ENABLED'),
    bypass: flag(options.bypass, 'REVENIUM_BYPASS'),
    bypassFile: options.bypassFile ?? from.text('REVENIUM_BYPASS_FILE'),
    pollIntervalMs: seconds(options.pollIntervalSeconds, 'REVENIUM_CB_POLL_INTERVAL_SECONDS', 60),
    failMode: options.failMode ?? from.value('REVENIUM_CB_FAIL_MODE', readFailMode, 'open', 'error'),
    cacheDir: options.cacheDir ?? from.text('REVENIUM_CACHE_DIR'),
    logLevel: options.logLevel ?? (debug ? 'DEBUG' : envLevel),
    bufferMaxSize: Math.max(bufferSize, count(options.meteringQueueSize, 'REVENIUM_METERING_QUEUE_SIZE', bufferSize)),
    flushIntervalMs: Math.min(
      1000 * count(options.bufferFlushIntervalSeconds, 'REVENIUM_BUFFER_FLUSH_INTERVAL', 30),
      TIMER_MAX_MS,
    ),
    workers: count(options.meteringWorkers, 'REVENIUM_METERING_WORKERS', 8),
    timeoutMs: seconds(options.meteringTimeoutSeconds, 'REVENIUM_METERING_TIMEOUT_SECONDS', 10),
    connectTimeoutMs: seconds(options.meteringConnectTimeoutSeconds, 'REVENIUM_METERING_CONNECT_TIMEOUT_SECONDS', 5),
    maxRetries: options.meteringMaxRetries ?? from.value('REVENIUM_METERING_MAX_RETRIES', readZeroCount, 2),
    shutdownTimeoutMs: seconds(options.shutdownTimeoutSeconds, 'REVENIUM_SHUTDOWN_TIMEOUT_SECONDS', 5),
    installSignalHandlers: flag(options.installSignalHandlers, 'REVENIUM_INSTALL_SIGNAL_HANDLERS'),
    usageMetadata: options.usageMetadata,
    openTelemetry: options.openTelemetry ?? from.value('FUSEWIRE_OPENTELEMETRY', readFlag, true),
    selectiveMetering: flag(options.selectiveMetering, 'REVENIUM_SELECTIVE_METERING'),
    capturePrompts: flag(options.capturePrompts, 'REVENIUM_CAPTURE_PROMPTS'),
    maxPromptSize: count(options.maxPromptSize, 'REVENIUM_MAX_PROMPT_SIZE', PROMPT_SIZE),
    printSummary: (options.printSummary ?? from.value('REVENIUM_PRINT_SUMMARY', readSummaryForm, false)) || undefined,
  };
  return { config: Object.freeze(config), problems: from.problems };
}

type Check = (value: unknown) => string | undefined;
const must = (test: (value: unknown) => boolean, wanted: string): Check => {
  return (value) => (test(value) ? undefined : `must be ${wanted}`);
};
const aFlag = must((value) => typeof value === 'boolean', 'true or false');
const aText = must((value) => typeof value === 'string' && value.trim() !== '', 'a text that is not empty');
const aUrl = must((value) => typeof value === 'string' && readHttpUrl(value) !== undefined, 'an http or https URL');
const aCount = must((value) => Number.isInteger(value) && Number(value) >= 1, 'a whole number of 1 or more');
const someSeconds = must((value) => Number.isFinite(value) && Number(value) > 0, 'a number of seconds above 0');
const anObject = must(isRecord, 'an object');

const isLog = (value: unknown) =>
  typeof value === 'object' &&
  value !== null &&
  ['debug', 'info', 'warn', 'error'].every((name) => typeof Reflect.get(value, name) === 'function');

const OPTION_CHECKS: Readonly<Record<keyof FusewireOptions, Check>> = {
  apiKey: must((value) => typeof value === 'string' && isApiKey(value), 'a key that begins with hak_ or rev_'),
  meteringBaseUrl: aUrl,
  teamId: aText,
  enforcementBaseUrl: aUrl,
  circuitBreakerEnabled: aFlag,
  bypass: aFlag,
  bypassFile: aText,
  pollIntervalSeconds: someSeconds,
  failMode: must((value) => value === 'open' || value === 'closed', "'open' or 'closed'"),
  cacheDir: aText,
  logLevel: must((value) => LOG_LEVELS.some((level) => level === value), `one of ${LOG_LEVELS.join(', ')}`),
  log: must(isLog, 'an object with the functions debug, info, warn and error'),
  bufferMaxSize: aCount,
  bufferFlushIntervalSeconds: someSeconds,
  meteringWorkers: aCount,
  meteringQueueSize: aCount,
  meteringTimeoutSeconds: someSeconds,
  meteringConnectTimeoutSeconds: someSeconds,
  meteringMaxRetries: must((value) => Number.isInteger(value) && Number(value) >= 0, 'a whole number of 0 or more'),
  shutdownTimeoutSeconds: someSeconds,
  installSignalHandlers: aFlag,
  usageMetadata: anObject,
  openTelemetry: aFlag,
  selectiveMetering: aFlag,
  capturePrompts: aFlag,
  maxPromptSize: aCount,
  printSummary: must((value) => value === 'human' || value === 'json' || value === false, "'human', 'json' or false"),
};

function checkOptions(options: unknown): void {
  const problems: string[] = [];
  if (anObject(options) !== undefined) throw new FusewireError('INVALID_OPTIONS', ['the options must be an object']);
  for (const [name, value] of Object.entries(options as FusewireOptions)) {
    const check = Object.hasOwn(OPTION_CHECKS, name) ? OPTION_CHECKS[name as keyof FusewireOptions] : undefined;
    if (check === undefined) {
      problems.push(`${name} is not an option; options are ${Object.keys(OPTION_CHECKS).join(', ')}`);
      continue;
    }
    const problem = value === undefined ? undefined : check(value);
    if (problem !== undefined) problems.push(`${name} ${problem}`);
  }
  if (problems.length > 0) throw new FusewireError('INVALID_OPTIONS', problems);
}
