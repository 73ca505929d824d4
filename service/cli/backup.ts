/** `fusewire backup`: a consistent copy of the embedded database, checked before it has its name. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { LOCAL_BACKUP_PATH, LONG_LIMIT_MS } from '../admin/local-admin-route.js';
import { askDoor, DoorError, findOpenDoor } from '../admin/local-door.js';
import { finishCopy } from '../admin/maintenance-commands.js';
import type { ServiceConfig } from '../config.js';
import { CliFailure, type CliIo } from './io.js';
import { localConfig } from './local-config.js';
import { NEEDS_EITHER } from './needs.js';
import { printJson } from './print.js';

interface BackupOptions {
  readonly dataDir?: string;
  readonly json?: boolean;
}

const HELP = `${NEEDS_EITHER}
While it is copied, calls are recorded a little later. To restore: stop the service, put the file in the place of
fusewire.db in the data folder, remove fusewire.db-wal and fusewire.db-shm, start it. Keep credential.secret of the
data folder with the backup. A PostgreSQL database is backed up with pg_dump.`;

/** Adds the command. */
export function addBackup(program: Command, io: CliIo): void {
  program
    .command('backup')
    .description('Copy the embedded database to a new file, while the service runs or not, and check the copy.')
    .argument('<file>', 'a file that is not there yet')
    .option('--data-dir <folder>', 'the data folder (FUSEWIRE_DATA_DIR, ./fusewire-data)')
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action(async (given: string, options: BackupOptions) => {
      const config = localConfig(io, options);
      if (config.databaseUrl !== undefined) {
        throw new CliFailure('a PostgreSQL database is backed up with pg_dump, also while services run');
      }
      const file = resolve(io.workingDir, given);
      if (existsSync(file)) throw new CliFailure(`${file} is there already`);
      const done = await backUp(config, file);
      if (options.json) printJson(io, done);
      else io.out(`${done.file}: ${done.bytes} bytes, ${done.events} events, schema ${done.schemaVersion}; sound`);
    });
}

async function backUp(
  config: ServiceConfig,
  file: string,
): Promise<{ readonly file: string; readonly bytes: number; readonly events: number; readonly schemaVersion: number }> {
  const { checkDatabaseFile } = await import('../store/sqlite/copy-database.js');
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await copyTo(config, temporary);
    const { events, schemaVersion } = await checkDatabaseFile(temporary);
    await finishCopy(temporary, file);
    return { file, bytes: (await stat(file)).size, events: Number(events), schemaVersion };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw new CliFailure(`${file} is there already`);
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}

async function copyTo({ dataDir, databaseFile }: ServiceConfig, temporary: string): Promise<void> {
  const door = await findOpenDoor(dataDir);
  try {
    if (door !== undefined) {
      await askDoor(door, LOCAL_BACKUP_PATH, { file: temporary }, LONG_LIMIT_MS);
      return;
    }
    if (!existsSync(databaseFile)) throw new CliFailure(`there is no database at ${databaseFile}`);
    const { copyDatabaseFile } = await import('../store/sqlite/copy-database.js');
    await copyDatabaseFile(databaseFile, temporary);
  } catch (error) {
    if (error instanceof DoorError || error instanceof CliFailure) throw new CliFailure(error.message);
    throw error;
  }
}
