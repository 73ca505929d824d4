/** Which provider answers at a URL that the openai client is pointed at, and what may be assumed of it. */
import { type KnownHost, knownHost } from './openai-known-hosts.js';
import { decoded } from './values.js';

/** What the address of a request says. */
export interface OpenAIHost extends KnownHost {
  readonly idsAreUnique: boolean;
  readonly takesIncludeUsage: boolean;
  /** OpenAI's own servers and Azure's: nothing of the answer has to be read in another way. */
  readonly isOpenAI: boolean;
  /** The deployment in an Azure path. */
  readonly deployment?: string;
  /** Set where the provider's name had to be assumed from the protocol. */
  readonly assumedHost?: string;
}

/** Azure answers 400 to `stream_options` under API versions before this date. */
const AZURE_INCLUDE_USAGE_SINCE = '2024-09-01';

/**
 * Reads a URL. Ollama: port 11434 on this machine, or `ollama` in the host's name. Then the servers that are known by
 * name. Azure: `azure` in the host's name, a deployment in the path, or an API version in the query. Everything else
 * speaks OpenAI's protocol and is called OPENAI; where the host is not OpenAI's own it is named beside it.
 */
export function readOpenAIHost(url: string): OpenAIHost {
  const host = hostOf(url);
  if (/^(localhost|127\.0\.0\.1|\[::1\]):11434$/.test(host) || host.includes('ollama')) {
    return { provider: 'OLLAMA', modelSource: 'OLLAMA', idsAreUnique: false, takesIncludeUsage: true, isOpenAI: false };
  }
  const official = host === 'api.openai.com' || host.endsWith('.api.openai.com');
  if (official) {
    return { provider: 'OPENAI', modelSource: 'OPENAI', idsAreUnique: true, takesIncludeUsage: true, isOpenAI: true };
  }
  const known = knownHost(host.replace(/:\d+$/, ''), pathOf(url));
  if (known !== undefined) return { idsAreUnique: false, takesIncludeUsage: false, ...known, isOpenAI: false };
  return (
    readAzure(url, host) ?? {
      provider: 'OPENAI',
      modelSource: 'OPENAI',
      idsAreUnique: false,
      takesIncludeUsage: false,
      isOpenAI: false,
      assumedHost: host,
    }
  );
}

function readAzure(url: string, host: string): OpenAIHost | undefined {
  const deployment = /\/openai\/deployments\/([^/?#]+)/.exec(url)?.[1];
  const apiVersion = /[?&]api-version=([^&#]*)/.exec(url)?.[1];
  if (!host.includes('azure') && deployment === undefined && apiVersion === undefined) return undefined;
  // Azure AI Foundry serves models of other makers too, through its own path or OpenAI's.
  const isFoundry = /\.services\.ai\.azure\.(com|us|cn)$/.test(host);
  const isInference = isFoundry && pathOf(url).startsWith('/models');
  return {
    provider: 'Azure',
    modelSource: 'OPENAI',
    idsAreUnique: true,
    takesIncludeUsage: !isInference && /\.azure\.(com|us|cn)$/.test(host) && takesIncludeUsage(apiVersion),
    isOpenAI: !isFoundry,
    ...(isFoundry ? { sumsReasoning: true } : {}),
    ...(deployment === undefined ? {} : { deployment: decoded(deployment) }),
  };
}

/** The path of a URL, without host, query and trailing slash. */
export function pathOf(url: string): string {
  const withoutOrigin = url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '');
  return withoutOrigin.replace(/[?#].*$/s, '').replace(/\/+$/, '');
}

/** Host and port; the default port is left out as `URL` does. */
function hostOf(url: string): string {
  const authority = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(url)?.[1] ?? '';
  return authority.slice(authority.lastIndexOf('@') + 1).toLowerCase();
}

function takesIncludeUsage(apiVersion: string | undefined): boolean {
  if (apiVersion === undefined || !/^\d{4}-\d{2}-\d{2}/.test(apiVersion)) return true;
  return apiVersion.slice(0, 10) >= AZURE_INCLUDE_USAGE_SINCE;
}
