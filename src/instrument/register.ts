/**
 * Guards every provider's client of the process at its first use: those that are loaded, in both module systems
 * and in nested copies, and those that will be.
 */
import { existsSync, realpathSync } from 'node:fs';
import module from 'node:module';
import { dirname, extname, join, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Log } from '../log.js';
import type { PatchableFactory } from './client-instrument.js';
import { PATCHABLE_PACKAGES } from './client-instruments.js';
import { isGuarded } from './guarded-mark.js';
import { notePatched } from './patched.js';
import { patchFactory } from './register-factory.js';
import { installHooks } from './register-hooks.js';
import { type LoadedScript, loadedScripts } from './register-loaded.js';
import { aliasesOf, type ClientPackage, PackageFinder } from './register-packages.js';
import { patchNamespace } from './register-patch.js';

/** What registering needs. */
export interface RegisterOptions {
  /** Guards a client. What it throws is logged once and the client stays as it is. */
  readonly instrument: (client: object) => void;
  readonly log: Log;
  /** The program's script, where there is one: the place to look from when the runtime does not list what is loaded. */
  readonly entry: string | undefined;
  /** Registered before any of the program's modules was loaded: nothing to look for. */
  readonly preloaded: boolean;
  /** Whether this runtime can `require` an ES module. Default: what it says. */
  readonly requiresModules?: boolean;
  readonly loadedScripts?: () => readonly LoadedScript[] | undefined;
}

/** How registering went. */
export interface Registration {
  /** Resolves when every copy that was loaded before is patched; at once where it could be done synchronously. */
  readonly ready: Promise<void>;
}

/** Installs everything. Never throws: what cannot be patched is logged, and `guard()` works all the same. */
export function installRegister(options: RegisterOptions): Registration {
  const register = new Register(options);
  const pending = options.preloaded ? [] : register.patchLoaded();
  register.hook();
  if (pending.length > 0) {
    options.log.warn(
      'this Node cannot require ES modules: calls that other modules make while the program loads are not guarded; ' +
        'start it with node --import fusewire/register, or on Node 20.19, 22.12 or later',
    );
  }
  return { ready: Promise.all(pending).then(() => undefined) };
}

class Register {
  readonly #options: RegisterOptions;
  readonly #finder = new PackageFinder();
  readonly #adopted = new WeakSet<object>();
  #reported = false;

  constructor(options: RegisterOptions) {
    this.#options = options;
  }

