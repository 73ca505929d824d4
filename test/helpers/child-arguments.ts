/** How tests run their programs in processes of their own. */
import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** What Node is given to run the program `path`: the bundle of this test run, or the source with tsx. */
export function childArguments(path: string): readonly string[] {
  const folder = process.env['TEST_CHILDREN'];
  const bundle = folder === undefined ? '' : join(folder, relative(ROOT, path).replace(/\.ts$/, '.mjs'));
  return bundle !== '' && existsSync(bundle) ? [bundle] : ['--import', import.meta.resolve('tsx'), path];
}
