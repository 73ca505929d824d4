/** Links of the Markdown documents: every relative one leads somewhere, every anchor to a heading. */
import { existsSync } from 'node:fs';
import { join, posix } from 'node:path';
import { ROOT } from '../support/project.js';

/** One link of a document, with the line it is on. */
export interface Link {
  readonly target: string;
  readonly line: number;
}

/** The document with code removed, line numbers kept: a link in code is an example. */
function withoutCode(text: string): string {
  let isInFence = false;
  const lines = text.split('\n').map((line) => {
    if (/^\s*(```|~~~)/.test(line)) {
      isInFence = !isInFence;
      return '';
    }
    return isInFence ? '' : line.replace(/`[^`]*`/g, (code) => 'x'.repeat(code.length));
  });
  return lines.join('\n');
}

const LINK_PATTERNS = [
  /\]\(\s*<?([^)>\s]+)>?(?:\s+["'][^)]*)?\)/g,
  /^\s*\[[^\]]+\]:\s*<?(\S+?)>?\s*$/g,
  /\b(?:href|src)="([^"]+)"/g,
];

/** Every link, image and reference of a document. */
export function linksOf(text: string): readonly Link[] {
  return withoutCode(text)
    .split('\n')
    .flatMap((line, index) =>
      LINK_PATTERNS.flatMap((pattern) =>
        [...line.matchAll(pattern)].map((match) => ({ target: match[1]!, line: index + 1 })),
      ),
    );
}

/** The anchors that GitHub gives a document's headings. */
export function anchorsOf(text: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  const seen = new Map<string, number>();
  let isInFence = false;
  for (const line of text.split('\n')) {
    if (/^\s*(```|~~~)/.test(line)) isInFence = !isInFence;
    const heading = isInFence ? undefined : /^#{1,6}\s+(.*?)\s*#*$/.exec(line)?.[1];
    for (const match of line.matchAll(/\b(?:id|name)="([^"]+)"/g)) anchors.add(match[1]!);
    if (heading === undefined) continue;
    const slug = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-');
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    anchors.add(count === 0 ? slug : `${slug}-${count}`);
  }
  return anchors;
}

/** Reads a file of the project, or `undefined` where there is none. */
export type Reader = (path: string) => string | undefined;

/** A finding for every relative link of the document `path` that leads nowhere. */
export function linkFindings(
  path: string,
  text: string,
  read: Reader,
  exists: (path: string) => boolean,
): readonly string[] {
  const findings: string[] = [];
  for (const { target, line } of linksOf(text)) {
    if (/^[a-z][a-z0-9+.-]*:|^\/\//i.test(target)) continue;
    const [filePart = '', anchor] = target.split('#', 2);
    const file = filePart === '' ? path : posix.join(posix.dirname(path), decodeURIComponent(filePart));
    if (file.startsWith('..') || !exists(file)) findings.push(`${path}:${line} ${target} does not exist`);
    else if (anchor !== undefined && file.endsWith('.md') && !anchorsOf(read(file) ?? '').has(anchor)) {
      findings.push(`${path}:${line} ${target}: no such heading`);
    }
  }
  return findings;
}

/** Whether a file or folder of the project exists; a folder that a clone would not have (dist, node_modules) does not. */
export function existsInProject(path: string): boolean {
  const isGenerated = path.split('/').some((part) => part === 'dist' || part === 'node_modules');
  return !isGenerated && existsSync(join(ROOT, path));
}
