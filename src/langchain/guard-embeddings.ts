/** Embeddings: LangChain has no callbacks for them, so their two methods are wrapped. */

import { BudgetExceededError } from '../../enforcement/budget-exceeded-error.js';
import { bodySizeOf } from '../bound/body-size.js';
import { NO_CONSUMPTION } from '../bound/parsed-body.js';
import { FusewireError } from '../errors.js';
import type { Parts } from '../fusewire.js';
import { isGuarded, markGuarded } from '../instrument/guarded-mark.js';
import { endOf } from '../instrument/metered-call.js';
import { runInside } from '../outer-call.js';
import { partsOf } from '../parts-of.js';
import type { RequestReading, UsageReading } from '../providers/adapter.js';
import { listOf, textOf } from '../providers/values.js';
import { type ReveniumConfig, readConfig } from './config.js';
import { statusOf } from './model-run.js';
import { providerOf } from './provider-of.js';
import { type Fields, fieldsOf, firstText } from './structure.js';

/** What every embeddings class of LangChain's has. */
export interface LangChainEmbeddings {
  embedQuery(document: string): Promise<number[]>;
  embedDocuments(documents: string[]): Promise<number[][]>;
}

const METHODS = ['embedQuery', 'embedDocuments'] as const;
const DONE: UsageReading = { finished: true, outputText: '' };

/**
 * Guards and meters an embeddings object of LangChain's, in place, and returns it. Twice is harmless. Each call of
 * `embedQuery` and `embedDocuments` is refused before it is sent while a budget that covers it is used up, and metered
 * as one event, estimated from the texts: LangChain does not hand on what the provider counted. Where the client inside
 * is guarded too, that one meters, request by request, with the provider's counts.
 *
 * @throws FusewireError with code `INVALID_OPTIONS`, listing every problem of the configuration; also for what is no
 * embeddings object.
 * @example
 * import { OpenAIEmbeddings } from '@langchain/openai';
 * import { guardEmbeddings } from 'fusewire/langchain';
 *
 * const embeddings = guardEmbeddings(new OpenAIEmbeddings({ model: 'text-embedding-3-small' }));
 */
export function guardEmbeddings<T extends LangChainEmbeddings>(embeddings: T, config: ReveniumConfig = {}): T {
  const setup = readConfig(config);
  if (METHODS.some((name) => typeof Object(embeddings)[name] !== 'function')) {
    const problem =
      'guardEmbeddings() takes an object with embedQuery and embedDocuments, such as new OpenAIEmbeddings()';
    throw new FusewireError('INVALID_OPTIONS', [problem]);
  }
  if (isGuarded(embeddings) || !markGuarded(embeddings)) return embeddings;
  const parts = () => {
    const now = partsOf(setup.instance());
    now.providers.add('langchain');
    return now;
  };
  parts();
  for (const name of METHODS) {
    const original = embeddings[name] as (given: unknown, ...rest: unknown[]) => Promise<unknown>;
    const guarded = (given: unknown, ...rest: unknown[]) =>
      call(parts(), readEmbedding(embeddings, given, parts()), setup.metadata, () =>
        original.call(embeddings, given, ...rest),
      );
    Object.defineProperty(embeddings, name, { value: guarded, writable: true, configurable: true });
  }
  return embeddings;
}

async function call<R>({ path }: Parts, request: RequestReading, metadata: Fields, task: () => Promise<R>): Promise<R> {
  const secured = path.secure(path.admit(request, metadata));
  const admission = secured instanceof Promise ? await secured : secured;
  const attempt = path.begin(admission);
  try {
    const vectors = await runInside(path.around(admission, attempt), task);
    attempt.answered(() => DONE);
    attempt.settle('completed');
    return vectors;
  } catch (error) {
    const status = statusOf(error);
    const reason = firstText(fieldsOf(error), 'message') ?? String(error);
    if (BudgetExceededError.is(error)) attempt.withdraw();
    else attempt.settle(endOf(error), { ...(status === undefined ? {} : { status }), reason });
    throw error;
  }
}

function readEmbedding(embeddings: object, given: unknown, { runtime }: Parts): RequestReading {
  const fields = fieldsOf(embeddings);
  const model = firstText(fields, 'model', 'modelName', 'model_name');
  const clientConfig = fieldsOf(fields['clientConfig']);
  const names = providerOf({
    serialized: {
      id: [...listOf(fields['lc_namespace']), embeddings.constructor.name],
      kwargs: { configuration: clientConfig },
    },
    metadata: {},
    model,
    openAIBaseUrl: textOf(runtime.env['OPENAI_BASE_URL']),
  });
  const texts = typeof given === 'string' ? [given] : listOf(given).map(String);
  return {
    endpoint: 'langchain.embeddings',
    known: true,
    ...names,
    idsAreUnique: false,
    operationType: 'EMBED',
    ...(model === undefined ? {} : { model }),
    streaming: false,
    promptText: () => texts.join('\n'),
    bound: () => ({ ...NO_CONSUMPTION, inputTokensMax: bodySizeOf(texts).bytes }),
    kind: 'call',
  };
}