  /** Patches the copies that are loaded. Returns what can only be done asynchronously. */
  patchLoaded(): Promise<void>[] {
    const cache = module.createRequire(pathToFileURL(join(dirname(this.#entry()), 'noop.js'))).cache;
    for (const file of Object.keys(cache)) {
      const found = this.#finder.ofClientFile(file);
      if (found !== undefined) this.#patch(cache[file]?.exports, found, 'cjs');
    }
    const scripts = (this.#options.loadedScripts ?? loadedScripts)();
    const modules = scripts ?? this.#reachableFromEntry();
    const pending: Promise<void>[] = [];
    for (const script of modules) {
      if (script.file in cache) continue;
      const found = this.#finder.ofClientFile(script.file);
      if (found === undefined) continue;
      const later = this.#patchModule(script, found);
      if (later !== undefined) pending.push(later);
    }
    this.#loadFactories(modules);
    return pending;
  }

  /**
   * CommonJS that an ES module imports goes past every hook that is set after the graph was linked. A package of one such
   * file, whose clients a function makes, is loaded before its turn, so that its importers see it patched: the copies
   * that the loaded modules would get by its name.
   */
  #loadFactories(modules: readonly LoadedScript[]): void {
    const load = module.createRequire(pathToFileURL(this.#entry()).href);
    if (load.main !== undefined) return;
    // Above the program's own script, and inside of packages that bring a copy of their own.
    const isInside = (folder: string) => folder.includes(`${sep}node_modules${sep}`);
    const inside = [...foldersAbove(modules.map(({ file }) => file))].filter(isInside);
    const folders = new Set([...foldersAbove([this.#entry()]), ...inside]);
    for (const [name, { factory, entryFiles }] of PATCHABLE_PACKAGES) {
      if (factory === undefined) continue;
      for (const folder of folders) this.#loadFactory(load, join(folder, 'node_modules', name), name, entryFiles);
    }
  }

  #loadFactory(load: NodeJS.Require, place: string, name: string, entryFiles: readonly string[]): void {
    try {
      if (!existsSync(place)) return;
      // By its real path, as its importers load it.
      const file = realpathSync(join(place, entryFiles[0]!));
      const found = this.#finder.ofClientFile(file);
      if (found?.name === name) this.#patch(load(file), found, 'cjs');
    } catch {
      // Not what it seems: its importers will find out.
    }
  }

  /** Sees to the copies that will be loaded. */
  hook(): void {
    try {
      const names = new Set([...PATCHABLE_PACKAGES.keys(), ...aliasesOf(dirname(this.#entry()))]);
      installHooks([...names], (exports, place, kind) => {
        const found = kind === 'cjs' ? this.#finder.inFolder(place) : this.#finder.ofClientFile(place);
        if (found !== undefined) this.#patch(exports, found, kind);
      });
    } catch (error) {
      this.#options.log.error('clients that are loaded from now on are not guarded by themselves; use guard()', {
        error: String(error),
      });
    }
  }

  #entry(): string {
    return this.#options.entry ?? join(process.cwd(), 'noop.js');
  }

  /**
   * Gets the live exports of an ES module. `require` gives them at once, so that no module of the same static graph runs
   * in between. On runtimes without it (Node before 20.19, and 22 before 22.12) `import()` gives them a few microtasks
   * later: importers of register wait for that (src/register-await.mts), but a sibling in the same static graph that
   * makes a call while it is evaluated is not guarded in that one call. The module may thereby run before its turn, which the clients' modules, having no dependency on other code
   * of the program, do not notice.
   */
  #patchModule(script: LoadedScript, found: ClientPackage): Promise<void> | undefined {
    const url = new URL(script.url);
    const isPlain = url.search === '' || url.searchParams.has('iitm');
    const requires = this.#options.requiresModules ?? Reflect.get(process.features, 'require_module') === true;
    if (isPlain && requires) {
      try {
        this.#patch(module.createRequire(script.url)(script.file), found, 'esm');
        return undefined;
      } catch {
        // One with a top-level await can only be imported.
      }
    }
    return import(isPlain ? pathToFileURL(script.file).href : script.url).then(
      (exports: unknown) => this.#patch(exports, found, 'esm'),
      () => undefined,
    );
  }

  /** Without a list of what is loaded: the copies that the program's script would import. */
  #reachableFromEntry(): LoadedScript[] {
    const scripts: LoadedScript[] = [];
    const missing = new Set(PATCHABLE_PACKAGES.keys());
    for (let folder = dirname(this.#entry()); ; folder = dirname(folder)) {
      for (const name of missing) {
        const found = this.#finder.inFolder(join(folder, 'node_modules', name));
        if (found?.name !== name) continue;
        missing.delete(name);
        for (const entry of PATCHABLE_PACKAGES.get(name)?.entryFiles ?? []) {
          const file = join(found.root, entry);
          const isModule = extname(file) === '.mjs' || (extname(file) === '.js' && found.isModule);
          if (isModule && existsSync(file)) scripts.push({ file, url: pathToFileURL(file).href });
        }
      }
      if (dirname(folder) === folder) return scripts;
    }
  }

  #patch(exports: unknown, found: ClientPackage, kind: 'esm' | 'cjs'): void {
    try {
      const { classes = [], factory } = PATCHABLE_PACKAGES.get(found.name) ?? {};
      const adopt = (client: object) => this.#adopt(client);
      const isMade = factory !== undefined && patchFactory(exports, factory, definingExports(found, factory), adopt);
      if (!patchNamespace(exports, classes, adopt) && !isMade) return;
      notePatched({ package: found.name, version: found.version, path: found.root, module: kind });
    } catch (error) {
      this.#report(error);
    }
  }

  #adopt(client: object): boolean {
    if (this.#adopted.has(client)) return false;
    this.#adopted.add(client);
    if (isGuarded(client)) return false;
    try {
      this.#options.instrument(client);
      return true;
    } catch (error) {
      this.#report(error);
      return false;
    }
  }

  #report(error: unknown): void {
    if (this.#reported) return;
    this.#reported = true;
    this.#options.log.error('a client could not be guarded by itself; use guard()', { error: String(error) });
  }
}

/** The folders of these files and all above them, each once. */
function foldersAbove(files: readonly string[]): ReadonlySet<string> {
  const folders = new Set<string>();
  for (const file of files) {
    for (let folder = dirname(file); !folders.has(folder); folder = dirname(folder)) folders.add(folder);
  }
  return folders;
}

/** The exports of the file that defines a factory, where it was loaded. */
function definingExports(found: ClientPackage, factory: PatchableFactory): unknown {
  return module.createRequire(join(found.root, 'package.json')).cache[join(found.root, factory.definedIn)]?.exports;
}
