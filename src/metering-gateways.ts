/**
 * Answers that a Fusewire gateway on the way has metered: the attempt that got one ends without an event of its own, so
 * that it counts once (I4). Why not every server is believed: docs/decisions/2026-11-21-metered-by-a-gateway.md.
 */
import type { Attempt, AttemptEnd } from './metering/attempt.js';
import { isProviderAddress } from './providers/provider-address.js';

/** On every answer that a gateway has from a provider: under which id it metered it. */
export const TRANSACTION_ID_HEADER = 'fusewire-transaction-id';
/** On every answer of a gateway's own to a call that it did not send: why. */
export const REFUSED_HEADER = 'fusewire-refused';

/** A request as it left. */
export interface SentRequest {
  readonly url: string;
  /** In any form that `fetch` takes. */
  readonly headers: unknown;
  /** What the program itself says of this server: the option `gateway` of `guard` and `guardFetch`. */
  readonly isGateway?: boolean | undefined;
}

/** The head of an answer, as far as it is looked at. */
type Head = { readonly headers?: Pick<Headers, 'get'> | undefined };

const KEY = /^(?:bearer )?sk_[0-9a-z]{43}$/i;
const KEY_HEADERS = ['authorization', 'x-api-key'] as const;
const ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const ORIGINS_MAX = 100;

/** What one instance knows of gateways. No method throws (I2). */
export class MeteringGateways {
  /** Those that metered something: an attempt that its caller gave up before the answer began is metered there too. */
  readonly #origins = new Set<string>();

  /**
   * The head of an answer is there. Withdraws `attempt` where a gateway metered it, or never sent it, and returns whether
   * that was so.
   */
  answered(attempt: Attempt, response: Head, sent: SentRequest): boolean {
    try {
      const id = response.headers?.get(TRANSACTION_ID_HEADER) ?? undefined;
      const isMetered = id !== undefined && ID.test(id);
      const isRefused = !isMetered && (response.headers?.get(REFUSED_HEADER) ?? undefined) !== undefined;
      if (!isMetered && !isRefused) return false;
      if (!isGateway(sent)) return false;
      if (this.#origins.size < ORIGINS_MAX) this.#origins.add(originOf(sent.url));
      attempt.withdrawForGateway(isMetered ? id : undefined);
      return true;
    } catch {
      return false;
    }
  }

  /**
   * No head came. What the caller gave up itself was on its way to the gateway, which meters it; of what failed nobody
   * knows whether it arrived, and its event says that it failed.
   */
  unanswered(attempt: Attempt, end: AttemptEnd, sent: SentRequest): void {
    try {
      if (end !== 'cancelled' && end !== 'timed-out') return;
      if (this.#origins.size === 0 || !this.#origins.has(originOf(sent.url))) return;
      if (isGateway(sent)) attempt.withdrawForGateway(undefined);
    } catch {
      // It is metered as any other.
    }
  }
}

function originOf(url: string): string {
  return new URL(url).origin;
}

/** By what the program sent, never by what came back: no provider is given the key of a gateway. */
function isGateway({ url, headers, isGateway: said }: SentRequest): boolean {
  if (said !== undefined) return said;
  if (isProviderAddress(url)) return false;
  const sent = new Headers(headers as RequestInit['headers']);
  return KEY_HEADERS.some((name) => KEY.test(sent.get(name) ?? ''));
}
