/** A bound on the requests that are worked on at once (I10): above it the answer is 503 with `Retry-After`. */
import type { FastifyRequest } from 'fastify';
import { ApiError } from './api-error.js';
import type { Api, ServiceContext } from './types.js';

/** Requests at once; each holds a body of at most 1 MiB. */
export const IN_FLIGHT_MAX = 1_024;

/** The place of a request among those that are worked on: who only waits leaves it, and takes it again to be answered. */
export interface Place {
  leave(): void;
  enter(): void;
}

/** Whether a request comes to wait, on a route that lets it. */
export function isWaiting(request: FastifyRequest): boolean {
  return request.routeOptions.config.waits === true && /[?&]wait=[1-9]/.test(request.url);
}

/** Counts requests from their head to the end of their answer; one log line when the bound is reached, one when it is over. */
export function installOverloadLimit(api: Api, { log }: ServiceContext, max: number = IN_FLIGHT_MAX): void {
  let inFlight = 0;
  let refused = 0;
  const placeOf = (): Place => {
    let counted = false;
    return {
      enter() {
        if (!counted) inFlight += 1;
        counted = true;
      },
      leave() {
        if (!counted) return;
        counted = false;
        inFlight -= 1;
        if (refused === 0 || inFlight > max / 2) return;
        log.info('requests are accepted again', { refused });
        refused = 0;
      },
    };
  };
  api.decorateRequest('place', null);
  api.addHook('onRequest', async (request, reply) => {
    const place = placeOf();
    request.place = place;
    // A thousand pollers that were answered come back at once, to wait: they are bounded where they wait.
    if (isWaiting(request)) {
      reply.raw.once('close', () => place.leave());
      return;
    }
    place.enter();
    reply.raw.once('close', () => place.leave());
    if (inFlight <= max) return;
    if (refused === 0) log.warn('too many requests at once; the rest is told to come back', { max });
    refused += 1;
    throw new ApiError(503, 'overloaded', 'too many requests at once', { headers: { 'retry-after': '1' } });
  });
}
