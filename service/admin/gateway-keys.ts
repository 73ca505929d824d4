/** Keys of the gateway's customers: how they are made and told apart. Only the hash is ever stored (I12). */
import type { HashedSecret } from '../ledger/gateway-keys.js';
import { hashKey, randomSecret } from './keys.js';

const FORMAT = /^sk_[0-9A-Za-z]{43}$/;
const HINT_CHARACTERS = 4;

/** A new key of the gateway: `key` is shown once, `secret` is what is kept. */
export interface NewGatewayKey {
  readonly key: string;
  readonly secret: HashedSecret;
}

/** Makes `sk_` and 256 random bits in base 62. */
export function newGatewayKey(): NewGatewayKey {
  const key = `sk_${randomSecret()}`;
  return { key, secret: { hash: hashKey(key), hint: key.slice(-HINT_CHARACTERS) } };
}

/** Whether a text has the form of a key of the gateway; the service's own keys (`rev_…`) never have it. */
export function looksLikeGatewayKey(text: string): boolean {
  return FORMAT.test(text);
}
