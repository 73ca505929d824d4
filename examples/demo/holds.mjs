// npm run demo:holds: a hard budget for six calls, and 64 callers in two processes at once. Exactly six pass. A raise is
// felt at once; a process that is killed under its call is charged for what it held, until somebody releases it.
//
// Everything it shows is checked, and it exits with 0 only if all of it really happened. The one trick: the service has a
// clock that the demo moves by five minutes, so that nobody has to wait until the hold of a killed process expires.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { startTemporaryService, until } from '../support/setup.mjs';
import { bold, green, line, red, step, table } from './screen.mjs';

const CALLER = fileURLToPath(new URL('./holds-caller.mjs', import.meta.url));
const MODEL = 'demo-model';
const OUTPUT_TOKENS = 100;
/** A dollar for a hundred tokens of output; what is asked costs nothing. */
const PRICE_USD = 1;
const CALLS = 6;
/** What changes is heard at once, and not with the next poll, a minute later. */
const FELT_MS = 5_000;
const failures = [];
let aheadMs = 0;
let reached = 0;

function check(condition, what) {
  if (condition) return;
  failures.push(what);
  line(red(`  this did not happen: ${what}`));
}

/** Answers after a moment with as many tokens as may be; not at all, where it is asked to hang. */
const provider = createServer(async (request, response) => {
  let text = '';
  for await (const part of request) text += part;
  reached += 1;
  if (text.includes('hang')) return;
  const { model, max_tokens: tokens } = JSON.parse(text);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const message = { role: 'assistant', content: 'done', refusal: null };
  const usage = { prompt_tokens: 1, completion_tokens: tokens, total_tokens: tokens + 1 };
  const choices = [{ index: 0, message, logprobs: null, finish_reason: 'stop' }];
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ id: `demo-${reached}`, object: 'chat.completion', created: 1, model, choices, usage }));
}).listen(0, '127.0.0.1');
await once(provider, 'listening');
const service = await startTemporaryService({ now: () => Date.now() + aheadMs });
const programs = [];

async function startProgram() {
  const told = {
    serviceUrl: service.url,
    teamId: service.teamId,
    key: service.keys.metering,
    providerUrl: `http://127.0.0.1:${provider.address().port}`,
    ...{ model: MODEL, outputTokens: OUTPUT_TOKENS },
  };
  const child = fork(CALLER, [JSON.stringify(told)]);
  programs.push(child);
  const [said] = await once(child, 'message');
  check(said.ready, 'a program has its rules');
  return child;
}

async function ask(child, calls, content = 'hi') {
  child.send({ calls, content });
  const [said] = await once(child, 'message');
  check(said.unheld === 0, 'no call passed without a hold');
  return said;
}

const holds = async (query = '') => {
  const answer = await service.api('GET', `/holds?teamId=${service.teamId}${query}`);
  return Object.values(answer._embedded ?? {})[0] ?? [];
};
const spentUsd = async () => (await service.events()).reduce((sum, { totalCost }) => sum + Number(totalCost ?? 0), 0);
const chargedUsd = (hold) => Number(hold?.parts[0].charged ?? 0) / 1e9;

async function setUp() {
  step(`1  A hard budget for ${CALLS} calls of a dollar each`);
  const outputPerMillion = String((PRICE_USD / OUTPUT_TOKENS) * 1_000_000);
  await service.api('POST', '/fusewire/prices', {
    model: MODEL,
    kind: 'rates',
    inputPerMillion: '0',
    outputPerMillion,
  });
  const hard = { enforcement: 'HARD', onUnknownPrice: 'refuse' };
  const fields = { name: 'Demo cap', metricType: 'TOTAL_COST', hardLimit: CALLS * PRICE_USD, windowType: 'LIFETIME' };
  return await service.createControl({ ...fields, ...hard });
}

