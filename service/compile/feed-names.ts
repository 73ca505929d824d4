/** How callers may name a breached subscriber, read for many at once. */
import type { LedgerContext } from '../ledger/context.js';
import { textOf } from '../store/sql.js';
import type { BalanceValues, CompiledControl } from './compiled-control.js';
import { readBalances } from './feed-balances.js';

/** Names of one group; a person has few. */
const SPELLINGS_MAX = 128;
/** Ids that share one address beyond this are not told apart. */
const SHARERS_MAX = 64;

/** The names of one group. */
export interface GroupNames {
  /** Every spelling of an address that stands for it: a guard that knows only the address compares exactly. */
  readonly spellings: readonly string[];
  /**
   * Other groups that use one of the addresses, as they stand. A guard tries the id first and stops at the first entry:
   * with entries of their own, one's verdict is not another's.
   */
  readonly sharers: readonly { readonly groupKey: string; readonly values: BalanceValues | undefined }[];
}

/** The names of groups of a subscriber control. */
export async function readNames(
  context: LedgerContext,
  compiled: CompiledControl,
  groupKeys: readonly string[],
): Promise<ReadonlyMap<string, GroupNames>> {
  if (groupKeys.length === 0) return new Map();
  const { teamId } = compiled.control;
  const asked = groupKeys.map((groupKey) => ({ teamId, groupKey, size: SPELLINGS_MAX }));
  const spellings = new Map<string, Set<string>>(groupKeys.map((key) => [key, new Set()]));
  const addresses = new Map<string, Set<string>>(groupKeys.map((key) => [key, new Set()]));
  for (const row of await context.sql.many('select-feed-spellings', asked)) {
    const key = textOf(row, 'group_key');
    spellings.get(key)?.add(textOf(row, 'spelling'));
    addresses.get(key)?.add(textOf(row, 'email_key'));
  }
  const users = await readUsers(context, teamId, new Set([...addresses.values()].flatMap((set) => [...set])));
  const sharersOf = (key: string): string[] => {
    const own = addresses.get(key)!;
    const others = new Set([...own].flatMap((emailKey) => users.get(emailKey) ?? []));
    return [...others].filter((other) => other !== key && !own.has(other));
  };
  const sharers = new Map(groupKeys.map((key) => [key, sharersOf(key)]));
  const distinct = [...new Set([...sharers.values()].flat())];
  const read = await readBalances(
    context,
    distinct.map((groupKey) => ({ compiled, groupKey })),
  );
  const values = new Map(distinct.map((groupKey, i) => [groupKey, read[i]]));
  return new Map(
    groupKeys.map((key) => [
      key,
      {
        spellings: [...spellings.get(key)!],
        sharers: sharers.get(key)!.map((groupKey) => ({ groupKey, values: values.get(groupKey) })),
      },
    ]),
  );
}

/** Address to the groups that use it. */
async function readUsers(
  context: LedgerContext,
  teamId: string,
  emailKeys: ReadonlySet<string>,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const asked = [...emailKeys].map((emailKey) => ({ teamId, emailKey, size: SHARERS_MAX }));
  const users = new Map<string, string[]>();
  for (const row of await context.sql.many('select-feed-sharers', asked)) {
    const emailKey = textOf(row, 'email_key');
    const known = users.get(emailKey);
    if (known === undefined) users.set(emailKey, [textOf(row, 'group_key')]);
    else known.push(textOf(row, 'group_key'));
  }
  return users;
}

/** Groups that are concerned when these got a new name: themselves, and whoever an address of theirs stands for. */
export async function renamedGroups(
  context: LedgerContext,
  teamId: string,
  groupKeys: readonly string[],
): Promise<readonly string[]> {
  const asked = groupKeys.map((groupKey) => ({ teamId, groupKey }));
  const rows = await context.sql.many('select-feed-owners', asked);
  return [...new Set([...groupKeys, ...rows.map((row) => textOf(row, 'group_key'))])];
}
