/** Which models a caller is offered, under the names that it can ask for. Pure. */
import type { PriceBook } from '../../pricing/price-book.js';
import type { ConfiguredUpstream } from '../configured-upstream.js';
import type { GatewayConfig } from '../gateway-config.js';
import { canonicalOllamaModel } from '../model-name.js';
import { configuredTarget, type ModelRoutes, type PatternRoute } from '../model-routes.js';
import { readForUpstream } from '../read/upstream-reading.js';
import type { ModelRouter } from '../route-model.js';
import type { Dialect, GatewayKey } from '../types.js';
import type { ListedModel } from './fetch-list.js';
import type { ListReading } from './upstream-lists.js';

/** A model as it is offered. */
export interface OfferedModel extends ListedModel {
  readonly upstream: ConfiguredUpstream;
  /** Whether it has a price, or is declared to be free. */
  readonly isPriced: boolean;
}

/** What {@link offeredModels} goes by. */
export interface OfferParts {
  readonly config: Pick<GatewayConfig, 'upstreams' | 'routes' | 'defaultModelsVisible'>;
  readonly router: ModelRouter;
  readonly lists: ReadonlyMap<string, ListReading>;
  readonly prices: PriceBook;
  readonly key: Pick<GatewayKey, 'models'>;
  readonly nowMs: number;
}

/**
 * Aliases and configured names first, then what upstreams list: of Ollama all, of others what has a price or is reached
 * by a configured pattern. Only what the key may ask for, each name once.
 */
export function offeredModels(parts: OfferParts): readonly OfferedModel[] {
  const { config, router, lists, key } = parts;
  const { routes } = config;
  const offered = new Map<string, OfferedModel>();
  const offer = (
    id: string,
    upstream: ConfiguredUpstream,
    model: string,
    listed: ListedModel | undefined,
    mustBePriced: boolean,
  ) => {
    if (offered.has(id) || !router.isAllowed(id, key)) return;
    const isPriced = hasPrice(parts, upstream, model);
    if (mustBePriced && !isPriced) return;
    offered.set(id, { ...(listed ?? UNLISTED), id, upstream, isPriced });
  };
  for (const [id, { upstream, model }] of [...routes.aliases, ...routes.exact]) {
    offer(id, upstream, model, listedAs(lists.get(upstream.name), model), false);
  }
  for (const upstream of config.upstreams) {
    for (const listed of lists.get(upstream.name) ?? []) {
      for (const id of patternNames(routes, upstream, listed.id)) offer(id, upstream, listed.id, listed, false);
      if (!config.defaultModelsVisible || configuredTarget(routes, listed.id) !== undefined) continue;
      const routed = router.route(listed.id, { dialect: upstream.protocol }, {});
      if (!('upstream' in routed) || routed.upstream !== upstream || routed.model !== listed.id) continue;
      offer(listed.id, upstream, listed.id, listed, upstream.protocol !== 'ollama');
    }
  }
  return [...offered.values()];
}

/** Whether a model answers to this protocol. */
export function answersTo({ upstream }: Pick<OfferedModel, 'upstream'>, dialect: Dialect): boolean {
  const { protocol } = upstream;
  if (dialect === protocol) return true;
  return protocol === 'ollama' && (dialect === 'openai' || upstream.speaksAnthropic);
}

const UNLISTED: ListedModel = {
  id: '',
  createdAtS: 0,
  displayName: undefined,
  description: undefined,
  contextWindow: undefined,
};
const PATHS: Readonly<Record<Dialect, string>> = {
  openai: '/chat/completions',
  anthropic: '/v1/messages',
  ollama: '/api/chat',
};

/** By the provider's name that its events have. */
function hasPrice({ prices, nowMs }: OfferParts, upstream: ConfiguredUpstream, model: string): boolean {
  const billed = upstream.protocol === 'ollama' ? canonicalOllamaModel(model) : model;
  const path = `${upstream.basePath}${PATHS[upstream.protocol]}`;
  const read = readForUpstream(upstream, upstream.protocol, {
    method: 'POST',
    path,
    fields: { model: billed },
    model: undefined,
  });
  if (read === undefined) return false;
  const { provider, modelSource } = read.reading;
  return prices.look({ provider, modelSource, model: read.reading.model ?? billed, atMs: nowMs }).kind !== 'unknown';
}

function listedAs(list: ListReading, model: string): ListedModel | undefined {
  const canonical = canonicalOllamaModel(model);
  return list?.find(({ id }) => id === model || canonicalOllamaModel(id) === canonical);
}

/** Names that lead to a listed model by a pattern: itself, or what its new name was made from. */
function patternNames(routes: ModelRoutes, upstream: ConfiguredUpstream, model: string): readonly string[] {
  const names: string[] = [];
  for (const pattern of routes.patterns) {
    const name = pattern.upstream === upstream ? nameBy(pattern, model) : undefined;
    const target = name === undefined ? undefined : configuredTarget(routes, name);
    if (name !== undefined && target?.upstream === upstream && target.model === model) names.push(name);
  }
  return names;
}

function nameBy({ before, after, rename }: PatternRoute, model: string): string | undefined {
  if (rename === undefined) return model.startsWith(before) && model.endsWith(after) ? model : undefined;
  const [head = '', tail] = rename.split('*');
  // Every name of the pattern leads to one model: there is no one name to show.
  if (
    tail === undefined ||
    model.length < head.length + tail.length ||
    !model.startsWith(head) ||
    !model.endsWith(tail)
  )
    return undefined;
  return `${before}${model.slice(head.length, model.length - tail.length)}${after}`;
}
