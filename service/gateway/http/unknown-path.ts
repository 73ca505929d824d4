/** What is said about a path that the gateway does not serve. */
import { Failure } from './failure.js';
import { methodsOf, QUERY_LENGTH_MAX } from './surfaces.js';

const PATH_SHOWN_MAX = 120;

/** 404, or 405 and 400 where the path is served with another method or without such a query. Nothing is ever forwarded. */
export function unknownPath(method: string, rawUrl: string): Failure {
  const methods = methodsOf(rawUrl);
  if (methods.length === 0) {
    const path = printable(rawUrl.split('?', 1)[0] ?? '');
    return new Failure(404, 'unknown_path', `the gateway does not serve ${path}; paths are compared letter by letter`);
  }
  if (!methods.includes(method)) {
    const allowed = methods.join(', ');
    return new Failure(405, 'method_not_allowed', `this path is asked with ${allowed}`, {
      headers: ['allow', allowed],
    });
  }
  const text = `the query string is longer than ${QUERY_LENGTH_MAX} characters or has characters that must be percent-encoded`;
  return new Failure(400, 'malformed_query', text);
}

/** Shown to people: no characters that could pass for something else in a terminal or a log. */
function printable(path: string): string {
  return path.slice(0, PATH_SHOWN_MAX).replace(/[^\x21-\x7e]/g, '?');
}
