import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createLog, type GivenLog, harmlessLog, maskingLog, maskSecrets } from '../../src/log.js';

describe('secrets in the log', () => {
  it('I12: are masked wherever the live key of a subscriber stands', () => {
    for (const credential of [{ name: 'svc', value: 'k-live' }, { value: 'k-live' }, 'k-live', ['k-live']]) {
      const masked = JSON.stringify(maskSecrets({ event: { subscriber: { id: 'u-88', credential } } }));
      expect(masked).not.toContain('k-live');
      expect(masked).toContain('u-88');
    }
    expect(maskSecrets({ subscriber_credential: 'k-live', 'x-api-key': 'a', Authorization: 'b', cookie: 'c' })).toEqual(
      {
        subscriber_credential: '***',
        'x-api-key': '***',
        Authorization: '***',
        cookie: '***',
      },
    );
  });

  it('I12: are masked by their form inside texts, and so is the password of a URL', () => {
    expect(maskSecrets('key hak_1234567890, sk-proj-abcdefgh and Bearer eyJhbGciOi.J9 at http://me:pass@h:1/v1')).toBe(
      'key hak_***, sk-*** and Bearer *** at http://***@h:1/v1',
    );
  });

  it('hide nothing that one needs to follow an event: counts, times, ids, names', () => {
    const event = {
      idempotencyKey: '01a1fbac-ce86-712f-a2b8-3a43359abb67',
      inputTokenCount: 21,
      timeToFirstToken: 4,
      credentialAlias: 'prod',
      subscriber: { id: 'u-88', credential: { name: 'svc' } },
      attributes: { list: [{ name: 'shelf', value: 'B7' }] },
    };
    expect(maskSecrets(event)).toEqual(event);
  });

  it('I12: do not reach a log of the user’s either', () => {
    const seen: unknown[] = [];
    const take = (...line: unknown[]) => void seen.push(line);
    const log = maskingLog({ debug: take, info: take, warn: take, error: take, isDebug: () => true });
    log.debug('sent with hak_1234567890', { credential: { value: 'k-live' } });
    log.warn('plain');
    expect(seen).toEqual([['sent with hak_***', { credential: { value: '***' } }], ['plain']]);
    expect(log.isDebug()).toBe(true);
    expect(maskingLog(console).isDebug()).toBe(false);
  });
});

describe('I2: a log that cannot be written', () => {
  it('harms nobody when it throws, at once or later', async () => {
    const rejections: unknown[] = [];
    const listen = (reason: unknown) => void rejections.push(reason);
    process.on('unhandledRejection', listen);
    const fail = (): never => {
      throw new Error('at once');
    };
    const later = async () => {
      throw new Error('later');
    };
    const broken: GivenLog = { debug: fail, info: later, warn: later, error: fail, isDebug: fail };
    const log = harmlessLog(maskingLog(broken));
    log.debug('a', { b: 1 });
    log.info('a');
    log.warn('a', { b: 1 });
    log.error('a');
    expect(log.isDebug()).toBe(false);
    // Node reports a rejection that nobody handles after the microtasks.
    await new Promise((resolve) => setImmediate(resolve));
    process.removeListener('unhandledRejection', listen);
    expect(rejections).toEqual([]);
  });

  it('does not end the process when nobody reads standard error', async () => {
    const script = fileURLToPath(new URL('log-child.ts', import.meta.url));
    const child = spawn(process.execPath, ['--import', 'tsx', script], { stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr.destroy();
    expect(await once(child, 'exit')).toEqual([7, null]);
  }, 30_000);

  it('prints its own level and above', () => {
    const lines: string[] = [];
    const log = createLog('WARNING', (line) => void lines.push(line));
    log.debug('1');
    log.info('2');
    log.warn('3', { n: 1 });
    log.error('4');
    expect(lines).toEqual(['fusewire WARNING 3 {"n":1}', 'fusewire ERROR 4']);
  });
});
