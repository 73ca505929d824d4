/** The customer that a path names, as answers about it show it. */
import { z } from 'zod';
import { referenceParam } from '../admin/customer-reference.js';
import type { ListedCustomer } from '../ledger/customers.js';

/** The parameter of such paths. */
export const customerParams = z.object({ ref: referenceParam });

/** A customer beside its figures. */
export const shownCustomerSchema = z.object({
  id: z.string(),
  number: z.int(),
  name: z.string(),
  email: z.string(),
  active: z.boolean(),
  deleted: z.iso.datetime().nullable().describe('what a deleted customer used stays in the books'),
});

/** What is shown of a customer beside its figures. */
export function showCustomer(customer: ListedCustomer): z.output<typeof shownCustomerSchema> {
  const { id, number, name, email, active, deletedAtMs } = customer;
  const deleted = deletedAtMs === undefined ? null : new Date(deletedAtMs).toISOString();
  return { id, number, name, email, active, deleted };
}
