import { describe, expect, it } from 'vitest';
import { createLogger, defaultLogLevel, loggedPath, toLog } from '../../../service/http/logger.js';

describe("the service's log", () => {
  const collect = (level: Parameters<typeof createLogger>[0]) => {
    const lines: string[] = [];
    return { lines, logger: createLogger(level, { write: (line) => void lines.push(line) }) };
  };

  it('I12: removes keys and credentials from fields and from text', () => {
    const { lines, logger } = collect('debug');
    const key = `rev_sk_fwTeam_${'s'.repeat(43)}`;
    logger.info({ req: { method: 'GET', url: `/x?key=${key}`, headers: { 'x-api-key': key } } }, 'asked');
    logger.info(
      {
        headers: { 'x-api-key': key, authorization: `Bearer ${key}` },
        subscriber: { credential: { value: 'sk-raw' } },
      },
      'deep',
    );
    toLog(logger).warn(`the key ${key} is odd`, {
      apiKey: key,
      event: { subscriber: { credential: { name: 'n', value: 'sk-raw' } } },
    });
    expect(lines).toHaveLength(3);
    expect(lines.join('')).not.toContain('ssss');
    expect(lines.join('')).not.toContain('sk-raw');
    expect(lines[2]).toContain('"level":40');
  });

  it('I12: keeps addresses of persons and keys out of paths, however long', () => {
    const key = `sk_${'s'.repeat(43)}`;
    expect(loggedPath('/v2/api/customers/ann%40example.com/keys?query=bob@x')).toBe('/v2/api/customers/***/keys');
    expect(loggedPath('/v2/api/customers/ann@example.com')).toBe('/v2/api/customers/***');
    expect(loggedPath(`/v2/api/gateway-keys/${key}`)).toBe('/v2/api/gateway-keys/***');
    expect(loggedPath(`/x/rev_sk_fwTeam_${'s'.repeat(43)}/y`)).toBe('/x/***/y');
    const plain = '/v2/api/fusewire/tasks_of/gk_aBcDeFgHiJ/rotate';
    expect(loggedPath(plain)).toBe(plain);
    const long = `/${'sk_'.repeat(100_000)}`;
    const before = process.cpuUsage();
    loggedPath(long);
    expect(process.cpuUsage(before).user).toBeLessThan(500_000);
  });

  it('is quiet in a terminal, and prints nothing below its level', () => {
    expect([defaultLogLevel(true), defaultLogLevel(false)]).toEqual(['warn', 'info']);
    const { lines, logger } = collect('warn');
    const log = toLog(logger);
    log.debug('a');
    log.info('b');
    log.warn('c');
    log.error('d');
    expect([lines.length, log.isDebug(), toLog(createLogger('debug', { write: () => undefined })).isDebug()]).toEqual([
      2,
      false,
      true,
    ]);
  });
});
