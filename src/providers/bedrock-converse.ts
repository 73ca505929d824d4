/**
 * Bedrock's Converse API, which serves every model of Bedrock in one shape. No client package that we guard speaks it: the
 * adapter is for the gateway and for `defineProvider`. Streams are binary frames (aws-event-stream.ts).
 */
import { converseBound } from '../bound/converse-bound.js';
import type { ProviderAdapter, ProviderRequest, RequestReading, UsageReader, UsageReading } from './adapter.js';
import { ANTHROPIC_CONVENTION } from './anthropic-host.js';
import { bedrockModel } from './bedrock-model.js';
import { pathOf } from './openai-host.js';
import { OUTPUT_TEXT_MAX } from './openai-reader.js';
import { chatStopReason } from './openai-stop-reason.js';
import { countOf, decoded, recordOf, textOf } from './values.js';

const PATH = /\/model\/([^/]+)\/converse(-stream)?$/;
const DEPTH_MAX = 24;
const ERROR_STATUS = 400;

/** The adapter. Answers have no id; input excludes cache tokens. */
export const bedrockConverseAdapter: ProviderAdapter = {
  name: 'bedrock-converse',
  tokenConvention: ANTHROPIC_CONVENTION,
  readRequest: readConverseRequest,
  createUsageReader: () => new ConverseReader(),
};

function readConverseRequest({ method, url, body }: ProviderRequest): RequestReading | undefined {
  const found = PATH.exec(pathOf(url));
  if (method !== 'POST' || found === null) return undefined;
  const model = bedrockModel(decoded(found[1]!));
  const fields = recordOf(body) ?? {};
  const temperature = recordOf(fields['inferenceConfig'])?.['temperature'];
  const texts = () => textsOf([fields['system'], fields['messages'], fields['toolConfig']]);
  return {
    endpoint: 'converse',
    known: true,
    provider: 'AWS',
    modelSource: makerOf(model),
    operationType: 'CHAT',
    ...(recordOf(fields['toolConfig']) === undefined ? {} : { operationSubtype: 'function_call' }),
    model,
    streaming: found[2] !== undefined,
    ...(typeof temperature === 'number' ? { temperature } : {}),
    promptText: () => texts().join('\n'),
    bound: (assumed) => converseBound(model, fields, assumed),
    prompts: () => ({
      systemPrompt: textsOf([fields['system']]).join('\n') || undefined,
      inputMessages: Array.isArray(fields['messages']) ? fields['messages'] : undefined,
    }),
    idsAreUnique: false,
    kind: 'call',
    ...(showsMedia(fields['messages']) ? { hasVisionContent: true } : {}),
  };
}

/** The usage of a stream comes with its last event, behind the stop reason. */
class ConverseReader implements UsageReader {
  #usage: Record<string, unknown> | undefined;
  #stopReason: string | undefined;
  #errorReason: string | undefined;
  #isAnswered = false;
  #finished = false;
  #text = '';

  responseHead(status: number): void {
    this.#isAnswered = status < ERROR_STATUS;
  }

  whole(body: unknown): void {
    const answer = recordOf(body);
    if (answer === undefined) return;
    this.#stopReason = textOf(answer['stopReason']);
    this.#usage = recordOf(answer['usage']);
    for (const text of textsOf([answer['output']])) this.#addText(text);
    this.#finished = true;
  }

  chunk(data: unknown): void {
    const event = recordOf(data);
    this.#addText(textsOf([recordOf(event?.['contentBlockStart'])?.['start']]).join(''));
    this.#addText(textsOf([recordOf(event?.['contentBlockDelta'])?.['delta']]).join(''));
    this.#stopReason = textOf(recordOf(event?.['messageStop'])?.['stopReason']) ?? this.#stopReason;
    const metadata = recordOf(event?.['metadata']);
    if (metadata !== undefined) {
      this.#usage = recordOf(metadata['usage']);
      this.#finished = true;
    }
    const error = recordOf(event?.['error']);
    if (error !== undefined) this.#errorReason ??= [textOf(error['type']), textOf(error['message'])].join(': ');
  }

  reading(): UsageReading {
    const usage = this.#usage;
    return {
      inputTokens: countOf(usage?.['inputTokens']),
      outputTokens: countOf(usage?.['outputTokens']),
      totalTokens: countOf(usage?.['totalTokens']),
      cacheReadTokens: countOf(usage?.['cacheReadInputTokens']),
      cacheWriteTokens: countOf(usage?.['cacheWriteInputTokens']),
      ...(this.#stopReason === undefined ? {} : { stopReason: stopReasonOf(this.#stopReason) }),
      errorReason: this.#errorReason,
      finished: this.#finished,
      isPartial: !this.#finished && this.#isAnswered && this.#errorReason === undefined,
      outputText: this.#text,
      rawUsage: usage,
    };
  }

  #addText(text: string): void {
    if (this.#text.length < OUTPUT_TEXT_MAX) this.#text += text.slice(0, OUTPUT_TEXT_MAX - this.#text.length);
  }
}

function stopReasonOf(reason: string) {
  return reason === 'guardrail_intervened' || reason === 'content_filtered' ? 'ERROR' : chatStopReason(reason);
}

/** Who made the model, as its id says: `us.anthropic.claude…` is ANTHROPIC. */
function makerOf(model: string): string {
  const maker = /^(?:[a-z]{2,8}(?:-[a-z]{2,8})?\.)?([a-z0-9-]+)\./.exec(model)?.[1];
  return maker === undefined || model.startsWith('arn:') ? 'AWS' : maker.toUpperCase();
}

/** Leaves that are no text: media and words of the protocol. */
const NOT_TEXT = new Set(['bytes', 'uri', 'format', 'type', 'role', 'toolUseId', 'signature', 'status', 'cachePoint']);

function textsOf(value: unknown, depth = 0): string[] {
  if (typeof value === 'string') return value === '' ? [] : [value];
  if (typeof value !== 'object' || value === null || depth > DEPTH_MAX) return [];
  if (Array.isArray(value)) return value.flatMap((item) => textsOf(item, depth + 1));
  return Object.entries(value).flatMap(([name, item]) => (NOT_TEXT.has(name) ? [] : textsOf(item, depth + 1)));
}

function showsMedia(messages: unknown): boolean {
  const blocks = Array.isArray(messages) ? messages.flatMap((message) => recordOf(message)?.['content'] ?? []) : [];
  return blocks.some((block) => ['image', 'document', 'video'].some((name) => recordOf(block)?.[name] !== undefined));
}
