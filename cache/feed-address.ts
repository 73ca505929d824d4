/** Where the feed of a team lies (contract 1.6). */
import { createHash } from 'node:crypto';

/** The public host answers under this path, most others without it. */
const HOSTED_PREFIX = '/profitstream';

/** The base URL, if the feed may be asked from it: http or https, nothing else. */
export function parseFeedBase(baseUrl: string): URL | undefined {
  if (!URL.canParse(baseUrl)) return undefined;
  const url = new URL(baseUrl);
  return url.protocol === 'http:' || url.protocol === 'https:' ? url : undefined;
}

/** Names whose rules (or events) these are, on disk: a SHA-256 of the service's origin and the team, in hex. */
export function ownerOf(origin: string, teamId: string): string {
  return createHash('sha256').update(`${origin}\n${teamId}`).digest('hex');
}

/** The paths at which a feed may lie. Remembers which of them answered. */
export class FeedAddress {
  /** Scheme, host and port. */
  readonly origin: string;
  readonly #contextPath: string;
  #prefix = '';

  constructor(base: URL) {
    this.origin = base.origin;
    this.#contextPath = base.pathname.replace(/\/+$/, '');
  }

  /** The path that answered last, at first the one without the prefix. @throws URIError on half a surrogate pair. */
  path(teamId: string): string {
    return this.#pathWith(this.#prefix, teamId);
  }

  /** The other path to try after a 404; `undefined` where the base URL names the prefix itself. */
  otherPath(teamId: string): string | undefined {
    if (`${this.#contextPath}/`.includes(`${HOSTED_PREFIX}/`)) return undefined;
    return this.#pathWith(this.#otherPrefix(), teamId);
  }

  /** The other path answered: it is the first from now on. */
  switchPath(): void {
    this.#prefix = this.#otherPrefix();
  }

  #otherPrefix(): string {
    return this.#prefix === '' ? HOSTED_PREFIX : '';
  }

  #pathWith(prefix: string, teamId: string): string {
    return `${this.#contextPath}${prefix}/v2/api/ai/enforcement-rules/${encodeURIComponent(teamId)}`;
  }
}
