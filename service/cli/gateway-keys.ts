/** Keys that customers call the gateway with: a part of `fusewire keys`. */
import { type Command, InvalidArgumentError } from 'commander';
import type { z } from 'zod';
import type { gatewayKeySchema, gatewayKeyWithSecretSchema } from '../admin/customer-body.js';
import { type ApiOptions, createApiClient } from './api-client.js';
import { withApiOptions } from './api-options.js';
import { customerPath } from './customers.js';
import { parseEnd, parseSpan } from './durations.js';
import { type CliIo, CliUsageError } from './io.js';
import { type Column, printJson, printRows, visible } from './print.js';

/** What a key of a customer can be given; of a key of the service only the first two. */
export interface GatewayKeyOptions extends ApiOptions {
  readonly label?: string;
  readonly rate?: number;
  readonly expires?: string;
  readonly concurrency?: number;
  readonly models?: string;
  readonly organization?: string;
  readonly product?: string;
  readonly agent?: string;
  readonly taskType?: string;
  readonly environment?: string;
}

type GatewayKey = z.output<typeof gatewayKeySchema>;
type GatewayKeyWithSecret = z.output<typeof gatewayKeyWithSecretSchema>;

const PATH = '/gateway-keys';
const CUSTOMER = 'the id (cus_…), the number or the e-mail address of a customer';
const KEY_ID = 'the id (gk_…) that `keys list` shows';
/** What the service's own keys do not have. */
const ONLY_HERE = [
  ...['expires', 'concurrency', 'models', 'organization', 'product', 'agent', 'taskType', 'environment'],
] as const satisfies readonly (keyof GatewayKeyOptions)[];

const COLUMNS: readonly Column<GatewayKey>[] = [
  { heading: 'ID', cell: (key) => key.id },
  { heading: 'CUSTOMER', cell: (key) => key.customerId, drop: 3 },
  { heading: 'ENDS IN', cell: (key) => key.hint },
  { heading: 'LABEL', cell: (key) => key.label, min: 10 },
  { heading: 'STATE', cell: (key) => key.state },
  { heading: 'RATE', cell: (key) => String(key.ratePerSecond ?? ''), align: 'right', drop: 2 },
  { heading: 'AT ONCE', cell: (key) => String(key.concurrencyMax ?? ''), align: 'right', drop: 1 },
  { heading: 'MODELS', cell: (key) => key.models?.join(' ') ?? '', below: true },
  {
    heading: 'FIXED',
    cell: (key) =>
      Object.entries(key.dimensions)
        .map((pair) => pair.join('='))
        .join(' '),
    below: true,
  },
  { heading: 'CREATED', cell: (key) => key.created, drop: 4 },
  { heading: 'EXPIRES', cell: (key) => key.expires ?? '' },
];

/** Adds the flags of a key's settings but label and rate. */
export function withKeySettings(command: Command): Command {
  return command
    .option('--expires <when>', 'for instance 30d, 2026-12-31 (that day is the last one, UTC) or a full date-time')
    .option('--concurrency <number>', 'requests at the same time', wholeNumber)
    .option('--models <names>', 'the models it may ask for, with commas between them (all)')
    .option('--organization <name>', 'fixed for every call with it; callers cannot say otherwise, nor of those below')
    .option('--product <name>')
    .option('--agent <name>')
    .option('--task-type <name>')
    .option('--environment <name>');
}

/** The spellings of the gateway that this one follows; not in the list of commands. */
export function addKeyAliases(program: Command, io: CliIo): void {
  const hidden = { hidden: true };
  withKeySettings(withApiOptions(program.command('generate-key', hidden)))
    .description('Make a key of a customer and print it, once.')
    .argument('<customer>', CUSTOMER)
    .option('--label <text>', 'for people', '')
    .option('--rate <number>', 'requests a second', wholeNumber)
    .action((reference: string, options: GatewayKeyOptions) => createGatewayKey(io, reference, options));
  withApiOptions(program.command('list-keys', hidden))
    .description('List the keys of a customer.')
    .argument('<customer>', CUSTOMER)
    .action((reference: string, options: ApiOptions) => listGatewayKeys(io, reference, options));
  withApiOptions(program.command('refresh-key', hidden))
    .description('Give a key another secret and print it, once.')
    .argument('<key>', KEY_ID)
    .option('--overlap <span>', 'how long the secret before goes on working, for instance 1h (it stops at once)')
    .action((id: string, options: ApiOptions & { overlap?: string }) => rotateGatewayKey(io, gatewayId(id), options));
  withApiOptions(program.command('revoke-key', hidden))
    .description('Revoke a key, for good.')
    .argument('<key>', KEY_ID)
    .action((id: string, options: ApiOptions) => revokeGatewayKey(io, gatewayId(id), options));
}

