#!/usr/bin/env node
// The service's own command. Compiled by `npm run build`.
import { main } from '../dist/cli/main.js';

process.exitCode = await main(process.argv.slice(2));
