import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalOperation } from '../../service/holds/canonical-operation.js';
import { holdBatchSchema, holdOperationSchema } from '../../src/wire/hold-schema.js';

const worst = {
  inputTokensMax: 10,
  outputTokensMax: 20,
  isOutputLimited: true,
  images: 0,
  characters: 0,
  mediaSeconds: 0,
};
const call = {
  dimensions: { model: 'gpt-4o', agent: 'scribe' },
  provider: 'openai',
  modelSource: '',
  model: 'gpt-4o',
  operationType: 'CHAT',
};
const take = { op: 'take', id: randomUUID(), owner: 'p-1', call, need: { worst }, calls: 1 };
const extend = { op: 'extend', id: take.id, sequence: 1, call, need: { worst }, missing: { c1: '5' }, calls: 1 };
const giveBack = { op: 'give-back', id: take.id, sequence: 2, keep: {} };
const renew = { op: 'renew', id: take.id, sequence: 3 };

/** `field: message` of everything that is wrong. */
function problems(operation: unknown): string[] {
  const result = holdOperationSchema.safeParse(operation);
  return result.success ? [] : result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
}

describe('operations on holds', () => {
  it('pass as they are; what is not known and what is null is dropped', () => {
    for (const operation of [take, extend, giveBack, renew]) expect(problems(operation)).toEqual([]);
    const read = holdOperationSchema.parse({ ...take, calls: undefined, colour: 'red', ttlSeconds: null });
    expect(canonicalOperation(read, { protect: (text) => text })).toEqual(take);
  });

  it.each([
    ['no object', 'text', /operation/],
    ['nothing', null, /operation/],
    [
      'an unknown operation',
      { ...take, op: 'seize' },
      /^op: Value 'seize' is not valid. Allowed values: \[take, extend/,
    ],
    ['no id', { ...take, id: undefined }, /^id: id is required/],
    ['an id that is none', { ...take, id: '1' }, /^id: must be a UUID/],
    ['no owner', { ...take, owner: '' }, /^owner: owner is required/],
    ['a long owner', { ...take, owner: 'x'.repeat(201) }, /^owner: must have at most 200/],
    ['no call', { ...take, call: undefined }, /^call: call is required/],
    ['no model', { ...take, call: { ...call, model: undefined } }, /^call.model: model is required/],
    ['another kind', { ...take, call: { ...call, operationType: 'PAINT' } }, /^call.operationType: Value 'PAINT'/],
    ['a dimension that is no text', { ...take, call: { ...call, dimensions: { agent: 7 } } }, /agent: must be text/],
    ['no need', { ...take, need: {} }, /^need.worst: worst is required/],
    [
      'a count below zero',
      { ...take, need: { worst: { ...worst, images: -1 } } },
      /^need.worst.images: must be a whole/,
    ],
    [
      'half a token',
      { ...take, need: { worst: { ...worst, inputTokensMax: 1.5 } } },
      /inputTokensMax: must be a whole/,
    ],
    ['beyond whole numbers', { ...take, need: { worst: { ...worst, characters: 2 ** 53 } } }, /characters: must be/],
    [
      'a missing count',
      { ...take, need: { worst: { ...worst, mediaSeconds: undefined } } },
      /mediaSeconds: is required/,
    ],
    ['no calls', { ...take, calls: 0 }, /^calls: must be a whole number from 1/],
    ['too many calls', { ...take, calls: 1_000_001 }, /^calls: must be/],
    ['a short life', { ...take, ttlSeconds: 9 }, /^ttlSeconds: must be a whole number from 10 to 3600/],
    ['a long life', { ...take, ttlSeconds: 3_601 }, /^ttlSeconds/],
    ['no sequence', { ...renew, sequence: undefined }, /^sequence: is required/],
    ['the sequence of a take', { ...renew, sequence: 0 }, /^sequence: must be/],
    ['an amount as a number', { ...extend, missing: { c1: 5 } }, /^missing.c1: must be a whole number as text/],
    ['an amount below zero', { ...extend, missing: { c1: '-5' } }, /^missing.c1/],
    ['an amount with a point', { ...giveBack, keep: { c1: '1.5' } }, /^keep.c1/],
    ['an amount beyond all reason', { ...giveBack, keep: { c1: '9'.repeat(41) } }, /at most 40 digits/],
    ['an amount with zeros in front', { ...giveBack, keep: { c1: '007' } }, /^keep.c1/],
    ['no amounts', { ...giveBack, keep: undefined }, /^keep: must be an object/],
    [
      'too many controls',
      { ...giveBack, keep: Object.fromEntries(Array.from({ length: 1_001 }, (_, i) => [`c${i}`, '1'])) },
      /at most 1000 controls/,
    ],
  ])('say what is wrong with %s, and where', (_name, operation, said) => {
    const found = problems(operation);
    expect(found.length).toBeGreaterThan(0);
    expect(found.join('\n')).toMatch(said);
  });

  it('come at most two hundred at a time, and at least one', () => {
    const many = (count: number) => ({ operations: Array.from({ length: count }, () => renew) });
    expect(holdBatchSchema.safeParse(many(200)).success).toBe(true);
    for (const body of [many(201), many(0), {}, null, [], { operations: {} }]) {
      expect(holdBatchSchema.safeParse(body).success).toBe(false);
    }
  });

  it('are kept without a credential, and with texts that are cut as those of usage events are (I12)', () => {
    const dimensions = { credential: 'sk-live-secret', agent: 'é'.repeat(3_000), organization: '', product: 'p' };
    const read = holdOperationSchema.parse({ ...take, call: { ...call, dimensions } });
    const kept = canonicalOperation(read, { protect: () => 'hmac' });
    expect(JSON.stringify(kept)).not.toContain('sk-live');
    const shown = kept.op === 'take' ? kept.call.dimensions : {};
    expect(Object.keys(shown).sort()).toEqual(['agent', 'credential', 'product']);
    expect(shown.credential).toBe('hmac');
    expect(Buffer.byteLength(shown.agent ?? '')).toBeLessThanOrEqual(1_536);
  });

  it('never make the schema throw, whatever comes', () => {
    const any = fc.anything({ withNullPrototype: true, withBigInt: false });
    const spoilt = fc.record(
      {
        op: fc.constantFrom('take', 'extend', 'give-back', 'renew'),
        id: any,
        call: any,
        need: any,
        sequence: any,
        keep: any,
        missing: any,
        owner: any,
      },
      { requiredKeys: ['op'] },
    );
    fc.assert(
      fc.property(fc.oneof(any, spoilt), (value) => {
        for (const message of problems(value)) expect(message.length).toBeGreaterThan(3);
      }),
      { numRuns: 300 },
    );
  });
});