/** Whether it names a key of a customer. @throws CliUsageError where it is a key itself */
export function isGatewayKeyId(id: string): boolean {
  if (/^(sk|rev_[ms]k)_/.test(id)) {
    throw new CliUsageError(
      'that is a key itself; give its id, which `keys list` shows, and keep keys out of commands',
    );
  }
  return id.startsWith('gk_');
}

/** @throws CliUsageError where flags are given that only a key of a customer has */
export function refuseKeySettings(options: GatewayKeyOptions): void {
  const given = ONLY_HERE.find((name) => options[name] !== undefined);
  if (given === undefined) return;
  const flag = `--${given.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  throw new CliUsageError(
    `${flag} is for keys of customers: name one, as in \`fusewire keys create CUSTOMER ${flag} …\``,
  );
}

/** Makes a key; itself it goes to standard output, alone, ready for `KEY=$(…)`. */
export async function createGatewayKey(io: CliIo, reference: string, options: GatewayKeyOptions): Promise<void> {
  const body = bodyOf(io, options);
  const made = await createApiClient(io, options).send<GatewayKeyWithSecret>(
    'POST',
    `${customerPath(reference)}/keys`,
    body,
  );
  printSecret(io, options, made);
}

/** Lists the keys of a customer, or of all. */
export async function listGatewayKeys(io: CliIo, reference: string | undefined, options: ApiOptions): Promise<void> {
  const path = reference === undefined ? PATH : `${customerPath(reference)}/keys`;
  const rows = await createApiClient(io, options).list<GatewayKey>(path);
  if (options.json) printJson(io, rows);
  else printRows(io, COLUMNS, rows, 'no keys');
}

/** Gives a key another secret. */
export async function rotateGatewayKey(
  io: CliIo,
  id: string,
  options: ApiOptions & { readonly overlap?: string },
): Promise<void> {
  const { overlap = '' } = options;
  const ms = overlap === '' || overlap === '0' ? 0 : parseSpan(overlap);
  if (ms === undefined) throw new CliUsageError(`--overlap takes a span such as 30m, 1h or 2d, not '${overlap}'`);
  const path = `${PATH}/${encodeURIComponent(id)}/rotate`;
  const made = await createApiClient(io, options).send<GatewayKeyWithSecret>('POST', path, {
    overlapSeconds: ms / 1_000,
  });
  printSecret(io, options, made);
}

/** Revokes a key. */
export async function revokeGatewayKey(io: CliIo, id: string, options: ApiOptions): Promise<void> {
  const path = `${PATH}/${encodeURIComponent(id)}`;
  const revoked = await createApiClient(io, options).send<GatewayKey>('DELETE', path);
  if (options.json) printJson(io, revoked);
  else io.out(`revoked ${revoked.id}`);
}

function gatewayId(id: string): string {
  if (isGatewayKeyId(id)) return id;
  throw new CliUsageError(`'${id}' is not the id of a customer's key (gk_…), which \`keys list CUSTOMER\` shows`);
}

function bodyOf(io: CliIo, options: GatewayKeyOptions): Record<string, unknown> {
  const { label, rate, expires, concurrency, models } = options;
  const endMs = expires === undefined ? undefined : parseEnd(expires, io.runtime.now());
  if (expires !== undefined && endMs === undefined) {
    throw new CliUsageError(`--expires takes 30d, 2026-12-31 or 2026-12-31T18:00:00Z, not '${expires}'`);
  }
  const dimensions = {
    ...{ organizationName: options.organization, productName: options.product, agent: options.agent },
    ...{ taskType: options.taskType, environment: options.environment },
  };
  const fixed = given(dimensions);
  return given({
    ...{ label: label || undefined, ratePerSecond: rate, concurrencyMax: concurrency },
    expires: endMs === undefined ? undefined : new Date(endMs).toISOString(),
    models: models?.split(',').map((model) => model.trim()),
    dimensions: Object.keys(fixed).length === 0 ? undefined : fixed,
  });
}

function given(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function printSecret(io: CliIo, options: ApiOptions, made: GatewayKeyWithSecret): void {
  if (options.json) {
    printJson(io, made);
    return;
  }
  io.err(visible(`# Key ${made.id} of customer ${made.customerId}. Shown this once:`));
  io.out(made.key);
}

function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('it must be a whole number from 1 to 999999.');
}
