/** Guarded models for the kinds that the AI SDK has no middleware for, or none in ai 5. */

import { FusewireError } from '../errors.js';
import { KINDS, type ModelKind } from './media-reading.js';
import { beginMedia, streamed, whole } from './middleware.js';
import { type AiSdkOptions, createLayer, type Layer, ownMetadataOf, withoutOwnMetadata } from './options.js';
import type { AiModel, Fields } from './structure.js';

/**
 * Guards an embedding model of any specification; ai 6 and 7 also have {@link fusewireEmbeddingMiddleware}. Returns a
 * model that stands for `model`, which itself stays as it is.
 *
 * @throws FusewireError with code `INVALID_OPTIONS`, listing every problem.
 * @example
 * const model = guardEmbeddingModel(openai.textEmbeddingModel('text-embedding-3-small'));
 * await embedMany({ model, values: ['budgets', 'plans'] });
 */
export function guardEmbeddingModel<M extends AiModel>(model: M, options?: AiSdkOptions): M {
  return guardModel('embedding', model, options);
}

/** Guards an image model, for `generateImage`; see {@link guardEmbeddingModel}. */
export function guardImageModel<M extends AiModel>(model: M, options?: AiSdkOptions): M {
  return guardModel('image', model, options);
}

/** Guards a speech model, for `generateSpeech`; billed by characters. See {@link guardEmbeddingModel}. */
export function guardSpeechModel<M extends AiModel>(model: M, options?: AiSdkOptions): M {
  return guardModel('speech', model, options);
}

/** Guards a transcription model, for `transcribe`; billed by the seconds heard. See {@link guardEmbeddingModel}. */
export function guardTranscriptionModel<M extends AiModel>(model: M, options?: AiSdkOptions): M {
  return guardModel('transcription', model, options);
}

/** Guards a reranking model, for `rerank` of ai 6 and 7; see {@link guardEmbeddingModel}. */
export function guardRerankingModel<M extends AiModel>(model: M, options?: AiSdkOptions): M {
  return guardModel('reranking', model, options);
}

type Method = (params: object, ...rest: unknown[]) => PromiseLike<object>;

/**
 * A proxy over the model: `instanceof` and every other member stay. Members are read and called on the model itself,
 * because classes with private fields know no proxy.
 */
function guardModel<M extends AiModel>(kind: ModelKind, model: M, options: AiSdkOptions | undefined): M {
  const layer = createLayer(options);
  const { method } = KINDS[kind];
  if (typeof Object(model)[method] !== 'function') {
    const given = typeof model === 'string' ? `the name "${model}"` : typeof model;
    const problem = `an ${kind} model with the method ${method} is needed, and ${given} was given; make one with a provider`;
    throw new FusewireError('INVALID_OPTIONS', [problem.replace(/^an (?=[^aeiou])/, 'a ')]);
  }
  const bound = new WeakMap<object, unknown>();
  // A proxy may not answer for the members of a frozen object.
  const target: M = Object.isFrozen(model) ? Object.assign(Object.create(Object.getPrototypeOf(model)), model) : model;
  return new Proxy(target, {
    get(_target, name) {
      const member: unknown = Reflect.get(model, name, model);
      if (typeof member !== 'function' || name === 'constructor') return member;
      if (!bound.has(member)) {
        const own = member.bind(model) as Method;
        const isGuarded = name === method || name === 'doStream';
        bound.set(member, isGuarded ? guardedMethod(layer, kind, model, own, name === 'doStream') : own);
      }
      return bound.get(member);
    },
  });
}

function guardedMethod(layer: Layer, kind: ModelKind, model: AiModel, original: Method, streams: boolean): Method {
  return async (params, ...rest) => {
    const left = withoutOwnMetadata(params);
    const taken = new WeakMap([[left, ownMetadataOf(params as Fields)]]);
    const call = beginMedia(layer, kind, { params: left, model }, taken, streams);
    return (streams ? streamed : whole)(call, () => original(left, ...rest));
  };
}
