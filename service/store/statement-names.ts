/** Every statement of the store, by area. There is a file `<name>.sql` for each; a test holds both against each other. */
import { ALERT_STATEMENTS } from './areas/alerts.js';
import { CORE_STATEMENTS } from './areas/core.js';
import { CUSTOMER_STATEMENTS } from './areas/customers.js';
import { DIRECTORY_STATEMENTS } from './areas/directory.js';
import { ENFORCEMENT_STATEMENTS } from './areas/enforcement.js';
import { FEED_STATEMENTS } from './areas/feed.js';
import { HOLD_FIGURE_STATEMENTS } from './areas/hold-figures.js';
import { HOLD_STATEMENTS } from './areas/holds.js';
import { JOB_STATEMENTS } from './areas/jobs.js';
import { MAINTENANCE_STATEMENTS } from './areas/maintenance.js';
import { PRICE_STATEMENTS } from './areas/prices.js';
import { RAISE_STATEMENTS } from './areas/raises.js';
import { REQUEST_STATEMENTS } from './areas/requests.js';
import { SETTING_STATEMENTS } from './areas/settings.js';
import { USAGE_STATEMENTS } from './areas/usage.js';

/** All names. */
export const STATEMENT_NAMES = [
  ...CORE_STATEMENTS,
  ...JOB_STATEMENTS,
  ...PRICE_STATEMENTS,
  ...DIRECTORY_STATEMENTS,
  ...FEED_STATEMENTS,
  ...ENFORCEMENT_STATEMENTS,
  ...ALERT_STATEMENTS,
  ...REQUEST_STATEMENTS,
  ...MAINTENANCE_STATEMENTS,
  ...USAGE_STATEMENTS,
  ...SETTING_STATEMENTS,
  ...CUSTOMER_STATEMENTS,
  ...HOLD_STATEMENTS,
  ...HOLD_FIGURE_STATEMENTS,
  ...RAISE_STATEMENTS,
] as const;

/** The name of a statement. */
export type StatementName = (typeof STATEMENT_NAMES)[number];
