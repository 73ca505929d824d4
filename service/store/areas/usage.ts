/** What customers used: sums for reports, events for exports, budgets that concern them. */
import { customerStanding } from '../../explain/customer-standing.js';
import { exportSubscriberEvents, sumUsage } from '../../ledger/usage-report.js';

/** Their statements, beside those of the ledger. */
export const USAGE_STATEMENTS = [
  'export-subscriber-events',
  'select-subscriber-names',
  'select-usage-slice-end',
  'sum-usage',
] as const;

/** Operations that change nothing. */
export const usageReads = { customerStanding, exportSubscriberEvents, sumUsage } as const;
