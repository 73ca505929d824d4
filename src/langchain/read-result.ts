/** What LangChain hands over at the end of a run: usage, model, ids, text, why it ended. Pure. */
import type { StopReason, UsageReading } from '../providers/adapter.js';
import { googleStopReason } from '../providers/google-stop-reason.js';
import { chatStopReason, responseStopReason } from '../providers/openai-stop-reason.js';
import { listOf, textOf } from '../providers/values.js';
import { textsOf } from './prompt.js';
import { type LangChainUsage, readPlainUsage, readUsageMetadata, saysNothing } from './read-usage.js';
import { type Fields, fieldsOf, firstText } from './structure.js';

/** A result as a reading, and what proves whose answer it is. */
export interface LangChainResultReading {
  readonly reading: UsageReading;
  /** Every id that may be the provider's. */
  readonly ids: readonly string[];
  /** Ids of the tool calls that the model asks for. */
  readonly toolCallIds: readonly string[];
}

/** Ids that LangChain or an integration made up. */
const MADE_UP = /^(run-|lc_)|^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** The shortest word that is taken for one that stands there twice. */
const WORD_MIN = 3;
/** Where integrations keep the provider's usage object. */
const USAGE_NAMES = ['token_usage', 'tokenUsage', 'usage'] as const;

/** Reads an `LLMResult` (`{generations, llmOutput}`). Never throws on a shape that it does not know. */
export function readResult(result: unknown, isAnthropic: boolean): LangChainResultReading {
  const generations = listOf(fieldsOf(result)['generations']).flatMap(listOf).map(fieldsOf);
  const llmOutput = fieldsOf(fieldsOf(result)['llmOutput']);
  const messages = generations.map((generation) => fieldsOf(generation['message']));
  const texts = generations.map((generation, i) => generationText(generation, messages[i] ?? {}));
  const outputText = texts.filter((text) => text !== '').join('\n');
  const facts = mergedFacts(generations, messages, llmOutput);
  const ids = [...messages.map(({ id }) => id), facts['id'], facts['response_id'], llmOutput['id']];
  const providerIds = ids.filter((id) => textOf(id) !== undefined && !MADE_UP.test(String(id))).map(String);
  const usage = usageOf(messages, llmOutput, isAnthropic);
  const isUsable = usage !== undefined && !(outputText !== '' && saysNothing(usage));
  return {
    reading: {
      finished: true,
      outputText,
      ...(isUsable ? usage : {}),
      ...text('responseId', textOf(facts['id']) ?? providerIds[0]),
      ...text('model', once(firstText(facts, 'model_name', 'model', 'modelName', 'model_id', 'modelId'))),
      ...text('systemFingerprint', once(textOf(facts['system_fingerprint']))),
      ...text('serviceTier', once(textOf(facts['service_tier']))),
      stopReason: stopReasonOf(facts),
    },
    ids: [...new Set(providerIds)],
    toolCallIds: messages.flatMap(({ tool_calls: calls }) => listOf(calls).flatMap((call) => idOf(call))),
  };
}

/** The first message that carries counts: several generations of one request share theirs. */
function usageOf(messages: readonly Fields[], llmOutput: Fields, isAnthropic: boolean): LangChainUsage | undefined {
  for (const message of messages) {
    const raw = fieldsOf(message['response_metadata'])['usage'];
    const usage = readUsageMetadata(message['usage_metadata'], raw, isAnthropic);
    if (usage !== undefined) return usage;
  }
  const places = [...messages.map((message) => fieldsOf(message['response_metadata'])), llmOutput];
  for (const place of places) {
    for (const name of USAGE_NAMES) {
      const usage = readPlainUsage(place[name], isAnthropic);
      if (usage !== undefined) return usage;
    }
    // Ollama's counts stand beside the answer.
    const usage = 'eval_count' in place ? readPlainUsage(place, isAnthropic) : undefined;
    if (usage !== undefined) return usage;
  }
  return undefined;
}

/** What is said of the answer, wherever it is said: the message's own metadata first. */
function mergedFacts(generations: readonly Fields[], messages: readonly Fields[], llmOutput: Fields): Fields {
  const infos = generations.map(({ generationInfo }) => fieldsOf(generationInfo));
  const metadata = messages.map((message) => fieldsOf(message['response_metadata']));
  const additional = messages.map((message) => fieldsOf(message['additional_kwargs']));
  return Object.assign({}, llmOutput, ...additional.reverse(), ...infos.reverse(), ...metadata.reverse());
}

function stopReasonOf(facts: Fields): StopReason {
  const reason = once(firstText(facts, 'finish_reason', 'stop_reason', 'done_reason', 'finishReason', 'stopReason'));
  if (reason !== undefined) {
    // Google writes its reasons in capitals; only those are read by its table.
    return /^[A-Z_]+$/.test(reason) ? googleStopReason(reason) : chatStopReason(reason);
  }
  const status = textOf(facts['status']);
  if (status === undefined) return 'END';
  return responseStopReason(status, textOf(fieldsOf(facts['incomplete_details'])['reason'])) ?? 'END';
}

/** LangChain adds up the texts of a stream's chunks: what two of them say stands there twice. */
function once(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const period = `${text}${text}`.indexOf(text, 1);
  return period < text.length && period >= WORD_MIN ? text.slice(0, period) : text;
}

function generationText(generation: Fields, message: Fields): string {
  const texts = textsOf(message);
  return texts.length > 0 ? texts.join('\n') : (textOf(generation['text']) ?? '');
}

function idOf(call: unknown): string[] {
  const id = textOf(fieldsOf(call)['id']);
  return id === undefined ? [] : [id];
}

function text<K extends string>(name: K, value: string | undefined): { [P in K]?: string } {
  return (value === undefined ? {} : { [name]: value }) as { [P in K]?: string };
}
