/** Areas of the store whose methods are exactly their operations. */
import type { alertReads, alertWrites } from './areas/alerts.js';
import type { customerReads, customerWrites } from './areas/customers.js';
import type { directoryReads, directoryWrites } from './areas/directory.js';
import type { enforcementReads, enforcementWrites } from './areas/enforcement.js';
import type { explainReads } from './areas/explain.js';
import type { feedReads, feedWrites } from './areas/feed.js';
import type { gatewayBookReads } from './areas/gateway-books.js';
import type { holdFigureReads } from './areas/hold-figures.js';
import type { holdReads, holdWrites } from './areas/holds.js';
import type { jobReads, jobWrites } from './areas/jobs.js';
import type { maintenanceReads, maintenanceWrites } from './areas/maintenance.js';
import type { priceReads, priceWrites } from './areas/prices.js';
import type { raiseReads, raiseWrites } from './areas/raises.js';
import type { requestReads, requestWrites } from './areas/requests.js';
import type { settingReads, settingWrites } from './areas/settings.js';
import type { usageReads } from './areas/usage.js';

type Method<F> = F extends (context: never, ...input: infer I) => Promise<infer O>
  ? (...input: I) => Promise<O>
  : never;
type Methods<Ops> = { readonly [N in keyof Ops]: Method<Ops[N]> };

/** Each operation as a method without its context; what it guarantees is said where it is written. */
export type AreaStore = Methods<typeof jobReads> &
  Methods<typeof jobWrites> &
  Methods<typeof priceReads> &
  Methods<typeof priceWrites> &
  Methods<typeof directoryReads> &
  Methods<typeof directoryWrites> &
  Methods<typeof feedReads> &
  Methods<typeof feedWrites> &
  Methods<typeof enforcementReads> &
  Methods<typeof explainReads> &
  Methods<typeof gatewayBookReads> &
  Methods<typeof enforcementWrites> &
  Methods<typeof alertReads> &
  Methods<typeof alertWrites> &
  Methods<typeof requestReads> &
  Methods<typeof requestWrites> &
  Methods<typeof maintenanceReads> &
  Methods<typeof usageReads> &
  Methods<typeof maintenanceWrites> &
  Methods<typeof settingReads> &
  Methods<typeof settingWrites> &
  Methods<typeof customerReads> &
  Methods<typeof raiseReads> &
  Methods<typeof raiseWrites> &
  Methods<typeof holdReads> &
  Methods<typeof holdFigureReads> &
  Methods<typeof holdWrites> &
  Methods<typeof customerWrites>;
