/** A service that runs as a child process, started through the program that a user would start. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cleanEnvironment } from './run.js';

const START_TIMEOUT_MS = 30_000;

/** A running service. */
export interface Served {
  /** The variables of the `.env` block that it printed. */
  readonly env: Readonly<Record<string, string>>;
  readonly writeKey: string;
  readonly dataDir: string;
  /** Everything that it printed so far. */
  readonly output: () => string;
  /** Asks it to end (SIGTERM), and resolves to its exit code. */
  stop(): Promise<number | null>;
}

/**
 * Starts `node SCRIPT serve` on a free port and a data folder of its own, and waits until it printed where it listens
 * and the keys of its first team.
 */
export async function serve(script: string, cwd: string, env: Readonly<Record<string, string>> = {}): Promise<Served> {
  const dataDir = await mkdtemp(join(tmpdir(), 'fusewire-serve-'));
  const child = spawn(process.execPath, [script, 'serve'], {
    cwd,
    env: cleanEnvironment({ FUSEWIRE_DATA_DIR: dataDir, PORT: '0', GATEWAY_PORT: '0', ...env }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const started = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`the service did not get ready:\n${output}`)), START_TIMEOUT_MS);
    const read = (text: string) => {
      output += text;
      if (isReady(output)) {
        clearTimeout(timer);
        resolve();
      }
    };
    child.stdout.setEncoding('utf8').on('data', read);
    child.stderr.setEncoding('utf8').on('data', read);
    child.on('close', (code) => {
      clearTimeout(timer);
      reject(new Error(`the service ended with ${code}:\n${output}`));
    });
  });
  const stop = async () => {
    child.kill('SIGTERM');
    const code = await ended;
    await rm(dataDir, { recursive: true, force: true });
    return code;
  };
  try {
    await started;
  } catch (error) {
    await stop();
    throw error;
  }
  const writeKey = /rev_sk_[\w-]+/.exec(output)![0];
  return { env: envBlock(output), writeKey, dataDir, output: () => output, stop };
}

function isReady(output: string): boolean {
  const env = envBlock(output);
  const isComplete = env['REVENIUM_METERING_BASE_URL'] && env['REVENIUM_TEAM_ID'] && env['REVENIUM_METERING_API_KEY'];
  return Boolean(isComplete) && /rev_sk_[\w-]+\s/.test(output);
}

function envBlock(output: string): Record<string, string> {
  return Object.fromEntries(
    [...output.matchAll(/^\s*(REVENIUM_[A-Z_]+)=(\S+)\s*$/gm)].map((match) => [match[1]!, match[2]!]),
  );
}
