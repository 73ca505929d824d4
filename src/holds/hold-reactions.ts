/**
 * What a hard budget does before it refuses (DESIGN section 5): the output limit is lowered to what is left, then a cheaper
 * model is asked, then the call waits. Each step only where the control has it, and where the request can be changed.
 */
import type { CallDimensions } from '../../enforcement/decision.js';
import type { CallBound } from '../bound/types.js';
import type { RequestReading } from '../providers/adapter.js';
import type { BodyEdits } from './body-edits.js';
import type { CallAdjustment } from './call-hold.js';
import { boundOf } from './hold-ask.js';
import type { HoldRefusal } from './hold-types.js';
import type { Affordable, HoldAnswer, HoldAsk, HoldTicket } from './holder-types.js';
import type { SecureOptions } from './secure-options.js';

/** The steps, as they are told. */
export type ReactionKind = 'clamped' | 'downgraded' | 'throttled';

/** Answers shorter than this are no use to anybody. */
export const OUTPUT_TOKENS_MIN = 16;
/** Others take what was left between two questions: then it is less. */
const CLAMPS_MAX = 3;

/** A call in one of the forms in which it may be sent. */
export interface CallForm {
  readonly request: RequestReading;
  readonly call: CallDimensions;
  /** Set where it differs from what the program asked for. */
  readonly body?: object;
  readonly adjustment: CallAdjustment;
}

/** A form that is covered; without a ticket where no hard budget concerns it. */
export interface CoveredForm extends CallForm {
  readonly ticket: HoldTicket | undefined;
  readonly worst: CallBound;
}

/** What trying a form came to. */
export type Tried =
  | { readonly outcome: 'covered'; readonly form: CoveredForm }
  | { readonly outcome: 'refused'; readonly refusal: HoldRefusal; readonly affordable: Affordable | undefined }
  /** Not a matter of money: the service is away, the caller left. */
  | {
      readonly outcome: 'other';
      readonly answer: Exclude<HoldAnswer, { outcome: 'held' | 'refused' | 'free' }> | 'aborted';
    };

/** What the steps need of the path around them. */
export interface ReactionSteps {
  readonly edits: BodyEdits;
  ask(ask: HoldAsk, signal: AbortSignal | undefined): Promise<HoldAnswer | 'aborted'>;
  askOf(form: CallForm): HoldAsk;
  /** Whether rules that are no hard budgets let the substitute pass, and whether a hard one concerns it. */
  decideOn(form: CallForm): 'refused' | 'free' | 'held';
  callOf(request: RequestReading): CallDimensions;
  told(kind: ReactionKind, refusal: HoldRefusal, form: CallForm): void;
}

/** Asks for a hold for `form`, and for less where less is to be had. */
export async function tryForm(steps: ReactionSteps, form: CallForm, options: SecureOptions): Promise<Tried> {
  const first = await askFor(steps, form, options);
  if (first.outcome !== 'refused') return first;
  return (
    (await clamped(steps, form, first, options)) ?? (await downgraded(steps, form, first.refusal, options)) ?? first
  );
}

async function askFor(steps: ReactionSteps, form: CallForm, options: SecureOptions): Promise<Tried> {
  const ask = steps.askOf(form);
  const answer = await steps.ask(ask, options.signal);
  if (answer === 'aborted' || answer.outcome === 'unavailable') return { outcome: 'other', answer };
  if (answer.outcome === 'refused') return answer;
  const ticket = answer.outcome === 'held' ? answer.ticket : undefined;
  return { outcome: 'covered', form: { ...form, ticket, worst: ask.need.worst } };
}

async function clamped(
  steps: ReactionSteps,
  form: CallForm,
  refused: Extract<Tried, { outcome: 'refused' }>,
  options: SecureOptions,
): Promise<Tried | undefined> {
  let { refusal, affordable } = refused;
  for (let clamps = 0; clamps < CLAMPS_MAX; clamps += 1) {
    if (!refusal.reactions.clampOutput || affordable === undefined) return undefined;
    const limited = withLimit(steps.edits, form, affordable.outputTokensMax, options);
    if (limited === undefined) return undefined;
    const tried = await askFor(steps, limited, options);
    if (tried.outcome === 'covered') steps.told('clamped', refusal, limited);
    if (tried.outcome !== 'refused') return tried;
    ({ refusal, affordable } = tried);
  }
  return undefined;
}

/** The same call with an output limit; `undefined` where it cannot have one, or one that is too low. `bound`: if it is known. */
export function withLimit(
  edits: BodyEdits,
  form: CallForm,
  outputTokens: number,
  { change }: SecureOptions,
  bound?: CallBound,
): CallForm | undefined {
  if (change === undefined || outputTokens < OUTPUT_TOKENS_MIN) return undefined;
  // What is left changed in between: a limit is never raised.
  const { isOutputLimited, outputTokensMax } = bound ?? boundOf(form.request);
  if (isOutputLimited && outputTokens >= outputTokensMax) return undefined;
  const body = edits.withOutputLimit(form.request, form.body ?? change.body, outputTokens);
  if (body === undefined) return undefined;
  const adjustment = { ...form.adjustment, maxTokens: outputTokens };
  return { ...form, request: change.read(body), body, adjustment };
}

async function downgraded(
  steps: ReactionSteps,
  form: CallForm,
  refusal: HoldRefusal,
  options: SecureOptions,
): Promise<Tried | undefined> {
  const model = refusal.reactions.downgradeTo;
  const substitute = model === null ? undefined : withModel(steps, form, model, options);
  if (substitute === undefined) return undefined;
  const decision = steps.decideOn(substitute);
  if (decision === 'refused') return undefined;
  const tried: Tried =
    decision === 'free'
      ? { outcome: 'covered', form: { ...substitute, ticket: undefined, worst: boundOf(substitute.request) } }
      : await askFor(steps, substitute, options);
  const reduced = tried.outcome === 'refused' ? await clamped(steps, substitute, tried, options) : tried;
  if (reduced?.outcome === 'covered') steps.told('downgraded', refusal, reduced.form);
  // The budgets of the substitute are not those that the program is to hear of.
  return reduced?.outcome === 'refused' ? undefined : reduced;
}

function withModel(
  steps: ReactionSteps,
  form: CallForm,
  model: string,
  { change }: SecureOptions,
): CallForm | undefined {
  const former = form.request.model;
  if (change === undefined || former === undefined || former === model) return undefined;
  const body = steps.edits.withModel(form.request, form.body ?? change.body, model);
  if (body === undefined) return undefined;
  const request = change.read(body);
  const adjustment = { ...form.adjustment, model, downgradedFrom: former };
  return { request, call: steps.callOf(request), body, adjustment };
}
