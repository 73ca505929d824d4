// `npm run soak:gateway -- [--minutes 10] [--rate 120] [--seed 1]`: calls of all kinds through a real gateway, among them
// callers that leave, read or write slowly, upstreams that fail in every way that is known, and calls that are refused.
// Between rounds everything comes to rest, and memory is measured. At the end each event is compared with what its call had
// to cost, and the sums with reports and budgets. Ends with 1 where memory grew, something leaked or a nano-dollar is off.
import { Agent } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Chance, createChance } from '../test/simulation/chance.js';
import { makeCall } from './soak/caller.js';
import { type PlannedCall, planCall } from './soak/calls.js';
import { judgeMemory } from './soak/flatness.js';
import type { Memory } from './soak/gateway-child.js';
import { Oracle } from './soak/oracle.js';
import { openWhole, type Payer, type SoakWhole } from './soak/whole.js';

const USAGE = 'npm run soak:gateway -- [--minutes 10] [--rate 120] [--seed 1]\n';
const LANES = 24;
const CUSTOMERS = 4;
const ROUNDS = 12;
/** Rounds in which code is compiled, caches fill and pools open. */
const WARM_UP_ROUNDS = 3;
/** Longer than the gateway keeps idle connections to upstreams. */
const REST_MS = 6_000;
const SETTLE_MS = 30_000;
const MIB = 2 ** 20;

interface Paying {
  readonly payer: Payer;
  readonly oracle: Oracle;
}

function readArguments(): { readonly minutes: number; readonly rate: number; readonly seed: number } {
  const option = (otherwise: string) => ({ type: 'string', default: otherwise }) as const;
  const { values } = parseArgs({ options: { minutes: option('10'), rate: option('120'), seed: option('1') } });
  const [minutes, rate, seed] = [Number(values.minutes), Number(values.rate), Number(values.seed)];
  if (!(minutes > 0) || !(rate > 0) || !Number.isSafeInteger(seed)) {
    process.stderr.write(USAGE);
    process.exit(2);
  }
  return { minutes, rate, seed };
}

const problems: string[] = [];
const say = (text: string) => void process.stdout.write(`${text}\n`);

/** One lane: a call after another until the time is over, at its share of the rate. */
async function runLane(whole: SoakWhole, customers: readonly Paying[], chance: Chance, rate: number, untilMs: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const gapMs = (LANES / rate) * 1_000;
  while (performance.now() < untilMs) {
    const begun = performance.now();
    const { payer, oracle } = chance.pick(customers);
    if (chance.is(0.05)) await knockInVain(whole, payer, chance, agent);
    else {
      const call = planCall(chance);
      oracle.made(call, await makeCall(whole.gatewayUrl, payer.key, call, agent));
    }
    await pause(Math.max(0, gapMs - (performance.now() - begun)));
  }
  agent.destroy();
}

/** Requests that are no calls: nothing of them may reach the ledger. */
async function knockInVain(whole: SoakWhole, payer: Payer, chance: Chance, agent: Agent): Promise<void> {
  const [key, path, body] = chance.pick([
    [`sk_${'x'.repeat(43)}`, '/api/chat', { model: 'llama3.2' }],
    ['nonsense', '/v1/messages', {}],
    [payer.key, '/v2/api/customers', {}],
    [payer.key, '/v1/files', {}],
    [payer.key, '/v1/chat/completions', { nothing: 'known' }],
  ] as const);
  const outcome = await makeCall(whole.gatewayUrl, key, { path, body, manner: 'reads' }, agent);
  const { status = 0, refused } = outcome;
  if (status < 400 || refused === undefined)
    problems.push(`${path}: answered ${status} ${refused}, and was to be refused`);
}

/** Waits until nothing is under way and every connection has had its time. */
async function comeToRest(whole: SoakWhole): Promise<void> {
  const untilMs = performance.now() + SETTLE_MS;
  const isBusy = async () =>
    (await whole.metric('fusewire_gateway_calls_under_way')) > 0 || whole.standIn.openConnections() > 0;
  await pause(REST_MS);
  while ((await isBusy()) && performance.now() < untilMs) await pause(200);
  const calls = await whole.metric('fusewire_gateway_calls_under_way');
  const connections = whole.standIn.openConnections();
  if (calls !== 0) problems.push(`${calls} calls are under way although nobody calls`);
  if (connections !== 0) problems.push(`${connections} connections to upstreams stay open although nobody calls`);
  whole.standIn.seen.length = 0;
}

function show(round: number, calls: number, memory: Memory): void {
  const { heapBytes, externalBytes, rssBytes, sockets, timers } = memory;
  const size = (bytes: number) => `${(bytes / MIB).toFixed(1)} MiB`;
  const sizes = `heap ${size(heapBytes)}, external ${size(externalBytes)}, RSS ${size(rssBytes)}`;
  say(`round ${round} of ${ROUNDS}: ${calls} calls; ${sizes}, ${sockets} sockets, ${timers} timers`);
}

