import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { readServiceConfig, ServiceConfigError } from '../../service/config.js';

const read = (env: Record<string, string>) => readServiceConfig(env, '/base');

describe("the service's configuration", () => {
  it('has defaults for everything; empty is unset', () => {
    const defaults = {
      host: '127.0.0.1',
      port: 8787,
      dataDir: '/base/fusewire-data',
      databaseFile: '/base/fusewire-data/fusewire.db',
      logLevel: undefined,
    };
    expect(read({})).toEqual(defaults);
    expect(read({ PORT: '', HOST: ' ', FUSEWIRE_DATA_DIR: '', DATABASE_URL: '', LOG_LEVEL: '' })).toEqual(defaults);
    expect(Object.isFrozen(read({}))).toBe(true);
  });

  it.each([
    ['file:./db/x.db', '/base/db/x.db'],
    ['file:/var/x.db', '/var/x.db'],
    ['file:///var/x%20y.db', '/var/x y.db'],
  ])('reads DATABASE_URL %s', (text, file) => {
    expect(read({ DATABASE_URL: text }).databaseFile).toBe(file);
  });

  it('reads the address of PostgreSQL and shows of it no more than server and database', () => {
    for (const text of ['postgres://u:hunter2@h:5433/db?sslmode=require', 'PostgreSQL://u:hunter2@h:5433/db']) {
      const config = read({ DATABASE_URL: text });
      expect(config.databaseUrl?.reveal()).toBe(text);
      const shown = [`${config.databaseUrl}`, JSON.stringify(config), inspect(config, { depth: 9 })].join();
      expect(shown).toContain('h:5433/db');
      expect(shown).not.toContain('hunter2');
    }
    expect(read({ DATABASE_URL: 'file:x.db' }).databaseUrl).toBeUndefined();
  });

  it.each(['postgres://u:hunter2@h', 'postgres://u:hun/ter2@h/db', 'postgres://u:hunter2@h:port/db'])(
    'refuses an address that names no database: %s',
    (text) => {
      expect(() => read({ DATABASE_URL: text })).toThrow(/DATABASE_URL must be like postgres:/);
      expect(() => read({ DATABASE_URL: text })).not.toThrow(/hun/);
    },
  );

  it('reads levels in any case and under the names of the SDK', () => {
    expect(['WARNING', 'debug', 'CRITICAL', 'silent'].map((level) => read({ LOG_LEVEL: level }).logLevel)).toEqual([
      'warn',
      'debug',
      'fatal',
      'silent',
    ]);
  });

  it('names every problem in one error and repeats no address that may hold a password', () => {
    const env = { PORT: '80.5', HOST: 'http://x/', LOG_LEVEL: 'loud', DATABASE_URL: 'mysql://u:hunter2@h/db' };
    const problems = (() => {
      try {
        read(env);
      } catch (error) {
        return (error as ServiceConfigError).problems;
      }
      return [];
    })();
    expect(problems.map((problem) => problem.split(' ')[0]).sort()).toEqual([
      'DATABASE_URL',
      'HOST',
      'LOG_LEVEL',
      'PORT',
    ]);
    expect(problems.join()).not.toContain('hunter2');
    expect(() => read({ DATABASE_URL: 'file://elsewhere/x.db' })).toThrow(ServiceConfigError);
  });
});
