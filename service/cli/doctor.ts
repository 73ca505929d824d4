/** `fusewire doctor`: whether enforcement works on this installation, proved and not assumed. */
import type { Command } from 'commander';
import { findOpenDoor } from '../admin/local-door.js';
import type { Check } from '../doctor/examination.js';
import { serviceUrl } from './api-client.js';
import { CliAnswerNo, type CliIo } from './io.js';
import { localConfig } from './local-config.js';
import { type Column, printJson, printRows, visible } from './print.js';

interface DoctorOptions {
  readonly dataDir?: string;
  readonly json?: boolean;
}

const HELP = `
Needs the running service, on its own machine. It works in a team of its own, which stays, with usage of a few cents that
nobody spent; cost controls and keys that it makes are taken away again. Other teams are left alone. Where the service has
the gateway open, a call that its customer cannot pay is refused there, and nothing is sent to any provider.`;

const COLUMNS: readonly Column<Check>[] = [
  { heading: 'CHECK', cell: (check) => check.name },
  { heading: 'STATE', cell: (check) => check.state },
  { heading: 'FOUND', cell: (check) => visible(check.detail), wraps: true },
];

/** Adds the command. */
export function addDoctor(program: Command, io: CliIo): void {
  program
    .command('doctor')
    .description('Prove that enforcement works here: synthetic calls are priced, counted and refused at a tiny limit.')
    .option('--data-dir <folder>', 'the data folder (FUSEWIRE_DATA_DIR, ./fusewire-data)')
    .option('--json', 'print JSON')
    .addHelpText('after', `${HELP}\nExit code 0: sound; 3: not sound.`)
    .action(async (options: DoctorOptions) => {
      const checks = await look(io, options);
      const isSound = checks.every(({ state }) => state === 'ok');
      if (options.json) printJson(io, { sound: isSound, checks });
      else show(io, checks, isSound);
      if (!isSound) throw new CliAnswerNo('the installation is not sound');
    });
}

async function look(io: CliIo, options: DoctorOptions): Promise<readonly Check[]> {
  const { dataDir } = localConfig(io, options);
  const door = await findOpenDoor(dataDir);
  if (door === undefined) {
    const detail = `no service that runs holds the data folder ${dataDir}`;
    return [
      { name: 'service', state: 'failed', detail, advice: 'start it with fusewire serve, or name its --data-dir' },
    ];
  }
  const { env } = io.runtime;
  const isGiven = (env['REVENIUM_ENFORCEMENT_BASE_URL'] || env['REVENIUM_METERING_BASE_URL'] || '') !== '';
  const address = isGiven ? serviceUrl(io, {}) : undefined;
  const { examine } = await import('../doctor/examine.js');
  const { checks } = await examine({ door, dataDir, address, runtime: io.runtime });
  return [{ name: 'service', state: 'ok', detail: door.url, advice: null }, ...checks];
}

function show(io: CliIo, checks: readonly Check[], isSound: boolean): void {
  const { green, red } = io.colors;
  printRows(io, COLUMNS, checks, '');
  for (const { name, state, advice } of checks) {
    if (state === 'failed' && advice !== null) io.err(visible(`${name}: ${advice}`));
  }
  if (io.isTerminal) io.out(isSound ? green('enforcement works on this installation') : red('not sound'));
}
