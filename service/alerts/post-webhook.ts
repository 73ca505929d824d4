/** One attempt to deliver: POST, no redirects, a time limit over all, addresses checked when the name is resolved. */
import { type LookupAddress, type LookupOptions, lookup } from 'node:dns';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Runtime } from 'fusewire/internal';
import type { DeliveryResult } from '../ledger/deliveries.js';
import { VERSION } from '../version.js';
import type { TargetGuard } from './targets.js';

/** What is sent where. */
export interface WebhookPost {
  readonly url: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  /** For all of it. */
  readonly limitMs: number;
}

const ERROR_LENGTH_MAX = 200;

/**
 * Sends and judges the answer: any 2xx is delivered; 410 means that the receiver is gone for good. Never rejects. The
 * body of the answer is not read: it would only tell about what lies behind the address.
 */
export function postWebhook(post: WebhookPost, guard: TargetGuard, runtime: Runtime): Promise<DeliveryResult> {
  const problem = guard.urlProblem(post.url);
  if (problem !== undefined) return Promise.resolve(failed(null, `the address ${problem}`));
  const url = new URL(post.url);
  const send = url.protocol === 'https:' ? requestHttps : requestHttp;
  const headers = {
    ...post.headers,
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(post.body)),
    'user-agent': `fusewire/${VERSION}`,
  };
  return new Promise((resolve) => {
    const end = (result: DeliveryResult): void => {
      timer.cancel();
      resolve(result);
      sent.destroy();
    };
    const options = { method: 'POST', headers, agent: false as const, lookup: guardedLookup(guard) };
    const sent = send(url, options, (answer) => {
      // It is cut off after its head.
      answer.on('error', () => undefined);
      const status = answer.statusCode ?? 0;
      if (status >= 200 && status < 300) end({ delivered: true, status, error: null, gone: false });
      else end(failed(status, `the receiver answered ${status}`));
    });
    const timer = runtime.setTimer(() => end(failed(null, `no answer within ${post.limitMs} ms`)), post.limitMs, {
      keepAlive: true,
    });
    sent.on('error', (error) => end(failed(null, error.message)));
    sent.end(post.body);
  });

  function failed(status: number | null, error: string): DeliveryResult {
    return { delivered: false, status, error: error.slice(0, ERROR_LENGTH_MAX), gone: status === 410 };
  }
}

type Callback = (error: Error | null, address: string | LookupAddress[], family?: number) => void;

/** Resolves a name and keeps the addresses that may be reached: what is connected to is what was checked. */
function guardedLookup(guard: TargetGuard) {
  return (host: string, options: LookupOptions, callback: Callback): void => {
    lookup(host, { ...options, all: true }, (error, found) => {
      if (error !== null) return callback(error, []);
      const open = found.filter(({ address }) => guard.addressProblem(address) === undefined);
      const [first] = open;
      if (first === undefined) {
        const why = found[0] === undefined ? 'has no address' : guard.addressProblem(found[0].address);
        return callback(new Error(`the address ${why}`), []);
      }
      if (options.all === true) callback(null, open);
      else callback(null, first.address, first.family);
    });
  };
}
