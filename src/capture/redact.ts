/** Takes credentials out of text that is about to be kept (contract 5.12, and more than it names). Pure. */

const MARK = '***REDACTED***';

/**
 * Where a word begins: not behind a letter or digit, unless those end an escape (`\n` and `\u0022` in JSON, `%20` in a
 * URL). An underscore or a dash may stand before: `OPENAI_API_KEY`.
 */
const START = String.raw`(?:(?<![A-Za-z0-9])|(?<=\\[bfnrt])|(?<=\\u[\dA-Fa-f]{4})|(?<=%[\dA-Fa-f]{2}))`;

/**
 * Keys by the beginning that their makers gave them. What follows it has to look like a key: long, without spaces; so
 * that a word such as `task-force` or `sk-` in prose stays. Every pattern here is linear: what it begins to match in a
 * run of characters, it takes to the end of the run.
 */
const BY_PREFIX = pattern(
  String.raw`(pplx-|[sr]k_(?:live|test)_|sk-proj-|sk-ant-|sk-|AKIA|gh[pousr]_|github_pat_|glpat-|gsk_|hf_|xox[abeprs]-|AIza|rev_(?:mk|sk)_|hak_|whsec_)[\w-]{8,}`,
);
/** Beginnings that names in programs and models have too (`npm_config_cache`, `xai-grok`): with the form of the rest. */
const BY_PREFIX_AND_FORM = pattern(
  String.raw`(?:(npm_|r8_|fw_)[A-Za-z0-9]{20,}|(nvapi-|tvly-|xai-(?!grok))[\w-]{16,}|(dop_v1_|shpat_)[\da-f]{16,}|(ASIA)[A-Z\d]{16}(?![A-Z\d])|(SG\.)[\w-]{16,}\.[\w-]{16,}|(ya29\.)[\w-]{16,})`,
);
const FORMS = 6;
const isText = (group: unknown) => typeof group === 'string';
/** A key of fal: an id, a colon, a secret. */
const ID_AND_SECRET = /[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}:[\da-f]{32}/gi;
/** A private key of many lines, also one whose end is missing. */
const PRIVATE_KEY =
  /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|(?![\s\S]))/g;
