/** What the configured hosts said they can beyond the contract. */
import type { Runtime } from '../src/runtime.js';
import { CAPABILITIES_HEADER, type Capability, parseCapabilities } from '../src/wire/capabilities.js';

/** A route that was refused although it was announced (a proxy between) is left alone for so long. Milliseconds. */
const REFUSED_FOR_MS = 10 * 60_000;
/** One host takes the events and one gives the feed; nearly always they are the same. */
const HOSTS_MAX = 8;

/** Headers of an answer, names in lower case. */
export type AnswerHeaders = Readonly<Record<string, string | string[] | undefined>>;

interface Host {
  announced: ReadonlySet<Capability>;
  /** Monotonic: until when a capability is not used. */
  readonly refusedUntil: Map<Capability, number>;
}

/**
 * Learns from every answer, and forgets as easily (I9): nothing of ours is sent to a host that did not announce it in its
 * latest good answer. One object for an instance; hosts are told apart by their origin.
 */
export class Capabilities {
  readonly #now: () => number;
  readonly #hosts = new Map<string, Host>();

  constructor(runtime: Pick<Runtime, 'monotonicNow'>) {
    this.#now = () => runtime.monotonicNow();
  }

  /**
   * An answer of `origin`. A good one without the header is from a service that can nothing of this (any more); an error
   * without it may be from a balancer in front, and says nothing.
   */
  learn(origin: string, status: number, headers: AnswerHeaders): void {
    const header = headers[CAPABILITIES_HEADER];
    const isGood = (status >= 200 && status < 300) || status === 304;
    if (header === undefined && !isGood) return;
    const host = this.#host(origin);
    if (host !== undefined) host.announced = parseCapabilities(header);
  }

  /** The route of a capability answered that it is not there, though it was announced: it is not used for 10 minutes. */
  refuse(origin: string, capability: Capability): void {
    this.#host(origin)?.refusedUntil.set(capability, this.#now() + REFUSED_FOR_MS);
  }

  /** Whether it may be used now. */
  has(origin: string, capability: Capability): boolean {
    const host = this.#hosts.get(origin);
    if (host === undefined || !host.announced.has(capability)) return false;
    const until = host.refusedUntil.get(capability);
    if (until === undefined) return true;
    if (this.#now() < until) return false;
    host.refusedUntil.delete(capability);
    return true;
  }

  /** Whether the host has answered anything yet, so that what it does not announce is not there. */
  isKnown(origin: string): boolean {
    return this.#hosts.has(origin);
  }

  /** What may be used of a host now, for status. */
  list(origin: string): readonly Capability[] {
    return [...(this.#hosts.get(origin)?.announced ?? [])].filter((capability) => this.has(origin, capability));
  }

  #host(origin: string): Host | undefined {
    let host = this.#hosts.get(origin);
    if (host === undefined && this.#hosts.size < HOSTS_MAX) {
      host = { announced: new Set(), refusedUntil: new Map() };
      this.#hosts.set(origin, host);
    }
    return host;
  }
}
