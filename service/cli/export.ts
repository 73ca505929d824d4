/** `fusewire export`: all events of a range, to a file or a pipe. */
import type { Readable } from 'node:stream';
import { type Command, Option } from 'commander';
import { type ApiOptions, apiAccess, messageOf } from './api-client.js';
import { withApiOptions } from './api-options.js';
import { download } from './download.js';
import { CliFailure, type CliIo } from './io.js';
import { printJson } from './print.js';
import { newFile, toFile, toOutput } from './write-out.js';

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
      const file = options.out === undefined ? undefined : newFile(io, options.out);
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