/** A JSON Web Token, also one that is cut behind its first part. Without any dot it is none. */
const JWT = pattern(String.raw`eyJ[\w-]{10,}((?:\.[\w-]*){1,2})?`);
const BEARER = pattern(String.raw`(Bearer\s+)[\w.~+/=-]{8,}`, 'gi');
const AUTHORIZATION =
  /(Authorization\\?["']?\s{0,4}[:=]\s{0,4}\\?["']?(?:Basic|Key|Token|ApiKey)\s{1,4})[^\s"'\\,;]{6,}/gi;
/** `https://user:password@host` */
const USER_INFO = /(:\/\/[^\s/:@"'\\]{0,64}:)[^\s/@"'\\*]{1,256}(?=@)/g;

const NAMES =
  'api[_-]?key|access[_-]?key(?:[_-]?id)?|secret[_-]?key|private[_-]?key|subscription[_-]?key|account[_-]?key|' +
  '(?:access|auth|refresh|session)[_-]?token|client[_-]?secret|token|password|passwd|pwd|secret';
const CAMEL_NAMES = '(?:Api|Access|Secret|Private|Account)Key|(?:Access|Auth|Refresh)Token|ClientSecret|Password';
/** Names of variables: `FAL_KEY`. */
const VARIABLE_NAMES = '(?<=[A-Z0-9]_)KEY';
/**
 * `api_key=…`, `"token": "…"`, `password: '…'`: a name, an assignment, a value, to its closing quote if it has one. The
 * word alone is prose. The quotes of JSON inside JSON are escaped.
 */
const ASSIGNED = String.raw`\\?["']?\s{0,4}(?::=|=|:)\s{0,4}`;
const VALUE = String.raw`(\\["'](?!\*\*\*REDACTED)(?=[^"'\\\r\n]{4})|"(?!\*\*\*REDACTED)(?=(?:[^"\\\r\n]|\\.){4})|'(?!\*\*\*REDACTED)(?=(?:[^'\\\r\n]|\\.){4})|(?!\*\*\*REDACTED)(?=[^\s"'\\,;&)}\]]{4}))`;
const ASSIGNMENTS = [
  pattern(`((?:${NAMES})${ASSIGNED})${VALUE}`, 'gi'),
  new RegExp(`(?<=[a-z0-9])((?:${CAMEL_NAMES})${ASSIGNED})${VALUE}`, 'g'),
  new RegExp(`(${VARIABLE_NAMES}${ASSIGNED})${VALUE}`, 'g'),
];
/** What is left of a value, by the quote that it stands in. */
const REST: ReadonlyMap<string, RegExp> = new Map([
  ['"', /(?:[^"\\\r\n]|\\.)+/y],
  ["'", /(?:[^'\\\r\n]|\\.)+/y],
  ['', /[^\s"'\\,;&)}\]]+/y],
]);
const REST_ESCAPED = /[^"'\\\r\n]+/y;
/** `password: it` in prose: a colon and a word without a digit, not quoted, is a sentence. */
const PROSE = /:\s+$/;
const LETTERS = /^[A-Za-z]+$/;

/** The text with every credential replaced by its prefix and a mark. */
export function redact(text: string): string {
  const keep = (_whole: string, prefix: string) => `${prefix}${MARK}`;
  const clean = text
    .replace(PRIVATE_KEY, MARK)
    .replace(JWT, (whole, dotted: string | undefined) => (dotted === undefined ? whole : '***REDACTED_JWT***'))
    .replace(BEARER, keep)
    .replace(AUTHORIZATION, keep)
    .replace(BY_PREFIX, keep)
    .replace(BY_PREFIX_AND_FORM, (_whole, ...groups) => `${groups.slice(0, FORMS).find(isText)}${MARK}`)
    .replace(ID_AND_SECRET, MARK)
    .replace(USER_INFO, keep);
  return ASSIGNMENTS.reduce(redactAssigned, clean);
}

/** Names are found by one pattern, the values behind them by another: a value has no length limit. */
function redactAssigned(text: string, assignment: RegExp): string {
  let done = 0;
  let clean = '';
  assignment.lastIndex = 0;
  for (let found = assignment.exec(text); found !== null; found = assignment.exec(text)) {
    const quote = found[2] ?? '';
    const rest = REST.get(quote) ?? REST_ESCAPED;
    const valueAt = found.index + found[0].length;
    rest.lastIndex = valueAt;
    const value = rest.exec(text)?.[0] ?? '';
    const isProse = quote === '' && PROSE.test(found[1]!) && !/["']/.test(found[1]!) && LETTERS.test(value);
    clean += text.slice(done, isProse ? valueAt + value.length : valueAt) + (isProse ? '' : MARK);
    done = valueAt + value.length;
    assignment.lastIndex = done;
  }
  return clean + text.slice(done);
}

function pattern(source: string, flags = 'g'): RegExp {
  return new RegExp(`${START}${source}`, flags);
}

const SECRET_NAME =
  /(?:^|[_.-])(?:api[_-]?key|(?:access|secret|private|subscription|account)[_-]?key|(?:access|auth|refresh|session|bot|id)[_-]?token|password|passwd|(?:client[_-]?)?secret|(?:proxy[_-])?authorization)$|^(?:x[_-])?token$/i;
const SECRET_CAMEL_NAME = new RegExp(`[a-z0-9](?:${CAMEL_NAMES})$`);

/** Whether the value under this name is a credential, whatever it looks like. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name) || SECRET_CAMEL_NAME.test(name);
}

/** What stands for a credential that was found by its name. */
export const REDACTED = MARK;
