import { describe, expect, it } from 'vitest';
import { reveniumMetadata } from '../../src/attribution/revenium-metadata.js';
import {
  trackAgent,
  trackOrganization,
  trackProduct,
  trackQuality,
  trackSubscriber,
  trackSubscription,
  trackTask,
  trackTrace,
} from '../../src/attribution/track.js';
import { createMetadataResolver } from '../../src/metadata/resolver.js';

const warnings: string[] = [];
const warn = (message: string) => void warnings.push(message);
const resolver = createMetadataResolver({
  env: {},
  log: { debug() {}, info() {}, warn, error() {}, isDebug: () => false },
});
const seen = (..._args: unknown[]) => resolver.resolve(undefined).fields;

describe('the decorators of one field', () => {
  it.each([
    ['agent', trackAgent],
    ['taskType', trackTask],
    ['traceId', trackTrace],
    ['organizationName', trackOrganization],
    ['subscriptionId', trackSubscription],
    ['productName', trackProduct],
  ] as const)('give %s as it is, from an argument, and from a property', (field, track) => {
    const of = (...args: unknown[]) => args;
    expect(track('static')(seen)()[field]).toBe('static');
    expect(track({ fromArgument: 1 })(seen)(...of('a', 'b'))[field]).toBe('b');
    expect(track({ fromArgument: 'tenant.id' })(seen)(...of({ tenant: { id: 7 } }))[field]).toBe('7');
    expect(track({ fromArgument: '1.id' })(seen)(...of('a', { id: 'second' }))[field]).toBe('second');
    const owner = { tenant: { id: 'mine' }, ask: track({ fromProperty: 'tenant.id' })(seen) };
    expect(owner.ask()[field]).toBe('mine');
  });

  it('leave the field out where nothing is found, so that what is around it counts', () => {
    const around = reveniumMetadata({ agent: 'around', subscriber: { id: 'around' } });
    for (const source of [{ fromArgument: 3 }, { fromArgument: 'a.b' }, { fromProperty: 'x.y' }] as const) {
      expect(around(trackAgent(source)(seen))('text').agent).toBe('around');
      expect(around(trackAgent(source)(seen))(null).agent).toBe('around');
      expect(around(trackSubscriber(source)(seen))().subscriber).toEqual({ id: 'around' });
    }
    expect(around(trackSubscriber({ id: { fromArgument: 0 }, email: { fromArgument: 1 } })(seen))().subscriber).toEqual(
      {
        id: 'around',
      },
    );
    expect(warnings).toEqual([]);
  });

  it('give a subscriber: an id, an object, or parts that are found at the call', () => {
    expect(trackSubscriber('u-88')(seen)().subscriber).toEqual({ id: 'u-88' });
    expect(trackSubscriber({ fromArgument: 0 })(seen)(88).subscriber).toEqual({ id: '88' });
    expect(trackSubscriber({ fromArgument: 0 })(seen)({ id: 'u', email: 'a@b.c' }).subscriber).toEqual({
      id: 'u',
      email: 'a@b.c',
    });
    expect(trackSubscriber({ id: 'u', credential: { name: 'svc', value: 'k' } })(seen)().subscriber).toEqual({
      id: 'u',
      credential: { name: 'svc', value: 'k' },
    });
    const parts = trackSubscriber({
      id: { fromProperty: 'user' },
      email: { fromArgument: 0 },
      credential: { name: { fromArgument: 'missing' } },
    });
    const desk = { user: 'u-1', ask: parts(seen) };
    expect(desk.ask('rita@example.org').subscriber).toEqual({ id: 'u-1', email: 'rita@example.org' });
  });

  it('finds the parts of a credential too', () => {
    const tracked = trackSubscriber({ credential: { name: { fromArgument: 0 }, value: { fromArgument: 1 } } })(seen);
    expect(tracked('svc', 'k-1').subscriber).toEqual({ credential: { name: 'svc', value: 'k-1' } });
  });

  it('give a quality of 0 to 1, from text too, and never 0 for what is unknown (I5)', () => {
    expect(trackQuality(0.9)(seen)().responseQualityScore).toBe(0.9);
    expect(trackQuality(0)(seen)().responseQualityScore).toBe(0);
    expect(trackQuality({ fromArgument: 0 })(seen)('0.25').responseQualityScore).toBe(0.25);
    expect(trackQuality({ fromArgument: 0 })(seen)(7).responseQualityScore).toBe(1);
    for (const nothing of [undefined, null, '', 'good']) {
      expect(trackQuality({ fromArgument: 0 })(seen)(nothing)).not.toHaveProperty('responseQualityScore');
    }
  });

  it('stack, the inner one winning', () => {
    const stacked = trackAgent('outer')(trackTask('t')(trackAgent('inner')(seen)));
    expect(stacked()).toMatchObject({ agent: 'inner', taskType: 't' });
  });

  it('I2: a property that throws when it is read is left out', () => {
    const owner = {
      get agent(): string {
        throw new Error('mine');
      },
      ask: trackAgent({ fromProperty: 'agent' })(seen),
    };
    expect(owner.ask()).toEqual({});
  });

  it('refuse what is no source', () => {
    const wrong: [unknown, RegExp][] = [
      [undefined, /trackAgent\(\): a value is missing/],
      [null, /a value is missing/],
      [{ fromArgument: -1 }, /fromArgument must be 0 or more/],
      [{ fromArgument: 0.5 }, /fromArgument must be 0 or more/],
      [{ fromArgument: '' }, /fromArgument must be a path/],
      [{ fromArgument: 'a..b' }, /fromArgument must be a path/],
      [{ fromProperty: 3 }, /fromProperty must be a path/],
      [{ fromArgument: 0, fromProperty: 'a' }, /only one source/],
    ];
    for (const [source, message] of wrong) expect(() => trackAgent(source as string)).toThrow(message);
    expect(() => trackSubscriber({ id: { fromArgument: -1 } })).toThrow(/trackSubscriber\(\): fromArgument/);
  });
});
