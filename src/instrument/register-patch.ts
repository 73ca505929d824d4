/**
 * Patches the classes of a client package so that the first use of an instance guards that instance, and then goes on.
 * Only methods of prototypes change: identity, `instanceof` and subclasses stay what they are.
 */

import type { PatchableClass } from './client-instrument.js';

/** Guards a client; returns whether it was this call that did so first. Never throws. */
export type Adopt = (client: object) => boolean;

type Method = (this: object, ...args: unknown[]) => unknown;

/** On a prototype that is patched; shared by every copy of this package. */
const PATCHED_PROTOTYPE = Symbol.for('fusewire.patchedPrototype');

/** `OpenAI.Beta.Threads.Runs` is the deepest today. */
const RESOURCE_DEPTH_MAX = 6;

/** Patches what `namespace`, the exports of a module, has of a package's classes. Returns whether there was one. */
export function patchNamespace(namespace: unknown, classes: readonly PatchableClass[], adopt: Adopt): boolean {
  if ((typeof namespace !== 'object' && typeof namespace !== 'function') || namespace === null) return false;
  let found = false;
  for (const { exportName, brand, methods, resources, adoptOnAssign } of classes) {
    const exported: unknown = Reflect.get(namespace, exportName);
    if (!isClass(exported) || typeof exported.prototype[brand] !== 'function') continue;
    patchChain(exported.prototype, methods, (self) => self, adopt);
    if (resources === true) patchResources(exported, adopt, RESOURCE_DEPTH_MAX, new Set());
    if (adoptOnAssign !== undefined) patchAssignment(exported.prototype, adoptOnAssign, adopt);
    found = true;
  }
  return found;
}

/**
 * A setter on the prototype sees the constructor's assignment: it makes the property that the assignment would have made,
 * and then hands the instance over.
 */
function patchAssignment(prototype: object, name: string, adopt: Adopt): void {
  if (Object.hasOwn(prototype, name)) return;
  Object.defineProperty(prototype, name, {
    configurable: true,
    enumerable: false,
    get: () => undefined,
    set(this: object, value: unknown) {
      Object.defineProperty(this, name, { value, writable: true, configurable: true, enumerable: true });
      if (this !== prototype) adopt(this);
    },
  });
}

/** The resource classes hang on the client's class as statics, and on each other. Each keeps its client in `_client`. */
function patchResources(owner: Class, adopt: Adopt, depth: number, seen: Set<unknown>): void {
  if (depth === 0 || seen.has(owner)) return;
  seen.add(owner);
  for (const name of Object.keys(owner)) {
    const value: unknown = Reflect.get(owner, name);
    if (!isClass(value) || value.prototype instanceof Error || 'request' in value.prototype) continue;
    const methods = Object.getOwnPropertyNames(value.prototype).filter((method) => method !== 'constructor');
    patchChain(value.prototype, methods, clientOfResource, adopt);
    patchResources(value, adopt, depth - 1, seen);
  }
}

function clientOfResource(resource: object): object | undefined {
  const client: unknown = Reflect.get(resource, '_client');
  return typeof client === 'object' && client !== null ? client : undefined;
}

/** Patches the methods where they are defined: a subclass's own prototype, or one that it inherits. */
function patchChain(
  prototype: object,
  methods: readonly string[],
  clientOf: (self: object) => object | undefined,
  adopt: Adopt,
): void {
  for (let at: object | null = prototype; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    if (Object.hasOwn(at, PATCHED_PROTOTYPE)) continue;
    Object.defineProperty(at, PATCHED_PROTOTYPE, { value: true });
    for (const name of methods) patchMethod(at, name, clientOf, adopt);
  }
}

function patchMethod(
  prototype: object,
  name: string,
  clientOf: (self: object) => object | undefined,
  adopt: Adopt,
): void {
  const descriptor = Object.getOwnPropertyDescriptor(prototype, name);
  const original: unknown = descriptor?.value;
  if (descriptor === undefined || typeof original !== 'function' || descriptor.configurable !== true) return;
  const patched: Method = function (...args) {
    const client = this === undefined || this === null ? undefined : clientOf(this);
    if (client !== undefined && adopt(client)) {
      // The instance has its own guarded method now, unless this one needs no guard.
      const own: unknown = Reflect.get(this, name);
      if (typeof own === 'function' && own !== patched) return Reflect.apply(own, this, args);
    }
    return Reflect.apply(original, this, args);
  };
  Object.defineProperty(patched, 'name', { value: name, configurable: true });
  Object.defineProperty(patched, 'length', { value: original.length, configurable: true });
  Object.defineProperty(prototype, name, { ...descriptor, value: patched });
}

type Class = (new (...args: never[]) => object) & { readonly prototype: Record<string, unknown> };

function isClass(value: unknown): value is Class {
  return typeof value === 'function' && typeof value.prototype === 'object' && value.prototype !== null;
}
