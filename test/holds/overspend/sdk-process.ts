/** Programs of sdk-child.ts: started, killed, waited for. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { childArguments } from '../../helpers/child-arguments.js';
import type { SdkEnd, SdkProgram } from './sdk-child.js';

const CHILD = fileURLToPath(new URL('./sdk-child.ts', import.meta.url));

/** A running program. */
export interface SdkProcess {
  readonly child: ChildProcess;
  /** It has its rules, and begins. Rejects where it ends before. */
  readonly ready: Promise<void>;
  /** What it said at its end; `undefined`: it was killed. */
  readonly ended: Promise<SdkEnd | undefined>;
}

/** Starts one. */
export function startSdk(program: SdkProgram): SdkProcess {
  const args = [...childArguments(CHILD), JSON.stringify(program)];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout! });
  reader.on('line', (line) => void lines.push(line));
  const gone = once(child, 'exit');
  const ready = Promise.race([
    once(reader, 'line').then(() => undefined),
    gone.then(() => Promise.reject(new Error('the program ended while it started'))),
  ]);
  // Whoever kills it does not wait for it.
  ready.catch(() => undefined);
  const ended = once(child, 'close').then(() =>
    lines[1] === undefined ? undefined : (JSON.parse(lines[1]) as SdkEnd),
  );
  return { child, ready, ended };
}

/** kill -9; harmless where it has ended. */
export async function killSdk({ child, ended }: SdkProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  await ended;
}
