/** How requests name a customer: by its id, its number or its e-mail address. */
import { z } from 'zod';
import { ApiError } from '../http/api-error.js';
import type { ListedCustomer } from '../ledger/customers.js';
import type { Store } from '../store/store.js';

/** The parameter of a path. */
export const referenceParam = z.string().max(254).describe('the id (cus_…), the number or the e-mail address');

/** A customer of the team, a deleted one too. @throws ApiError 404 */
export async function customerBy(
  store: Pick<Store, 'findCustomer'>,
  teamId: string,
  reference: string,
): Promise<ListedCustomer> {
  const customer = await store.findCustomer(teamId, reference);
  if (customer !== undefined) return customer;
  const how = 'give its id (cus_…), its number or its e-mail address';
  throw new ApiError(404, 'not_found', `there is no customer '${reference}'; ${how}`);
}
