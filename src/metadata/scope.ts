/** Usage metadata around code: every guarded call inside a scope carries it. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { type NormalisedMetadata, normaliseMetadata } from './normalise.js';
import type { TraceContext } from './trace-context.js';

/** A scope with everything that outer scopes gave already merged in. */
export interface Scope extends NormalisedMetadata {
  /** Its calls are metered where only selected ones are (`REVENIUM_SELECTIVE_METERING`). */
  readonly selected?: boolean | undefined;
  /** A trace that was taken over; it counts where nobody names a `traceId`. */
  readonly trace?: TraceContext | undefined;
}

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

/** Runs `task`, and whatever it awaits, in exactly this scope. */
export function runInScope<T>(scope: Scope, task: () => T): T {
  const shared = globalThis as Shared;
  shared[STORAGE] ??= new AsyncLocalStorage<Scope>();
  return shared[STORAGE].run(scope, task);
}

/** `inner` inside of `outer`: field by field the inner one wins (`subscriber` as a whole). */
export function scopeInside(outer: Scope | undefined, inner: Scope): Scope {
  if (outer === undefined) return inner;
  return {
    fields: { ...outer.fields, ...inner.fields },
    deprecations: [...outer.deprecations, ...inner.deprecations],
    dropped: [...outer.dropped, ...inner.dropped],
    selected: inner.selected ?? outer.selected,
    trace: inner.trace ?? outer.trace,
  };
}

/**
 * A function that gives `inner` inside of whatever scope it is called in. The same outer scope gives the same object, so
 * that what is worked out of a scope once (src/metadata/resolver.ts) is worked out once for every call of a function.
 */
export function fixedScope(inner: Scope): () => Scope {
  const inside = new WeakMap<Scope, Scope>();
  return () => {
    const outer = currentScope();
    if (outer === undefined) return inner;
    let scope = inside.get(outer);
    if (scope === undefined) {
      scope = scopeInside(outer, inner);
      inside.set(outer, scope);
    }
    return scope;
  };
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
  return runInScope(scopeInside(currentScope(), normaliseMetadata(metadata)), task);
}
