/** `fusewire export`: all events of a range, to a file or a pipe. */
import { randomBytes } from 'node:crypto';
import { createWriteStream, existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { type Command, Option } from 'commander';
import { finishCopy } from '../admin/maintenance-commands.js';
import { type ApiOptions, apiAccess, messageOf } from './api-client.js';
import { withApiOptions } from './api-options.js';
import { download } from './download.js';
import { CliFailure, type CliIo } from './io.js';
import { printJson } from './print.js';

interface ExportOptions extends ApiOptions {
  readonly from?: string;
  readonly to?: string;
  readonly format?: 'csv' | 'jsonl';
  readonly out?: string;
}

const HELP = `
CSV is quoted by RFC 4180; text that a spreadsheet would run as a formula (= + - @ tab or return in front) begins with
an apostrophe. The cost of an event whose price is unknown is left empty. JSON lines hold the whole event.
A file whose name ends in .gz is compressed.`;

/** Adds the command. */
export function addExport(program: Command, io: CliIo): void {
  withApiOptions(program.command('export'))
    .description('Write all metered events of a range with their prices, oldest first.')
    .option('--from <time>', 'full ISO 8601 date-time, included (the first event)')
    .option('--to <time>', 'full ISO 8601 date-time, not included (no end)')
    .addOption(new Option('--format <format>', 'what to write (csv)').choices(['csv', 'jsonl']))
    .option('--out <file>', 'a file that is not there yet (standard output)')
    .addHelpText('after', `${HELP}\nWith --json: JSON lines, or with --out what was written.`)
    .action(async (options: ExportOptions) => {
      const format = options.format ?? (options.json && options.out === undefined ? 'jsonl' : 'csv');
      const file = options.out === undefined ? undefined : resolve(io.workingDir, options.out);
      if (file !== undefined && existsSync(file)) throw new CliFailure(`${file} is there already`);
      const body = await open(io, options, format);
      if (file === undefined) {
        await toOutput(io, body);
        return;
      }
      const bytes = await toFile(body, file);
      if (options.json) printJson(io, { file, format, bytes });
      else io.err(`${file}: ${bytes} bytes`);
    });
}

async function open(io: CliIo, options: ExportOptions, format: 'csv' | 'jsonl'): Promise<Readable> {
  const { url, headers } = await apiAccess(io, options);
  const query = new URLSearchParams({ format });
  if (options.from !== undefined) query.set('from', options.from);
  if (options.to !== undefined) query.set('to', options.to);
  const answer = await download(`${url}/v2/api/fusewire/export?${query}`, headers).catch((error: Error) => {
    throw new CliFailure(`${url} does not answer: ${error.message}`);
  });
  if (answer.status === 200) return answer.body;
  throw new CliFailure(`${url} answered ${answer.status}: ${messageOf(await answer.text())}`);
}

async function toOutput(io: CliIo, body: Readable): Promise<void> {
  try {
    for await (const chunk of body) await io.write(chunk as Uint8Array);
  } catch (error) {
    // Who reads the pipe has seen enough.
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') return;
    throw brokenOff(error);
  }
}

/** The file has its name only when it is whole. */
async function toFile(body: Readable, file: string): Promise<number> {
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const out = createWriteStream(temporary, { flags: 'wx', mode: 0o600 });
    await (file.endsWith('.gz') ? pipeline(body, createGzip(), out) : pipeline(body, out)).catch((error: unknown) => {
      throw brokenOff(error);
    });
    await finishCopy(temporary, file);
    return out.bytesWritten;
  } finally {
    await rm(temporary, { force: true });
  }
}

function brokenOff(error: unknown): CliFailure {
  return new CliFailure(`the export broke off: ${(error as Error).message}`);
}
