/** What changed in a feed since a revision, and the roster. */
import { feedDepartments } from '../../compile/department-maps.js';
import { purgeFeedChanges } from '../../compile/feed-changes.js';
import {
  feedChanges,
  feedControls,
  feedGroups,
  feedGroupsOf,
  feedTeam,
  feedTotals,
} from '../../compile/feed-reading.js';
import { rosterHead, rosterPart, rosterRecent } from '../../feed/roster-reading.js';

/** Their statements. */
export const FEED_STATEMENTS = [
  'insert-feed-change',
  'purge-feed-changes',
  'put-feed-horizon',
  'select-feed-balances',
  'select-feed-changes',
  'select-feed-group-end',
  'select-feed-groups',
  'select-feed-horizon',
  'select-feed-owners',
  'select-feed-renamed',
  'select-feed-sharers',
  'select-feed-spellings',
  'select-recent-events',
  'select-roster-counts',
  'select-roster-rows',
] as const;

/** Operations that change nothing. */
export const feedReads = {
  feedChanges,
  feedControls,
  feedDepartments,
  feedGroups,
  feedGroupsOf,
  feedTeam,
  feedTotals,
  rosterHead,
  rosterPart,
  rosterRecent,
} as const;

/** Operations that change something. */
export const feedWrites = { purgeFeedChanges } as const;
