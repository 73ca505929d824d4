/** Browsers: off by default. A list of origins lets pages of these origins call the gateway with a key of theirs. */
import type { IncomingMessage } from 'node:http';
import { BUDGET_HEADERS } from './budget-headers.js';

const NONE: readonly string[] = Object.freeze([]);
const EXPOSED = [
  ...BUDGET_HEADERS,
  'fusewire-transaction-id',
  'fusewire-refused',
  'x-request-id',
  'retry-after',
  'x-should-retry',
].join(', ');
const PREFLIGHT_SECONDS = '600';

/** Answers what a browser asks. */
export interface Cors {
  /** Headers of an answer to this request; empty where it comes from no allowed origin. Names and values, alternating. */
  headersOf(request: Pick<IncomingMessage, 'headers'>): readonly string[];
  /** Headers of the answer to a question of a browser's own, or `undefined` where this is none or is not answered. */
  preflightOf(request: Pick<IncomingMessage, 'method' | 'headers'>): readonly string[] | undefined;
}

/** `origins`: as a browser sends them, `https://app.example.com`. `*` is not one of them: keys are no public matter. */
export function createCors(origins: readonly string[] = []): Cors {
  const allowed = new Set(origins.filter((origin) => origin !== '*'));
  const headersOf: Cors['headersOf'] = ({ headers }) => {
    if (allowed.size === 0) return NONE;
    const { origin } = headers;
    // Whoever keeps answers must not hand one of an allowed origin to another.
    if (origin === undefined || !allowed.has(origin)) return ['vary', 'Origin'];
    return ['vary', 'Origin', 'access-control-allow-origin', origin, 'access-control-expose-headers', EXPOSED];
  };
  return {
    headersOf,
    preflightOf(request) {
      const { origin, 'access-control-request-method': method } = request.headers;
      if (request.method !== 'OPTIONS' || method === undefined || origin === undefined || !allowed.has(origin)) {
        return undefined;
      }
      // The clients send headers of their own making (x-stainless-…): all that the browser names, as sound names only.
      const names = String(request.headers['access-control-request-headers'] ?? '');
      const asked = /^[A-Za-z0-9\-, ]{1,2048}$/.test(names) ? ['access-control-allow-headers', names] : [];
      return [
        ...headersOf(request),
        'access-control-allow-methods',
        'GET, POST',
        'access-control-max-age',
        PREFLIGHT_SECONDS,
        ...asked,
      ];
    },
  };
}
