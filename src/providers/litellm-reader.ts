/** Reads what an answer that came through a LiteLLM proxy says: the adapter's own reading, and what the proxy adds to it. */
import type { RequestReading, UsageReader, UsageReading } from './adapter.js';
import { CALL_ID_HEADER } from './litellm-headers.js';
import { type LitellmModel, litellmModel } from './litellm-model.js';
import { positiveAmount, readLitellmUsage } from './litellm-usage.js';

/** On the reading of a request that goes to a LiteLLM proxy, and on its event. */
export const LITELLM_ATTRIBUTES = { gateway: 'litellm' } as const;

/** Whether a request is known to go to a LiteLLM proxy. */
export function isToLitellm(request: RequestReading): boolean {
  return request.attributes?.['gateway'] === LITELLM_ATTRIBUTES.gateway;
}

/** The reading of a request to a LiteLLM proxy: provider and model by table 6.4. */
export function throughLitellm<R extends RequestReading>(request: R): R {
  const attributes = { ...request.attributes, ...LITELLM_ATTRIBUTES };
  // LiteLLM takes the field, whatever stands behind it.
  const asks = 'takesIncludeUsage' in request ? { takesIncludeUsage: true } : {};
  const upstream = litellmModel(request.model ?? '');
  const model = request.model === undefined ? {} : { model: upstream.model };
  const { provider, modelSource } = upstream;
  return { ...request, ...asks, ...model, provider, modelSource, attributes };
}

/**
 * Wraps the reader of an answer. Until the head of the answer says that a LiteLLM proxy gave it (`x-litellm-*`), or the
 * request was known to go to one, it changes nothing.
 */
export class LitellmReader implements UsageReader {
  readonly #inner: UsageReader;
  readonly #request: RequestReading;
  readonly #sharesId: boolean;
  readonly skim?: (data: string) => boolean;
  readonly ignoresWhole: boolean;
  #came: boolean;
  #cost: number | undefined;
  #callId: string | undefined;
  #modelId: string | undefined;

  /** `sharesId`: the proxy's call id names the event, so that a proxy which meters too names the same one. */
  constructor(inner: UsageReader, request: RequestReading, sharesId: boolean) {
    this.#inner = inner;
    this.#request = request;
    this.#sharesId = sharesId;
    this.#came = isToLitellm(request);
    this.ignoresWhole = inner.ignoresWhole === true;
    if (inner.skim !== undefined) this.skim = (data) => inner.skim?.(data) === true;
  }

  responseHead(status: number, header: (name: string) => string | undefined): void {
    this.#inner.responseHead?.(status, header);
    this.#callId = said(header(CALL_ID_HEADER));
    this.#modelId = said(header('x-litellm-model-id'));
    this.#came ||= [this.#callId, this.#modelId, said(header('x-litellm-version'))].some((one) => one !== undefined);
    // The head of a stream comes before anybody knows what it costs.
    if (!this.#request.streaming) this.#cost = positiveAmount(header('x-litellm-response-cost'));
  }

  whole(body: unknown): void {
    this.#inner.whole(body);
  }

  text(text: string): void {
    this.#inner.text?.(text);
  }

  chunk(data: unknown): void {
    this.#inner.chunk(data);
  }

  reading(): UsageReading {
    const inner = this.#inner.reading();
    if (!this.#came) return inner;
    const { provider, modelSource, model } = this.#upstream();
    const answered = inner.model === undefined ? undefined : litellmModel(inner.model).model;
    const usage = inner.isPartial === true ? undefined : readLitellmUsage(inner.rawUsage, { modelSource, model });
    const totalCostUsd = this.#cost ?? (inner.finished ? usage?.costUsd : undefined) ?? inner.totalCostUsd;
    return {
      ...inner,
      ...(usage === undefined ? {} : countsOf(usage, inner)),
      ...(answered === undefined ? {} : { model: answered }),
      ...(totalCostUsd === undefined ? {} : { totalCostUsd }),
      ...(this.#sharesId && this.#callId !== undefined ? { responseId: this.#callId, idsAreUnique: true } : {}),
      provider,
      modelSource,
      attributes: this.#attributes(inner, usage?.cacheInside),
    };
  }

  #upstream(): LitellmModel {
    const { provider, modelSource, model = '' } = this.#request;
    return isToLitellm(this.#request) ? { provider, modelSource, model } : litellmModel(model);
  }

  #attributes(inner: UsageReading, cacheInside: boolean | undefined): Record<string, unknown> {
    const given: readonly (readonly [string, unknown])[] = [
      ['litellmCallId', this.#callId],
      ['litellmModelId', this.#modelId],
      ['providerResponseId', this.#sharesId && inner.responseId !== this.#callId ? inner.responseId : undefined],
      ['cacheInside', cacheInside],
      ['reasoningInside', cacheInside === undefined ? undefined : true],
    ];
    const known = given.filter(([, value]) => value !== undefined);
    return { ...inner.attributes, ...LITELLM_ATTRIBUTES, ...Object.fromEntries(known) };
  }
}

/** What the proxy's own names say beats what the adapter made of them. */
function countsOf(usage: NonNullable<ReturnType<typeof readLitellmUsage>>, inner: UsageReading): Partial<UsageReading> {
  const { inputTokens, outputTokens, totalTokens, reasoningTokens, cacheReadTokens, cacheWriteTokens } = usage;
  const given: readonly (readonly [string, number | undefined])[] = [
    ['inputTokens', inputTokens],
    ['outputTokens', outputTokens ?? inner.outputTokens],
    ['totalTokens', totalTokens],
    ['reasoningTokens', reasoningTokens],
    ['cacheReadTokens', cacheReadTokens],
    ['cacheWriteTokens', cacheWriteTokens],
    ['cacheWrite5mTokens', usage.cacheWrite5mTokens],
    ['cacheWrite1hTokens', usage.cacheWrite1hTokens],
  ];
  return Object.fromEntries(given.filter(([, value]) => value !== undefined)) as Partial<UsageReading>;
}

/** A header that says something; LiteLLM writes Python's `None` where it has nothing to say. */
function said(value: string | undefined): string | undefined {
  const text = value?.trim();
  return text === undefined || text === '' || text === 'None' ? undefined : text.slice(0, ID_MAX);
}

const ID_MAX = 255;
