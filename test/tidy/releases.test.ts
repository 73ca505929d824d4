import { describe, expect, it } from 'vitest';
import { isScript, projectFiles, ROOT, textOf } from './support/project.js';

const json = (path: string) => JSON.parse(textOf(path)) as Record<string, unknown>;

/** Addresses that a lock file must not carry: it would tie an install to one registry. */
function registryHosts(lock: string): readonly string[] {
  return [...lock.matchAll(/"resolved":\s*"[a-z+]+:[^"]*"/g)].map((match) => match[0]);
}

interface LockedPackage {
  readonly version?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}
type LockedPackages = Readonly<Record<string, LockedPackage>>;

/** Optional dependencies without an entry: `npm ci` refuses such a lock file. A registry that lacks a binary causes it. */
function missingFromLock(packages: LockedPackages): readonly string[] {
  return Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter((name) => !findLocked(packages, path, name)),
  );
}

/** As Node resolves: beside the package itself, then in each folder above it. */
function findLocked(packages: LockedPackages, path: string, name: string): boolean {
  for (let folder = path; ; folder = folder.replace(/(^|\/)[^/]*$/, '')) {
    const prefix = folder === '' ? '' : `${folder}/`;
    if (`${prefix}node_modules/${name}` in packages) return true;
    if (folder === '') return false;
  }
}

/** Folders in which people and build machines keep their work, at the start of an absolute path. */
const MACHINE_FOLDERS = ['home', 'Users', 'work', 'root'];
const MACHINE_PATHS = new RegExp(`(?<![\\w.:/@-])/(${MACHINE_FOLDERS.join('|')})/\\w|[A-Z]:\\\\Users\\\\`);

function machinePaths(path: string, text: string): readonly string[] {
  return text.split('\n').flatMap((line, index) => {
    const isFound = MACHINE_PATHS.test(line) || line.includes(`${ROOT}/`);
    return isFound ? [`${path}:${index + 1} names a path of one machine`] : [];
  });
}

describe('a release', () => {
  it('has one version everywhere', () => {
    const version = json('package.json')['version'];
    expect(version).toMatch(/^\d+\.\d+\.\d+/);
    expect(json('service/package.json')['version']).toBe(version);
    for (const path of ['src/version.ts', 'service/version.ts']) {
      expect(/VERSION = '([^']+)'/.exec(textOf(path))?.[1]).toBe(version);
    }
    const packages = json('package-lock.json')['packages'] as LockedPackages;
    expect([packages['']?.version, packages['service']?.version]).toEqual([version, version]);
    expect(textOf('CHANGELOG.md')).toContain(`## ${version}`);
  });

  it('can be installed from any registry: the lock file names no host', () => {
    expect(registryHosts(textOf('package-lock.json'))).toEqual([]);
    expect(registryHosts('"resolved": "https://registry.example/a.tgz"')).toHaveLength(1);
    expect(registryHosts('"resolved": "git+ssh://git@example.org/a.git"')).toHaveLength(1);
    expect(registryHosts('"resolved": "service"')).toEqual([]);
  });

  it('can be installed on any platform: the lock file has every optional package', () => {
    expect(missingFromLock(json('package-lock.json')['packages'] as LockedPackages)).toEqual([]);
    const tool = { optionalDependencies: { '@a/linux': '1.0.0' } };
    expect(missingFromLock({ 'node_modules/tool': tool })).toEqual(['@a/linux']);
    expect(missingFromLock({ 'node_modules/tool': tool, 'node_modules/@a/linux': {} })).toEqual([]);
    expect(missingFromLock({ 'x/node_modules/tool': tool, 'x/node_modules/@a/linux': {} })).toEqual([]);
    expect(missingFromLock({ 'node_modules/tool': tool, 'x/node_modules/@a/linux': {} })).toEqual(['@a/linux']);
  });

  it('names no path of the machine it was made on', () => {
    const files = projectFiles().filter(
      (path) => isScript(path) || /\.(md|json|sql|ya?ml|html|css)$|^\.ci\/|^\.env/.test(path),
    );
    expect(files.flatMap((path) => machinePaths(path, textOf(path)))).toEqual([]);
    expect(machinePaths('a.md', `see ${['', 'home', 'ann', 'x'].join('/')}`)).toHaveLength(1);
    expect(machinePaths('a.md', `see ${['', 'work', 'main'].join('/')}`)).toHaveLength(1);
    expect(machinePaths('a.md', 'see https://example.org/home/page and src/work/a.ts')).toEqual([]);
  });
});
