/** `fusewire usage export`: the events of a customer, to a file or a pipe. */
import type { Readable } from 'node:stream';
import { type Command, Option } from 'commander';
import { apiAccess, messageOf } from './api-client.js';
import { download } from './download.js';
import { CliFailure, type CliIo } from './io.js';
import { printJson } from './print.js';
import { type CountedFormat, counting, createRowCounter } from './row-counter.js';
import { RANGE_HELP, type RangeOptions, rangeQueryOf, withRange } from './usage-range-options.js';
import { newFile, toFile, toOutput } from './write-out.js';

interface ExportOptions extends RangeOptions {
  readonly format?: CountedFormat;
  readonly out?: string;
}

const HELP = `${RANGE_HELP}
CSV is quoted by RFC 4180; text that a spreadsheet would run as a formula begins with an apostrophe. The cost of an event
whose price is unknown is left empty. A file is written for its owner alone, and has its name only when it is whole; one
whose name ends in .gz is compressed. With --json: JSON, or with --out what was written.`;

/** Declares the command, under whatever name. */
export function defineExport(command: Command, io: CliIo): void {
  withRange(command, HELP)
    .description('Write the metered events of a customer with their prices, oldest first.')
    .addOption(new Option('--format <format>', 'what to write (csv)').choices(['csv', 'json', 'ndjson']))
    .option('--out <file>', 'a file that is not there yet (standard output)')
    .action(async (customer: string, options: ExportOptions) => {
      const format = options.format ?? (options.json && options.out === undefined ? 'json' : 'csv');
      const file = options.out === undefined ? undefined : newFile(io, options.out);
      const body = await open(io, options, customer, format);
      const counter = createRowCounter(format);
      if (file === undefined) {
        await toOutput(io, body, counter.see);
        // A document without its end was cut off, whatever the connection said.
        if (counter.rows() === undefined && format === 'json') throw new CliFailure('the export broke off');
        return;
      }
      const counted = counting(counter);
      body.on('error', (error) => counted.destroy(error));
      const bytes = await toFile(body.pipe(counted), file);
      const rows = counter.rows() ?? 0;
      if (options.json) printJson(io, { file, format, rows, bytes });
      else io.err(`${file}: ${rows} ${rows === 1 ? 'event' : 'events'}, ${bytes} bytes`);
    });
}

async function open(io: CliIo, options: ExportOptions, customer: string, format: CountedFormat): Promise<Readable> {
  const { url, headers } = await apiAccess(io, options);
  const query = new URLSearchParams({ ...rangeQueryOf(options), format });
  const address = `${url}/v2/api/customers/${encodeURIComponent(customer)}/usage/export?${query}`;
  const answer = await download(address, headers).catch((error: Error) => {
    throw new CliFailure(`${url} does not answer: ${error.message}`);
  });
  if (answer.status === 200) return answer.body;
  throw new CliFailure(`${url} answered ${answer.status}: ${messageOf(await answer.text())}`);
}
