/**
 * Where a request says how long its answer may be, in the words of each endpoint, and what to write there so that all of
 * its answers together have no more tokens than so many. Pure; nothing is written here.
 */
import type { RequestReading } from '../providers/adapter.js';
import { recordOf } from '../providers/values.js';
import { COMPLETION_DEFAULT, limitOf, outputBound } from './output-bound.js';

/** What is to be written: a number in a member of the body, or in a member of one of its members. */
export interface LimitEdit {
  readonly path: readonly [name: string] | readonly [outer: string, name: string];
  readonly value: number;
}

/** What of a reading counts. */
export type LimitedReading = Pick<RequestReading, 'endpoint' | 'provider' | 'operationType'>;

type Fields = Readonly<Record<string, unknown>>;
type Path = LimitEdit['path'];

/** The limits of a request: those that have to be lowered, and what of them is left for one answer. */
interface Limits {
  /** The first is written where the request names none. */
  readonly paths: readonly Path[];
  /** Answers that are asked for and share what is left. */
  readonly answers: number;
  /** Tokens that a limit has to be above: what the model may think. */
  readonly above: number;
  /** A server takes no lower one. */
  readonly leastTokens: number;
  /** What holds where nothing is written. */
  readonly standard?: number;
}

/** OpenAI refuses less in its Responses API. */
const RESPONSES_LEAST = 16;

/**
 * The edits after which a request has at most `tokensMax` tokens of output, all its answers together. `undefined`: its
 * endpoint has no such limit, what is left is too little for one, or it is limited so already: a limit is lowered and
 * never raised.
 */
export function outputLimitEdits(
  reading: LimitedReading,
  fields: Fields,
  tokensMax: number,
): readonly LimitEdit[] | undefined {
  const limits = limitsOf(reading, fields);
  if (limits === undefined || !(tokensMax >= 1)) return undefined;
  const value = Math.floor(Math.min(tokensMax, Number.MAX_SAFE_INTEGER) / limits.answers);
  if (value < limits.leastTokens || value <= limits.above) return undefined;
  const { standard = Number.POSITIVE_INFINITY } = limits;
  const given = limits.paths.filter((path) => isGiven(valueAt(fields, path)));
  // A name whose value is no limit is not to raise the one that another name says.
  const lowest = Math.min(value, ...given.map((path) => limitAt(fields, path) ?? standard));
  if (given.length === 0 && standard <= value) return undefined;
  const edits = (given.length === 0 ? limits.paths.slice(0, 1) : given).flatMap((path): LimitEdit[] => {
    const before = limitAt(fields, path);
    const isLow = before !== undefined && before === valueAt(fields, path) && before <= value;
    return isLow ? [] : [{ path, value: Math.min(value, before ?? lowest) }];
  });
  return edits.length === 0 || !mayBeEdited(fields, edits) ? undefined : edits;
}

function limitsOf({ endpoint, provider, operationType }: LimitedReading, fields: Fields): Limits | undefined {
  const plain = { answers: 1, above: 0, leastTokens: 1 };
  switch (endpoint) {
    case 'chat.completions': {
      const answers = answersOf(reading(endpoint, provider), fields);
      return { ...plain, paths: chatPaths(provider, fields), answers };
    }
    case 'completions': {
      const answers = answersOf(reading(endpoint, provider), fields);
      // Ollama's endpoint of that name has no standard.
      const standard = provider === 'OLLAMA' ? {} : { standard: COMPLETION_DEFAULT };
      return { ...plain, paths: [['max_tokens']], answers, ...standard };
    }
    case 'responses':
      return { ...plain, paths: [['max_output_tokens']], leastTokens: RESPONSES_LEAST };
    case 'messages':
      return { ...plain, paths: [['max_tokens']], above: thoughtsOf(fields) };
    case 'complete':
      return { ...plain, paths: [['max_tokens_to_sample']] };
    case 'api.chat':
    case 'api.generate':
      return { ...plain, paths: [['options', 'num_predict']] };
    case 'converse':
      return {
        ...plain,
        paths: [['inferenceConfig', 'maxTokens']],
        above: thoughtsOf(recordOf(fields['additionalModelRequestFields']) ?? {}),
      };
    case 'models.generateContent':
    case 'models.streamGenerateContent':
      return googleLimits(fields);
    case 'interactions':
      return { ...plain, paths: [['generation_config', 'max_output_tokens']] };
    case 'ai-sdk.generate':
    case 'ai-sdk.stream':
      return { ...plain, paths: [['maxOutputTokens']] };
    default:
      return provider === 'fal_ai' && operationType === 'CHAT' ? { ...plain, paths: [['max_tokens']] } : undefined;
  }
}

