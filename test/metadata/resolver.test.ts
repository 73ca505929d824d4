import { describe, expect, it } from 'vitest';
import { createMetadataResolver } from '../../src/metadata/resolver.js';
import { withUsageMetadata } from '../../src/metadata/scope.js';

function resolverWith(env: Record<string, string> = {}, instance?: Record<string, unknown>) {
  const warnings: string[] = [];
  const log = {
    debug() {},
    info() {},
    warn: (message: string) => void warnings.push(message),
    error() {},
    isDebug: () => false,
  };
  return { resolver: createMetadataResolver({ env, log }, instance), warnings };
}

describe('usage metadata', () => {
  it('lets the call beat the inner scope, the outer scope, the instance and the environment', async () => {
    const { resolver } = resolverWith(
      { REVENIUM_TRACE_NAME: 'env', REVENIUM_TICKET_ID: 'env', REVENIUM_ENVIRONMENT: 'env' },
      { traceName: 'instance', ticketId: 'instance' },
    );
    const seen = await withUsageMetadata({ agent: 'outer', taskType: 'outer', traceName: 'outer' }, async () => {
      await Promise.resolve();
      return withUsageMetadata({ agent: 'inner', task_type: 'inner' }, async () => {
        await Promise.resolve();
        return resolver.resolve({ agent: 'call' }).fields;
      });
    });
    expect(seen).toMatchObject({
      agent: 'call',
      taskType: 'inner',
      traceName: 'outer',
      ticketId: 'instance',
      environment: 'env',
    });
    expect(resolver.resolve(undefined).fields.agent).toBeUndefined();
  });

  it('reads new snake_case before camelCase before deprecated names, and null falls through', () => {
    const { resolver, warnings } = resolverWith();
    const names = { organizationId: 'd', organization_id: 'c', organizationName: 'b', organization_name: 'a' };
    expect(resolver.resolve(names).fields.organizationName).toBe('a');
    expect(resolver.resolve({ ...names, organization_name: null }).fields.organizationName).toBe('b');
    expect(resolver.resolve({ organizationId: 'd', organization_id: 'c' }).fields.organizationName).toBe('c');
    expect(resolver.resolve({ organizationName: '', organization_id: 'c' }).fields.organizationName).toBe('');
    resolver.resolve(names);
    expect(warnings.filter((text) => text.includes('organization_id → organizationName'))).toHaveLength(1);
    expect(Object.keys(resolver.resolve(names).fields)).toEqual(['organizationName']);
  });

  it('prefers the nested subscriber, part by part, and warns once about the flat spelling', () => {
    const { resolver, warnings } = resolverWith();
    const call = {
      subscriber: { id: 'u-1', credential: { name: 'n' } },
      subscriber_id: 'x',
      subscriber_email: 'a@b.c',
      subscriber_credential: 'k',
    };
    const { fields, dimensions } = resolver.resolve(call);
    expect(fields.subscriber).toEqual({ id: 'u-1', email: 'a@b.c', credential: { name: 'n', value: 'k' } });
    expect(dimensions).toMatchObject({
      subscriberId: 'u-1',
      subscriberEmail: 'a@b.c',
      credential: 'k',
      credentialName: 'n',
    });
    resolver.resolve(call);
    expect(warnings).toHaveLength(3);
  });

  it('never mixes the subscriber of one level with that of another', () => {
    const { resolver } = resolverWith();
    const fields = withUsageMetadata({ subscriber: { id: 'outer', email: 'outer@b.c' } }, () => {
      return resolver.resolve({ subscriber: { id: 'call' } }).fields;
    });
    expect(fields.subscriber).toEqual({ id: 'call' });
  });

  it('a whitespace-only e-mail counts as given and hides the flat one', () => {
    const { resolver } = resolverWith();
    const { dimensions } = resolver.resolve({ subscriber: { email: '  ' }, subscriber_email: 'a@b.c' });
    expect(dimensions.subscriberEmail).toBe('  ');
  });

  it('cuts, clamps and leaves out by the limits of the contract', () => {
    const { resolver } = resolverWith();
    const { fields } = resolver.resolve({
      traceType: 'not allowed!',
      traceName: 'n'.repeat(300),
      ticketId: 't'.repeat(300),
      responseQualityScore: 7,
      agentVersion: 12,
      agenticJobId: 'types',
      effort: 'x'.repeat(17),
      retryNumber: 'many',
      attributes: { a: { b: { c: { d: { e: { f: 1 } } } } }, when: new Date(0), big: 1n },
    });
    expect(fields.traceType).toBeUndefined();
    expect(fields.traceName).toHaveLength(256);
    expect(fields.ticketId).toHaveLength(256);
    expect(fields.responseQualityScore).toBe(1);
    expect(fields.agentVersion).toBeUndefined();
    expect(fields.agenticJobId).toBeUndefined();
    expect(fields.effort).toBeUndefined();
    expect(fields.retryNumber).toBe(0);
    expect(fields.attributes).toEqual({ a: { b: { c: { d: {} } } }, when: '1970-01-01T00:00:00.000Z', big: '1' });
  });

  it('takes the transaction name from metadata, then the environment, then the task type', () => {
    const { resolver } = resolverWith();
    expect(resolver.resolve({ taskType: 'classify' }).fields.transactionName).toBe('classify');
    expect(resolver.resolve({ taskType: 'classify', transactionName: 't' }).fields.transactionName).toBe('t');
    const named = resolverWith({ REVENIUM_TRANSACTION_NAME: 'env' }).resolver;
    expect(named.resolve({ taskType: 'classify' }).fields.transactionName).toBe('env');
    const nested = withUsageMetadata({ taskType: 'outer' }, () => resolver.resolve({ taskType: 'call' }).fields);
    expect(nested.transactionName).toBe('call');
  });

  it('a metadata retry number of 0 beats the environment', () => {
    const { resolver } = resolverWith({ REVENIUM_RETRY_NUMBER: '3' });
    expect(resolver.resolve(undefined).fields.retryNumber).toBe(3);
    expect(resolver.resolve({ retryNumber: 0 }).fields.retryNumber).toBe(0);
  });

  it('follows the fallbacks of environment and region', () => {
    const env = { ENVIRONMENT: 'e', DEPLOYMENT_ENV: 'd', NODE_ENV: 'n', AWS_REGION: 'aws', REVENIUM_REGION: 'rev' };
    expect(resolverWith(env).resolver.resolve(undefined).fields).toMatchObject({ environment: 'e', region: 'rev' });
    expect(resolverWith({ NODE_ENV: 'n', AWS_DEFAULT_REGION: 'd' }).resolver.resolve(undefined).fields).toMatchObject({
      environment: 'n',
      region: 'd',
    });
  });

  it('I2: values that throw when they are read are left out with one warning, and the rest stays', () => {
    const throwing = (): never => {
      throw new Error('mine');
    };
    const revoked = Proxy.revocable({}, {});
    revoked.revoke();
    const thrower = Object.defineProperty({}, 'x', { enumerable: true, get: throwing });
    const unreadable: [unknown, RegExp][] = [
      [Object.defineProperty({ taskType: 't' }, 'agent', { enumerable: true, get: throwing }), /of agent /],
      [{ taskType: 't', attributes: thrower }, /of attributes /],
      [{ taskType: 't', retryNumber: Symbol('3') }, /of retryNumber /],
      [{ taskType: 't', retryNumber: Object.create(null) }, /of retryNumber /],
      [{ taskType: 't', subscriber: new Proxy({}, { get: throwing }) }, /of subscriber /],
      [{ taskType: 't', subscriber: 'u-88' }, /of subscriber /],
    ];
    for (const [metadata, warning] of unreadable) {
      const { resolver, warnings } = resolverWith();
      resolver.resolve(metadata);
      expect(resolver.resolve(metadata).fields).toEqual({ taskType: 't', transactionName: 't' });
      expect(withUsageMetadata(metadata as object, () => resolver.resolve({ taskType: 'u' }).fields.taskType)).toBe(
        'u',
      );
      expect(warnings).toEqual([expect.stringMatching(warning)]);
    }
    for (const metadata of [revoked.proxy, new Proxy({}, { ownKeys: throwing })]) {
      const { resolver, warnings } = resolverWith();
      expect(resolver.resolve(metadata).fields).toEqual({});
      expect(warnings).toEqual([expect.stringContaining('it cannot be read')]);
    }
  });

  it('I2: anything that is not an object is dropped with one warning, and hostile names do no harm', () => {
    const { resolver, warnings } = resolverWith();
    for (const junk of ['text', 7, true, [1], () => 1]) {
      expect(() => resolver.resolve(junk)).not.toThrow();
    }
    expect(warnings).toHaveLength(1);
    const hostile = JSON.parse('{"__proto__":{"agent":"x"},"constructor":"y","agent":"z"}');
    expect(resolver.resolve(hostile).fields).toEqual({ agent: 'z' });
  });
});
