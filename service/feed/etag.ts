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

function opaque(tag: string): string {
  return quoted(tag.trim()).replace(/^W\//, '');
}
