/** The request log of keys, and whether the store takes a write. */
import { listRequests, logRequests, probeWrite, purgeRequests, sumRequests } from '../../ledger/request-log.js';

/** Their statements. */
export const REQUEST_STATEMENTS = [
  'add-request-count',
  'count-requests',
  'insert-request',
  'list-requests',
  'probe-write',
  'purge-request-counts',
  'purge-requests',
  'sum-request-counts',
] as const;

/** Operations that change nothing. */
export const requestReads = { listRequests, sumRequests } as const;

/** Operations that change something. */
export const requestWrites = { logRequests, probeWrite, purgeRequests } as const;
