/**
 * Parsing of the rule feed (contract 2.2), by hand rather than with a schema: every field has old names, every rule is
 * judged alone with a reason for the counter, and a feed of 100,000 rules must not stop the event loop.
 */
import type { FeedResult } from './feed.js';
import { isFeedField, RuleReader } from './feed-reader.js';
import { isRecord } from './is-record.js';

/** The reason of a body that is no JSON. */
export const NOT_JSON: FeedResult = { kind: 'malformed', reason: 'not JSON' };

/**
 * Reads the body of an answer. Never throws. For a large body use {@link parseFeedInSteps}.
 *
 * @param status the HTTP status: 200 and 204 carry a feed, any other is `malformed`.
 */
export function parseFeed(bodyText: string, status = 200): FeedResult {
  const early = judgeWithoutParsing(bodyText, status);
  if (early !== undefined) return early;
  let value: unknown;
  try {
    value = JSON.parse(withoutMark(bodyText));
  } catch {
    return NOT_JSON;
  }
  return feedFromJson(value);
}

/** What status and emptiness alone say; `undefined`: the body must be read. */
function judgeWithoutParsing(bodyText: string, status: number): FeedResult | undefined {
  if (status === 204) return { kind: 'empty' };
  if (status !== 200) return { kind: 'malformed', reason: `status ${status}` };
  return /\S/.test(bodyText) ? undefined : { kind: 'empty' };
}

/** The text without the byte order mark that some servers put first. */
function withoutMark(text: string): string {
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}

/** Reads a body that was parsed as JSON already. Never throws. */
export function feedFromJson(value: unknown): FeedResult {
  const reader = new RuleReader();
  let get: ((name: string) => unknown) | undefined;
  let rules: unknown = value;
  if (!Array.isArray(value)) {
    if (!isRecord(value)) return { kind: 'malformed', reason: 'neither an object nor a list' };
    if (!Object.keys(value).some(isFeedField)) return { kind: 'malformed', reason: 'no known field' };
    // Own fields only: a body must not answer from a polluted prototype.
    get = (name) => (Object.hasOwn(value, name) ? value[name] : undefined);
    rules = get('rules') ?? [];
  }
  if (!Array.isArray(rules)) return { kind: 'malformed', reason: 'rules is not a list' };
  for (const raw of rules) reader.read(raw);
  const steps = reader.finish(rules, get);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}
