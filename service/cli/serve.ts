/** `fusewire serve`: the service in the foreground. */
import type { Command } from 'commander';
import type { CliIo } from './io.js';
import type { ServeOptions } from './local-config.js';

/** Adds the command. */
export function addServe(program: Command, io: CliIo): void {
  program
    .command('serve')
    .description('Run the service. The first start makes a team and prints its keys, once.')
    .option('--port <number>', 'where to listen (PORT, 8787)')
    .option('--host <address>', 'where to listen (HOST, 127.0.0.1)')
    .option('--data-dir <folder>', 'where everything is kept (FUSEWIRE_DATA_DIR, ./fusewire-data)')
    .option('--gateway-port <number>', 'where the gateway listens (GATEWAY_PORT, 8000)')
    .option('--gateway-host <address>', 'where the gateway listens (GATEWAY_HOST, 127.0.0.1)')
    .option('--no-gateway', 'the API alone')
    .option('--gateway-only', 'the gateway alone, on a database that processes share')
    .option('--json', 'print one line of JSON instead of text')
    .action(async (options: ServeOptions) => {
      const { serve } = await import('./run-serve.js');
      await serve(io, options);
    });
}
