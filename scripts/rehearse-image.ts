/**
 * Goes through the Dockerfile on a machine without Docker and leaves the image's files in a folder:
 *   npx tsx scripts/rehearse-image.ts FOLDER [--reuse-build]
 */
import { mkdirSync, readdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rehearseImage } from './image/rehearse.js';

const [folder, option] = process.argv.slice(2);
if (folder === undefined || (option !== undefined && option !== '--reuse-build')) {
  console.error('usage: npx tsx scripts/rehearse-image.ts FOLDER [--reuse-build]');
  process.exit(2);
}
const destination = resolve(folder);
mkdirSync(destination, { recursive: true });
if (readdirSync(destination).length > 0) {
  console.error(`rehearse-image: ${destination} is not empty`);
  process.exit(1);
}
const image = rehearseImage({
  root: dirname(dirname(fileURLToPath(import.meta.url))),
  destination,
  reuseBuild: option !== undefined,
  env: process.env,
  say: (text) => console.log(text),
});
console.log(`the image is in ${image.folder}, its program in ${image.workingDir}`);
