// Writes .env.example from the two tables of variables, so that it does not drift from what the configuration reads.
// The tidy test renders it again and compares: npm run env-example
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { SERVICE_VARIABLES } from '../service/config.js';
import { GATEWAY_VARIABLES } from '../service/gateway/gateway-config.js';
import { VARIABLES } from '../src/config.js';
import { renderEnvExample } from './render-env-example.js';
import { serviceRows } from './service-variables.js';

const file = fileURLToPath(new URL('../.env.example', import.meta.url));
writeFileSync(file, renderEnvExample(VARIABLES, serviceRows([...SERVICE_VARIABLES, ...GATEWAY_VARIABLES])));
