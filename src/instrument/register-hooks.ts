/** What the process will load from now on: hooks into both module systems, as OpenTelemetry sets them. */
import module from 'node:module';
import { pathToFileURL } from 'node:url';
import { PATCHABLE_PACKAGES } from './client-instruments.js';
import { fileOfUrl } from './register-loaded.js';
import { ownLocation } from './register-location.js';

/** Is told the exports of a module of one of the packages, once it has run and before its importer does. */
export type OnLoad = (exports: unknown, file: string, kind: 'esm' | 'cjs') => void;

interface ImportHook {
  addHook(hook: (url: string, exported: unknown) => void): void;
}
interface SyncHooks {
  supportsSyncHooks(): boolean;
  register(options: { include: (string | RegExp)[] }): void;
}
interface RequireHook {
  Hook: new (names: string[], onRequire: (exports: unknown, name: string, folder?: string) => unknown) => unknown;
}

/**
 * Installs the hooks for the packages in folders of these `names` and for imports by these names.
 *
 * @throws what the runtime throws where it has no such hooks; the caller reports it.
 */
export function installHooks(names: readonly string[], onLoad: OnLoad): void {
  const location = ownLocation();
  if (location === undefined) throw new Error('this package cannot find its own files; is it bundled?');
  const load = module.createRequire(location);
  hookRequire(load('require-in-the-middle') as RequireHook, names, onLoad);
  const { addHook } = load('import-in-the-middle') as ImportHook;
  addHook((url, exported) => {
    const file = fileOfUrl(url);
    if (file !== undefined) onLoad(exported, file, 'esm');
  });
  const include = [...names, clientModule(names)];
  // Hooks in this thread are cheaper than those in a thread of their own, and see `Hook` at once.
  if ('registerHooks' in module) {
    const hooks = load('import-in-the-middle/register-hooks.mjs') as SyncHooks;
    if (hooks.supportsSyncHooks()) {
      hooks.register({ include });
      return;
    }
  }
  const parentURL = location.startsWith('file:') ? location : pathToFileURL(location).href;
  module.register('import-in-the-middle/hook.mjs', parentURL, { data: { include } });
}

/** URLs of modules that define or hand on a client class, whoever imports them and by whatever specifier. */
function clientModule(names: readonly string[]): RegExp {
  const folders = names.map((name) => name.replace(/[^\w/-]/g, '\\$&')).join('|');
  const files = [...PATCHABLE_PACKAGES.values()].map(({ clientFiles }) => clientFiles.source.replace(/^\^|\$$/g, ''));
  return new RegExp(`/node_modules/(?:${folders})/(?:${files.join('|')})(?:[?#]|$)`);
}

function hookRequire({ Hook }: RequireHook, names: readonly string[], onLoad: OnLoad): void {
  const deep = names.flatMap((name) => deepNames(name).map((path) => `${name}/${path}`));
  new Hook([...names, ...deep], (exports, _name, folder) => {
    onLoad(exports, folder ?? '', 'cjs');
    return exports;
  });
}

/** Of an alias it is not known which package it stands for. */
function deepNames(name: string): readonly string[] {
  const known = PATCHABLE_PACKAGES.get(name)?.deep;
  return known ?? [...new Set([...PATCHABLE_PACKAGES.values()].flatMap(({ deep }) => deep))];
}
