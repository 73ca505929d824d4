/** A synthetic call through each way in: priced, counted once, refused at its tiny limit. */
import { type Budget, pricedOnce, refusedFor, ruleOf, tripRecorded, usageEvent } from './budget.js';
import { Finding } from './examination.js';
import { ask, get, type Patient } from './patient.js';

/** What a surface was found to do. */
export interface SurfaceFinding {
  readonly detail: string;
}

const WAIT_S = 10;

/** One event a request, sent twice: counted once. */
export async function trySingle(patient: Patient, budget: Budget): Promise<SurfaceFinding> {
  const transactionId = `${budget.name}-call`;
  const body = usageEvent(patient, budget, transactionId);
  for (let times = 0; times < 2; times += 1) {
    const path = '/meter/v2/ai/completions';
    await get(patient, { method: 'POST', path, key: patient.meteringKey, body });
  }
  return judge(patient, budget, transactionId);
}

/** A batch whose one call comes twice. */
export async function tryBatch(patient: Patient, budget: Budget): Promise<SurfaceFinding> {
  const transactionId = `${budget.name}-call`;
  const item = { type: 'ai/completions', event: usageEvent(patient, budget, transactionId) };
  const question = { method: 'POST', path: '/meter/v2/batch', key: patient.meteringKey, body: [item, item] } as const;
  const { results } = await get<{ results: readonly { status: number }[] }>(patient, question);
  const states = results.map(({ status }) => status);
  if (states.length !== 2 || states.some((status) => status >= 300)) {
    throw new Finding(`the items of a batch were answered ${states.join(', ')}`);
  }
  return judge(patient, budget, transactionId);
}

/** The feed as it is polled: whole, and not again while nothing changed. */
export async function tryPoll(patient: Patient, budget: Budget): Promise<SurfaceFinding> {
  if ((await ruleOf(patient, budget)) === undefined) throw new Finding('a new control is not in the feed');
  const path = `/v2/api/ai/enforcement-rules/${patient.teamId}`;
  const first = await ask(patient, { path, key: patient.meteringKey });
  const etag = String(first.headers.etag);
  const again = await ask(patient, { path, key: patient.meteringKey, headers: { 'if-none-match': etag } });
  if (again.status !== 304) throw new Finding(`the same feed was answered ${again.status}, not 304`);
  return { detail: `revision ${first.headers['fusewire-revision']}, ${first.body.length} bytes; unchanged: 304` };
}

/** Who waits for the feed hears of a limit that is reached before the wait is over. */
export async function tryWait(patient: Patient, budget: Budget): Promise<SurfaceFinding> {
  const path = `/v2/api/ai/enforcement-rules/${patient.teamId}`;
  const { headers } = await ask(patient, { path, key: patient.meteringKey });
  const wait = ask(patient, {
    path: `${path}?wait=${WAIT_S}`,
    key: patient.meteringKey,
    headers: { 'if-none-match': String(headers.etag) },
    limitMs: 1_000 * WAIT_S + 5_000,
  });
  // A failure that comes while the event is on its way is told by the await below.
  wait.catch(() => undefined);
  const sentMs = patient.runtime.monotonicNow();
  const body = usageEvent(patient, budget, `${budget.name}-call`);
  await get(patient, { method: 'POST', path: '/meter/v2/ai/completions', key: patient.meteringKey, body });
  const answer = await wait;
  const tookMs = Math.round(patient.runtime.monotonicNow() - sentMs);
  if (answer.status !== 200)
    throw new Finding(`who waited for the feed was answered ${answer.status} after ${tookMs} ms`);
  if ((await ruleOf(patient, budget))?.breached !== true)
    throw new Finding('the new feed does not say the limit is reached');
  return { detail: `told ${tookMs} ms after the call was sent` };
}

/** What every way in has in common. */
export async function judge(patient: Patient, budget: Budget, transactionId: string): Promise<SurfaceFinding> {
  const cost = await pricedOnce(patient, transactionId);
  const equation = await refusedFor(patient, budget, cost);
  await tripRecorded(patient, budget);
  return { detail: `priced at $${cost}, counted once; ${equation}; recorded` };
}
