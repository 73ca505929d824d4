/** Takes credentials out of text that is about to be kept (contract 5.12). Pure. */

const MARK = '***REDACTED***';

/**
 * Keys by the beginning that their makers gave them. What follows it has to look like a key: long, without spaces; so
 * that a word such as `task-force` or `sk-` in prose stays. Every pattern is linear.
 */
const BY_PREFIX =
  /\b(pplx-|sk-proj-|sk-ant-|sk-|AKIA|ghp_|ghs_|gho_|github_pat_|glpat-|gsk_|hf_|xox[abpr]-|AIza|rev_(?:mk|sk)_|hak_|whsec_)[\w-]{8,}/g;
/** A JSON Web Token, also one that is cut behind its first part. */
const JWT = /\beyJ[\w-]{10,}(?:\.[\w-]*){1,2}/g;
const BEARER = /\b(Bearer\s+)[\w.~+/=-]{8,}/gi;
/**
 * `api_key=…`, `"token": "…"`, `password: '…'`: a name, an assignment, a value. The word alone is prose. The quotes of
 * JSON inside JSON are escaped.
 */
const ASSIGNMENT =
  /\b((?:api[_-]?key|access[_-]?token|auth[_-]?token|client[_-]?secret|token|password|passwd|secret)\\?["']?\s{0,4}(?::=|=|:)\s{0,4}\\?["']?)(?!\*\*\*REDACTED)[^\s"'\\,;&)}\]]{4,}/gi;
/** `password: it` in prose: a colon and a word without a digit, not quoted, is a sentence. */
const PROSE = /^[^"'=]*:\s+[A-Za-z]+$/;

/** The text with every credential replaced by its prefix and a mark. */
export function redact(text: string): string {
  return text
    .replace(JWT, '***REDACTED_JWT***')
    .replace(BEARER, (_whole, prefix: string) => `${prefix}${MARK}`)
    .replace(BY_PREFIX, (_whole, prefix: string) => `${prefix}${MARK}`)
    .replace(ASSIGNMENT, (whole, prefix: string) => (PROSE.test(whole) ? whole : `${prefix}${MARK}`));
}

/** Whether the value under this name is a credential, whatever it looks like. */
export function isSecretName(name: string): boolean {
  return /^(?:x[_-])?(?:api[_-]?key|(?:access|auth|refresh)[_-]?token|token|password|passwd|(?:client[_-]?)?secret|authorization)$/i.test(
    name,
  );
}

/** What stands for a credential that was found by its name. */
export const REDACTED = MARK;
