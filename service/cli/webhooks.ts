/** `fusewire webhooks`: where alerts go. */
import type { Command } from 'commander';
import type { z } from 'zod';
import type { webhookSchema, webhookWithSecretSchema } from '../alerts/webhook-body.js';
import { type ApiOptions, createApiClient } from './api-client.js';
import { withApiOptions } from './api-options.js';
import { CliAnswerNo, type CliIo } from './io.js';
import { type Column, printJson, printRows, visible } from './print.js';

const PATH = '/fusewire/webhooks';

type Webhook = z.output<typeof webhookSchema>;

/** The answer to a test delivery. */
interface Tried {
  readonly delivered: boolean;
  readonly status: number | null;
  readonly error: string | null;
}

interface CreateOptions extends ApiOptions {
  readonly name: string;
  readonly target: string;
  readonly events?: string;
}

const COLUMNS: readonly Column<Webhook>[] = [
  { heading: 'ID', cell: (row) => row.id },
  { heading: 'NAME', cell: (row) => row.name, min: 10 },
  { heading: 'TARGET', cell: (row) => row.url, min: 20 },
  { heading: 'EVENTS', cell: (row) => row.events.join(' '), below: true },
  { heading: 'STATE', cell: (row) => (row.enabled ? 'on' : `off: ${row.disabledReason ?? 'switched off'}`), min: 12 },
  { heading: 'FAILURES', cell: (row) => String(row.failures), align: 'right' },
];

/** Adds the commands. */
export function addWebhooks(program: Command, io: CliIo): void {
  const webhooks = program.command('webhooks').description('Where alerts of cost controls go, signed.');
  withApiOptions(webhooks.command('list'))
    .description('List webhooks. Their ids are what a control notifies.')
    .action(async (options: ApiOptions) => {
      const rows = await createApiClient(io, options).list<Webhook>(PATH);
      if (options.json) printJson(io, rows);
      else printRows(io, COLUMNS, rows, 'no webhooks');
    });
  withApiOptions(webhooks.command('create'))
    .description('Create a webhook. Its secret is printed, once.')
    .requiredOption('--name <text>')
    .requiredOption('--target <address>', 'where deliveries are sent')
    .option('--events <types>', 'with commas between them, for instance costControl.tripped (all)')
    .action(async (options: CreateOptions) => {
      const events = options.events?.split(',').map((type) => type.trim());
      const body = { name: options.name, url: options.target, ...(events === undefined ? {} : { events }) };
      const client = createApiClient(io, options);
      const made = await client.send<z.output<typeof webhookWithSecretSchema>>('POST', PATH, body);
      if (options.json) return printJson(io, made);
      io.err(`# Webhook ${made.id}. Its secret, shown this once:`);
      io.out(`FUSEWIRE_WEBHOOK_SECRET=${made.secret}`);
    });
  withApiOptions(webhooks.command('test'))
    .description('Send a test delivery now. Exit code 3 where it is not taken.')
    .argument('<id>')
    .action(async (id: string, options: ApiOptions) => {
      const tried = await createApiClient(io, options).send<Tried>('POST', `${pathOf(id)}/test`);
      if (options.json) printJson(io, { id, ...tried });
      else
        io.out(visible(tried.delivered ? `delivered (${tried.status})` : `not taken: ${tried.error ?? tried.status}`));
      if (!tried.delivered) throw new CliAnswerNo('the test delivery was not taken');
    });
  withApiOptions(webhooks.command('delete'))
    .description('Delete a webhook.')
    .argument('<id>')
    .action(async (id: string, options: ApiOptions) => {
      await createApiClient(io, options).send('DELETE', pathOf(id));
      if (options.json) printJson(io, { id, deleted: true });
      else io.out(`deleted ${id}`);
    });
}

function pathOf(id: string): string {
  return `${PATH}/${encodeURIComponent(id)}`;
}