async function crowd(one, other) {
  step('2  64 callers at once, in two processes');
  const [first, second] = await Promise.all([ask(one, 32), ask(other, 32)]);
  const answered = first.answered + second.answered;
  table([
    ['process', 'answered', 'refused'],
    ['one', first.answered, first.refusals.length],
    ['other', second.answered, second.refusals.length],
  ]);
  check(answered === CALLS, `exactly ${CALLS} of 64 calls are answered, and not ${answered}`);
  check(reached === CALLS, `the model server saw ${CALLS} requests, and not ${reached}`);
  const spent = await spentUsd();
  check(spent === CALLS * PRICE_USD, `$${CALLS} are spent, and not $${spent}`);
  const [{ message, budget } = {}] = [...first.refusals, ...second.refusals];
  check(budget?.limit === String(CALLS), 'a refusal carries the arithmetic');
  line(`  ${message}`);
}

/** One call passes as soon as the program heard the news, which it waits for at its service. */
async function passesSoon(child) {
  const startedAt = performance.now();
  await until(async () => (await ask(child, 1)).answered === 1, 'a call to pass', FELT_MS);
  return Math.round(performance.now() - startedAt);
}

async function raise(one, control) {
  step('3  A raise by two dollars is felt at once');
  await service.api('POST', `/ai/cost-controls/${control.id}/raises?teamId=${service.teamId}`, {
    ...{ amount: '2', reason: 'launch day' },
    until: new Date(Date.now() + aheadMs + 3_600_000).toISOString(),
  });
  const tookMs = await passesSoon(one);
  line(`  ${green('let through')} after ${tookMs} ms: one call; one dollar is left`);
}

async function kill(control) {
  step('4  A process is killed while its call is under way');
  const before = reached;
  const doomed = await startProgram();
  doomed.send({ calls: 1, content: 'hang' });
  await until(() => reached === before + 1, 'the call of the third process to arrive');
  doomed.kill('SIGKILL');
  await once(doomed, 'exit');
  const [held] = await holds('&state=open');
  check(held !== undefined, 'what it held is still set aside');
  aheadMs += 300_000;
  let hold;
  const charged = async () => {
    hold = (await holds(`&state=expired&controlId=${control.id}`)).find(({ id }) => id === held?.id);
    return chargedUsd(hold) > 0;
  };
  await until(charged, 'what it held to be charged');
  check(chargedUsd(hold) === PRICE_USD, `$${PRICE_USD} is charged, and not $${chargedUsd(hold)}`);
  line(`  ${hold?.owner} held $${PRICE_USD}, and is charged for it: nobody can say that it was not spent`);
  return hold;
}

async function release(one, hold) {
  step('5  The charge is released');
  const { answered } = await ask(one, 1);
  check(answered === 0, 'while it is charged, nothing is left');
  const { outcome } = await service.api('DELETE', `/holds/${hold.id}?teamId=${service.teamId}`);
  check(outcome === 'taken-back', 'the charge is taken back');
  const tookMs = await passesSoon(one);
  check((await ask(one, 1)).answered === 0, 'one call fits again, and a second one does not');
  line(`  refused before, ${green('let through')} ${tookMs} ms after; and the budget is used up to the cent`);
}

try {
  const control = await setUp();
  const [one, other] = await Promise.all([startProgram(), startProgram()]);
  await crowd(one, other);
  await raise(one, control);
  const hold = await kill(control);
  await release(one, hold);
  const spent = await spentUsd();
  check(spent === (CALLS + 2) * PRICE_USD, `$8 are spent in the end, and not $${spent}`);
  check(
    (await holds('&state=open')).every(({ parts }) => parts[0].left === '0'),
    'nothing is held in the end',
  );
} catch (error) {
  failures.push(String(error));
  line(red(`  ${error.stack}`));
} finally {
  for (const child of programs) if (child.connected) child.disconnect();
  provider.closeAllConnections();
  provider.close();
  await service.stopAndForget();
}
line(failures.length === 0 ? `\n${bold(green('All of it really happened.'))}` : `\n${red(failures.join('\n'))}`);
process.exitCode = failures.length === 0 ? 0 : 1;
