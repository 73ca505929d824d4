/** What a `.dockerignore` keeps out of a build: the last pattern that matches a path, or a folder above it, decides. */

/** Whether a path, from the build's folder and with slashes, reaches the builder. */
export type ReachesBuilder = (path: string) => boolean;

/** Reads the patterns of a file. */
export function readDockerIgnore(text: string): ReachesBuilder {
  const patterns = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const isException = line.startsWith('!');
      return { isException, matcher: matcherOf(isException ? line.slice(1) : line) };
    });
  return (path) => {
    const parts = path.split('/');
    const above = parts.map((_, index) => parts.slice(0, index + 1).join('/'));
    let isOut = false;
    for (const { isException, matcher } of patterns) {
      if (above.some((folder) => matcher.test(folder))) isOut = !isException;
    }
    return !isOut;
  };
}

function matcherOf(pattern: string): RegExp {
  const plain = pattern.replace(/^\/|\/$/g, '');
  const source = plain.replace(/\*\*\/|\*\*|\*|\?|[.+^${}()|[\]\\]/g, (found) => {
    if (found === '**/') return '(?:.*/)?';
    if (found === '**') return '.*';
    if (found === '*') return '[^/]*';
    return found === '?' ? '[^/]' : `\\${found}`;
  });
  return new RegExp(`^${source}$`);
}
