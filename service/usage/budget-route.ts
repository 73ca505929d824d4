/** `GET …/customers/{ref}/budget`: every cost control that concerns a customer, and what is left of it. */
import { z } from 'zod';
import { customerBy } from '../admin/customer-reference.js';
import { callerOf, ownTeam } from '../http/access.js';
import { errorSchema, teamQuery } from '../http/envelope.js';
import type { Api, ServiceContext } from '../http/types.js';
import { budgetSchema, showBudget, worstState } from './budget-state.js';
import { customerParams, showCustomer, shownCustomerSchema } from './shown-customer.js';

const answerSchema = z.object({
  customer: shownCustomerSchema,
  at: z.iso.datetime(),
  state: z.enum(['ok', 'warning', 'exceeded']).describe('the worst of those that do not only watch'),
  hasOwnBudget: z.boolean(),
  budgets: z.array(budgetSchema).describe("the customer's own first"),
  dependsOnCall: z
    .array(z.object({ controlId: z.string(), name: z.string(), groupBy: z.string().nullable() }))
    .describe('controls of which only the call itself shows whether it is met, or whose budget it draws on'),
  omitted: z.int().describe('controls that are left out because there are so many'),
});

/** The answer. */
export type CustomerBudgets = z.output<typeof answerSchema>;

/** Registers the route. */
export function installCustomerBudget(api: Api, context: ServiceContext, prefix: string, described: boolean): void {
  const { store, runtime } = context;
  const failures = { 400: errorSchema, 401: errorSchema, 403: errorSchema, 404: errorSchema };
  api.get(
    `${prefix}/customers/:ref/budget`,
    {
      config: { access: 'write' },
      schema: {
        summary: 'The budgets that concern a customer: limit, spend, what is left, and when each begins anew',
        tags: ['customers'],
        hide: !described,
        params: customerParams,
        querystring: z.object(teamQuery),
        response: { 200: answerSchema, ...failures },
      },
    },
    async (request) => {
      const teamId = ownTeam(callerOf(request), [request.query.teamId]);
      const customer = await customerBy(store, teamId, request.params.ref);
      const standing = await store.customerStanding(teamId, customer.id);
      if (standing === undefined) throw new Error('a customer that was found is not there');
      const { controls, dependsOnCall, omitted } = standing;
      const budgets = controls.map((control) => showBudget(control, customer.budgetControlId));
      budgets.sort((a, b) => Number(b.isOwn) - Number(a.isOwn));
      return {
        customer: showCustomer(customer),
        at: new Date(runtime.now()).toISOString(),
        state: worstState(budgets),
        hasOwnBudget: customer.budgetControlId !== null && customer.deletedAtMs === undefined,
        budgets,
        dependsOnCall: [...dependsOnCall],
        omitted,
      };
    },
  );
}
