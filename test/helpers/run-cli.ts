/**
 * Runs `fusewire` in a real child process, from the sources, with nothing of this process's environment but its path. The
 * gateway of `serve` is on a free port, for two at once would both want port 8000.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { childArguments } from './child-arguments.js';

const ENTRY = fileURLToPath(new URL('./cli-entry.ts', import.meta.url));
const TSCONFIG = fileURLToPath(new URL('../../tsconfig.json', import.meta.url));

/** What a command left behind. */
export interface CliRun {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** A command that goes on. */
export interface CliChild {
  readonly process: ChildProcess;
  out(): string;
  err(): string;
  /** Resolves when standard output holds `text`. @throws Error where the command ends before. */
  waitFor(text: string): Promise<void>;
  readonly ended: Promise<CliRun>;
}

/** Starts a command in `cwd`. */
export function startCli(cwd: string, args: readonly string[], env: Record<string, string> = {}): CliChild {
  const child = spawn(process.execPath, [...childArguments(ENTRY), ...args], {
    cwd,
    env: { PATH: process.env['PATH'] ?? '', TSX_TSCONFIG_PATH: TSCONFIG, GATEWAY_PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  const watchers = new Set<() => void>();
  child.stdout.on('data', (chunk) => {
    out += chunk;
    for (const watch of watchers) watch();
  });
  child.stderr.on('data', (chunk) => {
    err += chunk;
  });
  const ended = new Promise<CliRun>((resolve) => child.on('close', (code) => resolve({ code, out, err })));
  return {
    process: child,
    out: () => out,
    err: () => err,
    ended,
    waitFor: (text) =>
      new Promise<void>((resolve, reject) => {
        const watch = () => {
          if (out.includes(text)) resolve();
        };
        watchers.add(watch);
        watch();
        void ended.then((run) => reject(new Error(`ended before '${text}': ${JSON.stringify(run)}`)));
      }),
  };
}

/** Runs a command to its end. */
export function runCli(cwd: string, args: readonly string[], env: Record<string, string> = {}): Promise<CliRun> {
  return startCli(cwd, args, env).ended;
}
