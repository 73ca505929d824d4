/** A batch into the store: every item is judged alone, and those that are right are recorded in one transaction. */
import { notAllowed } from 'fusewire/internal';
import { z } from 'zod';
import { ApiError, errorBody, type FieldProblem, invalidFields } from '../http/api-error.js';
import { refuseNullCharacters } from '../http/null-character.js';
import type { Caller, ServiceContext } from '../http/types.js';
import { receiptAnswer } from '../ledger/receipt.js';
import type { IncomingItem, ItemOutcome } from '../store/store.js';
import { UnreadableItem } from './batch-body.js';
import { hashRequest, keyInProgress, keyMismatch, readIdempotencyKey } from './idempotency.js';
import { METERED_KIND_OF } from './metered-kinds.js';

/** What one item came to: the status and body that it would have got alone. */
export interface BatchResult {
  readonly status: number;
  readonly body: unknown;
  /** Whether the body was kept from an earlier request under the same key. */
  readonly replayed?: true;
}

const TYPES = [...METERED_KIND_OF.keys()];
const itemSchema = z.object(
  {
    type: z.enum(TYPES as [string, ...string[]], {
      error: ({ input }) => (input === undefined ? 'type is required' : notAllowed(input, TYPES)),
    }),
    idempotencyKey: z.string({ error: 'must be text' }).nullish(),
    event: z.record(z.string(), z.unknown(), {
      error: ({ input }) => (input === undefined ? 'event is required' : 'must be an object: one event'),
    }),
  },
  { error: 'must be an object {type, event}' },
);

/**
 * Records a batch of one team. A result for each item, in order; equal to what the items would have come to one by one.
 *
 * @throws StoreError where the store takes nothing: then nothing of the batch was kept
 */
export async function recordBatch(
  context: ServiceContext,
  { team }: Caller,
  items: readonly unknown[],
): Promise<readonly BatchResult[]> {
  const results = new Array<BatchResult>(items.length);
  const ready: { readonly at: number; readonly item: IncomingItem }[] = [];
  const claimed = new Set<string>();
  try {
    for (const [at, given] of items.entries()) {
      const prepared = attempt(() => {
        const item = prepare(context, team.id, given);
        const key = item.key?.key;
        // The same key twice in one batch is settled by the store: the second is a replay of the first.
        if (key === undefined || claimed.has(key)) return item;
        if (!context.ingest.claim(team.id, key)) throw keyInProgress();
        claimed.add(key);
        return item;
      });
      if (prepared instanceof ApiError) {
        results[at] = refusal(prepared);
        context.metrics.events('invalid', 1);
      } else ready.push({ at, item: prepared });
    }
    const outcomes =
      ready.length === 0
        ? []
        : await context.store.record(
            team.id,
            ready.map(({ item }) => item),
          );
    for (const [position, { at }] of ready.entries()) {
      const outcome = outcomes[position];
      if (outcome === undefined) throw new Error('the store did not answer for an item');
      results[at] = resultOf(context, team.id, outcome);
      context.metrics.events(outcome.state === 'recorded' ? outcome.result.outcome : outcome.state, 1);
    }
  } finally {
    for (const key of claimed) context.ingest.release(team.id, key);
  }
  return results;
}

function prepare({ runtime, protectCredential }: ServiceContext, teamId: string, given: unknown): IncomingItem {
  if (given instanceof UnreadableItem) throw given.error;
  refuseNullCharacters(given);
  const { type, idempotencyKey, event } = parse(itemSchema, given);
  const kind = METERED_KIND_OF.get(type);
  if (kind === undefined) throw new Error(`${type} is listed and not known`);
  // In the order of a single request, so that an item that is wrong twice is told the same.
  const input = parse(kind.schema, event);
  const key = idempotencyKey == null ? undefined : readIdempotencyKey(idempotencyKey);
  const tools = { newId: runtime.newId, protect: (value: string) => protectCredential(teamId, value) };
  const body = kind.canonical(input, tools);
  return {
    event: { transactionId: body.transactionId, receivedAtMs: runtime.now(), kind: kind.kind, body },
    // A single request of our own client has the same text, so that a key means the same in both.
    ...(key === undefined ? {} : { key: { key, bodyHash: hashRequest(type, JSON.stringify(event)) } }),
  };
}

function parse<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = new Map<string, FieldProblem>();
  for (const { path, message } of parsed.error.issues) {
    const field = path.join('.');
    if (!problems.has(field)) problems.set(field, { field, problem: message });
  }
  throw invalidFields([...problems.values()]);
}

function resultOf({ ingest, log }: ServiceContext, teamId: string, outcome: ItemOutcome): BatchResult {
  if (outcome.state === 'mismatch') return refusal(keyMismatch());
  if (outcome.state === 'failed') {
    log.error('an item of a batch could not be recorded', { error: String(outcome.error) });
    return refusal(new ApiError(500, 'internal_error', 'the service failed on this item; its log says why'));
  }
  ingest.note(teamId, outcome.state === 'replayed' ? outcome.revision : outcome.result.revision);
  const answer = outcome.state === 'replayed' ? outcome.answer : receiptAnswer(outcome.result);
  const replayed = outcome.state === 'replayed' ? { replayed: true as const } : {};
  return { status: answer.status, body: JSON.parse(answer.body), ...replayed };
}

function refusal(error: ApiError): BatchResult {
  return { status: error.statusCode, body: errorBody(error) };
}

function attempt<T>(work: () => T): T | ApiError {
  try {
    return work();
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
}
