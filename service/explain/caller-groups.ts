/** Whose budget a call draws on under a grouped control. Pure. */
import { groupOf } from '../compile/compiled-control.js';
import type { CountedEvent } from '../ledger/counted-event.js';
import type { CostControl } from '../store/store.js';
import type { AskedCall } from './explanation.js';

/** Groups that have to be looked up. */
export interface CallerGroups {
  readonly subscriber: string | undefined;
  /** Of the person, from the root down to their own. */
  readonly departments: readonly number[];
}

/** The group of a call; the same as that of the event that it would leave. `undefined`: it belongs to none. */
export function groupOfCall(control: CostControl, call: AskedCall, groups: CallerGroups): string | undefined {
  const { subscriber: subscriberGroup, departments } = groups;
  const event: Pick<CountedEvent, 'asked' | 'departments' | 'subscriberGroup'> = {
    asked: call,
    subscriberGroup,
    departments,
  };
  const group = groupOf(control, event as CountedEvent);
  return group === '' ? undefined : group;
}
