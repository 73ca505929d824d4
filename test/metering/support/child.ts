import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach } from 'vitest';
import { childArguments } from '../../helpers/child-arguments.js';

/** A child process that runs one of the scripts beside this file. */
export interface Child {
  readonly process: ChildProcess;
  /** Complete lines of its standard output. */
  readonly lines: string[];
  /** All of its standard error. */
  readonly errors: () => string;
  /** When it has ended: its code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
  readonly hasEnded: () => boolean;
}

/** Starts children that do not outlive the test. Call it once at the top of a test file. */
export function children(): (script: string, args: readonly string[], env?: Record<string, string>) => Child {
  const started: Child[] = [];
  afterEach(async () => {
    for (const child of started.splice(0)) {
      child.process.kill('SIGKILL');
      await child.ended;
    }
  });
  return (script, args, env = {}) => {
    const path = fileURLToPath(new URL(script, import.meta.url));
    const child = spawn(process.execPath, [...childArguments(path), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], ...env },
    });
    const lines: string[] = [];
    let rest = '';
    let errors = '';
    let isOver = false;
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      const parts = (rest + chunk).split('\n');
      rest = parts.pop() ?? '';
      lines.push(...parts);
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      errors += chunk;
    });
    const ended = new Promise<number | NodeJS.Signals | null>((resolve) => {
      child.on('close', (code, signal) => {
        isOver = true;
        resolve(signal ?? code);
      });
    });
    const self: Child = { process: child, lines, errors: () => errors, ended, hasEnded: () => isOver };
    started.push(self);
    return self;
  };
}
