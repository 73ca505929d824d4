/** What `fusewire/register` patched in this process. */

/** One copy of a provider's package whose clients are guarded from their first use on. */
export interface PatchedClient {
  /** The package's own name, `openai` or `ollama`, also where it is installed under an alias. */
  readonly package: string;
  readonly version: string;
  /** The folder of this copy. */
  readonly path: string;
  readonly module: 'esm' | 'cjs';
}

/** Shared by the ESM and the CommonJS copy of this package: either may have registered. */
const PATCHED = Symbol.for('fusewire.patched');
type Shared = { [PATCHED]?: PatchedClient[] };

/** Every copy that was patched, oldest first. */
export function patchedClients(): readonly PatchedClient[] {
  return [...((globalThis as Shared)[PATCHED] ?? [])];
}

/** Notes a patched copy, once. */
export function notePatched(client: PatchedClient): void {
  const shared = globalThis as Shared;
  shared[PATCHED] ??= [];
  const isKnown = shared[PATCHED].some((known) => known.path === client.path && known.module === client.module);
  if (!isKnown) shared[PATCHED].push(client);
}
