/** The instance behind the functions of `src/index.ts` and behind `fusewire/register`. */
import { createFusewire, type Fusewire } from './instance.js';
import { partsOf } from './parts-of.js';

/**
 * One for the process, shared by the ESM and the CommonJS copy of this package: a client that one copy guarded and the
 * other registered must meet the same cache and the same outbox. It is configured by the environment, or by `configure`.
 */
const DEFAULT = Symbol.for('fusewire.default');
/** Earlier ones, whose clients go on under them. */
const RETIRED = Symbol.for('fusewire.default-retired');
type Shared = { [DEFAULT]?: Fusewire; [RETIRED]?: Set<Fusewire> };

/** The default instance; made at the first use. */
export function defaultFusewire(): Fusewire {
  const shared = globalThis as Shared;
  shared[DEFAULT] ??= createFusewire();
  return shared[DEFAULT];
}

/** Forgets the default instance and those before it, and returns them, to be closed: the next use makes a new one. */
export function takeDefaultFusewires(): readonly Fusewire[] {
  const shared = globalThis as Shared;
  const current = shared[DEFAULT];
  const all = [...(current === undefined ? [] : [current]), ...(shared[RETIRED] ?? [])];
  delete shared[DEFAULT];
  delete shared[RETIRED];
  return all;
}

/**
 * Makes `next` the default instance. The one before is closed after it delivered what it had; where it guards clients, it
 * goes on for them, so that they are not left without rules, and is closed with the default instance. Never rejects.
 */
export async function replaceDefaultFusewire(next: Fusewire): Promise<void> {
  const shared = globalThis as Shared;
  const old = shared[DEFAULT];
  shared[DEFAULT] = next;
  if (old === undefined) return;
  const { usage, runtime } = partsOf(old);
  if (usage.guarded === 0) {
    await old.close();
    return;
  }
  shared[RETIRED] ??= new Set();
  shared[RETIRED].add(old);
  runtime.log.warn('configure() came after clients were guarded: they go on as they were configured; call it first', {
    guarded: usage.guarded,
  });
  await old.flush();
}
