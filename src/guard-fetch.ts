/** A guarded `fetch` of one instance. */
import { FusewireError } from './errors.js';
import type { Parts } from './fusewire.js';
import {
  type AnyFetch,
  createGuardedFetch,
  type GuardedFetch,
  type GuardFetchOptions,
  leavingThrough,
} from './instrument/guarded-fetch.js';
import { REGISTERED_PROVIDERS } from './providers/registry.js';
import { globalFetch, processFetch } from './runtime.js';

/** See `Fusewire.guardFetch`. @throws FusewireError with code `INVALID_OPTIONS`, listing every problem. */
export function guardFetchOf(parts: Parts, inner: AnyFetch | undefined, options: GuardFetchOptions = {}): GuardedFetch {
  const problems = optionProblems(inner, options);
  if (problems.length > 0) throw new FusewireError('INVALID_OPTIONS', problems);
  const { path, runtime, providers } = parts;
  const recognised = (provider: string) => void providers.add(provider);
  const own = { path, runtime, recognised };
  if (inner !== undefined) return createGuardedFetch(inner, own, options);
  // A program may put what it gets here in the place of the global one.
  const beforeUs = globalFetch() as AnyFetch;
  return createGuardedFetch(leavingThrough(processFetch as AnyFetch), { ...own, beforeUs }, options);
}

const NAMES: ReadonlySet<string> = new Set(REGISTERED_PROVIDERS.map(({ name }) => name));
const CHECKS: Readonly<Record<keyof GuardFetchOptions, readonly [(value: unknown) => boolean, string]>> = {
  unknownEndpoints: [(value) => value === 'flag' || value === 'refuse', "must be 'flag' or 'refuse'"],
  hosts: [areHosts, `must map hosts to one of ${[...NAMES].join(', ')}`],
  injectUsage: [
    (value) => typeof value === 'boolean' || value === 'known-hosts',
    "must be true, false or 'known-hosts'",
  ],
  gateway: [(value) => typeof value === 'boolean', 'must be true or false'],
};

function optionProblems(inner: unknown, options: unknown): readonly string[] {
  const problems: string[] = [];
  if (inner !== undefined && typeof inner !== 'function')
    problems.push('fetch must be a function; options come second: guardFetch(undefined, { … })');
  if (typeof options !== 'object' || options === null) {
    return [...problems, 'the options of guardFetch() must be an object'];
  }
  for (const [name, value] of Object.entries(options)) {
    const check = Object.hasOwn(CHECKS, name) ? CHECKS[name as keyof GuardFetchOptions] : undefined;
    if (check === undefined) problems.push(`${name} is not an option of guardFetch()`);
    else if (value !== undefined && !check[0](value)) problems.push(`${name} ${check[1]}`);
  }
  return problems;
}

function areHosts(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.values(value).every((name) => NAMES.has(name as string));
}
