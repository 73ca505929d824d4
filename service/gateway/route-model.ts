/** From a model's name and the protocol that a caller speaks to the upstream that answers. Pure; nothing of a name reaches a URL. */

import type { ConfiguredUpstream } from './configured-upstream.js';
import type { GatewayConfig } from './gateway-config.js';
import { Failure } from './http/failure.js';
import { canonicalOllamaModel, isMisspelt, modelNameProblem, ownerOfModel } from './model-name.js';
import { configuredTarget } from './model-routes.js';
import type { Dialect, GatewayKey, Surface } from './types.js';

/** Where a call goes, and what it asks for there. */
export interface RoutedModel {
  readonly upstream: ConfiguredUpstream;
  /** What the upstream is asked for; another one than was sent only where the configuration says so. */
  readonly model: string;
  /** What is decided, priced and metered by. */
  readonly billedModel: string;
}

/** What routing stands on. */
export interface ModelRouter {
  /** `model` as it stands in the request. */
  route(model: unknown, surface: Pick<Surface, 'dialect'>, key: Pick<GatewayKey, 'models'>): RoutedModel | Failure;
  /** Whether `model` is one that the key may ask for. */
  isAllowed(model: string, key: Pick<GatewayKey, 'models'>): boolean;
}

/** What {@link createModelRouter} can be given. */
export interface ModelRouterParts {
  readonly config: Pick<GatewayConfig, 'upstreams' | 'routes'>;
  /** How Ollama spells a model that it has, by a name in any letter case; see `ollama-names.ts`. */
  readonly spelling?: ((name: string) => string | undefined) | undefined;
  /** For the operator's log, once for each cause. */
  readonly note?: ((text: string) => void) | undefined;
}

const ENDPOINTS: Readonly<Record<Dialect, string>> = {
  openai: '/v1/chat/completions and the other paths of OpenAI',
  anthropic: '/v1/messages',
  ollama: '/api/chat and the other paths of Ollama',
};

const KEYS = { openai: 'OPENAI_API_KEY', anthropic: 'ANTHROPIC_API_KEY' } as const;

/**
 * Order: alias, configured name, configured pattern, then whose the name is. A provider's model without the provider's
 * key is not offered; it is never sent anywhere else.
 */
export function createModelRouter({ config, spelling, note }: ModelRouterParts): ModelRouter {
  const { routes, upstreams } = config;
  const byName = new Map(upstreams.map((upstream) => [upstream.name, upstream]));
  const noted = new Set<string>();

  const targetOf = (name: string): { upstream: ConfiguredUpstream; model: string } | Failure => {
    const configured = configuredTarget(routes, name);
    if (configured !== undefined) return configured;
    if (isMisspelt(name)) {
      return new Failure(
        400,
        'model_not_found',
        'no model is called this in these letter cases: write its name in lower case',
      );
    }
    const owner = ownerOfModel(name);
    const upstream = byName.get(owner);
    if (upstream !== undefined) return { upstream, model: name };
    if (owner !== 'ollama' && !noted.has(owner)) {
      noted.add(owner);
      note?.(`a model of ${owner} was asked for and ${KEYS[owner]} is not set: such calls are answered with 404`);
    }
    return notOffered();
  };

  const isAllowed: ModelRouter['isAllowed'] = (model, { models }) => {
    if (models === undefined || models.includes(model)) return true;
    const canonical = canonicalOllamaModel(model);
    return models.some((allowed) => canonicalOllamaModel(allowed) === canonical);
  };

  return {
    isAllowed,
    route(model, { dialect }, key) {
      const problem = modelNameProblem(model);
      if (problem !== undefined) return new Failure(400, 'invalid_model', `the model's name ${problem}`);
      const name = model as string;
      const target = targetOf(name);
      if (target instanceof Failure) return target;
      if (!isAllowed(name, key)) {
        return new Failure(
          403,
          'model_not_allowed',
          'this key may not ask for this model; /api/models lists those that it may',
        );
      }
      return mismatchOf(target.upstream, dialect) ?? billed(target, spelling);
    },
  };
}

function billed(target: { upstream: ConfiguredUpstream; model: string }, spelling: ModelRouterParts['spelling']) {
  const { upstream, model } = target;
  if (upstream.protocol !== 'ollama') return { upstream, model, billedModel: model };
  if (model.includes('@')) {
    return new Failure(400, 'invalid_model', 'models of Ollama are asked for by name and tag, not by digest');
  }
  const canonical = canonicalOllamaModel(model);
  return { upstream, model, billedModel: spelling?.(canonical) ?? canonical };
}

function notOffered(): Failure {
  return new Failure(404, 'model_not_found', 'this model is not offered here; /api/models lists those that are');
}

/** Nothing is translated: the protocol of the caller has to be one that the model's upstream speaks. */
function mismatchOf(upstream: ConfiguredUpstream, dialect: Dialect): Failure | undefined {
  const { protocol } = upstream;
  if (dialect === protocol || (dialect === 'openai' && protocol === 'ollama')) return undefined;
  if (dialect === 'anthropic' && protocol === 'ollama' && upstream.speaksAnthropic) return undefined;
  const spoken = protocol === 'ollama' ? `${ENDPOINTS.openai}, or ${ENDPOINTS.ollama}` : ENDPOINTS[protocol];
  const would = {
    openai: 'those of OpenAI and of Ollama',
    anthropic: 'those called claude-…',
    ollama: 'those of Ollama',
  };
  return new Failure(
    400,
    'wrong_endpoint_for_model',
    `this model does not answer at this path: ask for it at ${spoken}. Models that do answer here: ${would[dialect]}; /api/models lists all`,
  );
}
