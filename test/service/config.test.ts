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

  it('reads levels in any case and under the names of the SDK', () => {
    expect(['WARNING', 'debug', 'CRITICAL', 'silent'].map((level) => read({ LOG_LEVEL: level }).logLevel)).toEqual([
      'warn',
      'debug',
      'fatal',
      'silent',
    ]);
  });

  it('names every problem in one error and repeats no address that may hold a password', () => {
    const env = { PORT: '80.5', HOST: 'http://x/', LOG_LEVEL: 'loud', DATABASE_URL: 'postgres://u:hunter2@h/db' };
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
