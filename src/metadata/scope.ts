/** Usage metadata around code: every guarded call inside a scope carries it. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { type NormalisedMetadata, normaliseMetadata } from './normalise.js';

/** A scope with everything that outer scopes gave already merged in. */
export type Scope = NormalisedMetadata;

/**
 * One storage for the process, shared by every copy of this package (ESM, CJS, nested installs): a scope must hold
 * whichever copy guarded the client. It is made at the first use, because a running `AsyncLocalStorage` makes every
 * later `await` of the process slower on Node 20.
 */
const STORAGE = Symbol.for('fusewire.metadata-scope');
type Shared = { [STORAGE]?: AsyncLocalStorage<Scope> };

/** The scope that the calling code runs in. */
export function currentScope(): Scope | undefined {
  return (globalThis as Shared)[STORAGE]?.getStore();
}

/**
 * Runs `task` with usage metadata: every guarded call that `task` makes, directly or after any `await`, carries it.
 * An inner scope beats an outer one field by field (`subscriber` as a whole), a call's own metadata beats both.
 *
 * @returns what `task` returns.
 * @throws what `task` throws; nothing of its own.
 * @example
 * await withUsageMetadata({ agent: 'triage', subscriber: { id: 'u-88' } }, () => client.responses.create(request));
 */
export function withUsageMetadata<T>(metadata: object, task: () => T): T {
  const shared = globalThis as Shared;
  shared[STORAGE] ??= new AsyncLocalStorage<Scope>();
  const storage = shared[STORAGE];
  const outer = storage.getStore();
  const inner = normaliseMetadata(metadata);
  const scope =
    outer === undefined
      ? inner
      : {
          fields: { ...outer.fields, ...inner.fields },
          deprecations: [...outer.deprecations, ...inner.deprecations],
          dropped: [...outer.dropped, ...inner.dropped],
        };
  return storage.run(scope, task);
}
