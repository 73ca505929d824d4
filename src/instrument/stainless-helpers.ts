/**
 * The client's event-stream helpers (`stream`, `runTools`) start by a timer and wrap whatever goes wrong in an error of
 * their own. So the first request is decided before the helper starts, and the refusal itself is thrown to its caller.
 */
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
    return original.call(this, body, { ...(options as object | undefined), [ADMITTED]: ahead }, ...rest);
  };
}
