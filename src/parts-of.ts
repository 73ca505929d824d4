/** From an instance's public face to its parts, for the layers of this package: handlers, middleware, decorators. */
import type { Parts } from './fusewire.js';

/** Shared by every copy of this package: the layer and the instance may come from different ones. */
const PARTS = Symbol.for('fusewire.parts');

/** Notes the parts of an instance on it, unseen. */
export function keepParts<T extends object>(instance: T, parts: Parts): T {
  Object.defineProperty(instance, PARTS, { value: parts });
  return instance;
}

/** The parts of an instance that {@link keepParts} knows. @throws TypeError for any other object */
export function partsOf(instance: object): Parts {
  const parts = Reflect.get(instance, PARTS) as Parts | undefined;
  if (parts === undefined) throw new TypeError('this is no instance that createFusewire() made');
  return parts;
}
