/** `fusewire controls raise`, `raises` and `end-raise`: more room under a limit for a while. */
import type { Command } from 'commander';
import type { z } from 'zod';
import { CONTROLS_PATH } from '../admin/control-resource.js';
import type { raiseSchema } from '../admin/raises-route.js';
import { type ApiOptions, createApiClient } from './api-client.js';
import { withApiOptions } from './api-options.js';
import { parseEnd } from './durations.js';
import { type CliIo, CliUsageError } from './io.js';
import { type Column, printJson, printRows, visible } from './print.js';

type Raise = z.output<typeof raiseSchema>;

interface RaiseOptions extends ApiOptions {
  readonly until: string;
  readonly reason: string;
}

const COLUMNS: readonly Column<Raise>[] = [
  { heading: 'ID', cell: (row) => row.id },
  { heading: 'AMOUNT', cell: (row) => row.amount, align: 'right' },
  { heading: 'UNTIL', cell: (row) => row.until },
  { heading: 'STATE', cell: (row) => (row.ended === null ? 'open' : `ended ${row.ended} by ${row.endedBy}`), min: 20 },
  { heading: 'BY', cell: (row) => row.by, min: 8 },
  { heading: 'REASON', cell: (row) => row.reason, below: true },
];

/** Adds the commands to `fusewire controls`. */
export function addRaises(controls: Command, io: CliIo): void {
  withApiOptions(controls.command('raise'))
    .description('Raise a limit for a while, at once and everywhere. It is audited and ends by itself.')
    .argument('<id>')
    .argument('<amount>', 'dollars, or a count, on top of the limit')
    .requiredOption('--until <time>', 'a full ISO 8601 date-time, a day, or from now on, for instance 45m, 2h or 1d')
    .requiredOption('--reason <text>', 'why, for those who read the audit')
    .action(async (id: string, amount: string, options: RaiseOptions) => {
      const untilMs = parseEnd(options.until, io.runtime.now());
      if (untilMs === undefined) {
        const what = 'a full ISO 8601 date-time such as 2026-11-20T18:00:00Z, a day, or a time from now on such as 2h';
        throw new CliUsageError(`--until takes ${what}, not '${options.until}'`);
      }
      const body = { amount, until: new Date(untilMs).toISOString(), reason: options.reason };
      const raise = await createApiClient(io, options).send<Raise>('POST', raisesPath(id), body);
      if (options.json) printJson(io, raise);
      else io.out(visible(`raised by ${raise.amount} until ${raise.until}: ${raise.reason} (raise ${raise.id})`));
    });
  withApiOptions(controls.command('raises'))
    .description('List the raises of a cost control, open and ended ones.')
    .argument('<id>')
    .action(async (id: string, options: ApiOptions) => {
      const rows = await createApiClient(io, options).list<Raise>(raisesPath(id));
      if (options.json) printJson(io, rows);
      else printRows(io, COLUMNS, rows, 'no raises');
    });
  withApiOptions(controls.command('end-raise'))
    .description('End a raise before its time.')
    .argument('<id>', 'of the cost control')
    .argument('<raise>', 'id of the raise')
    .action(async (id: string, raise: string, options: ApiOptions) => {
      await createApiClient(io, options).send('DELETE', `${raisesPath(id)}/${encodeURIComponent(raise)}`);
      if (options.json) printJson(io, { id: raise, ended: true });
      else io.out(`ended ${visible(raise)}`);
    });
}

function raisesPath(id: string): string {
  return `${CONTROLS_PATH}/${encodeURIComponent(id)}/raises`;
}
