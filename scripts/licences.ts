/** Writes LICENCES.md: what is installed beside the SDK and the service, and under which licence. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Licences that ask for nothing but to be named. Another one needs a decision before it is a dependency. */
export const ALLOWED = [
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'ISC',
  'MIT',
  'Unlicense',
  'WTFPL',
];

/** An installed package. */
export interface Dependency {
  readonly name: string;
  readonly version: string;
  readonly licence: string;
}

interface Locked {
  readonly version?: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly link?: boolean;
}

/** What `npm ci --omit=dev` installs, optional packages of other systems included, by the lock file. */
export function dependenciesOf(lockText: string): readonly Dependency[] {
  const { packages } = JSON.parse(lockText) as { packages: Record<string, Locked> };
  const found = new Map<string, Dependency>();
  for (const [path, locked] of Object.entries(packages)) {
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
    if (!path.includes('node_modules/') || locked.dev === true || locked.link === true) continue;
    const version = locked.version ?? 'unknown';
    found.set(`${name}@${version}`, { name, version, licence: locked.license ?? 'unknown' });
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)));
}

/** Whether one of the licences that are offered is allowed: `(MIT OR WTFPL)`. */
export function isAllowed(licence: string): boolean {
  return licence
    .replace(/[()]/g, '')
    .split(' OR ')
    .some((one) => one.split(' AND ').every((part) => ALLOWED.includes(part.trim())));
}

/** The document. */
export function licencesText(dependencies: readonly Dependency[]): string {
  const rows = dependencies.map(({ name, version, licence }) => `| ${name} | ${version} | ${licence} |`);
  return [
    '# Licences of dependencies',
    '',
    'What `npm ci --omit=dev` installs beside Fusewire, which is under the MIT licence itself. Made by `npm run licences`;',
    'a test holds it against the lock file, and refuses a licence that asks for more than to be named.',
    '',
    '| package | version | licence |',
    '|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

const root = new URL('../', import.meta.url);
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const lock = readFileSync(new URL('package-lock.json', root), 'utf8');
  writeFileSync(new URL('LICENCES.md', root), licencesText(dependenciesOf(lock)));
}
