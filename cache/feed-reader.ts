/** The one way in for rules: the wire and the mirror go through the same parser and the same compiler (I8). */
import { compileInSteps, type RuleSet } from '../enforcement/rule-set.js';
import type { DepartmentMaps, Feed } from '../src/wire/feed.js';
import type { OperatorBypass } from '../src/wire/feed-bypass.js';
import { AT_ONCE_CHARS_MAX, parseFeedInSteps } from '../src/wire/feed-in-steps.js';
import { KeptFeed } from './kept-feed.js';

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
      /** Operators have switched enforcement off; `malformed`: a member of that name means nothing. */
      readonly bypass: OperatorBypass | 'malformed' | undefined;
      /** What differences can be applied to; `undefined` where they were not asked for, or this feed cannot take them. */
      readonly kept: KeptFeed | undefined;
    }
  | { readonly kind: 'malformed'; readonly reason: string };

/** A team without rules is a rule set like any other: what 204 and an empty body stand for. */
const NO_RULES: Feed = {
  rules: [],
  rawRules: [],
  departments: { blocks: new Map(), balances: new Map(), warnings: new Map() },
  dropped: { count: 0, reasons: new Map() },
};

/**
 * Parses and compiles a body, given in parts, in steps of well under a millisecond. With `keep` it can be changed by
 * differences afterwards, which costs the memory of its rules as they came.
 */
export function* readFeedInSteps(
  body: string | readonly string[],
  status: 200 | 204,
  keep = false,
): Generator<void, FeedReading> {
  const result = yield* parseFeedInSteps(body, status, AT_ONCE_CHARS_MAX, keep);
  if (result.kind === 'malformed') return result;
  const feed = result.kind === 'empty' ? NO_RULES : result.feed;
  const kept = keep && result.kind === 'rules' ? yield* KeptFeed.open(feed) : undefined;
  return {
    kind: 'feed',
    ruleSet: kept === undefined ? yield* compileInSteps(feed) : yield* kept.ruleSet(),
    rawRules: kept ?? feed.rawRules,
    departments: feed.departments,
    revision: feed.revision,
    ruleCount: feed.rules.length,
    droppedRules: feed.dropped.count,
    droppedReasons: Object.fromEntries(feed.dropped.reasons),
    bypass: feed.bypass,
    kept,
  };
}
