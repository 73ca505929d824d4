/** The command line, wired: `fusewire serve`, and commands for whoever runs the service. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { VERSION } from '../version.js';
import { addBackup } from './backup.js';
import { addBudget } from './budget.js';
import { addBypass } from './bypass.js';
import { addControls } from './controls.js';
import { addCustomers } from './customers.js';
import { addDeadLetters } from './dead-letters.js';
import { addDepartments } from './departments.js';
import { addDoctor } from './doctor.js';
import { addEvents } from './events.js';
import { addExplain } from './explain.js';
import { addExport } from './export.js';
import { addKeyAliases } from './gateway-keys.js';
import { addHolds } from './holds.js';
import { addImport } from './import.js';
import { CliAnswerNo, CliFailure, type CliIo, CliUsageError, processIo } from './io.js';
import { addKeys } from './keys.js';
import { addModels } from './models.js';
import { EXIT_CODES } from './needs.js';
import { addPrices } from './prices.js';
import { visibleLines } from './print.js';
import { addRebuild } from './rebuild.js';
import { addServe } from './serve.js';
import { addStatus } from './status.js';
import { addTunnel } from './tunnel.js';
import { addUsage } from './usage.js';
import { addWebhooks } from './webhooks.js';

/**
 * Runs one command and resolves to the exit code: 0 done, 1 it failed, 2 it was written wrongly,
 * 3 it was done and the answer is no (a call is refused, an installation is not sound, balances differ). Reads `.env` of the
 * working directory; a variable that is set already wins.
 *
 * @param args - without the program and the script.
 */
export async function main(args: readonly string[], io: CliIo = processIo()): Promise<number> {
  try {
    const file = join(io.workingDir, '.env');
    if (existsSync(file)) process.loadEnvFile(file);
    await createProgram(io).parseAsync([...args], { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CliAnswerNo) return 3;
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    io.err(visibleLines(`fusewire: ${error instanceof Error ? error.message : String(error)}`));
    if (error instanceof CliUsageError) return 2;
    if (!(error instanceof CliFailure) && io.runtime.log.isDebug()) io.err(String((error as Error).stack));
    return 1;
  }
}

function createProgram(io: CliIo): Command {
  const program = new Command('fusewire')
    .description('A circuit breaker for AI spend: the service, and commands for whoever runs it.')
    .version(VERSION)
    .addHelpText('afterAll', EXIT_CODES)
    .exitOverride()
    .showHelpAfterError('(add --help for what there is)')
    .configureOutput({
      writeOut: (text) => io.out(text.replace(/\n$/, '')),
      writeErr: (text) => io.err(visibleLines(text.replace(/\n$/, ''))),
    });
  addServe(program, io);
  addCustomers(program, io);
  addKeys(program, io);
  addKeyAliases(program, io);
  addUsage(program, io);
  addBudget(program, io);
  addModels(program, io);
  addControls(program, io);
  addHolds(program, io);
  addEvents(program, io);
  addExplain(program, io);
  addBypass(program, io);
  addPrices(program, io);
  addDepartments(program, io);
  addWebhooks(program, io);
  addDoctor(program, io);
  addExport(program, io);
  addImport(program, io);
  addBackup(program, io);
  addRebuild(program, io);
  addDeadLetters(program, io);
  addTunnel(program, io);
  addStatus(program, io);
  return program;
}
