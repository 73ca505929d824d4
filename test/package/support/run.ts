/** Child processes of the package and smoke tests. */
import { spawn } from 'node:child_process';

/** How a child process ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a child process is started with. */
export interface RunOptions {
  readonly cwd: string;
  /** Added to the environment of this process, from which every variable of ours is removed first. */
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** The environment without the variables that configure Fusewire or a provider client. */
export function cleanEnvironment(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  const clean: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (
      value !== undefined &&
      !/^(REVENIUM|FUSEWIRE|OPENAI|OLLAMA|ANTHROPIC|GOOGLE|GEMINI|PERPLEXITY|FAL|LITELLM|LANGCHAIN|NODE_OPTIONS|VITEST|PORT$|HOST$)/.test(
        name,
      )
    ) {
      clean[name] = value;
    }
  }
  return { ...clean, ...extra };
}

/** Runs a program to its end and resolves to what it said; rejects only when it could not be started. */
export function run(command: string, args: readonly string[], options: RunOptions): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: cleanEnvironment(options.env),
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: options.timeoutMs ?? 60_000,
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** Like {@link run}, and rejects with everything that was said where the exit code is not 0. */
export async function runWell(command: string, args: readonly string[], options: RunOptions): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, options);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}\n${stdout}\n${stderr}`);
  return stdout;
}
