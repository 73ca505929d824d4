import { describe, expect, it } from 'vitest';
import { createMetadataResolver } from '../../src/metadata/resolver.js';
import { withUsageMetadata } from '../../src/metadata/scope.js';
import { parseTraceparent, type TraceCarrier, withTraceContext } from '../../src/metadata/trace-context.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const PARENT = `00-${TRACE}-${SPAN}-01`;
const OTHER = `00-${'a'.repeat(32)}-${SPAN}-00`;
const log = { debug() {}, info() {}, warn() {}, error() {}, isDebug: () => false };

const resolver = createMetadataResolver({ env: {}, log });
const traceId = (call?: object) => resolver.resolve(call).fields.traceId;

describe('a traceparent', () => {
  it.each([PARENT, ` ${PARENT} `, `01-${TRACE}-${SPAN}-00`, `cc-${TRACE}-${SPAN}-01-what-comes-later`])(
    'is read: %j',
    (text) => {
      expect(parseTraceparent(text)).toEqual({ traceId: TRACE, spanId: SPAN });
    },
  );

  it.each([
    undefined,
    7,
    '',
    'text',
    `ff-${TRACE}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01-more`,
    `00-${TRACE}-${SPAN}`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE.slice(1)}-${SPAN}-01`,
    `0-${TRACE}-${SPAN}-01`,
  ])('is none: %j', (text) => {
    expect(parseTraceparent(text)).toBeUndefined();
  });
});

describe('withTraceContext()', () => {
  it.each<[string, TraceCarrier]>([
    ['the text', PARENT],
    ['headers of node:http', { host: 'h', traceparent: PARENT }],
    ['headers in another case', { TraceParent: PARENT }],
    ['a list of one', { traceparent: [PARENT] }],
    ['headers of fetch', new Headers({ Traceparent: PARENT })],
    ['a map', new Map([['traceparent', PARENT]])],
  ])('takes over the trace of %s, after awaits too', async (_name, carrier) => {
    const found = withTraceContext(carrier, async () => {
      await Promise.resolve();
      return traceId();
    });
    expect(traceId()).toBeUndefined();
    expect(await found).toBe(TRACE);
  });

  it('counts only where nobody names a traceId: call, scope and instance beat it', () => {
    expect(withTraceContext(PARENT, () => traceId({ traceId: 'call' }))).toBe('call');
    expect(withTraceContext(PARENT, () => withUsageMetadata({ trace_id: 'scope' }, traceId))).toBe('scope');
    expect(withUsageMetadata({ traceId: 'around' }, () => withTraceContext(PARENT, traceId))).toBe('around');
    const named = createMetadataResolver({ env: {}, log }, { traceId: 'instance' });
    expect(withTraceContext(PARENT, () => named.resolve(undefined).fields.traceId)).toBe('instance');
  });

  it('keeps the scope around it, and the nearer of two traces', () => {
    const fields = withUsageMetadata({ agent: 'a' }, () =>
      withTraceContext(OTHER, () =>
        withTraceContext(PARENT, () =>
          withUsageMetadata({ parentTransactionId: 'chatcmpl-9x' }, () => resolver.resolve({ taskType: 't' }).fields),
        ),
      ),
    );
    expect(fields).toMatchObject({ agent: 'a', taskType: 't', traceId: TRACE, parentTransactionId: 'chatcmpl-9x' });
  });

  it('I2: what is no carrier changes nothing, not even the trace around it', () => {
    const throwing = {
      get traceparent(): string {
        throw new Error('mine');
      },
    };
    const wrong = [undefined, null, 7, {}, [], 'text', { traceparent: [PARENT, OTHER] }, { get: () => null }, throwing];
    for (const carrier of wrong) {
      expect(withTraceContext(carrier as TraceCarrier, () => traceId())).toBeUndefined();
      expect(withTraceContext(PARENT, () => withTraceContext(carrier as TraceCarrier, () => traceId()))).toBe(TRACE);
    }
  });
});

describe('a source of traces', () => {
  it('is asked at each call that has no trace, and only then', () => {
    const asked: string[] = [];
    let current: string | undefined = TRACE;
    const source = () => {
      if (current !== undefined) asked.push(current);
      return current;
    };
    const sourced = createMetadataResolver({ env: {}, log }, undefined, source);
    const found = (call?: object) => sourced.resolve(call).fields;
    expect(found()).toEqual({ traceId: TRACE });
    expect(found({ agent: 'a' })).toEqual({ agent: 'a', traceId: TRACE });
    expect(asked).toHaveLength(2);
    expect(found({ traceId: 'call' }).traceId).toBe('call');
    expect(withTraceContext(OTHER, () => found().traceId)).toBe('a'.repeat(32));
    expect(asked).toHaveLength(2);
    current = undefined;
    expect(found()).toEqual({});
  });

  it('I2: costs its trace where it throws, not the call', () => {
    const throwing = () => {
      throw new Error('mine');
    };
    expect(createMetadataResolver({ env: {}, log }, undefined, throwing).resolve({ agent: 'a' }).fields).toEqual({
      agent: 'a',
    });
  });
});
