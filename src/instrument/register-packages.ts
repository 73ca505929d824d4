/** Which package a file belongs to, and which files of a provider's package define its client class. */
import { readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';

/** One installed copy of a provider's package. */
export interface ClientPackage {
  readonly name: 'openai' | 'ollama';
  readonly version: string;
  /** The folder of its package.json. */
  readonly root: string;
}

/** Files that export a client class, relative to the package's folder, with forward slashes. */
const CLIENT_FILES: Readonly<Record<ClientPackage['name'], RegExp>> = {
  openai: /^(client|index|azure)\.m?js$/,
  ollama: /^dist\/(browser|index)\.[mc]js$/,
};

/** What to load of a copy whose loaded files are not known. */
export const ENTRY_FILES: Readonly<Record<ClientPackage['name'], readonly string[]>> = {
  openai: ['client.mjs', 'client.js'],
  ollama: ['dist/browser.mjs', 'dist/browser.cjs'],
};

/** A quick look at a path, before any file is read. An alias has another folder name, so only the file's name counts. */
const CANDIDATE = /[\\/](client|index|azure|browser)\.[mc]?js$/;

/** Finds packages by their own name, not by their folder's: an npm alias, a link or a store has any folder name. */
export class PackageFinder {
  /** By folder; bounded by the folders that hold a loaded candidate. */
  readonly #packages = new Map<string, ClientPackage | undefined>();

  /** The copy whose client class `file` defines, else `undefined`. Never throws. */
  ofClientFile(file: string): ClientPackage | undefined {
    if (!CANDIDATE.test(file)) return undefined;
    const found = this.#ofFolder(dirname(file));
    if (found === undefined) return undefined;
    const inside = relative(found.root, file).split(sep).join('/');
    return CLIENT_FILES[found.name].test(inside) ? found : undefined;
  }

  /** The copy in the folder `root`, if it is one. */
  inFolder(root: string): ClientPackage | undefined {
    return this.#ofFolder(root);
  }

  #ofFolder(folder: string): ClientPackage | undefined {
    if (this.#packages.has(folder)) return this.#packages.get(folder);
    const parent = dirname(folder);
    const manifest = readManifest(folder);
    const found =
      manifest === undefined && parent !== folder ? this.#ofFolder(parent) : clientPackage(manifest, folder);
    this.#packages.set(folder, found);
    return found;
  }
}

function clientPackage(manifest: Record<string, unknown> | undefined, root: string): ClientPackage | undefined {
  const name = manifest?.['name'];
  if (name !== 'openai' && name !== 'ollama') return undefined;
  return { name, version: String(manifest?.['version'] ?? 'unknown'), root };
}

/** The manifest of a package; a bare `{"type":…}` inside one is none. */
function readManifest(folder: string): Record<string, unknown> | undefined {
  try {
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<string, unknown>;
    return typeof manifest['name'] === 'string' ? manifest : undefined;
  } catch {
    return undefined;
  }
}

/** Names under which a program's own manifest installs a client by an npm alias, for the loader hooks. */
export function aliasesOf(folder: string): string[] {
  for (let at = folder; ; at = dirname(at)) {
    const manifest = readManifest(at);
    if (manifest !== undefined) {
      const sections = ['dependencies', 'devDependencies', 'optionalDependencies'];
      return sections.flatMap((section) => aliasNames(manifest[section]));
    }
    if (dirname(at) === at) return [];
  }
}

function aliasNames(dependencies: unknown): string[] {
  if (typeof dependencies !== 'object' || dependencies === null) return [];
  return Object.entries(dependencies)
    .filter(([, range]) => /^npm:(openai|ollama)@/.test(String(range)))
    .map(([name]) => name);
}
