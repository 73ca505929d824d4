/**
 * An e-mail address as the department maps spell it: trimmed and lower-cased (contract 2.5). Plain lower case, not
 * Unicode case folding, because the maps of the service are made that way.
 */
export function normaliseEmail(email: string): string {
  return email.trim().toLowerCase();
}