/** As it is read for its bound. */
function reading(endpoint: string, provider: string): LimitedReading {
  return { endpoint, provider, operationType: 'CHAT' };
}

/**
 * OpenAI's newer models refuse the old name, older hosts do not know the new one: what the caller writes is right. Where
 * nothing is written, the new name is for OpenAI itself and for Azure.
 */
function chatPaths(provider: string, fields: Fields): readonly Path[] {
  if (provider === 'OLLAMA') return [['max_tokens']];
  const isNew = provider === 'OPENAI' || provider === 'Azure' || isGiven(fields['max_completion_tokens']);
  return isNew ? [['max_completion_tokens'], ['max_tokens']] : [['max_tokens'], ['max_completion_tokens']];
}

/** Gemini's client writes `config`, its API `generationConfig`; servers before it the name with an underscore too. */
function googleLimits(fields: Fields): Limits {
  const isCall =
    !('generationConfig' in fields || 'generation_config' in fields) && ('config' in fields || 'model' in fields);
  const outer = isCall ? 'config' : 'generation_config' in fields ? 'generation_config' : 'generationConfig';
  const config = recordOf(fields[outer]) ?? {};
  const thinking = recordOf(config['thinkingConfig'] ?? config['thinking_config']) ?? {};
  const budget = thinking['thinkingBudget'] ?? thinking['thinking_budget'];
  const inner = 'max_output_tokens' in config ? 'max_output_tokens' : 'maxOutputTokens';
  return {
    paths: [[outer, inner]],
    answers: limitOf([config['candidateCount'], config['candidate_count']], 1) ?? 1,
    above: typeof budget === 'number' && budget > 0 ? budget : 0,
    leastTokens: 1,
  };
}

/** With a limit of one token each answer has one: so many are asked for. A prediction comes on top of them all. */
function answersOf(asked: LimitedReading, fields: Fields): number {
  const { prediction: _, ...rest } = fields;
  const one = { ...rest, max_tokens: 1, max_completion_tokens: 1 };
  return Math.max(1, outputBound(asked, one, 1).tokens);
}

function thoughtsOf(fields: Fields): number {
  const budget = recordOf(fields['thinking'])?.['budget_tokens'];
  // A text is a number to some servers and nothing to others.
  if (typeof budget === 'string') return Number.POSITIVE_INFINITY;
  return typeof budget === 'number' && budget > 0 ? budget : 0;
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function valueAt(fields: Fields, [outer, inner]: Path): unknown {
  return inner === undefined ? fields[outer] : recordOf(fields[outer])?.[inner];
}

/** A limit that is there: a whole number above 0, also one that is written as text. */
function limitAt(fields: Fields, path: Path): number | undefined {
  const value = valueAt(fields, path);
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && number > 0 ? Math.min(Math.ceil(number), Number.MAX_SAFE_INTEGER) : undefined;
}

/** What holds the limit is an object, or is not there yet. */
function mayBeEdited(fields: Fields, edits: readonly LimitEdit[]): boolean {
  return edits.every(
    ({ path }) => path.length === 1 || !isGiven(fields[path[0]]) || recordOf(fields[path[0]]) !== undefined,
  );
}
