/** The service's log: pino, JSON lines on standard error, with keys and credentials removed (I12). */
import { type Log, maskSecrets } from 'fusewire/internal';
import { type DestinationStream, destination, type Logger, pino } from 'pino';
import type { ServiceLogLevel } from '../config.js';

/** What pino removes, wherever it stands in a message's fields. */
const REDACTED = [
  'req.headers["x-api-key"]',
  'req.headers.authorization',
  'headers["x-api-key"]',
  'headers.authorization',
  'headers["fusewire-admin-token"]',
  'subscriber.credential.value',
  '*.subscriber.credential.value',
  'subscriberCredential',
  '*.subscriberCredential',
  'key',
  '*.key',
];

/** The e-mail address of a person, or something like a key. */
const PRIVATE = /@|%40|(?:sk|rev_[ms]k)_\w{16}/i;

/** Quiet in a terminal, where a person reads what the command prints; `info` where the output is collected. */
export function defaultLogLevel(isTerminal: boolean): ServiceLogLevel {
  return isTerminal ? 'warn' : 'info';
}

/** A pino logger that writes to standard error, or to `stream`. */
export function createLogger(
  level: ServiceLogLevel,
  stream: DestinationStream = destination({ dest: 2, sync: true }),
): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: REDACTED, censor: '***' },
      serializers: {
        // Only what is needed to find a request; headers and bodies never.
        req: (request: { method: string; url: string }) => ({ method: request.method, url: loggedPath(request.url) }),
        res: (response: { statusCode: number }) => ({ statusCode: response.statusCode }),
      },
    },
    stream,
  );
}

/** A path without its query, and without the addresses of persons or the keys that somebody put into it (I12). */
export function loggedPath(url: string): string {
  const parts = (url.split('?')[0] ?? '').split('/');
  return parts.map((part) => (PRIVATE.test(part) ? '***' : part)).join('/');
}

/** The same log in the shape that the rest of the service and the SDK use. */
export function toLog(logger: Logger): Log {
  const print = (level: 'debug' | 'info' | 'warn' | 'error') => (message: string, fields?: Record<string, unknown>) =>
    logger[level](maskSecrets(fields ?? {}) as Record<string, unknown>, String(maskSecrets(message)));
  return {
    debug: print('debug'),
    info: print('info'),
    warn: print('warn'),
    error: print('error'),
    isDebug: () => logger.isLevelEnabled('debug'),
  };
}
