/** Connections to upstreams: one pool for each origin, kept while it is used. */
import { type Dispatcher, Pool } from 'undici';
import type { GatewayLimits, Upstream } from '../types.js';
import { type UpstreamHead, upstreamHeadOf } from './request-headers.js';

/** A connection that does not come about within this time is given up; the caller may try again. */
const CONNECT_TIMEOUT_MS = 10_000;
/**
 * Idle connections are closed early: a server that closes one at the moment at which it is used again breaks a call that
 * was sent already. Who says a longer time in `keep-alive` is believed, less two seconds.
 */
const KEEP_ALIVE_MS = 4_000;
/** Of an answer's head. More than providers send, less than hurts. */
const HEAD_BYTES_MAX = 64 * 1024;

/** What TLS needs beside the defaults, for operators with an authority of their own, and for tests. */
export interface PoolOptions {
  /** Certificates of authorities, PEM. */
  readonly ca?: string | readonly string[] | undefined;
  readonly connectTimeoutMs?: number | undefined;
}

/** A way to an upstream. */
export interface UpstreamRoute {
  readonly pool: Pick<Dispatcher, 'dispatch'>;
  readonly head: UpstreamHead;
}

/**
 * Requests of no other origin than the upstream's ever leave here: the pool is bound to it, redirects are not followed
 * and no proxy of the environment is asked. As many connections as there can be calls: nothing waits for one that is
 * stuck in a slow answer, and what bounds the calls bounds them.
 */
export class UpstreamPools {
  readonly #pools = new Map<string, Pool>();
  readonly #routes = new WeakMap<Upstream, UpstreamRoute>();
  readonly #limits: GatewayLimits;
  readonly #options: PoolOptions;

  constructor(limits: GatewayLimits, options: PoolOptions = {}) {
    this.#limits = limits;
    this.#options = options;
  }

  /** The way to an upstream, made when it is first asked for. */
  routeOf(upstream: Upstream): UpstreamRoute {
    let route = this.#routes.get(upstream);
    if (route === undefined) {
      route = { pool: this.#poolOf(upstream.origin), head: upstreamHeadOf(upstream) };
      this.#routes.set(upstream, route);
    }
    return route;
  }

  /** Breaks what is under way and closes everything. */
  async close(): Promise<void> {
    const pools = [...this.#pools.values()];
    this.#pools.clear();
    await Promise.all(pools.map((pool) => pool.destroy()));
  }

  #poolOf(origin: string): Pool {
    let pool = this.#pools.get(origin);
    if (pool === undefined) {
      const { ca, connectTimeoutMs = CONNECT_TIMEOUT_MS } = this.#options;
      pool = new Pool(origin, {
        connections: this.#limits.callsMax + this.#limits.drainsMax,
        pipelining: 1,
        keepAliveTimeout: KEEP_ALIVE_MS,
        maxHeaderSize: HEAD_BYTES_MAX,
        headersTimeout: this.#limits.upstreamHeadersTimeoutMs,
        bodyTimeout: this.#limits.upstreamIdleMs,
        allowH2: false,
        connect: {
          timeout: connectTimeoutMs,
          rejectUnauthorized: true,
          ...(ca === undefined ? {} : { ca: typeof ca === 'string' ? ca : [...ca] }),
        },
      });
      this.#pools.set(origin, pool);
    }
    return pool;
  }
}
