/** Commands run in this process, on an output that is kept: quick, where the process itself is not what is tested. */
import { createRuntime, type Runtime } from 'fusewire/internal';
import pc from 'picocolors';
import { main } from '../../../service/cli/main.js';

export interface InProcessRun {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command in `workingDir` with this environment and no other. */
export async function runInProcess(
  args: readonly string[],
  options: {
    workingDir: string;
    env?: Record<string, string>;
    isTerminal?: boolean;
    width?: number;
    answer?: string;
    runtime?: Partial<Runtime>;
  },
): Promise<InProcessRun> {
  const out: string[] = [];
  const err: string[] = [];
  const code = await main(args, {
    out: (text) => void out.push(`${text}\n`),
    err: (text) => void err.push(`${text}\n`),
    write: async (bytes) => void out.push(Buffer.from(bytes).toString('utf8')),
    isTerminal: options.isTerminal ?? false,
    width: options.width,
    colors: pc.createColors(false),
    runtime: { ...createRuntime(), ...options.runtime, env: options.env ?? {} },
    workingDir: options.workingDir,
    ...(options.answer === undefined
      ? {}
      : {
          ask: async (question: string) => {
            err.push(question);
            return options.answer ?? '';
          },
        }),
  });
  return { code, out: out.join(''), err: err.join('') };
}
