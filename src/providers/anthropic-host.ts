/** Who answers at a URL that an Anthropic client is pointed at (contract 6.2), and what may be assumed of it. */
import type { TokenConvention } from './adapter.js';
import { pathOf } from './openai-host.js';
import { knownHost } from './openai-known-hosts.js';

/** Input excludes what was read from and written to the cache; thinking is part of the output (contract 5.10). */
export const ANTHROPIC_CONVENTION: TokenConvention = {
  cacheRead: 'outside',
  cacheWrite: 'outside',
  reasoning: 'inside',
};

/** For which cloud a client was made; told by the client, for its base URL may be a gateway's. */
export type AnthropicPlatform = 'anthropic' | 'bedrock' | 'vertex';

/** What the address of a request says. */
export interface AnthropicHost {
  /** Wire names, contract 6.2. */
  readonly provider: string;
  readonly modelSource: string;
  /** Whether message ids are unique for ever (I4). A server of unknown make may start again at 1. */
  readonly idsAreUnique: boolean;
  /** Set where the service would take another convention from the provider's name. */
  readonly tokenConvention?: TokenConvention;
  /** Set where the provider's name had to be assumed. */
  readonly assumedHost?: string;
}

/** Reads a URL. An unknown host speaks Anthropic's protocol for the cloud that the client was made for. */
export function readAnthropicHost(url: string, platform: AnthropicPlatform): AnthropicHost {
  const host = hostOf(url);
  const name = host.replace(/:\d+$/, '');
  if (name === 'api.anthropic.com') return named('ANTHROPIC');
  if (name.endsWith('.amazonaws.com') || name.endsWith('.api.aws')) return named('AWS');
  if (name.endsWith('googleapis.com')) return named('Google', ANTHROPIC_CONVENTION);
  if (name.endsWith('.services.ai.azure.com')) return named('Foundry', ANTHROPIC_CONVENTION);
  if (/^(localhost|127\.0\.0\.1|\[::1\]):11434$/.test(host) || name.includes('ollama')) {
    return { provider: 'OLLAMA', modelSource: 'OLLAMA', idsAreUnique: false, tokenConvention: ANTHROPIC_CONVENTION };
  }
  // DeepSeek, OpenRouter and others serve Anthropic's protocol beside OpenAI's, with ids of their own making.
  const known = platform === 'anthropic' ? knownHost(name, pathOf(url)) : undefined;
  if (known !== undefined) {
    const { provider, modelSource } = known;
    return { provider, modelSource, idsAreUnique: false, tokenConvention: ANTHROPIC_CONVENTION };
  }
  const assumed = {
    bedrock: named('AWS'),
    vertex: named('Google', ANTHROPIC_CONVENTION),
    anthropic: named('ANTHROPIC'),
  };
  return { ...assumed[platform], idsAreUnique: false, assumedHost: host };
}

function named(provider: string, tokenConvention?: TokenConvention): AnthropicHost {
  const head = { provider, modelSource: 'ANTHROPIC', idsAreUnique: true };
  return tokenConvention === undefined ? head : { ...head, tokenConvention };
}

/** Host and port. */
function hostOf(url: string): string {
  const authority = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(url)?.[1] ?? '';
  return authority.slice(authority.lastIndexOf('@') + 1).toLowerCase();
}
