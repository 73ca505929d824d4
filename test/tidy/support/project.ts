/** The project's own files, as the tidy rules see them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the root package.json. */
export const ROOT = fileURLToPath(new URL('../../../', import.meta.url)).replace(/\/$/, '');

/** Folders whose code is shipped. */
export const SDK_FOLDERS = ['src', 'enforcement', 'cache'] as const;
/** Folders whose code is shipped, the service included. */
export const PRODUCT_FOLDERS = [...SDK_FOLDERS, 'service'] as const;

const SKIPPED_FOLDERS = new Set(['node_modules', 'dist', 'build', 'coverage', '.git', 'fusewire-data', 'results']);

function* walk(folder: string): Generator<string> {
  const entries = readdirSync(join(ROOT, folder), { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = posix.join(folder, entry.name);
    if (entry.isDirectory()) {
      if (!SKIPPED_FOLDERS.has(entry.name)) yield* walk(path);
    } else if (entry.isFile() && !entry.name.startsWith('.env.') && entry.name !== '.env') {
      yield path;
    } else if (entry.name === '.env.example') {
      yield path;
    }
  }
}

/** Every file of the project that a person wrote, as paths from the root. Read anew at each call. */
export function projectFiles(): readonly string[] {
  return [...walk('.')];
}

/** The text of one of the project's files. */
export function textOf(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** Whether `path` lies in one of `folders`. */
export function isIn(path: string, folders: readonly string[]): boolean {
  return folders.some((folder) => path.startsWith(`${folder}/`));
}

/** Whether the file is shipped code: TypeScript in a product folder. */
export function isProduct(path: string): boolean {
  return isIn(path, PRODUCT_FOLDERS) && isScript(path) && !path.startsWith('service/bin/');
}

/** Whether the file is JavaScript or TypeScript. */
export function isScript(path: string): boolean {
  return /\.[cm]?[jt]s$/.test(path);
}
