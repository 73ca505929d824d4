/** Whether a call was metered by a guarded client inside the model, or that client made another call beside it. Pure. */
import type { RequestReading, UsageReading } from '../providers/adapter.js';

/** An attempt inside, as far as it tells whose answer it has. */
export interface InsideAttempt {
  readonly request: RequestReading;
  readonly answer: UsageReading;
}

/**
 * Whether one of the attempts inside had the answer that this layer got. A model may ask another one first (a middleware
 * that rewrites the question) through a guarded client, and then send its own request past any guard: the ids tell, then
 * the texts, then the models. In doubt it is the same call, since both layers ran for it.
 */
export function isMeteredInside(
  attempts: readonly InsideAttempt[],
  request: RequestReading,
  answer: UsageReading,
): boolean {
  let isInDoubt = false;
  for (const inside of attempts) {
    const { responseId, outputText } = inside.answer;
    if (isComparable(responseId, answer.responseId)) {
      if (responseId === answer.responseId) return true;
      continue;
    }
    if (outputText !== '' && outputText === answer.outputText) return true;
    const areTextsComparable = outputText !== '' && answer.outputText !== '';
    if (sameModel(inside.request, request)) return true;
    if (!areTextsComparable || isBegun(outputText, answer.outputText)) isInDoubt = true;
  }
  return isInDoubt;
}

/** Ids of one provider and kind: `chatcmpl` of `chatcmpl-9x`. */
function isComparable(one: string | undefined, other: string | undefined): boolean {
  if (one === undefined || other === undefined) return false;
  return kindOf(one) === kindOf(other);
}

function kindOf(id: string): string {
  return /^[A-Za-z]+(?=[-_])/.exec(id)?.[0] ?? '';
}

/** A part of an answer that one of the two has already, and the other not yet. */
function isBegun(one: string, other: string): boolean {
  return one.startsWith(other) || other.startsWith(one);
}

function sameModel(one: RequestReading, other: RequestReading): boolean {
  const bare = ({ model }: RequestReading) => model?.replace(/^.*\//, '').toLowerCase();
  return bare(one) !== undefined && bare(one) === bare(other);
}
