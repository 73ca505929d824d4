/** Which provider answers at an address, for requests that no client of a known package makes. Pure. */
import type { ProviderAdapter } from './adapter.js';
import { anthropicAdapter, readAnthropicRequest } from './anthropic.js';
import { falAdapter } from './fal.js';
import { isFalHost } from './fal-url.js';
import { googleAdapter } from './google.js';
import { ollamaAdapter } from './ollama.js';
import { openaiAdapter } from './openai.js';
import { knownHost } from './openai-known-hosts.js';
import { perplexityAdapter } from './perplexity.js';

/** The names by which a program says what a server of its own speaks. */
export type ProviderName = 'anthropic' | 'fal' | 'google' | 'ollama' | 'openai' | 'perplexity';

/** One provider, and where it answers. */
export interface RegisteredProvider {
  readonly name: ProviderName;
  readonly adapter: ProviderAdapter;
  /** Whether requests to this address are this provider's. */
  claims(url: URL): boolean;
}

const VERTEX_HOST = /(?:^|-)aiplatform\.googleapis\.com$/;
const AZURE_HOST = /\.(?:openai|cognitiveservices|services\.ai|ai)\.azure\.(?:com|us|cn)$/;
/** Where other providers serve OpenAI's protocol beside their own. */
const OPENAI_BESIDE = /\/(?:chat\/completions|openai|openapi)(?:\/|$)/;

/** In the order in which they are asked: the narrower claim comes first. */
export const REGISTERED_PROVIDERS: readonly RegisteredProvider[] = [
  { name: 'fal', adapter: falAdapter, claims: ({ hostname }) => isFalHost(hostname) },
  { name: 'perplexity', adapter: perplexityAdapter, claims: ({ hostname }) => hostname === 'api.perplexity.ai' },
  { name: 'anthropic', adapter: anthropicAdapter, claims: isAnthropic },
  { name: 'anthropic', adapter: vertexAnthropic(), claims: isVertexAnthropic },
  { name: 'google', adapter: googleAdapter, claims: isGoogle },
  { name: 'ollama', adapter: ollamaAdapter, claims: (url) => isOllama(url) && !url.pathname.startsWith('/v1/') },
  { name: 'openai', adapter: openaiAdapter, claims: speaksOpenAI },
];

/** The provider at an address; what the program says of its own hosts (`host` or `host:port`) comes first. */
export function providerAt(
  url: URL,
  hosts: Readonly<Record<string, ProviderName>> | undefined,
): RegisteredProvider | undefined {
  if (hosts !== undefined) {
    const named = namedBy(hosts, url);
    if (named !== undefined) return REGISTERED_PROVIDERS.find(({ name }) => name === named);
  }
  return REGISTERED_PROVIDERS.find(({ claims }) => claims(url));
}

function isAnthropic({ hostname, pathname }: URL): boolean {
  if (hostname === 'api.anthropic.com') return !OPENAI_BESIDE.test(pathname);
  return AZURE_HOST.test(hostname) && pathname.startsWith('/anthropic/');
}

function isVertexAnthropic({ hostname, pathname }: URL): boolean {
  return VERTEX_HOST.test(hostname) && pathname.includes('/publishers/anthropic/');
}

function vertexAnthropic(): ProviderAdapter {
  return { ...anthropicAdapter, readRequest: (request) => readAnthropicRequest(request, 'vertex') };
}

function isGoogle({ hostname, pathname }: URL): boolean {
  const isHost = hostname === 'generativelanguage.googleapis.com' || VERTEX_HOST.test(hostname);
  return isHost && !OPENAI_BESIDE.test(pathname);
}

/** Its port is its own, on whatever host: a container reaches it at `host.docker.internal`. */
function isOllama({ port, hostname }: URL): boolean {
  return port === '11434' || hostname === 'ollama.com' || hostname === 'ollama';
}

/** OpenAI itself, Azure, and the servers that are known by name. */
function speaksOpenAI(url: URL): boolean {
  const { hostname, pathname } = url;
  if (hostname === 'api.openai.com' || hostname.endsWith('.api.openai.com') || isOllama(url)) return true;
  if (knownHost(hostname, pathname) !== undefined) return true;
  // Azure answers a great deal more than models at its hosts, and models at hosts of the program's own.
  return AZURE_HOST.test(hostname) || /\/openai\/deployments\//.test(pathname);
}

/** A name with the port that is meant comes before one without; case does not matter, nor a default port. */
function namedBy(hosts: Readonly<Record<string, ProviderName>>, url: URL): ProviderName | undefined {
  const port = url.port === '' ? DEFAULT_PORTS[url.protocol] : url.port;
  let byName: ProviderName | undefined;
  for (const [given, provider] of Object.entries(hosts)) {
    const name = given.toLowerCase().replace(/\.(?=$|:\d+$)/, '');
    if (name === `${url.hostname}:${port}`) return provider;
    if (name === url.hostname) byName = provider;
  }
  return byName;
}

const DEFAULT_PORTS: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' };
