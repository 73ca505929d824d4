/** What customers used, for those who run the gateway. */
import type { Api, ServiceContext } from '../http/types.js';
import { installCustomerBudget } from './budget-route.js';
import { installUsageExport } from './usage-export-route.js';
import { installUsage } from './usage-route.js';

/** Registers `{prefix}/customers/{ref}/usage`, its export, and `{prefix}/customers/{ref}/budget`. */
export function installCustomerUsage(api: Api, context: ServiceContext, prefix: string, described: boolean): void {
  installUsage(api, context, prefix, described);
  installUsageExport(api, context, prefix, described);
  installCustomerBudget(api, context, prefix, described);
}
