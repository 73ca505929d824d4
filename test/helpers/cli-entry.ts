/** `fusewire` from the sources, for tests that run it in a child process. */
import { main } from '../../service/cli/main.js';

process.exitCode = await main(process.argv.slice(2));
