/** Payloads of a LiteLLM proxy into the ledger, each call once (I4), on the path of every other event. */
import type { Caller, ServiceContext } from '../http/types.js';
import { METERED_KIND_OF } from '../ingest/metered-kinds.js';
import type { IncomingEvent, IncomingItem, ItemOutcome, StoredEvent } from '../store/store.js';
import { UNREADABLE } from './callback-body.js';
import { readPayload } from './read-payload.js';
import { type Fields, fieldsOf } from './values.js';

/** What a payload came to. */
export interface PayloadResult {
  /**
   * `stored`; `duplicate`: it came before; `shared`: the caller's own meter told of the same call, which counts once;
   * `refused`: never sent, so no usage; `invalid`; `failed`: not recorded, and worth another try.
   */
  readonly outcome: 'stored' | 'duplicate' | 'shared' | 'refused' | 'invalid' | 'failed';
  readonly transactionId?: string;
  readonly problem?: string;
}

interface Ready {
  readonly at: number;
  readonly identity: string;
  readonly event: IncomingEvent;
}

/** Events of one transaction. */
const CHUNK = 500;
/** Two clocks may be so far apart of which one times a call and the other the same call. */
const APART_MAX_MS = 3_600_000;

/**
 * Records what payloads tell, a result for each, in order.
 *
 * @throws StoreError where the store takes nothing
 */
export async function recordPayloads(
  context: ServiceContext,
  { team }: Caller,
  payloads: readonly unknown[],
): Promise<readonly PayloadResult[]> {
  const results = new Array<PayloadResult>(payloads.length);
  const ready: Ready[] = [];
  for (const [at, payload] of payloads.entries()) {
    const prepared = prepare(context, team.id, payload);
    if ('event' in prepared) ready.push({ at, ...prepared });
    else results[at] = prepared;
  }
  for (let from = 0; from < ready.length; from += CHUNK) {
    await recordChunk(context, team.id, ready.slice(from, from + CHUNK), results);
  }
  return results;
}

function prepare(
  { runtime, protectCredential, metrics }: ServiceContext,
  teamId: string,
  payload: unknown,
): Omit<Ready, 'at'> | PayloadResult {
  const reading = payload === UNREADABLE ? undefined : readPayload(payload);
  if (reading?.kind === 'refused') return { outcome: 'refused' };
  if (reading?.kind !== 'event') {
    metrics.events('invalid', 1);
    return { outcome: 'invalid', problem: reading?.problem ?? 'this is not JSON' };
  }
  const kind = METERED_KIND_OF.get(reading.type)!;
  const whole = kind.schema.safeParse(reading.event);
  const input = whole.success ? whole : kind.schema.safeParse(withoutWrong(reading.event, whole.error.issues));
  if (!input.success) {
    metrics.events('invalid', 1);
    const [issue] = input.error.issues;
    return { outcome: 'invalid', problem: `${issue?.path.join('.')}: ${issue?.message}` };
  }
  const tools = { newId: runtime.newId, protect: (value: string) => protectCredential(teamId, value) };
  const body = kind.canonical(input.data, tools);
  const event = { transactionId: body.transactionId, receivedAtMs: runtime.now(), kind: kind.kind, body };
  return { identity: reading.identity, event };
}

/** A field that cannot be costs that field; what the call consumed is then not known, and the call is not lost (I5). */
function withoutWrong(event: Fields, issues: readonly { readonly path: readonly PropertyKey[] }[]): Fields {
  const wrong = new Set(issues.map(({ path }) => path[0]));
  const kept = Object.entries(event).filter(([name]) => !wrong.has(name));
  return { ...Object.fromEntries(kept), attributes: { ...fieldsOf(event['attributes']), usageState: 'unknown' } };
}

async function recordChunk(
  context: ServiceContext,
  teamId: string,
  chunk: readonly Ready[],
  results: PayloadResult[],
): Promise<void> {
  const outcomes = await recordItems(context, teamId, chunk);
  for (const [position, ready] of chunk.entries()) {
    const { transactionId } = ready.event;
    const outcome = outcomeOf(outcomes[position]);
    results[ready.at] =
      outcome === 'conflict'
        ? await settleConflict(context, teamId, ready)
        : { outcome, transactionId, ...(outcome === 'failed' ? { problem: 'the log of the service says why' } : {}) };
  }
}

async function recordItems(
  { store, ingest, metrics, log }: ServiceContext,
  teamId: string,
  ready: readonly Pick<Ready, 'event'>[],
): Promise<readonly ItemOutcome[]> {
  const items: readonly IncomingItem[] = ready.map(({ event }) => ({ event }));
  const outcomes = await store.record(teamId, items);
  for (const outcome of outcomes) {
    metrics.events(outcome.state === 'recorded' ? outcome.result.outcome : outcome.state, 1);
    if (outcome.state === 'recorded') ingest.note(teamId, outcome.result.revision);
    else if (outcome.state === 'failed') log.error('a payload could not be recorded', { error: String(outcome.error) });
  }
  return outcomes;
}

function outcomeOf(outcome: ItemOutcome | undefined): 'stored' | 'duplicate' | 'conflict' | 'failed' {
  return outcome?.state === 'recorded' ? outcome.result.outcome : 'failed';
}

/**
 * Another event has the call's id. Where it is the caller's own, of the same call, it counts and this one is kept beside
 * it. A call id may be the caller's choice, though: another call under it is recorded under a name of its own, or one
 * constant header would be a way past every budget.
 */
async function settleConflict(
  context: ServiceContext,
  teamId: string,
  { event, identity }: Ready,
): Promise<PayloadResult> {
  const { transactionId } = event;
  const found = await context.store.findEvents(teamId, { transactionId, page: 0, size: 1 });
  const holder = found.items[0];
  if (holder === undefined || isSameCall(holder, event.body)) return { outcome: 'shared', transactionId };
  const own = `${transactionId}:again:${identity}`;
  const renamed = { ...event, transactionId: own, body: { ...event.body, transactionId: own } };
  const outcome = outcomeOf((await recordItems(context, teamId, [{ event: renamed }]))[0]);
  return { outcome: outcome === 'conflict' ? 'shared' : outcome, transactionId: own };
}

/**
 * By the id of the provider's answer; without one, an event of a meter that knew that the call goes through a proxy. Any
 * other event that has this id is another call's, whose id somebody wrote into a header.
 */
function isSameCall(holder: StoredEvent, body: Fields): boolean {
  const [theirs, ours] = [holder.body, body].map((one) => fieldsOf(one['attributes']));
  const [known, told] = [theirs?.['providerResponseId'], ours?.['providerResponseId']];
  if (known !== undefined && told !== undefined) return known === told;
  const [then, now] = [holder.body, body].map((one) => Date.parse(String(one['requestTime'])));
  const isOwnMeters = holder.body['middlewareSource'] !== 'PROXY' && theirs?.['gateway'] === 'litellm';
  return isOwnMeters && Math.abs(Number(then) - Number(now)) <= APART_MAX_MS;
}
