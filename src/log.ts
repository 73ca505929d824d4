/** Logging to standard error, in one line a message. A logger that throws never harms a call (I2). */

/** From the most talkative to the quietest; the names of `REVENIUM_LOG_LEVEL` (contract 1.1). */
export const LOG_LEVELS = ['DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL'] as const;

/** One of {@link LOG_LEVELS}. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Where messages go. `fields` are masked before they are printed. */
export interface Log {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
  /** Whether a debug message would be printed; guards work that only a debug message needs. */
  isDebug(): boolean;
}

const SECRET_FIELD = /key|token$|secret|password|authorization|cookie|credential/i;
/** Names that would be taken for a secret's, and of which one needs the value to find an event again. */
const HARMLESS_FIELD = /^(idempotency[-_]?key|credential[-_]?(alias|name))$/i;
const SECRET_VALUE = /\b(hak_|rev_|sk-|pplx-|ghp_|ghs_|AKIA|Bearer\s+)[A-Za-z0-9_.-]{4,}/g;
/** `https://user:password@host` */
const USER_INFO = /\/\/[^\s/@]+@/g;
const DEPTH_MAX = 6;

/** A copy of `value` for printing: values of fields that name a secret, and texts that look like one, are masked. */
export function maskSecrets(value: unknown): unknown {
  return mask(value, false, 0);
}

/** `isSecret`: all texts in here are masked, but a `name`. */
function mask(value: unknown, isSecret: boolean, depth: number): unknown {
  if (typeof value === 'string') {
    return isSecret ? '***' : value.replace(SECRET_VALUE, '$1***').replace(USER_INFO, '//***@');
  }
  if (value === null || typeof value !== 'object') return value;
  if (depth >= DEPTH_MAX) return '…';
  if (Array.isArray(value)) return value.map((item) => mask(item, isSecret, depth + 1));
  const copy: Record<string, unknown> = {};
  for (const [name, item] of Object.entries(value)) {
    const isSecretHere = name === 'name' ? false : isSecret || namesSecret(name);
    copy[name] = mask(item, isSecretHere, depth + 1);
  }
  return copy;
}

function namesSecret(name: string): boolean {
  return SECRET_FIELD.test(name) && !HARMLESS_FIELD.test(name);
}

/** A log that prints messages of `level` and above through `write` (standard error by default). */
export function createLog(level: LogLevel, write: (line: string) => void = lineWriter()): Log {
  const least = LOG_LEVELS.indexOf(level);
  const print = (name: LogLevel) => (message: string, fields?: Record<string, unknown>) => {
    if (LOG_LEVELS.indexOf(name) < least) return;
    try {
      const tail = fields === undefined ? '' : ` ${JSON.stringify(maskSecrets(fields))}`;
      write(`fusewire ${name} ${maskSecrets(message)}${tail}`);
    } catch {
      // A log line that cannot be written is lost; the call is not.
    }
  };
  return {
    debug: print('DEBUG'),
    info: print('INFO'),
    warn: print('WARNING'),
    error: print('ERROR'),
    isDebug: () => least === 0,
  };
}

/**
 * Writes lines to standard error. Where nobody reads that any more, its `error` event would end the process (I2), so
 * somebody listens for it while lines of ours are on their way; a program that writes there itself keeps its own errors.
 */
function lineWriter(): (line: string) => void {
  let underWay = 0;
  const ignore = () => undefined;
  const done = () => {
    underWay -= 1;
    if (underWay === 0) process.stderr.removeListener('error', ignore);
  };
  return (line) => {
    const { stderr } = process;
    if (underWay === 0) stderr.on('error', ignore);
    underWay += 1;
    // The event comes after the callback.
    stderr.write(`${line}\n`, () => setImmediate(done));
  };
}

/** A log as a program gives it. Without `isDebug`, as in `console`, nothing is worked out for debug messages. */
export type GivenLog = Omit<Log, 'isDebug'> & Partial<Pick<Log, 'isDebug'>>;

/** A log of the user's, as this package uses it: what it is given is masked like everything that is printed. */
export function maskingLog(log: GivenLog): Log {
  const masked =
    (level: 'debug' | 'info' | 'warn' | 'error') => (message: string, fields?: Record<string, unknown>) => {
      const text = String(maskSecrets(message));
      // What an asynchronous one returns is passed on, for its rejection to be silenced.
      if (fields === undefined) return log[level](text);
      return log[level](text, maskSecrets(fields) as Record<string, unknown>);
    };
  return {
    debug: masked('debug'),
    info: masked('info'),
    warn: masked('warn'),
    error: masked('error'),
    isDebug: () => log.isDebug?.() === true,
  };
}

/** Wraps a log of the user's so that one that throws is silenced, not felt. */
export function harmlessLog(log: Log): Log {
  const harmless = <A extends unknown[], R>(call: (...args: A) => R, instead: R) => {
    return (...args: A): R => {
      try {
        const result = call(...args);
        // An asynchronous logger fails later, and nobody waits for it.
        if (result instanceof Promise) result.catch(() => undefined);
        return result;
      } catch {
        return instead;
      }
    };
  };
  return {
    debug: harmless(log.debug.bind(log), undefined),
    info: harmless(log.info.bind(log), undefined),
    warn: harmless(log.warn.bind(log), undefined),
    error: harmless(log.error.bind(log), undefined),
    isDebug: harmless(log.isDebug.bind(log), false),
  };
}
