/**
 * Goes through the Dockerfile without Docker: each stage is a folder, COPY copies what would reach the builder, and the
 * npm commands of RUN run. What needs rights or a base image (users, links in system folders) is left out and said.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { type ReachesBuilder, readDockerIgnore } from './docker-ignore.js';
import { type Instruction, readCopy, readPairs, readStages, type Stage } from './dockerfile.js';

/** How it is done. */
export interface RehearsalOptions {
  /** The project. */
  readonly root: string;
  /** An empty folder; each stage gets one in it. */
  readonly destination: string;
  /** Takes what the project has built already, in place of building it again: a minute less. */
  readonly reuseBuild: boolean;
  /** The environment of npm. */
  readonly env: Readonly<Record<string, string | undefined>>;
  say(text: string): void;
}

/** What the last stage came to. */
export interface RehearsedImage {
  /** The folder that stands for the root of the image. */
  readonly folder: string;
  /** Within the image. */
  readonly workingDir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly instructions: readonly Instruction[];
}

/** Does it. @throws Error where a source of COPY is missing, or a command fails */
export function rehearseImage(options: RehearsalOptions): RehearsedImage {
  const { root, destination } = options;
  const reaches = readDockerIgnore(readFileSync(join(root, '.dockerignore'), 'utf8'));
  const stages = readStages(readFileSync(join(root, 'Dockerfile'), 'utf8'));
  let image: RehearsedImage | undefined;
  for (const stage of stages) {
    options.say(`stage ${stage.name}`);
    image = rehearseStage(stage, join(destination, stage.name), reaches, options);
  }
  if (image === undefined) throw new Error('the Dockerfile has no stage');
  return image;
}

function rehearseStage(
  stage: Stage,
  folder: string,
  reaches: ReachesBuilder,
  options: RehearsalOptions,
): RehearsedImage {
  let workingDir = '/';
  let env: Record<string, string> = {};
  const inside = (path: string) => join(folder, resolve(workingDir, path));
  mkdirSync(folder, { recursive: true });
  for (const instruction of stage.instructions) {
    switch (instruction.name) {
      case 'WORKDIR':
        workingDir = resolve(workingDir, instruction.text);
        mkdirSync(inside('.'), { recursive: true });
        break;
      case 'ENV':
        env = { ...env, ...readPairs(instruction) };
        break;
      case 'COPY':
        copy(instruction, inside, reaches, options);
        break;
      case 'RUN':
        run(instruction, inside('.'), options);
        break;
      default:
        break;
    }
  }
  return { folder, workingDir, env, instructions: stage.instructions };
}

function copy(
  instruction: Instruction,
  inside: (path: string) => string,
  reaches: ReachesBuilder,
  { root, destination }: RehearsalOptions,
): void {
  const { from, sources, destination: wanted } = readCopy(instruction);
  const isFolder = wanted.endsWith('/') || sources.length > 1;
  for (const source of sources) {
    const path = from === undefined ? join(root, source) : join(destination, from, source);
    if (!existsSync(path)) throw new Error(`Dockerfile line ${instruction.line}: ${source} is not there`);
    // A folder is copied by its contents, a file by its name where the destination is a folder.
    const isFile = statSync(path).isFile();
    const target = inside(isFile && isFolder ? join(wanted, basename(source)) : wanted);
    mkdirSync(dirname(target), { recursive: true });
    const isTaken = (file: string) => {
      const name = relative(root, file).split(sep).join('/');
      return from !== undefined || statSync(file, { throwIfNoEntry: false })?.isDirectory() === true || reaches(name);
    };
    if (from === undefined && isFile && !reaches(source)) {
      throw new Error(`Dockerfile line ${instruction.line}: .dockerignore keeps ${source} out`);
    }
    const filter = (file: string) => !/[\\/](node_modules|dist)$/.test(file) || from !== undefined;
    cpSync(path, target, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (file) => filter(file) && isTaken(file),
    });
  }
}

function run({ text }: Instruction, cwd: string, { root, reuseBuild, env, say }: RehearsalOptions): void {
  if (!/^npm [^&|;<>$`]*$/.test(text)) {
    say(`left out: ${text}`);
    return;
  }
  if (reuseBuild && text === 'npm run build') {
    for (const built of ['dist', 'service/dist']) cpSync(join(root, built), join(cwd, built), { recursive: true });
    say(`taken from the project: ${text}`);
    return;
  }
  // Needed for building alone.
  if (reuseBuild && !text.includes('--omit=dev')) {
    say(`left out, as nothing is built: ${text}`);
    return;
  }
  const { status, stdout, stderr } = spawnSync('npm', [...text.split(/\s+/).slice(1), '--prefer-offline'], {
    cwd,
    env,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${text} ended with ${status}\n${stdout}\n${stderr}`);
  say(`ran: ${text}`);
}
