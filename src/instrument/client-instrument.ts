/** What one provider brings for its clients: how to recognise one, how to guard it, what to patch at import. */
import type { CallPath } from '../call.js';
import type { GuardOptions } from '../guard-client.js';
import type { Runtime } from '../runtime.js';

/** One kind of client. `src/instrument/client-instruments.ts` lists them all. */
export interface ClientInstrument {
  /** In lower case: `openai`, `anthropic` … It is what `isInitialized` and `status()` call the provider. */
  readonly name: string;
  /** For the error that an unknown client gets: `clients of the package openai (5 to 7)`. */
  readonly knows: string;
  /** Whether `client` is one of any supported version, copy or module system. Told by its parts. Never throws. */
  recognises(client: unknown): client is object;
  /** Providers of their own behind the same kind of client, for `isInitialized`: Azure. */
  readonly variants?: readonly { readonly name: string; recognises(client: object): boolean }[];
  /** Guards and meters `client`, in place. Twice is harmless. Never throws: what cannot be done is logged (I2). */
  instrument(client: object, path: CallPath, options: GuardOptions, runtime: Runtime): void;
  /** The packages that `fusewire/register` patches. */
  readonly packages: readonly PatchablePackage[];
}

/** A provider's package as `fusewire/register` needs to know it. */
export interface PatchablePackage {
  /** Its own name in package.json. */
  readonly name: string;
  /** Files that export a client class, relative to the package's folder, with forward slashes; all builds. */
  readonly clientFiles: RegExp;
  /** The last parts of the names that {@link clientFiles} matches: the quick look. */
  readonly clientFileNames: readonly string[];
  /** ESM files to load of a copy whose loaded files are not known. */
  readonly entryFiles: readonly string[];
  /** Specifiers under the package that a program may `require` directly: `client` for `openai/client`. */
  readonly deep: readonly string[];
  readonly classes: readonly PatchableClass[];
  /** For a package whose clients are made by a function. */
  readonly factory?: PatchableFactory;
}

/** A function that makes clients, and the client that is there at once. */
export interface PatchableFactory {
  readonly exportName: string;
  /** The file that defines it, relative to the package's folder: its exports are plain properties. */
  readonly definedIn: string;
  /** The export that is a client. */
  readonly singleton: string;
  /** Its methods that lead to a request, and those of its parts that do. */
  readonly methods: readonly string[];
  readonly parts: readonly string[];
  /** The method that replaces what is behind it. */
  readonly configure: string;
}

/** A class whose instances are guarded at their first use. */
export interface PatchableClass {
  /** The name of its export. */
  readonly exportName: string;
  /** A method that tells the class from others of that name. */
  readonly brand: string;
  /** The methods of its prototype that lead to a request. */
  readonly methods: readonly string[];
  /**
   * Whether resource classes hang on it as statics, each with its client in `_client` (clients of Stainless's generator).
   */
  readonly resources?: boolean;
  /**
   * For classes whose methods are own properties of each instance, so that no prototype leads to a request: a property
   * that the constructor assigns when the parts that are guarded are there. Through it each instance is guarded while it
   * is made; the class, its identity and its subclasses stay what they are, also where its module was loaded before.
   */
  readonly adoptOnAssign?: string;
}
