/** Where models go by configuration: aliases, names, patterns. Read once; problems name their place. */
import type { ConfiguredUpstream } from './configured-upstream.js';
import { modelNameProblem } from './model-name.js';

/** Where a name leads. */
export interface RouteTarget {
  readonly upstream: ConfiguredUpstream;
  /** What the upstream is asked for. */
  readonly model: string;
}

/** The configured ways, in the order in which they are asked. */
export interface ModelRoutes {
  readonly aliases: ReadonlyMap<string, RouteTarget>;
  readonly exact: ReadonlyMap<string, RouteTarget>;
  readonly patterns: readonly PatternRoute[];
}

/** A name with one `*`, which stands for anything. */
export interface PatternRoute {
  readonly before: string;
  readonly after: string;
  readonly upstream: ConfiguredUpstream;
  /** What the upstream is asked for, with what `*` stood for; absent: the name as it is. */
  readonly rename: string | undefined;
}

/** What of a file is about models. */
export interface RoutesFile {
  readonly models?:
    | Readonly<Record<string, string | { readonly upstream: string; readonly rename?: string | undefined }>>
    | undefined;
  readonly aliases?: Readonly<Record<string, { readonly model: string; readonly upstream: string }>> | undefined;
}

/** Reads them; the longer pattern is asked first. */
export function readRoutes(
  file: RoutesFile,
  upstreams: readonly ConfiguredUpstream[],
  where: string,
  problems: string[],
): ModelRoutes {
  const byName = new Map(upstreams.map((upstream) => [upstream.name, upstream]));
  const find = (name: string, place: string): ConfiguredUpstream | undefined => {
    const found = byName.get(name);
    if (found !== undefined) return found;
    problems.push(
      `${place}: there is no upstream ${JSON.stringify(name.slice(0, 64))}; there are ${[...byName.keys()].join(', ')}${hintOf(name)}`,
    );
    return undefined;
  };
  const check = (name: string, place: string): boolean => {
    const problem = modelNameProblem(name);
    if (problem !== undefined) problems.push(`${place} ${problem}`);
    return problem === undefined;
  };
  const aliases = new Map<string, RouteTarget>();
  for (const [alias, { model, upstream: name }] of Object.entries(file.aliases ?? {})) {
    const place = `${where}: aliases.${alias.slice(0, 64)}`;
    const upstream = find(name, place);
    const isFine = check(alias, place) && check(model, `${place}.model`);
    if (upstream !== undefined && isFine) aliases.set(alias, { upstream, model });
  }
  const exact = new Map<string, RouteTarget>();
  const patterns: PatternRoute[] = [];
  for (const [name, target] of Object.entries(file.models ?? {})) {
    const place = `${where}: models.${name.slice(0, 64)}`;
    const { upstream: upstreamName, rename } =
      typeof target === 'string' ? { upstream: target, rename: undefined } : target;
    const upstream = find(upstreamName, place);
    const [before = '', after, ...more] = name.split('*');
    if (more.length > 0) problems.push(`${place} has more than one *`);
    if (rename !== undefined && rename.split('*').length > (after === undefined ? 1 : 2)) {
      problems.push(`${place}.rename has more * than the name itself`);
    }
    const isFine = check(name.replace('*', 'x'), place) && check((rename ?? 'x').replace('*', 'x'), `${place}.rename`);
    if (upstream === undefined || !isFine) continue;
    if (after === undefined) exact.set(name, { upstream, model: rename ?? name });
    else patterns.push({ before, after, upstream, rename });
  }
  patterns.sort((a, b) => b.before.length + b.after.length - a.before.length - a.after.length);
  return { aliases, exact, patterns };
}

/** The configured target of a name, or `undefined`. */
export function configuredTarget(routes: ModelRoutes, name: string): RouteTarget | undefined {
  const found = routes.aliases.get(name) ?? routes.exact.get(name);
  if (found !== undefined) return found;
  for (const { before, after, upstream, rename } of routes.patterns) {
    const isMatch = name.length >= before.length + after.length && name.startsWith(before) && name.endsWith(after);
    if (!isMatch) continue;
    const part = name.slice(before.length, name.length - after.length);
    // A function, since `$` in what a caller wrote would be read as a part of the pattern.
    return { upstream, model: rename === undefined ? name : rename.replace('*', () => part) };
  }
  return undefined;
}

function hintOf(name: string): string {
  if (name === 'openai') return ' (openai is there once OPENAI_API_KEY is set)';
  return name === 'anthropic' ? ' (anthropic is there once ANTHROPIC_API_KEY is set)' : '';
}
