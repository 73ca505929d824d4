import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type SignedWebhook, verifySignature } from '../../src/verify-signature.js';

const NOW = 1_795_165_200;
const SECRET = 'whsec_5dkfj3';

function sign(payload: string | Uint8Array, timestamp: string | number = NOW, secret = SECRET): string {
  const hmac = createHmac('sha256', secret).update(`${timestamp}.`);
  return `sha256=${(typeof payload === 'string' ? hmac.update(payload) : hmac.update(payload)).digest('hex')}`;
}

function webhook(changes: Partial<SignedWebhook> = {}): SignedWebhook {
  const payload = changes.payload ?? '{"type":"costControl.tripped"}';
  return {
    payload,
    signatureHeader: sign(payload),
    timestampHeader: String(NOW),
    secrets: SECRET,
    nowSeconds: NOW,
    ...changes,
  };
}

describe('verifySignature', () => {
  it('takes a fresh signature of one of the secrets', () => {
    expect(verifySignature(webhook())).toBe(true);
    expect(verifySignature(webhook({ secrets: ['whsec_old', SECRET] }))).toBe(true);
    expect(verifySignature(webhook({ secrets: ['whsec_old'] }))).toBe(false);
    expect(verifySignature(webhook({ payload: '{}', signatureHeader: sign('{ }') }))).toBe(false);
  });

  it('takes one of several signatures, separated by commas or in several headers, in either case', () => {
    const good = sign('x');
    const other = sign('x', NOW, 'whsec_new');
    for (const signatureHeader of [
      `${other}, ${good}`,
      `${good},${other}`,
      [other, good],
      ` ${good} `,
      `sha256=${good.slice(7).toUpperCase()}`,
    ]) {
      expect(verifySignature(webhook({ payload: 'x', signatureHeader }))).toBe(true);
    }
  });

  it.each([
    ['no signature', { signatureHeader: undefined }],
    ['an empty signature', { signatureHeader: '' }],
    ['no prefix', { signatureHeader: sign('{"type":"costControl.tripped"}').slice(7) }],
    ['another prefix', { signatureHeader: `sha1=${'0'.repeat(40)}` }],
    ['half a signature', { signatureHeader: sign('{"type":"costControl.tripped"}').slice(0, 40) }],
    ['no timestamp', { timestampHeader: undefined }],
    ['no number for a timestamp', { timestampHeader: 'yesterday' }],
    ['two timestamps', { timestampHeader: [String(NOW), String(NOW)] }],
    ['a timestamp with a tail', { timestampHeader: `${NOW}.` }],
    ['no secret', { secrets: [] }],
    ['an empty secret', { secrets: [''] }],
  ] satisfies [string, Partial<SignedWebhook>][])('refuses %s', (_what, changes) => {
    expect(verifySignature(webhook(changes))).toBe(false);
  });

  it('an empty secret does not open what was signed with an empty secret', () => {
    const given = webhook({ signatureHeader: sign('{"type":"costControl.tripped"}', NOW, ''), secrets: ['', SECRET] });
    expect(verifySignature(given)).toBe(false);
  });

  it('allows 300 s either way, or what it is told', () => {
    for (const drift of [-300, 300]) expect(verifySignature(webhook({ nowSeconds: NOW + drift }))).toBe(true);
    for (const drift of [-301, 301]) expect(verifySignature(webhook({ nowSeconds: NOW + drift }))).toBe(false);
    expect(verifySignature(webhook({ nowSeconds: NOW + 10, toleranceSeconds: 9 }))).toBe(false);
    expect(verifySignature(webhook({ nowSeconds: NOW + 9_000, toleranceSeconds: 10_000 }))).toBe(true);
    for (const toleranceSeconds of [Number.NaN, -1]) expect(verifySignature(webhook({ toleranceSeconds }))).toBe(false);
    const now = Math.floor(Date.now() / 1000);
    expect(
      verifySignature({
        payload: 'x',
        signatureHeader: sign('x', now),
        timestampHeader: String(now),
        secrets: [SECRET],
      }),
    ).toBe(true);
  });

  it('signs the timestamp too: another one does not fit', () => {
    expect(verifySignature(webhook({ timestampHeader: String(NOW + 1) }))).toBe(false);
  });

  it('text and bytes give the same, for any text, secret and time', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }),
        fc.string({ minLength: 1 }),
        fc.nat(2_000_000_000),
        (payload, secret, now) => {
          const bytes = new TextEncoder().encode(payload);
          const common = { timestampHeader: String(now), secrets: [secret], nowSeconds: now };
          const signatureHeader = sign(bytes, now, secret);
          expect(verifySignature({ ...common, payload, signatureHeader })).toBe(true);
          expect(verifySignature({ ...common, payload: bytes, signatureHeader: [signatureHeader] })).toBe(true);
          expect(verifySignature({ ...common, payload: `${payload} `, signatureHeader })).toBe(false);
        },
      ),
    );
  });

  it('a change of any one bit of the signature refuses', () => {
    fc.assert(
      fc.property(fc.nat(63), fc.integer({ min: 1, max: 15 }), (at, change) => {
        const hex = sign('x').slice(7);
        const digit = (Number.parseInt(hex[at]!, 16) ^ change).toString(16);
        const signatureHeader = `sha256=${hex.slice(0, at)}${digit}${hex.slice(at + 1)}`;
        expect(verifySignature(webhook({ payload: 'x', signatureHeader }))).toBe(false);
      }),
    );
  });

  it('never throws, whatever it is given', () => {
    fc.assert(
      fc.property(fc.anything(), fc.anything(), fc.anything(), fc.anything(), (payload, header, time, secrets) => {
        const given = { payload, signatureHeader: header, timestampHeader: time, secrets } as unknown as SignedWebhook;
        expect(verifySignature(given)).toBe(false);
      }),
      { numRuns: 500 },
    );
    expect(verifySignature(undefined as unknown as SignedWebhook)).toBe(false);
    expect(verifySignature(null as unknown as SignedWebhook)).toBe(false);
  });
});
