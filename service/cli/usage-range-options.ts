/** A customer and a range, as commands take them. */
import type { Command } from 'commander';
import type { ApiOptions } from './api-client.js';
import { withApiOptions } from './api-options.js';

/** Flags that name a range. */
export interface RangeOptions extends ApiOptions {
  readonly startDate?: string;
  readonly endDate?: string;
  readonly timeZone?: string;
}

/** How commands name a customer. */
export const CUSTOMER = 'the id (cus_…), the number or the e-mail address; a deleted one too';
/** How a range is written. */
export const RANGE_HELP = `
Dates are whole days of the zone, the end date included. A full instant like 2026-11-30T10:00:00Z is where it is, and the
range ends right before it. Without dates it is the current month.`;

/** Adds what names a range to a command. */
export function withRange(command: Command, help = RANGE_HELP): Command {
  return withApiOptions(command)
    .argument('<customer>', CUSTOMER)
    .option('--start-date <date>', 'the first day, or an instant (the first of the month)')
    .option('--end-date <date>', 'the last day, included, or an instant (the end of the month)')
    .option('--time-zone <zone>', 'whose days and months, for instance Europe/Berlin (UTC)')
    .addHelpText('after', help);
}

/** The query of a range. */
export function rangeQueryOf({ startDate, endDate, timeZone }: RangeOptions): Record<string, string> {
  return {
    ...(startDate === undefined ? {} : { start: startDate }),
    ...(endDate === undefined ? {} : { end: endDate }),
    ...(timeZone === undefined ? {} : { timeZone }),
  };
}
