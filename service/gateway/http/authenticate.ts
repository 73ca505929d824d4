/**
 * Who calls. A key comes as `Authorization: Bearer sk_…` or as `x-api-key: sk_…`, so that the clients of OpenAI, Ollama and
 * Anthropic need nothing but their ordinary settings. Only the SHA-256 of what was sent leaves this file (I12): the store
 * looks it up by an index, and a hash that is nearly right tells nothing about the key.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { Runtime } from 'fusewire/internal';
import { hashKey } from '../../admin/keys.js';
import { TokenBuckets } from '../../http/rate-limit.js';
import type { FoundGatewayKey, GatewayCaller } from '../types.js';
import { addressGroup } from './address-group.js';
import { Failure, tooMany, unavailable } from './failure.js';

/** What {@link createAuthenticator} stands on. */
export interface AuthenticatorParts {
  /** The key with this SHA-256, in hex. A value where it is known already, a promise where the store must be asked. */
  readonly findKey: (hash: string) => FoundGatewayKey | undefined | Promise<FoundGatewayKey | undefined>;
  readonly runtime: Pick<Runtime, 'now' | 'monotonicNow'>;
  /** Of one address; 0: no limit. */
  readonly wrongKeysPerSecond: number;
  /**
   * A header that holds the caller's address, where everything comes through a proxy or tunnel that sets it
   * (`cf-connecting-ip`). @defaultValue the address of the connection
   */
  readonly addressHeader?: string | undefined;
}

/** The caller, or why there is none. A promise only where a key has to be looked up. */
export type Authenticate = (
  headers: IncomingHttpHeaders,
  remoteAddress: string | undefined,
) => GatewayCaller | Failure | Promise<GatewayCaller | Failure>;

/** `sk_` and base 62, or base 64 for addresses as in keys that were brought from elsewhere. */
const KEY = /^sk_[A-Za-z0-9_-]{16,128}$/;
const BEARER = /^bearer(?: +(.*))?$/i;
/** Hashes of keys that worked lately; they are looked up even while their address guesses (I10). */
const GOOD_HASHES_MAX = 10_000;
const HOW = 'send your key as Authorization: Bearer sk_… or as x-api-key: sk_…';

/** Makes it; with it come the token buckets of wrong keys. */
export function createAuthenticator(parts: AuthenticatorParts): Authenticate {
  const { findKey, runtime, addressHeader } = parts;
  const wrong = new TokenBuckets(runtime, parts.wrongKeysPerSecond);
  const good = new Set<string>();

  /** Whether it works is asked anew for every request: keys expire between two of them. */
  function judge(found: FoundGatewayKey | undefined, hash: string, address: string): GatewayCaller | Failure {
    const problem = problemOf(found, runtime.now());
    if (problem === undefined) {
      if (!good.has(hash)) remember(good, hash);
      const { key, customer } = found!;
      return { key, customer, team: { id: key.teamId } };
    }
    good.delete(hash);
    if (problem.code !== 'inactive_customer') wrong.take(address);
    return problem;
  }

  return (headers, remoteAddress) => {
    const sent = keyOf(headers);
    if (sent instanceof Failure) return sent;
    const hash = hashKey(sent);
    const address = addressGroup(addressOf(headers, addressHeader) ?? remoteAddress ?? '');
    // Behind a proxy many callers have one address: a key that is known to work is not held up by another's guesses.
    if (!good.has(hash)) {
      const waitMs = wrong.peek(address);
      if (waitMs > 0) return tooMany('too_many_wrong_keys', tooManyText(waitMs), waitMs / 1_000);
    }
    try {
      const found = findKey(hash);
      if (!(found instanceof Promise)) return judge(found, hash, address);
      return found.then((late) => judge(late, hash, address), notLookedUp);
    } catch {
      return notLookedUp();
    }
  };
}

function tooManyText(waitMs: number): string {
  return `too many requests with wrong keys came from this address; come back in ${Math.ceil(waitMs / 1_000)} s`;
}

/** The store's own words are for its operator. */
function notLookedUp(): Failure {
  return unavailable('keys_unavailable', 'keys cannot be looked up at the moment; nothing was sent or charged', 2);
}

function keyOf(headers: IncomingHttpHeaders): string | Failure {
  const bearer = bearerOf(headers.authorization);
  if (bearer instanceof Failure) return bearer;
  const given = headers['x-api-key'];
  const plain = typeof given === 'string' ? given.trim() : '';
  if (bearer === '' && plain === '') return denied('missing_api_key', `this needs a key of the gateway: ${HOW}`);
  if (bearer !== '' && plain !== '' && bearer !== plain) {
    return denied(
      'ambiguous_api_key',
      'Authorization and x-api-key hold different keys; send one of them (a client that reads two variables of its environment sends both)',
    );
  }
  const key = bearer === '' ? plain : bearer;
  if (KEY.test(key)) return key;
  return denied(
    'malformed_api_key',
    `what was sent does not have the form of a key of this gateway (sk_ and 43 letters and digits); ${HOW}`,
  );
}

/** What stands behind `Bearer`; the empty text where there is no such header. */
function bearerOf(authorization: string | undefined): string | Failure {
  const text = authorization?.trim() ?? '';
  if (text === '') return '';
  const found = BEARER.exec(text);
  if (found === null)
    return denied('malformed_api_key', `the Authorization header is not of the form Bearer sk_…; ${HOW}`);
  return found[1]?.trim() ?? '';
}

function problemOf(found: FoundGatewayKey | undefined, nowMs: number): Failure | undefined {
  if (found === undefined)
    return denied('unknown_api_key', 'this key is not known here; ask who runs the gateway for one');
  const { key, customer, validUntilMs } = found;
  if (key.revokedAtMs !== undefined && key.revokedAtMs <= nowMs) {
    return denied('revoked_api_key', 'this key was revoked; ask who runs the gateway for another one');
  }
  if (key.expiresAtMs !== undefined && key.expiresAtMs <= nowMs) {
    return denied(
      'expired_api_key',
      `this key expired at ${new Date(key.expiresAtMs).toISOString()}; ask for another one`,
    );
  }
  if (validUntilMs !== undefined && validUntilMs <= nowMs) {
    return denied('replaced_api_key', 'this key was replaced by a newer one, which has to be used from now on');
  }
  if (customer.active && customer.deletedAtMs === undefined) return undefined;
  return denied('inactive_customer', 'the account of this key is inactive; ask who runs the gateway');
}

function denied(code: string, message: string): Failure {
  return new Failure(401, code, message, { headers: ['www-authenticate', 'Bearer'] });
}

function addressOf(headers: IncomingHttpHeaders, name: string | undefined): string | undefined {
  const value = name === undefined ? undefined : headers[name];
  if (typeof value !== 'string') return undefined;
  // Proxies put the address that they saw at the end of a list; what stands before it, anybody can write.
  const last = value.slice(value.lastIndexOf(',') + 1).trim();
  return last === '' || last.length > 64 ? undefined : last;
}

function remember(hashes: Set<string>, hash: string): void {
  if (hashes.size >= GOOD_HASHES_MAX) {
    const [oldest] = hashes;
    if (oldest !== undefined) hashes.delete(oldest);
  }
  hashes.add(hash);
}
