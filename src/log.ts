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

const SECRET_FIELD = /key|token$|secret|password|authorization|credential/i;
const SECRET_VALUE = /\b(hak_|rev_|sk-|pplx-|ghp_|ghs_|AKIA)[A-Za-z0-9_-]{4,}/g;
const DEPTH_MAX = 6;

/** A copy of `value` for printing: values of fields that name a secret, and texts that look like one, are masked. */
export function maskSecrets(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return value.replace(SECRET_VALUE, '$1***');
  if (value === null || typeof value !== 'object') return value;
  if (depth >= DEPTH_MAX) return '…';
  if (Array.isArray(value)) return value.map((item) => maskSecrets(item, depth + 1));
  const copy: Record<string, unknown> = {};
  for (const [name, item] of Object.entries(value)) {
    const isSecret = SECRET_FIELD.test(name) && (typeof item === 'string' || name === 'value');
    copy[name] = isSecret && name !== 'name' ? '***' : maskSecrets(item, depth + 1);
  }
  if (typeof copy['value'] === 'string' && 'name' in copy) copy['value'] = '***';
  return copy;
}

/** A log that prints messages of `level` and above through `write` (standard error by default). */
export function createLog(
  level: LogLevel,
  write: (line: string) => void = (line) => void process.stderr.write(`${line}\n`),
): Log {
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

/** Wraps a log of the user's so that one that throws is silenced, not felt. */
export function harmlessLog(log: Log): Log {
  const harmless = <A extends unknown[], R>(call: (...args: A) => R, instead: R) => {
    return (...args: A): R => {
      try {
        return call(...args);
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
