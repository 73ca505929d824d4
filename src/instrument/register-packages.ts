/** Which package a file belongs to, and which files of a provider's package define its client class. */
import { readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { PATCHABLE_PACKAGES } from './client-instruments.js';

/** One installed copy of a provider's package. */
export interface ClientPackage {
  readonly name: string;
  readonly version: string;
  /** The folder of its package.json. */
  readonly root: string;
  /** Its `.js` files are ES modules. */
  readonly isModule: boolean;
}

/**
 * A quick look at a path, before any file is read. An alias has another folder name, so only the name of the file, and
 * of the folder that it is in, can count.
 */
function isCandidate(file: string): boolean {
  return FILE_NAMES.has(file.slice(Math.max(file.lastIndexOf('/'), file.lastIndexOf('\\')) + 1));
}

const FILE_NAMES: ReadonlySet<string> = new Set(
  [...PATCHABLE_PACKAGES.values()].flatMap(({ clientFileNames }) => clientFileNames),
);

/** Finds packages by their own name, not by their folder's: an npm alias, a link or a store has any folder name. */
export class PackageFinder {
  /** By folder; bounded by the folders that hold a loaded candidate. */
  readonly #packages = new Map<string, ClientPackage | undefined>();

  /** The copy whose client class `file` defines, else `undefined`. Never throws. */
  ofClientFile(file: string): ClientPackage | undefined {
    if (!isCandidate(file)) return undefined;
    const found = this.#ofFolder(dirname(file));
    if (found === undefined) return undefined;
    const inside = relative(found.root, file).split(sep).join('/');
    return PATCHABLE_PACKAGES.get(found.name)?.clientFiles.test(inside) === true ? found : undefined;
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
  if (typeof name !== 'string' || !PATCHABLE_PACKAGES.has(name)) return undefined;
  return { name, version: String(manifest?.['version'] ?? 'unknown'), root, isModule: manifest?.['type'] === 'module' };
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
    .filter(([, range]) => PATCHABLE_PACKAGES.has(/^npm:(@?[^@]+)@/.exec(String(range))?.[1] ?? ''))
    .map(([name]) => name);
}
