import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { resolveConfig } from '../../src/config.js';
import { createCredentials } from '../../src/credentials.js';
import { FusewireError } from '../../src/errors.js';
import { createRuntime } from '../../src/runtime.js';

describe('configuration', () => {
  it('takes code over environment over default', () => {
    const env = { REVENIUM_CB_POLL_INTERVAL_SECONDS: '45', REVENIUM_CB_FAIL_MODE: 'CLOSED' };
    expect(resolveConfig({}, {}).config).toMatchObject({
      pollIntervalMs: 60_000,
      failMode: 'open',
      bufferMaxSize: 1000,
    });
    expect(resolveConfig({}, env).config).toMatchObject({ pollIntervalMs: 45_000, failMode: 'closed' });
    const options = { pollIntervalSeconds: 5, failMode: 'open' } as const;
    expect(resolveConfig(options, env).config).toMatchObject({ pollIntervalMs: 5_000, failMode: 'open' });
  });

  it.each([
    ['true', true],
    ['1', true],
    ['YES', true],
    ['on', true],
    ['false', false],
    ['0', false],
    ['no', false],
    ['off', false],
  ])('reads the flag %s', (text, value) => {
    const { config, problems } = resolveConfig({}, { REVENIUM_CIRCUIT_BREAKER_ENABLED: text });
    expect(config.circuitBreakerEnabled).toBe(value);
    expect(problems).toEqual([]);
  });

  it.each([
    ['500.0', 500, 0],
    ['1e3', 1000, 0],
    ['', 1000, 0],
    ['0.5', 1000, 1],
    ['inf', 1000, 1],
    ['nan', 1000, 1],
    ['junk', 1000, 1],
  ])('reads the buffer size %j as the public SDKs do', (text, value, problems) => {
    const result = resolveConfig({}, { REVENIUM_BUFFER_MAX_SIZE: text });
    expect(result.config.bufferMaxSize).toBe(value);
    expect(result.problems).toHaveLength(problems);
  });

  it('I2: wrong environment values take their default and are reported; a mistyped fail mode at error level', () => {
    const { config, problems } = resolveConfig(
      {},
      {
        REVENIUM_CB_FAIL_MODE: 'clsoed',
        REVENIUM_METERING_BASE_URL: 'ftp://h',
        REVENIUM_CB_POLL_INTERVAL_SECONDS: '-1',
        REVENIUM_LOG_LEVEL: 'LOUD',
      },
    );
    expect(config).toMatchObject({
      failMode: 'open',
      meteringBaseUrl: 'https://api.revenium.ai',
      pollIntervalMs: 60_000,
    });
    expect(problems.map((problem) => problem.level).sort()).toEqual(['error', 'warn', 'warn', 'warn']);
    expect(problems.find((problem) => problem.level === 'error')?.message).toContain('REVENIUM_CB_FAIL_MODE');
  });

  it('I2: wrong options in code throw one error that lists every problem', () => {
    const wrong = { failMode: 'shut', apiKey: 'sk-1', pollInterval: 3, meteringWorkers: 0 } as never;
    try {
      resolveConfig(wrong, {});
      expect.unreachable();
    } catch (error) {
      expect(FusewireError.is(error)).toBe(true);
      expect((error as FusewireError).problems).toHaveLength(4);
      expect(String(error)).not.toContain('sk-1');
    }
  });

  it('I2: options that are no object, and a log that lacks a function, are wrong options', () => {
    for (const options of [null, 5, 'x', [], { log: {} }, { log: { ...console, warn: 1 } }]) {
      expect(() => resolveConfig(options as never, {})).toThrow(FusewireError);
    }
    expect(resolveConfig({ log: console }, {}).problems).toEqual([]);
  });

  it('bounds the outbox by the larger of buffer and queue', () => {
    const sizes = (env: Record<string, string>, options = {}) => resolveConfig(options, env).config.bufferMaxSize;
    expect(sizes({ REVENIUM_METERING_QUEUE_SIZE: '5000' })).toBe(5000);
    expect(sizes({ REVENIUM_METERING_QUEUE_SIZE: '20', REVENIUM_BUFFER_MAX_SIZE: '50' })).toBe(50);
    expect(sizes({ REVENIUM_METERING_QUEUE_SIZE: 'junk', REVENIUM_BUFFER_MAX_SIZE: '50' })).toBe(50);
    expect(sizes({ REVENIUM_METERING_QUEUE_SIZE: '5000' }, { meteringQueueSize: 60, bufferMaxSize: 50 })).toBe(60);
  });

  it('I2: a time that no timer can wait for is the longest that one can', () => {
    const { config } = resolveConfig(
      { pollIntervalSeconds: 1e9, bufferFlushIntervalSeconds: 1e9 },
      { REVENIUM_SHUTDOWN_TIMEOUT_SECONDS: '99999999', REVENIUM_METERING_TIMEOUT_SECONDS: '1e300' },
    );
    const { pollIntervalMs, flushIntervalMs, shutdownTimeoutMs, timeoutMs } = config;
    for (const ms of [pollIntervalMs, flushIntervalMs, shutdownTimeoutMs, timeoutMs]) expect(ms).toBe(2 ** 31 - 1);
  });

  it('I12: keeps no name and password of a URL', () => {
    const { config } = resolveConfig(
      { meteringBaseUrl: 'https://me:p%40ss@h.example:8443/meter/' },
      { REVENIUM_ENFORCEMENT_BASE_URL: 'http://me@h.example/x@y' },
    );
    expect(config.meteringBaseUrl).toBe('https://h.example:8443/meter');
    expect(config.enforcementBaseUrl).toBe('http://h.example/x@y');
  });

  it('derives the enforcement URL from the origin of the metering URL and keeps a context path that is given', () => {
    expect(resolveConfig({ meteringBaseUrl: 'https://h:1/meter/v2' }, {}).config.enforcementBaseUrl).toBe(
      'https://h:1',
    );
    const env = { REVENIUM_ENFORCEMENT_BASE_URL: 'https://api.revenium.ai/profitstream//' };
    expect(resolveConfig({}, env).config.enforcementBaseUrl).toBe('https://api.revenium.ai/profitstream');
  });

  it('I12: the key does not print', () => {
    const { config } = resolveConfig({ apiKey: 'rev_mk_fwTeam_topsecret1234' }, {});
    const shown = `${String(config.apiKey)} ${JSON.stringify(config)} ${inspect(config)}`;
    expect(shown).not.toContain('topsecret');
    expect(config.apiKey?.reveal()).toBe('rev_mk_fwTeam_topsecret1234');
  });

  it('I9: a key that is set late or rotated is picked up, one with a wrong prefix is reported once', () => {
    const env: Record<string, string> = {};
    const errors: string[] = [];
    const log = { ...createRuntime().log, error: (message: string) => void errors.push(message) };
    const credentials = createCredentials(resolveConfig({}, env).config, createRuntime({ env, log }));
    expect(credentials()).toBeUndefined();
    env['REVENIUM_METERING_API_KEY'] = 'nonsense';
    expect(credentials()).toBeUndefined();
    expect(credentials()).toBeUndefined();
    expect(errors).toHaveLength(1);
    env['REVENIUM_METERING_API_KEY'] = 'hak_one';
    expect(credentials()?.apiKey.reveal()).toBe('hak_one');
    env['REVENIUM_API_KEY'] = 'hak_alias';
    env['REVENIUM_METERING_API_KEY'] = 'hak_two';
    env['REVENIUM_TEAM_ID'] = 'k7PqWz';
    expect(credentials()).toMatchObject({ teamId: 'k7PqWz' });
    expect(credentials()?.apiKey.reveal()).toBe('hak_two');
  });
});
