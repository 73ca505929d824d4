/** One line of the results of a message batch: an answer, or why there is none. Pure. */
import type { AttemptEnd } from '../metering/attempt.js';
import type { RequestReading, UsageReading } from './adapter.js';
import type { AnthropicRequestReading } from './anthropic.js';
import { AnthropicReader } from './anthropic-reader.js';
import { recordOf, textOf } from './values.js';

/** One result. */
export interface BatchResult {
  /** The caller's own name of the request within the batch. */
  readonly customId: string;
  /** As the request would have been read, had it been sent by itself. */
  readonly request: RequestReading;
  readonly reading: UsageReading;
  readonly end: AttemptEnd;
  /** The same whoever reads the results; `undefined` where the server's ids may repeat. */
  readonly transactionId: string | undefined;
}

/** What did not succeed is not billed: the counts are known. */
const NOTHING: UsageReading = { inputTokens: 0, outputTokens: 0, totalTokens: 0, finished: true, outputText: '' };
const TRANSACTION_ID_MAX = 255;

/** Reads a line, or `undefined` where it is none. Never throws. `asked` is the request for the results. */
export function readBatchResult(line: unknown, asked: AnthropicRequestReading): BatchResult | undefined {
  const record = recordOf(line);
  const customId = textOf(record?.['custom_id']);
  const result = recordOf(record?.['result']);
  if (customId === undefined || result === undefined) return undefined;
  const { reading, end } = outcomeOf(result);
  const isUnique = asked.resultIdsAreUnique || asked.idsAreUnique;
  const id = reading.responseId ?? `${asked.batchId ?? ''}:${customId}`.slice(0, TRANSACTION_ID_MAX);
  const request: RequestReading = {
    endpoint: 'messages.batches',
    known: true,
    provider: asked.provider,
    modelSource: asked.modelSource,
    operationType: 'CHAT',
    streaming: false,
    promptText: () => '',
    idsAreUnique: isUnique,
    kind: 'call',
    pricingTier: 'BATCH',
    ...(asked.assumedHost === undefined ? {} : { assumedHost: asked.assumedHost }),
    ...(asked.tokenConvention === undefined ? {} : { tokenConvention: asked.tokenConvention }),
    attributes: { batchId: asked.batchId, customId },
  };
  return { customId, request, reading, end, transactionId: isUnique ? id : undefined };
}

function outcomeOf(result: Record<string, unknown>): { readonly reading: UsageReading; readonly end: AttemptEnd } {
  const reader = new AnthropicReader({ keepsModel: false });
  switch (result['type']) {
    case 'succeeded':
      reader.whole(result['message']);
      return { reading: reader.reading(), end: 'completed' };
    case 'errored': {
      // The error stands inside an answer of its own: {type: 'error', error: {type, message}}.
      const error = recordOf(result['error']);
      reader.whole({ error: error?.['error'] ?? error ?? 'errored' });
      return { reading: { ...NOTHING, errorReason: reader.reading().errorReason }, end: 'failed' };
    }
    case 'canceled':
      return { reading: NOTHING, end: 'cancelled' };
    case 'expired':
      return { reading: NOTHING, end: 'timed-out' };
    default:
      return { reading: { finished: true, outputText: '', isUnknownShape: true }, end: 'completed' };
  }
}
