import { EventEmitter } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { reveniumMetadata, reveniumMeter } from '../../src/attribution/revenium-metadata.js';
import { createMetadataResolver } from '../../src/metadata/resolver.js';
import { withUsageMetadata } from '../../src/metadata/scope.js';
import type { UsageMetadata } from '../../src/usage-metadata.js';

function resolverWith(instance?: Record<string, unknown>, env: Record<string, string> = {}) {
  const warnings: string[] = [];
  const warn = (message: string) => void warnings.push(message);
  const log = { debug() {}, info() {}, warn, error() {}, isDebug: () => false };
  return { resolver: createMetadataResolver({ env, log }, instance), warnings };
}

const { resolver } = resolverWith();
/** What a guarded call made here would carry. */
const seen = (call?: object) => resolver.resolve(call).fields;
const agent = () => seen().agent;

describe('reveniumMetadata() around a function', () => {
  it('keeps name, length, this, arguments, result, own properties and what new makes', () => {
    const plain = Object.assign(
      function area(this: { scale: number }, width: number, height: number) {
        return width * height * this.scale;
      },
      { unit: 'm²' },
    );
    const wrapped = reveniumMetadata({ agent: 'a' })(plain);
    expect([wrapped.name, wrapped.length, wrapped.unit]).toEqual(['area', 2, 'm²']);
    expect(wrapped.call({ scale: 2 }, 3, 4)).toBe(24);
    function Point(this: { x: number }, x: number) {
      this.x = x;
    }
    const made = Reflect.construct(reveniumMetadata({ agent: 'a' })(Point), [7]);
    expect(made).toBeInstanceOf(Point);
    expect(made).toEqual({ x: 7 });
  });

  it('keeps the kind of a function, and the very promise or object that it returns', async () => {
    const promise = Promise.resolve(1);
    expect(reveniumMetadata({ agent: 'a' })(() => promise)()).toBe(promise);
    const iterator = { next: () => ({ done: true }), [Symbol.iterator]: () => iterator };
    expect(reveniumMetadata({ agent: 'a' })(() => iterator)()).toBe(iterator);
    const kinds = [async () => 1, function* () {}, async function* () {}].map((fn) => {
      const wrapped = reveniumMetadata({ agent: 'a' })(fn as () => unknown);
      return Object.prototype.toString.call(wrapped);
    });
    expect(kinds).toEqual(['[object AsyncFunction]', '[object GeneratorFunction]', '[object AsyncGeneratorFunction]']);
  });

  it('holds in synchronous code and after every await, and not around the call', async () => {
    const steps = reveniumMetadata({ agent: 'inside' })(async () => {
      const found = [agent()];
      await nextTurn();
      found.push(agent());
      await new Promise((resolve) => setTimeout(resolve, 1));
      found.push(agent());
      return found;
    });
    const running = steps();
    expect(agent()).toBeUndefined();
    expect(await running).toEqual(['inside', 'inside', 'inside']);
    expect(agent()).toBeUndefined();
  });

  it('keeps calls that run at the same time apart', async () => {
    const named = reveniumMetadata((name: string) => ({ agent: name }))(async (_name: string) => {
      await nextTurn();
      await nextTurn();
      return agent();
    });
    const names = Array.from({ length: 50 }, (_, index) => `agent-${index}`);
    expect(await Promise.all(names.map((name) => named(name)))).toEqual(names);
  });

  it('passes what the function throws, sync and async', async () => {
    const error = new Error('its own');
    const sync = reveniumMetadata({ agent: 'a' })((): void => {
      throw error;
    });
    expect(() => sync()).toThrow(error);
    await expect(reveniumMetadata({ agent: 'a' })(async () => Promise.reject(error))()).rejects.toBe(error);
  });

  it('lets the call beat inner, outer, instance and environment, field by field (contract 9.1)', () => {
    const known = resolverWith(
      { productName: 'instance', traceName: 'instance' },
      { REVENIUM_TICKET_ID: 'env', REVENIUM_TRACE_NAME: 'env' },
    ).resolver;
    const inner = reveniumMetadata({ agent: 'inner', taskType: 'inner', productName: 'inner' })(
      () => known.resolve({ agent: 'call' }).fields,
    );
    const outer = reveniumMetadata({ agent: 'outer', taskType: 'outer', organizationName: 'outer' })(() => inner());
    expect(outer()).toMatchObject({
      agent: 'call',
      taskType: 'inner',
      organizationName: 'outer',
      productName: 'inner',
      traceName: 'instance',
      ticketId: 'env',
    });
    expect(withUsageMetadata({ subscriptionId: 's' }, outer)).toMatchObject({ subscriptionId: 's', taskType: 'inner' });
  });

  it('asks a function at each call, with arguments and this', () => {
    class Desk {
      readonly #tenant: string;
      readonly answer = reveniumMetadata(function (this: Desk, question: string, ..._rest: string[]) {
        return { agent: question, organizationName: this.#tenant };
      })(function (this: Desk, _question: string) {
        return seen();
      });
      constructor(tenant: string) {
        this.#tenant = tenant;
      }
    }
    expect(new Desk('north').answer('q1')).toEqual({ agent: 'q1', organizationName: 'north' });
    expect(new Desk('south').answer('q2')).toEqual({ agent: 'q2', organizationName: 'south' });
    expect(reveniumMetadata(() => undefined)(() => seen())()).toEqual({});
  });

  it('I2: a function that throws costs its metadata and one warning, not the call', () => {
    const known = resolverWith();
    const fails = reveniumMetadata(() => {
      throw new Error('mine');
    })(function answer() {
      return known.resolver.resolve({ agent: 'call' }).fields;
    });
    expect([fails(), fails()]).toEqual([{ agent: 'call' }, { agent: 'call' }]);
    expect(known.warnings).toEqual([expect.stringContaining('reveniumMetadata() of answer (its function threw)')]);
  });

  it('warns once of a deprecated name, however often the function is called', () => {
    const known = resolverWith();
    const old = reveniumMetadata({ organization_id: 'o' })(() => known.resolver.resolve(undefined).fields);
    expect([old(), old()]).toEqual([{ organizationName: 'o' }, { organizationName: 'o' }]);
    expect(known.warnings).toHaveLength(1);
  });

  it('works its scope out once for all calls of a function, and once for each scope around it', () => {
    const scoped = reveniumMetadata({ agent: 'a' })(() => resolver.resolve(undefined));
    expect(scoped()).toBe(scoped());
    const outer = reveniumMetadata({ taskType: 't' })(() => [scoped(), scoped()]);
    const [first, second] = outer();
    expect(first).toBe(second);
    expect(outer()[0]).toBe(first);
  });

  it('refuses what is neither metadata nor a function', () => {
    for (const wrong of [undefined, null, 7, 'agent', ['a']]) {
      expect(() => reveniumMetadata(wrong as unknown as UsageMetadata)).toThrow(
        expect.objectContaining({ name: 'FusewireError', code: 'INVALID_OPTIONS' }),
      );
    }
    class Client {}
    for (const wrong of [undefined, null, {}, 'x', Client]) {
      expect(() => reveniumMetadata({})(wrong as () => void)).toThrow(/is for functions and methods, and was put on/);
    }
  });
});

describe('a generator in a scope', () => {
  it('runs its body in the scope at every next, and its consumer outside', () => {
    const closed: unknown[] = [];
    const count = reveniumMetadata({ agent: 'body' })(function* (
      from: number,
    ): Generator<unknown[], unknown, string | undefined> {
      try {
        const sent = yield [from, agent()];
        yield [sent, agent()];
        return agent();
      } finally {
        closed.push(agent());
      }
    });
    const generator = count(1);
    expect(generator.next()).toEqual({ done: false, value: [1, 'body'] });
    expect(agent()).toBeUndefined();
    const between = withUsageMetadata({ agent: 'consumer' }, () => generator.next('sent'));
    expect(between).toEqual({ done: false, value: ['sent', 'body'] });
    expect(generator.next()).toEqual({ done: true, value: 'body' });
    expect([...count(5)].map(([, of]) => of)).toEqual(['body', 'body']);
    const left = count(1);
    for (const _first of left) break;
    expect(left.next()).toEqual({ done: true, value: undefined });
    expect(closed).toEqual(['body', 'body', 'body']);
  });

  it('is a generator of the same kind: throw, return, yield*, instanceof, spread', () => {
    function* plain(): Generator<string | undefined, void, void> {
      try {
        yield agent();
      } catch (error) {
        yield `${agent()} caught ${(error as Error).message}`;
      }
    }
    const wrapped = reveniumMetadata({ agent: 'g' })(plain);
    const generator = wrapped();
    expect(generator).toBeInstanceOf(plain);
    expect(Object.prototype.toString.call(generator)).toBe('[object Generator]');
    expect(generator[Symbol.iterator]()).toBe(generator);
    generator.next();
    expect(generator.throw(new Error('x')).value).toBe('g caught x');
    expect(generator.return()).toEqual({ done: true, value: undefined });
    function* around() {
      yield* wrapped();
    }
    expect([...around()]).toEqual(['g']);
    expect(Object.keys(generator)).toEqual([]);
  });

  it('holds in async generators through awaits, for consumers that ask ahead, and in finally', async () => {
    const closed: unknown[] = [];
    const stream = reveniumMetadata({ agent: 'stream' })(async function* (parts: number) {
      try {
        for (let part = 0; part < parts; part += 1) {
          await nextTurn();
          yield `${part} ${agent()}`;
        }
      } finally {
        await nextTurn();
        closed.push(agent());
      }
    });
    const read: string[] = [];
    for await (const part of stream(3)) {
      expect(agent()).toBeUndefined();
      read.push(part);
    }
    expect(read).toEqual(['0 stream', '1 stream', '2 stream']);
    const ahead = stream(2);
    const results = await Promise.all([ahead.next(), ahead.next(), ahead.next()]);
    expect(results.map(({ value }) => value)).toEqual(['0 stream', '1 stream', undefined]);
    for await (const _part of stream(9)) break;
    expect(closed).toEqual(['stream', 'stream', 'stream']);
    expect(agent()).toBeUndefined();
  });

  it('keeps the scope in which it was made, wherever it is read', async () => {
    const inner = reveniumMetadata({ taskType: 'inner' })(async function* () {
      yield seen();
    });
    const made = withUsageMetadata({ agent: 'maker' }, () => inner());
    const read = await withUsageMetadata({ agent: 'reader', traceId: 'r' }, () => made.next());
    expect(read.value).toEqual({ agent: 'maker', taskType: 'inner', transactionName: 'inner' });
  });

  it('holds where a plain function hands a generator on, and where scopes are stacked', () => {
    function* body() {
      yield seen();
    }
    const stacked = reveniumMeter()(reveniumMetadata({ agent: 'outer' })(reveniumMetadata({ taskType: 't' })(body)));
    expect([...stacked()]).toEqual([{ agent: 'outer', taskType: 't', transactionName: 't' }]);
    const handedOn = reveniumMetadata({ agent: 'handed' })(() => body());
    expect([...handedOn()]).toEqual([{ agent: 'handed' }]);
  });

  it('does not leak into events that the program emits between two steps', () => {
    const emitter = new EventEmitter();
    const heard: unknown[] = [];
    emitter.on('part', () => heard.push(agent()));
    const generator = reveniumMetadata({ agent: 'g' })(function* () {
      yield 1;
      yield 2;
    })();
    for (const _part of generator) emitter.emit('part');
    expect(heard).toEqual([undefined, undefined]);
  });
});
