/**
 * Proves that enforcement works on this installation, with calls that nobody makes, in a team of their own. Other teams
 * are not written, and nothing of them is read but what is held without being used. What was made for it is taken away
 * again, but for the team and its usage, which stay.
 */
import type { Runtime } from 'fusewire/internal';
import type { LocalDoor } from '../admin/data-folder.js';
import type { DoctorTeam } from '../admin/doctor-team.js';
import { LOCAL_DOCTOR_PATH, LOCAL_REBUILD_PATH } from '../admin/local-admin-route.js';
import { askDoor, sendKeyCommand } from '../admin/local-door.js';
import type { TeamBalances } from '../admin/maintenance-commands.js';
import { REPLAY_COMMAND } from '../gateway/books/dead-letter-book.js';
import { type Budget, dropBudget, makeBudget } from './budget.js';
import { Examination, Finding } from './examination.js';
import { IDLE_HOLDS_ADVICE, lookAtIdleHolds } from './idle-holds.js';
import { examineInstallation, lookAtAddress, lookAtKeys, lookAtLetters } from './installation.js';
import { get, type Patient } from './patient.js';
import { type SurfaceFinding, tryBatch, tryPoll, trySingle, tryWait } from './surfaces.js';
import { tryGateway } from './try-gateway.js';
import { trySdk } from './try-sdk.js';

/** What an examination is given. */
export interface Examined {
  readonly door: LocalDoor;
  readonly dataDir: string;
  /** The address in the settings of programs on this machine, where there is one. */
  readonly address: string | undefined;
  readonly runtime: Runtime;
}

interface Surface {
  readonly name: string;
  readonly advice: string;
  try(patient: Patient, budget: Budget): Promise<SurfaceFinding>;
}

const LOG = 'look at the log of the service';
const SURFACES: readonly Surface[] = [
  { name: 'single', advice: LOG, try: trySingle },
  { name: 'batch', advice: LOG, try: tryBatch },
  { name: 'feed', advice: `${LOG}; a proxy between must not keep answers`, try: tryPoll },
  { name: 'wait', advice: 'a proxy between must let a request wait for 60 s; without it SDKs poll', try: tryWait },
  { name: 'sdk', advice: `${LOG}, and run your program with REVENIUM_LOG_LEVEL=debug`, try: trySdk },
];
const GATEWAY = 'gateway';
/** A control that is older was left behind by an examination that was cut off. */
const LEFT_BEHIND_MS = 3_600_000;

/** Makes every check. Never rejects for what is wrong with the installation. */
export async function examine({ door, dataDir, address, runtime }: Examined): Promise<Examination> {
  const exam = new Examination();
  await examineInstallation(exam, { url: door.url, dataDir, runtime });
  if (door.gatewayUrl !== undefined) await exam.check('dead letters', REPLAY_COMMAND, lookAtLetters(dataDir));
  await exam.check('holds', IDLE_HOLDS_ADVICE, () => lookAtIdleHolds(door));
  const made = await exam.check('team', LOG, async () => {
    const found = await askDoor<DoctorTeam>(door, LOCAL_DOCTOR_PATH, {});
    return { found, detail: `${found.team.id} (${found.team.name})` };
  });
  if (made === undefined) {
    const surfaces = SURFACES.map(({ name }) => name);
    if (door.gatewayUrl !== undefined) surfaces.push(GATEWAY);
    for (const name of surfaces) exam.skip(name, 'there is no team to try it in');
    return exam;
  }
  const { team, metering, write } = made.found;
  const run = runtime.newId().slice(-12);
  const keys = { meteringKey: metering.key, writeKey: write.key };
  const patient: Patient = { url: door.url, teamId: team.id, ...keys, runtime, run };
  try {
    await exam.check('keys', LOG, lookAtKeys(patient));
    if (address !== undefined) {
      const advice = 'correct REVENIUM_METERING_BASE_URL or REVENIUM_ENFORCEMENT_BASE_URL';
      await exam.check('address', advice, lookAtAddress(patient, address));
    }
    await trySurfaces(exam, patient, door);
  } finally {
    await exam.check('cleaned up', 'revoke its keys: fusewire keys list --local --all-teams', async () => {
      await dropLeftBehind(patient);
      for (const { id } of [metering, write]) await sendKeyCommand(door, { command: 'revoke', id });
      return { detail: 'controls deleted, keys revoked' };
    });
  }
  return exam;
}

async function trySurfaces(exam: Examination, patient: Patient, door: LocalDoor): Promise<void> {
  const budgets: Budget[] = [];
  for (const surface of SURFACES) {
    await exam.check(surface.name, surface.advice, async () => {
      const budget = await makeBudget(patient, surface.name);
      budgets.push(budget);
      return surface.try(patient, budget);
    });
  }
  const { gatewayUrl } = door;
  if (gatewayUrl !== undefined) await exam.check(GATEWAY, LOG, () => tryGateway(patient, gatewayUrl));
  await exam.check('balances', 'fusewire rebuild makes them anew', async () => {
    const body = { teamId: patient.teamId, dryRun: true };
    const { checked, wrong, differences } = await askDoor<TeamBalances>(door, LOCAL_REBUILD_PATH, body, 60_000);
    if (differences > 0) throw new Finding(`${differences} are not the sum of their events: ${wrong[0]}`);
    return { detail: `${checked} are the sum of their events` };
  });
  for (const budget of budgets) await dropBudget(patient, budget).catch(() => undefined);
}

/** Controls of this examination that are still there, and of earlier ones that were cut off. */
async function dropLeftBehind(patient: Patient): Promise<void> {
  type Row = { readonly id: string; readonly name: string; readonly created: string };
  const path = '/v2/api/ai/cost-controls?size=500';
  const answer = await get<{ _embedded: { objectList?: readonly Row[] } }>(patient, { path, key: patient.writeKey });
  for (const { id: controlId, name, created } of answer._embedded.objectList ?? []) {
    const isOld = patient.runtime.now() - Date.parse(created) > LEFT_BEHIND_MS;
    const isOurs = name.startsWith(`doctor-${patient.run}-`);
    if (isOurs || isOld) await dropBudget(patient, { controlId, name, agent: name });
  }
}
