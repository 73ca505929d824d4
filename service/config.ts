/** The service's configuration: environment variables, read once, all problems in one error. */
import { isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConnectionUrl, POSTGRES_URL } from './store/postgres/connection-url.js';

/** What pino calls its levels, and `silent`. */
export type ServiceLogLevel = 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

/** The service's settings. */
export interface ServiceConfig {
  /** Where the service listens. @defaultValue 127.0.0.1 */
  readonly host: string;
  /** 0 asks the system for a free port. @defaultValue 8787 */
  readonly port: number;
  /** Absolute. Holds the database, the secret that protects credentials and the door for local commands. */
  readonly dataDir: string;
  /** Absolute path of the SQLite file. @defaultValue `fusewire.db` in the data folder */
  readonly databaseFile: string;
  /** The PostgreSQL database that is used instead of the file. @defaultValue none */
  readonly databaseUrl?: ConnectionUrl | undefined;
  /** `undefined`: quiet in a terminal, `info` elsewhere. */
  readonly logLevel: ServiceLogLevel | undefined;
  /**
   * Whether webhooks may call private networks and this machine. `undefined`: this machine only, and only while the
   * service itself listens on it alone.
   */
  readonly webhookAllowPrivate?: boolean | undefined;
  /** Requests a second that one key may send; 0: no limit. @defaultValue 2,000 */
  readonly keyRatePerSecond?: number | undefined;
}

/** The variables that {@link readServiceConfig} reads; the command line also reads keys, as the SDK declares them. */
export const SERVICE_VARIABLES = [
  'PORT',
  'HOST',
  'FUSEWIRE_DATA_DIR',
  'DATABASE_URL',
  'LOG_LEVEL',
  'FUSEWIRE_WEBHOOK_ALLOW_PRIVATE',
  'FUSEWIRE_KEY_RATE_PER_SECOND',
] as const;

/** Wrong settings. `problems` names every one of them. */
export class ServiceConfigError extends Error {
  override readonly name = 'ServiceConfigError';

  constructor(readonly problems: readonly string[]) {
    super(`wrong configuration: ${problems.join('; ')}`);
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

const LEVELS: ReadonlyMap<string, ServiceLogLevel> = new Map([
  ['debug', 'debug'],
  ['info', 'info'],
  ['warn', 'warn'],
  ['warning', 'warn'],
  ['error', 'error'],
  ['critical', 'fatal'],
  ['fatal', 'fatal'],
  ['silent', 'silent'],
]);

/**
 * Reads the settings from `env`; what is unset or empty takes its default. Relative paths start at `workingDir`.
 *
 * @throws ServiceConfigError with all problems at once.
 */
export function readServiceConfig(env: Environment, workingDir: string): ServiceConfig {
  const problems: string[] = [];
  const dataDir = resolve(workingDir, settingOf(env, 'FUSEWIRE_DATA_DIR') ?? 'fusewire-data');
  const config: ServiceConfig = {
    host: readHost(settingOf(env, 'HOST'), problems),
    port: readPort(settingOf(env, 'PORT'), problems),
    dataDir,
    ...readDatabase(settingOf(env, 'DATABASE_URL'), workingDir, dataDir, problems),
    logLevel: readLogLevel(settingOf(env, 'LOG_LEVEL'), problems),
    webhookAllowPrivate: readFlag(env, 'FUSEWIRE_WEBHOOK_ALLOW_PRIVATE', problems),
    keyRatePerSecond: readRate(settingOf(env, 'FUSEWIRE_KEY_RATE_PER_SECOND'), problems),
  };
  if (problems.length > 0) throw new ServiceConfigError(problems);
  return Object.freeze(config);
}

function settingOf(env: Environment, name: (typeof SERVICE_VARIABLES)[number]): string | undefined {
  const value = env[name]?.trim();
  return value === '' ? undefined : value;
}

function readPort(value: string | undefined, problems: string[]): number {
  if (value === undefined) return 8787;
  const port = Number(value);
  if (/^\d{1,5}$/.test(value) && port <= 65_535) return port;
  problems.push(`PORT must be a whole number from 0 to 65535, not '${value}'`);
  return 8787;
}

function readHost(value: string | undefined, problems: string[]): string {
  if (value === undefined) return '127.0.0.1';
  if (/^[A-Za-z0-9._:-]+$/.test(value)) return value;
  problems.push(`HOST must be a host name or an address without scheme and brackets, not '${value}'`);
  return '127.0.0.1';
}

function readFlag(env: Environment, name: 'FUSEWIRE_WEBHOOK_ALLOW_PRIVATE', problems: string[]): boolean | undefined {
  const value = settingOf(env, name);
  if (value === undefined) return undefined;
  if (/^(true|1|yes|on)$/i.test(value)) return true;
  if (!/^(false|0|no|off)$/i.test(value)) problems.push(`${name} must be true or false, not '${value}'`);
  return false;
}

function readRate(value: string | undefined, problems: string[]): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,7}$/.test(value)) return Number(value);
  problems.push(`FUSEWIRE_KEY_RATE_PER_SECOND must be a whole number up to 9999999, or 0 for no limit, not '${value}'`);
  return undefined;
}

function readLogLevel(value: string | undefined, problems: string[]): ServiceLogLevel | undefined {
  if (value === undefined) return undefined;
  const level = LEVELS.get(value.toLowerCase());
  if (level === undefined) problems.push(`LOG_LEVEL must be one of ${[...LEVELS.keys()].join(', ')}, not '${value}'`);
  return level;
}

type Database = Pick<ServiceConfig, 'databaseFile' | 'databaseUrl'>;

/** The text may hold a password: it is never repeated in a message. */
function readDatabase(value: string | undefined, workingDir: string, dataDir: string, problems: string[]): Database {
  const databaseFile = join(dataDir, 'fusewire.db');
  if (value === undefined) return { databaseFile };
  if (!POSTGRES_URL.test(value)) return { databaseFile: readDatabaseFile(value, workingDir, databaseFile, problems) };
  if (!isAddress(value)) {
    problems.push(
      'DATABASE_URL must be like postgres://user:password@host:5432/database, with special characters in the password as %XX',
    );
  }
  return { databaseFile, databaseUrl: new ConnectionUrl(value) };
}

/** Names a database, in a form that every reader of addresses takes apart in the same way. */
function isAddress(value: string): boolean {
  try {
    return new URL(value).pathname.length > 1;
  } catch {
    return false;
  }
}

function readDatabaseFile(value: string, workingDir: string, standard: string, problems: string[]): string {
  if (!value.startsWith('file:') || value === 'file:') {
    problems.push('DATABASE_URL must be postgres://… (PostgreSQL) or file:PATH (the embedded SQLite database)');
    return standard;
  }
  try {
    const path = value.startsWith('file://') ? fileURLToPath(value) : value.slice('file:'.length);
    return isAbsolute(path) ? path : resolve(workingDir, path);
  } catch {
    problems.push('DATABASE_URL must name a local file, for instance file:./data/fusewire.db');
    return standard;
  }
}
