/** The mark on a client that is guarded. Shared by every copy of this package, so that two never guard one client. */

const GUARDED = Symbol.for('fusewire.guarded');

/** Whether `client` is guarded; an object that inherits from a guarded client inherits its guarded methods. */
export function isGuarded(client: object): boolean {
  return Reflect.get(client, GUARDED) === true;
}

/** Marks `client`; `false` where it cannot be changed. The mark is not enumerable. */
export function markGuarded(client: object): boolean {
  return Reflect.defineProperty(client, GUARDED, { value: true, configurable: true });
}
