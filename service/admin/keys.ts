/** API keys: how they are made, told apart and kept. Only the hash is ever stored (I12). */
import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { KeyRecord, KeyScope, Store } from '../store/store.js';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const SECRET_BYTES = 32;
/** 256 bits in base 62. */
const SECRET_CHARACTERS = 43;
const PREFIX: Readonly<Record<KeyScope, string>> = { metering: 'rev_mk', write: 'rev_sk' };
const FORMAT = /^rev_(mk|sk)_([A-Za-z0-9]{1,64})_([A-Za-z0-9]{16,128})$/;

/** A new key: `key` is shown once, `record` is what is kept. */
export interface MintedKey {
  readonly key: string;
  readonly record: KeyRecord;
}

/**
 * Makes `rev_mk_<team>_<secret>` (metering) or `rev_sk_<team>_<secret>` (write) with 256 random bits and stores its hash.
 * The team's id begins with `fw`, by which an SDK recognises a key of a self-hosted service.
 */
export async function mintKey(
  store: Pick<Store, 'addKey'>,
  teamId: string,
  scope: KeyScope,
  label: string,
  ratePerSecond?: number,
): Promise<MintedKey> {
  const { key, kept } = newKey(teamId, scope, label);
  const rate = ratePerSecond === undefined ? {} : { ratePerSecond };
  return { key, record: await store.addKey({ ...kept, ...rate }) };
}

/** A key that is not kept yet. */
export function newKey(
  teamId: string,
  scope: KeyScope,
  label: string,
): { readonly key: string; readonly kept: Omit<KeyRecord, 'id' | 'createdAtMs'> } {
  const key = `${PREFIX[scope]}_${teamId}_${randomSecret()}`;
  return { key, kept: { teamId, scope, label, hash: hashKey(key), hint: key.slice(-4) } };
}

/** SHA-256 in hex. The secret has 256 random bits, so that a slow hash would add nothing. */
export function hashKey(key: string): string {
  return hash('sha256', key, 'hex');
}

/** Whether a text has the form of a key of this service. */
export function looksLikeKey(text: string): boolean {
  return FORMAT.test(text);
}

/** Whether two hex digests are equal, in constant time. */
export function isSameHash(one: string, other: string): boolean {
  const left = Buffer.from(one, 'hex');
  const right = Buffer.from(other, 'hex');
  return left.length === right.length && left.length > 0 && timingSafeEqual(left, right);
}

/** 32 random bytes in base 62, always 43 characters. */
export function randomSecret(bytes: Uint8Array = randomBytes(SECRET_BYTES)): string {
  let rest = BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
  let text = '';
  for (let i = 0; i < SECRET_CHARACTERS; i += 1) {
    text = ALPHABET[Number(rest % 62n)]! + text;
    rest /= 62n;
  }
  return text;
}
