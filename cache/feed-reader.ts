/** The one way in for rules: the wire and the mirror go through the same parser and the same compiler (I8). */
import { compileInSteps, type RuleSet } from '../enforcement/rule-set.js';
import type { DepartmentMaps } from '../src/wire/feed.js';
import { parseFeedInSteps } from '../src/wire/parse-feed.js';

/** What a body came to. Nothing of it is in force yet. */
export type FeedReading =
  | {
      readonly kind: 'feed';
      readonly ruleSet: RuleSet;
      /** As received, for the mirror. */
      readonly rawRules: readonly unknown[];
      readonly departments: DepartmentMaps;
      readonly revision: number | undefined;
      readonly ruleCount: number;
      /** Rules that were not understood and are not among the others. */
      readonly droppedRules: number;
      readonly droppedReasons: Readonly<Record<string, number>>;
    }
  | { readonly kind: 'malformed'; readonly reason: string };

/** A team without rules: what 204 and an empty body stand for. It is a rule set like any other. */
const NO_RULES = '[]';

/** Parses and compiles a body in steps of well under a millisecond. */
export function* readFeedInSteps(body: string, status: 200 | 204): Generator<void, FeedReading> {
  let result = yield* parseFeedInSteps(status === 204 ? NO_RULES : body);
  if (result.kind === 'empty') result = yield* parseFeedInSteps(NO_RULES);
  if (result.kind !== 'rules') {
    return {
      kind: 'malformed',
      reason: result.kind === 'malformed' ? result.reason : 'an empty list is not understood',
    };
  }
  const { feed } = result;
  return {
    kind: 'feed',
    ruleSet: yield* compileInSteps(feed),
    rawRules: feed.rawRules,
    departments: feed.departments,
    revision: feed.revision,
    ruleCount: feed.rules.length,
    droppedRules: feed.dropped.count,
    droppedReasons: Object.fromEntries(feed.dropped.reasons),
  };
}
