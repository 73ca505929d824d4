/** The feed as text, within its bound: a public SDK reads no further than 1 MiB (contract 2.2). Pure. */
import { createHash } from 'node:crypto';
import type { FeedSnapshot } from '../store/store.js';
import type { FeedGroup, FeedRule } from './feed-rule.js';

/** Below 1 MiB with room for the envelope and for what grows on the way. */
export const RULES_BYTES_MAX = 1_000_000;

/** A rule list that fits, and how many rules and groups were left out. */
export interface FittedRules {
  readonly rulesText: string;
  readonly omitted: number;
}

/**
 * The rule list as JSON. If it is too long, what decides least goes first: groups that only warn, rules that refuse
 * nobody, and last, with `omitted` to say so, verdicts.
 */
export function fitIntoBody(rules: readonly FeedRule[]): FittedRules {
  const whole = JSON.stringify(rules);
  if (Buffer.byteLength(whole) <= RULES_BYTES_MAX) return { rulesText: whole, omitted: 0 };
  let left = RULES_BYTES_MAX - 2;
  let omitted = 0;
  const kept = new Map<FeedRule, string>();
  for (const rule of [...rules].sort((a, b) => weightOf(b) - weightOf(a))) {
    const groups: string[] = [];
    const bare = JSON.stringify({ ...rule, groupBreakdown: rule.groupBreakdown === null ? null : [] });
    let bytes = Buffer.byteLength(bare) + 1;
    if (bytes > left) {
      omitted += 1 + (rule.groupBreakdown?.length ?? 0);
      continue;
    }
    for (const group of byWeight(rule.groupBreakdown ?? [])) {
      const text = JSON.stringify(group);
      const more = Buffer.byteLength(text) + 1;
      if (bytes + more > left) omitted += 1;
      else {
        bytes += more;
        groups.push(text);
      }
    }
    left -= bytes;
    kept.set(
      rule,
      groups.length === 0 ? bare : bare.replace(/"groupBreakdown":\[\]\}$/, `"groupBreakdown":[${groups}]}`),
    );
  }
  return { rulesText: `[${rules.filter((rule) => kept.has(rule)).map((rule) => kept.get(rule))}]`, omitted };
}

/** Breached groups first; otherwise in the order they came. */
function byWeight(groups: readonly FeedGroup[]): readonly FeedGroup[] {
  return [...groups.filter((group) => group.breached), ...groups.filter((group) => !group.breached)];
}

/** Rules that refuse somebody come first, then those that warn. */
function weightOf(rule: FeedRule): number {
  if (rule.breached || rule.groupBreakdown?.some((group) => group.breached)) return 2;
  return rule.warnBreached ? 1 : 0;
}

/** Puts a rule list into its envelope. The ETag is strong: it names these bytes. */
export function feedSnapshotOf(
  feed: { readonly revision: number; readonly compiledAtMs: number; readonly rulesText: string | null },
  options: { readonly departmentMaps: boolean },
): FeedSnapshot {
  const { revision, compiledAtMs, rulesText } = feed;
  const compiledAt = new Date(compiledAtMs).toISOString();
  const maps = options.departmentMaps
    ? ',"departmentBudgetBlocks":{},"departmentBudgetBlockBalances":{},"departmentBudgetWarnings":{}'
    : '';
  const body =
    rulesText === null ? null : `{"revision":${revision},"compiledAt":"${compiledAt}","rules":${rulesText}${maps}}`;
  const hash = createHash('sha256')
    .update(`${revision}\n${body ?? ''}`)
    .digest('base64url')
    .slice(0, 27);
  return { revision, etag: `"${revision}-${hash}"`, body };
}
