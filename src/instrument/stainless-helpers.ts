/**
 * The client's event-stream helpers (`stream`, `runTools`) start by a timer and wrap whatever goes wrong in an error of
 * their own. So the first request is decided before the helper starts, and the refusal itself is thrown to its caller.
 */
import { BudgetExceededError } from '../../enforcement/budget-exceeded-error.js';
import { ADMITTED, type AdmittedAhead, override } from './stainless-client.js';

/** Decides on the first request of a helper, or `undefined` where that is left to the request. May throw a refusal. */
export type DecideAhead = (path: string, body: object, options: unknown) => AdmittedAhead | undefined;

/** One helper: the resource that has it, its method, and where its first request goes. */
export type StainlessHelper = readonly [resource: readonly string[], method: string, path: string];

type Helper = (this: unknown, body: unknown, options?: unknown, ...rest: unknown[]) => unknown;

/** Lays the early decision over every helper that this client has. */
export function guardHelpers(client: object, helpers: readonly StainlessHelper[], decide: DecideAhead): void {
  for (const [resourcePath, method, path] of helpers) {
    const resource = resourcePath.reduce<unknown>(
      (part, name) => (typeof part === 'object' && part !== null ? Reflect.get(part, name) : undefined),
      client,
    );
    const original: unknown =
      typeof resource === 'object' && resource !== null ? Reflect.get(resource, method) : undefined;
    if (typeof original !== 'function') continue;
    override(resource as object, method, guarded(original as Helper, method, path, decide));
  }
}

function guarded(original: Helper, method: string, path: string, decide: DecideAhead): Helper {
  return function (this: unknown, body, options, ...rest) {
    const isRead = typeof body === 'object' && body !== null && 'response_id' in body;
    if (typeof body !== 'object' || body === null || isRead) return original.call(this, body, options, ...rest);
    const streamed = method === 'stream' ? { ...body, stream: true } : body;
    const ahead = decide(path, streamed, options);
    if (ahead === undefined) return original.call(this, body, options, ...rest);
    const begun = original.call(this, body, { ...(options as object | undefined), [ADMITTED]: ahead }, ...rest);
    handOnRefusals(begun);
    return begun;
  };
}

/**
 * A hard budget is asked when the helper has started: the refusal then reaches whoever listens or waits as it is, and not as
 * the cause of the helper's own error (I1).
 */
function handOnRefusals(helper: unknown): void {
  const emit: unknown = typeof helper === 'object' && helper !== null ? Reflect.get(helper, '_emit') : undefined;
  if (typeof emit !== 'function') return;
  override(helper as object, '_emit', function (this: unknown, event: unknown, ...given: unknown[]) {
    const refusal = event === 'error' ? BudgetExceededError.find(given[0]) : undefined;
    return emit.call(this, event, ...(refusal === undefined ? given : [refusal]));
  });
}
