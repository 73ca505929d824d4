// npm run bench:overspend [door …]: parallel callers on a hard budget that fits a tenth of their calls, by every door, with
// every setting; beside each the same load on a guard that checks a total and then acts. Prints a table for the README and
// ends with 1 where a budget was exceeded by more than its setting allows. Doors: 1-process, 8-processes, gateway, 3-gateways.
import { cpus } from 'node:os';
import { runSdkScenario, type ScenarioResult } from '../../test/holds/overspend/sdk-scenario.js';
import { type StandIn, startStandIn } from '../../test/holds/overspend/stand-in.js';
import { type BenchPostgres, startPostgres } from '../postgres-server.js';
import { runCheckThenAct, runGatewayScenario } from './callers.js';
import { DOORS, type Door, type Run, runsOf } from './matrix.js';
import { HEAD, rowOf, wrongWith } from './report.js';
import { startServices } from './services.js';

function wantedDoors(): readonly Door[] {
  const wanted = process.argv.slice(2);
  const doors = DOORS.filter((door) => wanted.length === 0 || wanted.includes(door.replace(' ', '-')));
  if (doors.length === 0) {
    process.stderr.write(`doors: ${DOORS.map((door) => door.replace(' ', '-')).join(', ')}\n`);
    process.exit(2);
  }
  return doors;
}

async function runOne(
  run: Run,
  standIn: StandIn,
  postgres: BenchPostgres | undefined,
): Promise<[ScenarioResult, string[]]> {
  const { door, scenario } = run;
  const url = door === '3 gateways' ? await postgres!.createDatabase() : undefined;
  const services = await startServices(door === '3 gateways' ? 3 : 1, standIn.url, url);
  try {
    const isSdk = door === '1 process' || door === '8 processes';
    const result = await (isSdk ? runSdkScenario : runGatewayScenario)(services, standIn, scenario);
    return [result, [...wrongWith(run, result), ...(await services.verify())]];
  } finally {
    await services.close();
  }
}

const doors = wantedDoors();
const standIn = await startStandIn();
const postgres = doors.includes('3 gateways') ? await startPostgres(0) : undefined;
let wrong = 0;
try {
  process.stdout.write(
    `${cpus()[0]?.model ?? 'unknown'}, ${cpus().length} cores, Node ${process.version}\n\n${HEAD}\n`,
  );
  for (const run of runsOf(doors)) {
    const [result, problems] = await runOne(run, standIn, postgres);
    const above = await runCheckThenAct(standIn, run.scenario);
    process.stdout.write(`${rowOf(run, result, above)}\n`);
    for (const problem of problems) process.stderr.write(`PROBLEM: ${problem}\n`);
    wrong += problems.length;
  }
} finally {
  await postgres?.remove();
  await standIn.close();
}
process.exit(wrong === 0 ? 0 : 1);
