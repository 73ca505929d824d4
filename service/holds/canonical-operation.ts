/** From an operation that passed the schema to the one that the ledger keeps. Pure. */
import type { CheckedHoldOperation, HoldCall, HoldNeed, HoldOperation } from 'fusewire/internal';
import { cutText } from '../ingest/cut-text.js';

/** As those of usage events, so that a hold and its event name the same group. */
const TEXT_MAX = 1_024;

/** What an operation is made canonical with: `protect` replaces a credential (I12). */
export interface OperationTools {
  protect(value: string): string;
}

/** Texts cut, the credential replaced, nothing `undefined`: as JSON keeps it. */
export function canonicalOperation(operation: CheckedHoldOperation, tools: OperationTools): HoldOperation {
  if (operation.op === 'give-back' || operation.op === 'renew') return operation;
  const call = canonicalCall(operation.call, tools);
  const need = present(operation.need) as unknown as HoldNeed;
  return present({ ...operation, call, need }) as unknown as HoldOperation;
}

function canonicalCall(call: (CheckedHoldOperation & { op: 'take' })['call'], { protect }: OperationTools): HoldCall {
  const dimensions: Record<string, string> = {};
  for (const [name, value] of Object.entries(call.dimensions)) {
    // An empty text is none, as it is in an event.
    if (value === undefined || value === '') continue;
    dimensions[name] = name === 'credential' ? protect(value) : cutText(value, TEXT_MAX);
  }
  return present({ ...call, dimensions }) as unknown as HoldCall;
}

/** Without what is `undefined`, two levels deep. */
function present(record: object): Record<string, unknown> {
  const entries = Object.entries(record)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, isPlain(value) ? withoutGaps(value) : value]);
  return Object.fromEntries(entries);
}

function withoutGaps(record: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
}

function isPlain(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
