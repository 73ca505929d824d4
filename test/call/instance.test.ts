import { Ollama } from 'ollama';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FusewireOptions } from '../../src/config.js';
import { BudgetExceededError, FusewireError, withUsageMetadata } from '../../src/index.js';
import { createFusewireOn, type Fusewire } from '../../src/instance.js';
import { type FakeService, startFakeService } from '../../src/testing/fake-service.js';
import { type StubOllama, startStubOllama } from '../helpers/stub-ollama.js';

let service: FakeService;
let ollamaServer: StubOllama;
let lines: string[];
let fusewire: Fusewire;

const line = (level: string) => (message: string, fields?: object) => {
  lines.push(`${level} ${message}${fields === undefined ? '' : ` ${JSON.stringify(fields)}`}`);
};
const log = {
  debug: line('debug'),
  info: line('info'),
  warn: line('warn'),
  error: line('error'),
  isDebug: () => true,
};

function instance(options: FusewireOptions = {}): Fusewire {
  fusewire = createFusewireOn({ env: {} }, { ...service.options, log, ...options });
  return fusewire;
}

beforeEach(async () => {
  lines = [];
  [service, ollamaServer] = await Promise.all([startFakeService(), startStubOllama()]);
});

afterEach(async () => {
  await fusewire.close();
  await Promise.all([service.close(), ollamaServer.close()]);
});

const eventOf = async () => {
  expect(await fusewire.flush()).toBe(true);
  return service.events.at(-1);
};

describe('guard', () => {
  it('I2: names every wrong option, and what is no client, where it is called', () => {
    instance();
    const client = new Ollama({ host: ollamaServer.url });
    const problemsOf = (...given: unknown[]) => {
      try {
        fusewire.guard(...(given as Parameters<typeof fusewire.guard>));
      } catch (error) {
        return FusewireError.is(error) ? [error.code, error.problems.length] : error;
      }
      return undefined;
    };
    const wrong = { injectUsage: 'sometimes', uniqueIds: 1, providers: [{}], injectusage: true };
    expect(problemsOf(client, wrong)).toEqual(['INVALID_OPTIONS', 4]);
    expect(problemsOf(client, 'x')).toEqual(['INVALID_OPTIONS', 1]);
    for (const none of [null, undefined, 5, 'x', {}, [], () => 1, Promise.resolve(client)]) {
      expect(problemsOf(none)).toEqual(['UNKNOWN_CLIENT', 1]);
    }
    expect(problemsOf(client, { injectUsage: undefined, uniqueIds: false, providers: [] })).toBeUndefined();
  });
});

describe('checkEnforcement', () => {
  it('I2: takes any junk, throws nothing but the refusal, and the debug log tells the decision', async () => {
    service.setRules([{ name: 'Cap', breached: true, filters: [{ dimension: 'MODEL', operator: 'IS', value: 'm' }] }]);
    instance();
    await fusewire.ready();
    const thrower = Object.defineProperty({}, 'agent', {
      enumerable: true,
      get() {
        throw new Error('mine');
      },
    });
    for (const junk of [null, 5, 'x', [], thrower]) {
      expect(() => fusewire.checkEnforcement(junk as never, junk as never)).not.toThrow();
    }
    expect(() => fusewire.checkEnforcement({}, { model: 'm' })).toThrow(BudgetExceededError);
    expect(lines.filter((text) => text.startsWith('debug decided')).at(-1)).toContain('"code":"RULE_TRIPPED"');
  });
});

describe('meter', () => {
  it('lets the fields of the event beat its metadata, which beats the scope, in any spelling', async () => {
    instance();
    const around = { taskType: 'outer', organizationName: 'outer', subscriber: { id: 'outer' }, agent: 'outer' };
    withUsageMetadata(around, () =>
      fusewire.meter({
        model: 'm',
        provider: 'OLLAMA',
        taskType: 'own',
        ...{ organization_id: 'own', subscriber_email: 'own@example.org' },
        usageMetadata: { agent: 'metadata', taskType: 'metadata' },
      }),
    );
    expect(await eventOf()).toMatchObject({
      taskType: 'own',
      transactionName: 'own',
      organizationName: 'own',
      agent: 'metadata',
      subscriber: { email: 'own@example.org' },
    });
  });

  it('I2: what is no event at all is a wrong event, not a crash', () => {
    instance();
    for (const junk of [null, undefined, 5, 'x', []])
      expect(() => fusewire.meter(junk as never)).toThrow(FusewireError);
  });

  it('marks what is metered under a bypass', async () => {
    instance();
    for (const none of ['no', 1, undefined])
      expect(() => fusewire.setBypass(none as never)).toThrow('takes true or false');
    fusewire.setBypass(true);
    fusewire.meter({ model: 'm', provider: 'OLLAMA', attributes: { batch: 7 } });
    expect((await eventOf())?.['attributes']).toMatchObject({ batch: 7, bypass: true });
    fusewire.setBypass(false);
    fusewire.meter({ model: 'm', provider: 'OLLAMA' });
    expect((await eventOf())?.['attributes']).not.toHaveProperty('bypass');
  });
});

describe('time limits', () => {
  it('that are endless wait, and ones that are no number are the default', async () => {
    instance();
    expect(await fusewire.ready({ timeoutMs: Number.POSITIVE_INFINITY })).toBe(true);
    expect(await fusewire.ready(null as never)).toBe(true);
    for (const timeoutMs of [Number.POSITIVE_INFINITY, Number.NaN, 2 ** 40]) {
      fusewire.meter({ model: 'm', provider: 'OLLAMA' });
      expect(await fusewire.flush({ timeoutMs })).toBe(true);
    }
    expect(service.events).toHaveLength(3);
  });
});

describe('close', () => {
  it('I2: twice is harmless, and whatever comes after it works and throws nothing', async () => {
    service.setRules([{ name: 'Cap', breached: true }]);
    instance();
    const client = fusewire.guard(new Ollama({ host: ollamaServer.url }));
    await fusewire.ready();
    await expect(client.chat({ model: 'm' })).rejects.toBeInstanceOf(BudgetExceededError);
    await Promise.all([fusewire.close(), fusewire.close()]);
    await fusewire.close();
    const later = fusewire.guard(new Ollama({ host: ollamaServer.url }));
    for (const guarded of [client, later]) expect((await guarded.chat({ model: 'm' })).done).toBe(true);
    fusewire.checkEnforcement();
    fusewire.meter({ model: 'm', provider: 'OLLAMA' });
    fusewire.setBypass(true);
    expect(await fusewire.ready()).toBe(false);
    expect(await fusewire.flush()).toBe(false);
    expect(fusewire.status().enforcement?.state).toBe('stopped');
    expect(lines.filter((text) => text.includes('after close()'))).toHaveLength(1);
    expect(service.events).toHaveLength(0);
  });
});
