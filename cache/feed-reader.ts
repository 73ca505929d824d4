/** The one way in for rules: the wire and the mirror go through the same parser and the same compiler (I8). */
import { compileInSteps, type RuleSet } from '../enforcement/rule-set.js';
import type { DepartmentMaps, Feed } from '../src/wire/feed.js';
import { parseFeedInSteps } from '../src/wire/feed-in-steps.js';

/** What a body came to. Nothing of it is in force yet. */
export type FeedReading =
  | {
      readonly kind: 'feed';
      readonly ruleSet: RuleSet;
      /** As received, for the mirror. */
      readonly rawRules: Iterable<unknown>;
      readonly departments: DepartmentMaps;
      readonly revision: number | undefined;
      readonly ruleCount: number;
      /** Rules that were not understood and are not among the others. */
      readonly droppedRules: number;
      readonly droppedReasons: Readonly<Record<string, number>>;
    }
  | { readonly kind: 'malformed'; readonly reason: string };

/** A team without rules is a rule set like any other: what 204 and an empty body stand for. */
const NO_RULES: Feed = {
  rules: [],
  rawRules: [],
  departments: { blocks: new Map(), balances: new Map(), warnings: new Map() },
  dropped: { count: 0, reasons: new Map() },
};

/** Parses and compiles a body, given in parts, in steps of well under a millisecond. */
export function* readFeedInSteps(body: string | readonly string[], status: 200 | 204): Generator<void, FeedReading> {
  const result = yield* parseFeedInSteps(body, status);
  if (result.kind === 'malformed') return result;
  const feed = result.kind === 'empty' ? NO_RULES : result.feed;
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
