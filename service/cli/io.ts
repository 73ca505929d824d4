/** What a command prints to, and the failures that end it with one clear line. */
import { createInterface } from 'node:readline';
import { createRuntime, type Runtime } from 'fusewire/internal';
import pc from 'picocolors';

/** Colour functions; they change nothing where there is no terminal. */
export type Colors = ReturnType<typeof pc.createColors>;

/** The surroundings of a command. */
export interface CliIo {
  out(text: string): void;
  err(text: string): void;
  /** Bytes as they are, to standard output; resolves when there is room for more. */
  write(bytes: Uint8Array): Promise<void>;
  /** Whether a person reads standard output. */
  readonly isTerminal: boolean;
  /** Characters in a line of the terminal; absent where there is none, or it does not say. */
  readonly width?: number | undefined;
  readonly colors: Colors;
  readonly runtime: Runtime;
  readonly workingDir: string;
  /** Asks the person at the terminal, and resolves to the line they write. Absent: nobody is there to ask. */
  ask?(question: string): Promise<string>;
}

/** Ends the program with exit code 1 and one line; what went wrong is not the command's form. */
export class CliFailure extends Error {
  override readonly name = 'CliFailure';
}

/** Ends the program with exit code 3: the command did what it should, and the answer, printed already, is no. */
export class CliAnswerNo extends Error {
  override readonly name = 'CliAnswerNo';
}

/** Ends the program with exit code 2 and one line: the command was written wrongly. */
export class CliUsageError extends Error {
  override readonly name = 'CliUsageError';
}

/** The real terminal, or pipe, of this process. */
export function processIo(): CliIo {
  const isTerminal = process.stdout.isTTY === true;
  // A pipe that nobody reads any more, as `| head` leaves it, is no reason to crash.
  process.stdout.on('error', () => undefined);
  return {
    out: (text) => void process.stdout.write(`${text}\n`),
    err: (text) => void process.stderr.write(`${text}\n`),
    write: (bytes) =>
      new Promise((resolve, reject) => {
        process.stdout.write(bytes, (error) => (error ? reject(error) : resolve()));
      }),
    isTerminal,
    // Asked each time: a window changes while a command runs.
    get width() {
      return isTerminal && process.stdout.columns > 0 ? process.stdout.columns : undefined;
    },
    colors: pc.createColors(isTerminal && pc.isColorSupported),
    runtime: createRuntime(),
    workingDir: process.cwd(),
    ...(isTerminal && process.stdin.isTTY === true ? { ask: askPerson } : {}),
  };
}

/** On standard error, so that what a command prints stays clean; nothing where the person ends the input. */
function askPerson(question: string): Promise<string> {
  return new Promise((resolve) => {
    const reader = createInterface({ input: process.stdin, output: process.stderr });
    reader.on('close', () => resolve(''));
    reader.question(question, (answer) => {
      resolve(answer);
      reader.close();
    });
  });
}
