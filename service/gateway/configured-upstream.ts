/** An upstream as it is configured, and how a base URL becomes one. */
import { inspect } from 'node:util';
import type { Dialect, Upstream } from './types.js';

/** An upstream with what only routing and reading need. Printed, it shows names of headers and no value (I12). */
export class ConfiguredUpstream implements Upstream {
  readonly name: string;
  readonly protocol: Dialect;
  readonly origin: string;
  readonly basePath: string;
  readonly onClientLeave: 'abort' | 'drain';
  /** An Ollama upstream that answers Anthropic's `/v1/messages` too, as newer versions do. */
  readonly speaksAnthropic: boolean;
  /** Takes `stream_options.include_usage`, where its address does not tell. */
  readonly takesIncludeUsage: boolean;
  /** Its name on the wire, where its address does not tell. */
  readonly provider: string | undefined;
  readonly #headers: readonly (readonly [name: string, value: string])[];

  constructor(fields: UpstreamFields, base: UpstreamBase) {
    this.name = fields.name;
    this.protocol = fields.protocol;
    this.origin = base.origin;
    this.basePath = base.basePath;
    this.onClientLeave = fields.onClientLeave ?? (fields.protocol === 'ollama' ? 'abort' : 'drain');
    this.speaksAnthropic = fields.speaksAnthropic ?? false;
    this.takesIncludeUsage = fields.takesIncludeUsage ?? false;
    this.provider = fields.provider;
    this.#headers = fields.headers ?? [];
  }

  get headers(): readonly (readonly [name: string, value: string])[] {
    return this.#headers;
  }

  toJSON(): object {
    return { ...this, headers: this.#headers.map(([name]) => name) };
  }

  [inspect.custom](): string {
    return `Upstream ${JSON.stringify(this)}`;
  }
}

/** What is said of an upstream beside its address. */
export interface UpstreamFields {
  readonly name: string;
  readonly protocol: Dialect;
  readonly onClientLeave?: 'abort' | 'drain' | undefined;
  readonly speaksAnthropic?: boolean | undefined;
  readonly takesIncludeUsage?: boolean | undefined;
  readonly provider?: string | undefined;
  readonly headers?: readonly (readonly [name: string, value: string])[] | undefined;
}

/** Where an upstream is. */
export type UpstreamBase = Pick<Upstream, 'origin' | 'basePath'>;

/**
 * Reads a base URL as the clients of its protocol do: OpenAI's stands before `/chat/completions` and mostly ends in
 * `/v1`, the others stand before `/v1/messages` and `/api/chat`. Gives what is wrong as a text.
 */
export function readBaseUrl(text: string, protocol: Dialect): UpstreamBase | string {
  if (!URL.canParse(text)) return 'must be a URL like https://host:port/path';
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return 'must begin with http:// or https://';
  // Neither the user nor the password: they would stand in this message, too.
  if (url.username !== '' || url.password !== '') return 'must not hold a user or a password: give a key instead';
  if (url.search !== '' || url.hash !== '') return 'must not hold a query or a fragment';
  const path = url.pathname.replace(/\/+$/, '');
  return { origin: url.origin, basePath: protocol === 'anthropic' ? path.replace(/\/v1$/, '') : path };
}

/** Path for a request to `upstream`, of a path as callers ask for it. Only paths of the table of surfaces come here. */
export function upstreamPathOf(upstream: Pick<Upstream, 'protocol' | 'basePath'>, path: string): string {
  // The version is part of the base URL of OpenAI's protocol: some servers have another one there, or none.
  return `${upstream.basePath}${upstream.protocol === 'openai' ? path.replace(/^\/v1(?=\/)/, '') : path}`;
}

/** The header by which a protocol takes its key. */
export function keyHeader(protocol: Dialect, key: string): readonly [name: string, value: string] {
  return protocol === 'anthropic' ? ['x-api-key', key] : ['authorization', `Bearer ${key}`];
}
