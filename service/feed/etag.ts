/** Conditional reads: whether a client has what it asks for (RFC 9110, section 13.1.2). */

/** Whether `ifNoneMatch` names `etag`; weak and strong forms of the same tag are equal, `*` names any. */
export function isNoneMatch(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  const wanted = opaque(etag);
  return ifNoneMatch.split(',').some((tag) => tag.trim() === '*' || opaque(tag) === wanted);
}

/** A tag in the form that the header needs, whatever the store calls it. */
export function quoted(etag: string): string {
  return /^(W\/)?".*"$/.test(etag) ? etag : `"${etag}"`;
}

/** The newest revision that the tags of our own form name, `"<revision>-<hash>"`; 0 where there is none. */
export function newestRevision(ifNoneMatch: string | undefined): number {
  let newest = 0;
  for (const tag of ifNoneMatch?.split(',') ?? []) {
    const revision = /^"(\d{1,15})-[0-9a-z]+"$/.exec(quoted(tag.trim()).replace(/^W\//, ''))?.[1];
    if (revision !== undefined) newest = Math.max(newest, Number(revision));
  }
  return newest;
}

function opaque(tag: string): string {
  return quoted(tag.trim()).replace(/^W\//, '');
}
