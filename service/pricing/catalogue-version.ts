/** The version of the catalogue's package: its data has no other name. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const PACKAGE = '@pydantic/genai-prices';

/** The version that is installed, or `unknown` where the package was bundled and its description left behind. */
export function installedCatalogueVersion(): string {
  try {
    let folder = dirname(createRequire(import.meta.url).resolve(PACKAGE));
    // The package exports its code only; its description lies above that.
    for (let level = 0; level < 4; level += 1) {
      const description = readDescription(join(folder, 'package.json'));
      if (description?.name === PACKAGE && typeof description.version === 'string') return description.version;
      folder = dirname(folder);
    }
  } catch {
    // Not resolvable: a bundle.
  }
  return 'unknown';
}

/** Whether version `one` comes after `other`, by its numbers; what is no version comes before everything. */
export function isNewer(one: string, other: string): boolean {
  const [a, b] = [numbersOf(one), numbersOf(other)];
  for (let i = 0; i < Math.max(a.length, b.length); i += 1) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return false;
}

function numbersOf(version: string): number[] {
  return version.split(/[.+-]/).map((part) => (/^\d+$/.test(part) ? Number(part) : -1));
}

function readDescription(file: string): { readonly name?: unknown; readonly version?: unknown } | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as { name?: unknown; version?: unknown };
  } catch {
    return undefined;
  }
}
