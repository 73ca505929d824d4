/**
 * The import rule of ARCHITECTURE.md. `enforcement` knows itself and the types of `src/wire`; `cache` knows enforcement
 * and a few leaves of `src`; `src` knows both; `service` reaches all three through `fusewire/internal` only.
 */
import { existsSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join, posix } from 'node:path';
import { isIn, PRODUCT_FOLDERS, ROOT, SDK_FOLDERS } from '../support/project.js';
import { type ModuleReference, moduleReferences, place, type Source } from '../support/syntax.js';

/** What each package may import at run time: its own `dependencies` and `optionalDependencies`. */
export interface Dependencies {
  readonly sdk: ReadonlySet<string>;
  readonly service: ReadonlySet<string>;
}

/** Reads {@link Dependencies} from the two package.json files. */
export function readDependencies(): Dependencies {
  const names = (path: string) => {
    const manifest = JSON.parse(readFileSync(join(ROOT, path), 'utf8')) as Record<string, Record<string, string>>;
    return new Set(Object.keys({ ...manifest['dependencies'], ...manifest['optionalDependencies'] }));
  };
  return { sdk: names('package.json'), service: names('service/package.json') };
}

/** Findings for one file of the product; other files have none. */
export function importFindings(source: Source, dependencies: Dependencies): readonly string[] {
  if (!isIn(source.path, PRODUCT_FOLDERS)) return [];
  const findings: string[] = [];
  for (const reference of moduleReferences(source)) {
    const problem = reference.specifier.startsWith('.')
      ? relativeProblem(source.path, reference)
      : packageProblem(source.path, reference, dependencies);
    if (problem !== undefined) findings.push(`${place(source, reference.node)} ${problem}`);
  }
  return findings;
}

function relativeProblem(path: string, reference: ModuleReference): string | undefined {
  const target = posix.join(posix.dirname(path), reference.specifier);
  if (!/\.(js|mjs|cjs|json)$/.test(target)) return `imports '${reference.specifier}' without its .js ending`;
  const folder = path.split('/')[0]!;
  if (target.startsWith(`${folder}/`)) return undefined;
  const allowed = {
    enforcement: reference.typeOnly && target.startsWith('src/wire/'),
    cache:
      target.startsWith('enforcement/') || target.startsWith('src/wire/') || /^src\/(runtime|log)\.js$/.test(target),
    src: target.startsWith('enforcement/') || target.startsWith('cache/'),
    service: false,
  }[folder];
  return allowed ? undefined : `${folder} must not import ${reference.typeOnly ? 'types of ' : ''}${target}`;
}

function packageProblem(path: string, reference: ModuleReference, dependencies: Dependencies): string | undefined {
  const { specifier } = reference;
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
  if (path.startsWith('enforcement/')) return `enforcement must not import '${specifier}': it is pure`;
  if (isBuiltin(specifier)) {
    return specifier.startsWith('node:') ? undefined : `imports the built-in '${specifier}' without node:`;
  }
  if (isIn(path, SDK_FOLDERS)) {
    if (!dependencies.sdk.has(name)) return `the SDK must not import '${specifier}': not one of its dependencies`;
    const isStatic = !reference.typeOnly && !reference.dynamic;
    return isStatic && isEsmOnly(name) ? `'${name}' has no CommonJS build: use a dynamic import()` : undefined;
  }
  if (name === 'fusewire') {
    return specifier === 'fusewire/internal' ? undefined : `service must reach the SDK through 'fusewire/internal'`;
  }
  return dependencies.service.has(name)
    ? undefined
    : `service must not import '${specifier}': not one of its dependencies`;
}

/** Whether a package cannot be required on the oldest supported Node, which has no require() of ES modules. */
export function isEsmOnly(name: string): boolean {
  const file = join(ROOT, 'node_modules', name, 'package.json');
  if (!existsSync(file)) return false;
  const manifest = JSON.parse(readFileSync(file, 'utf8')) as { type?: string; main?: string; exports?: unknown };
  const target = requireTarget(manifest.exports) ?? manifest.main ?? 'index.js';
  if (target.endsWith('.cjs')) return false;
  if (target.endsWith('.mjs')) return true;
  const folder = posix.dirname(posix.join('node_modules', name, target));
  return nearestType(folder) === 'module';
}

function nearestType(folder: string): string | undefined {
  const file = join(ROOT, folder, 'package.json');
  if (existsSync(file)) {
    const type = JSON.parse(readFileSync(file, 'utf8')) as { type?: string; name?: string };
    return type.type;
  }
  const parent = posix.dirname(folder);
  return parent === folder || parent === '.' ? undefined : nearestType(parent);
}

/** What `require` of the package's root resolves to, by its `exports`. */
function requireTarget(exports: unknown): string | undefined {
  if (typeof exports === 'string') return exports;
  if (typeof exports !== 'object' || exports === null) return undefined;
  for (const [condition, value] of Object.entries(exports)) {
    if (condition === '.' || condition === 'require' || condition === 'node' || condition === 'default') {
      const target = requireTarget(value);
      if (target !== undefined) return target;
    }
  }
  const first = Object.values(exports)[0];
  return 'import' in exports && typeof first === 'string' ? first : undefined;
}