/** What is set aside is for calls under way: a call alone finds nothing but its own. */
async function checkHolds(whole: SoakWhole, { payer, oracle }: Paying): Promise<void> {
  const body = { model: 'llama3.2', prompt: 'say:1', stream: false };
  const call: PlannedCall = {
    name: 'the last call',
    path: '/api/generate',
    body,
    manner: 'reads',
    status: 200,
    expected: { exact: 3_000_000n },
  };
  const headers = { authorization: `Bearer ${payer.key}` };
  const init = { method: 'POST', headers, body: JSON.stringify(body) };
  const answer = await fetch(`${whole.gatewayUrl}${call.path}`, init);
  await answer.text();
  const transactionId = answer.headers.get('fusewire-transaction-id') ?? '';
  oracle.made(call, { status: answer.status, transactionId, isComplete: true });
  const held = answer.headers.get('fusewire-budget-held');
  if (held !== '0.003') problems.push(`${held} dollars are held for a call of 0.003 that is alone`);
}

async function checkMoney(whole: SoakWhole, { payer, oracle }: Paying): Promise<bigint> {
  const sum = oracle.compare(await whole.events(payer));
  const { report, budget } = await whole.spent(payer);
  if (report !== sum) problems.push(`the report of ${payer.id} says ${report}, its events are ${sum}`);
  if (budget !== sum) problems.push(`the budget of ${payer.id} says ${budget}, its events are ${sum}`);
  problems.push(...oracle.problems);
  return sum;
}

/** The last event is in the ledger as soon as the books have nothing on the way. */
async function waitForLedger(whole: SoakWhole, customers: readonly Paying[]): Promise<void> {
  const untilMs = performance.now() + SETTLE_MS;
  let before = -1;
  while (performance.now() < untilMs) {
    const counts = await Promise.all(customers.map(async ({ payer }) => (await whole.events(payer)).length));
    const now = counts.reduce((sum, count) => sum + count, 0);
    if (now === before) return;
    before = now;
    await pause(1_000);
  }
}

async function soak(whole: SoakWhole): Promise<void> {
  const { minutes, rate, seed } = readArguments();
  const chance = createChance(seed, 'soak');
  const payers = await Promise.all(Array.from({ length: CUSTOMERS }, (_, at) => whole.payer(`payer${at}`, '100000')));
  const poor = { payer: await whole.payer('poor', '0.000001'), oracle: new Oracle() };
  const customers = payers.map((payer): Paying => ({ payer, oracle: new Oracle() }));
  const everybody = [...customers, poor];
  const samples: Memory[] = [];
  const roundMs = Math.max(2_000, (minutes * 60_000) / ROUNDS - REST_MS);
  for (let round = 1; round <= ROUNDS; round += 1) {
    const untilMs = performance.now() + roundMs;
    const lanes = Array.from({ length: LANES }, (_, lane) =>
      runLane(whole, customers, chance.branch(`${round}/${lane}`), rate, untilMs),
    );
    await Promise.all([...lanes, refuse(whole, poor, chance.branch(`${round}/poor`), untilMs)]);
    await comeToRest(whole);
    samples.push(await whole.memory());
    show(
      round,
      everybody.reduce((sum, { oracle }) => sum + oracle.calls, 0),
      samples.at(-1)!,
    );
  }
  await checkHolds(whole, customers[0]!);
  await waitForLedger(whole, everybody);
  for (const growth of judgeMemory(samples.slice(WARM_UP_ROUNDS))) {
    const { measure, first, last, growth: grown, bound, isFlat } = growth;
    if (!isFlat)
      problems.push(`${measure} grew by ${Math.round(grown)}, from ${first} to ${last}: over ${Math.round(bound)}`);
  }
  let total = 0n;
  for (const one of customers) total += await checkMoney(whole, one);
  if ((await checkMoney(whole, poor)) !== 0n) problems.push('a customer without money was charged');
  const endings = new Map<string, number>();
  for (const { oracle } of everybody)
    for (const [name, count] of oracle.endings()) endings.set(name, (endings.get(name) ?? 0) + count);
  say(
    [...endings]
      .sort()
      .map(([name, count]) => `${name}: ${count}`)
      .join(', '),
  );
  say(`${total} nano-dollars, each of them where it has to be`);
}

/** A customer whose money is gone asks all the time; nothing of it is sent, and nothing is metered. */
async function refuse(whole: SoakWhole, { payer, oracle }: Paying, chance: Chance, untilMs: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  while (performance.now() < untilMs) {
    const { status: _, ...call } = planCall(chance);
    const refused = { ...call, manner: 'reads' as const, status: 402 };
    oracle.made(refused, await makeCall(whole.gatewayUrl, payer.key, refused, agent));
    await pause(100);
  }
  agent.destroy();
}

const whole = await openWhole();
try {
  await soak(whole);
  const left = await whole.close();
  if (left !== 0) problems.push(`${left} entries are left in the outbox`);
} catch (error) {
  problems.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  whole.kill();
}
for (const problem of problems) say(`PROBLEM: ${problem}`);
say(problems.length === 0 ? 'memory flat, nothing leaked, every nano-dollar right' : `${problems.length} PROBLEMS`);
process.exit(problems.length === 0 ? 0 : 1);
