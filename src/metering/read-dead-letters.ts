/** The dead letters of a folder, read back: by whoever counts them, shows them or brings them where they belong. */
import { createReadStream, existsSync, readdirSync } from 'node:fs';
import { appendFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DEAD_LETTERS_FILE } from './dead-letters.js';
import { isSafeId, type OutboxEntry } from './outbox.js';
import { isMeteredEvent } from './segment-record.js';

/** An event that nobody took. */
export interface DeadLetter extends OutboxEntry {
  readonly reason: string;
  /** When it was put aside, ISO-8601. */
  readonly at: string;
}

/** What is in the files. */
export interface DeadLettersFound {
  /** Oldest file first; each key once. */
  readonly letters: readonly DeadLetter[];
  /** Lines that are none: torn by a full disk. */
  readonly torn: number;
}

/** The current one, the one before it, and those that are being gone through. */
const NAMES = /^dead-letters(\.[\w-]+)?\.jsonl(\.1)?$/;

/** Whether there are files. */
export function hasDeadLetters(folder: string): boolean {
  return existsSync(folder) && readdirSync(folder).some((name) => NAMES.test(name));
}

/** Files are renamed while others read them. */
const READS_MAX = 5;

/** Reads them all. None where there is no folder. @throws what the file system throws */
export async function readDeadLetters(folder: string): Promise<DeadLettersFound> {
  for (let reads = 1; ; reads += 1) {
    try {
      return await readFiles(folder);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || reads === READS_MAX) throw error;
    }
  }
}

async function readFiles(folder: string): Promise<DeadLettersFound> {
  const letters = new Map<string, DeadLetter>();
  let torn = 0;
  for (const name of await namesIn(folder)) {
    for await (const line of linesOf(join(folder, name))) {
      const letter = readLetter(line);
      if (letter === undefined) torn += 1;
      else if (!letters.has(letter.idempotencyKey)) letters.set(letter.idempotencyKey, letter);
    }
  }
  return { letters: [...letters.values()], torn };
}

/** A text that is another one as soon as the files are; empty where there are none. */
export async function stampOfDeadLetters(folder: string): Promise<string> {
  const stamps: string[] = [];
  for (const name of await namesIn(folder)) {
    const facts = await stat(join(folder, name)).catch(() => undefined);
    // One that has another name by now is read all the same: the next stamp is not to be this one.
    stamps.push(facts === undefined ? `${name} renamed` : `${name} ${facts.ino} ${facts.size} ${facts.mtimeMs}`);
  }
  return stamps.join('\n');
}

/**
 * Takes letters out of the files. All others stay, and so do those that are written meanwhile; whenever this process dies,
 * each of them is in one file at least.
 *
 * @throws what the file system throws
 */
export async function removeDeadLetters(
  folder: string,
  isDone: (idempotencyKey: string) => boolean,
  newId: () => string,
): Promise<void> {
  for (const name of await namesIn(folder)) {
    // Whoever writes goes on in a new file.
    const taken = join(folder, `dead-letters.${newId()}.jsonl`);
    try {
      await rename(join(folder, name), taken);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue;
      throw error;
    }
    const kept: string[] = [];
    for await (const line of linesOf(taken)) {
      const letter = readLetter(line);
      if (letter === undefined || !isDone(letter.idempotencyKey)) kept.push(`${line}\n`);
    }
    if (kept.length > 0) await appendFile(join(folder, DEAD_LETTERS_FILE), kept.join(''), { mode: 0o600 });
    await rm(taken);
  }
}

/** Oldest first, as far as names tell. */
async function namesIn(folder: string): Promise<readonly string[]> {
  const rankOf = (name: string) => (name === DEAD_LETTERS_FILE ? 1 : 0);
  try {
    const names = (await readdir(folder)).filter((name) => NAMES.test(name));
    return names.sort((a, b) => rankOf(a) - rankOf(b) || a.localeCompare(b));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Without `node:readline`, which waits for ever where the file is gone. */
async function* linesOf(path: string): AsyncIterable<string> {
  let rest = '';
  for await (const text of createReadStream(path, 'utf8') as AsyncIterable<string>) {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line !== '') yield line;
  }
  if (rest !== '') yield rest;
}

function readLetter(line: string): DeadLetter | undefined {
  let value: Partial<Record<keyof DeadLetter, unknown>> | null;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  const { idempotencyKey, event, reason, at, createdAtMs = Date.parse(String(at)) } = value ?? {};
  const isTimed = typeof createdAtMs === 'number' && Number.isFinite(createdAtMs);
  if (!isSafeId(idempotencyKey) || !isMeteredEvent(event) || !isTimed) return undefined;
  return { idempotencyKey, event, createdAtMs, reason: String(reason), at: String(at) };
}
