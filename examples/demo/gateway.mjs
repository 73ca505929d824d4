// npm run demo:gateway: a customer with a small budget behind the gateway, asked for with curl and with the official
// clients of Ollama, OpenAI and Anthropic, streamed, until the money is gone; then the 402 in three dialects, and the bill.
//
// Everything it shows is checked, and it exits with 0 only if all of it really happened. The model servers are stand-ins of
// this repository, which answer and count by the request: no key of yours is used, and nothing is spent.
import { connectCallers } from './gateway-callers.mjs';
import { startGatewaySetup } from './gateway-setup.mjs';
import { bold, budget, green, line, red, step, table } from './screen.mjs';

const BUDGET_USD = '0.05';
const EMAIL = 'ada@example.org';
const ROUNDS_MAX = 10;
/** What is declared below, in nano-dollars for a request or for a token. */
const COSTS = {
  'llama3.2': () => 3_000_000,
  'gpt-4o': ({ input, output }) => 2_500 * input + 10_000 * output,
  'claude-haiku-4-5': ({ input, output }) => 1_000 * input + 5_000 * output,
};
const failures = [];
const bill = { calls: 0, nanoUsd: 0 };
const usd = (nanoUsd) => `$${(nanoUsd / 1e9).toFixed(6)}`;

function check(condition, what) {
  if (condition) return;
  failures.push(what);
  line(red(`  this did not happen: ${what}`));
}

const setup = await startGatewaySetup();

async function openShop() {
  step('1  A gateway in front of three model servers, a customer, a key, prices');
  line(`  gateway at ${setup.gatewayUrl}, in front of Ollama, OpenAI and Anthropic (stand-ins)`);
  await setup.show('prices', 'set', 'llama3.2', '0.002', '0.001');
  await setup.show('prices', 'set', 'gpt-4o', '--provider', 'OPENAI', '--input', '2.5', '--output', '10');
  await setup.show('prices', 'set', 'claude-haiku-4-5', '--provider', 'ANTHROPIC', '--input', '1', '--output', '5');
  await setup.show('customers', 'create', "Ada's laboratory", EMAIL, '--budget', BUDGET_USD);
  const { key, id } = await setup.json('keys', 'create', EMAIL, '--label', 'notebook');
  check(/^sk_[0-9A-Za-z]{43}$/.test(key), 'the key is shown, once');
  line(`  $ fusewire keys create ${EMAIL} --label notebook\n  ${key.slice(0, 6)}…  (${id})`);
  return { key, id };
}

/** Calls in turns until one is refused; returns how that one went. */
async function spend(callers) {
  step('3  Streamed answers until the money is gone');
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    for (const caller of callers) {
      const outcome = await caller.call();
      if (outcome.refusal !== undefined) return { caller, outcome };
      bill.calls += 1;
      bill.nanoUsd += COSTS[caller.model](outcome);
      check(outcome.text.length > 0 && outcome.chunks > 1, `${caller.name} got a streamed answer`);
      check(outcome.headers['fusewire-transaction-id'] !== undefined, `${caller.name} is told the id of its event`);
      check(outcome.headers['fusewire-budget-limit'] === BUDGET_USD, `${caller.name} is told the budget`);
      const warning = outcome.headers['fusewire-budget-warning'] === undefined ? '' : '  (warned)';
      budget(bill.nanoUsd / 1e9, Number(BUDGET_USD), `${caller.name}: ${outcome.chunks} chunks${warning}`);
    }
  }
  return undefined;
}

async function showRefusals(callers) {
  step('4  The 402, in the dialect of each caller');
  const before = await setup.requests();
  const rows = [['caller', 'status', 'code', 'what the program sees']];
  for (const { name, call } of callers) {
    const { refusal } = await call();
    check(refusal?.status === 402, `${name} is refused with 402`);
    check(refusal?.code === 'BUDGET_EXCEEDED', `${name} is told the code`);
    check(refusal?.shown.includes('0.05'), `${name} is told the arithmetic`);
    rows.push([name, refusal?.status, refusal?.code, refusal?.kind]);
    if (name === 'curl') line(`  ${refusal?.shown}\n`);
  }
  table(rows);
  const after = await setup.requests();
  check(before === after, 'a refused call reaches no model server');
  line(`  the model servers saw ${before} requests before and ${after} after ${callers.length} refusals`);
}

async function showUntouched([curl]) {
  step('2  What a caller gets is what the server said');
  const { direct, through, outcome } = await curl.compare();
  bill.calls += 1;
  bill.nanoUsd += COSTS[curl.model](outcome);
  check(direct.length > 0 && direct === through, 'the bytes with and without the gateway are the same');
  line(`  ${direct.length} characters of NDJSON, the same with and without the gateway`);
}

async function showBill() {
  step('5  The bill');
  await setup.until(async () => (await report()).totals.requests >= bill.calls, 'the last call in the ledger');
  await setup.show('usage', 'report', EMAIL, '--by', 'model,key');
  const { totals } = await report();
  check(totals.requests === bill.calls, `${bill.calls} answered calls are ${totals.requests} on the bill`);
  check(
    Math.round(Number(totals.costUsd) * 1e9) === bill.nanoUsd,
    `they cost ${usd(bill.nanoUsd)}, and the bill says $${totals.costUsd}`,
  );
  check(bill.nanoUsd <= Number(BUDGET_USD) * 1e9, 'no more was spent than the budget');
  await setup.show('budget', 'check', EMAIL);
  line(`  ${bill.calls} calls, ${usd(bill.nanoUsd)}: to the nano-dollar what they cost`);
}

const report = () => setup.json('usage', 'report', EMAIL, '--by', '');

async function showDoors(callers, { id }) {
  step('6  What the gateway does not do');
  const admin = await fetch(`${setup.gatewayUrl}/v2/api/customers`, { headers: { 'x-api-key': 'rev_mk_any' } });
  check(admin.status === 404, 'the API of operators is not there on its port');
  line(`  GET /v2/api/customers on its port: ${admin.status}`);
  await setup.show('customers', 'update', EMAIL, '--budget', '1');
  const [curl] = callers;
  const raised = await curl.call();
  check(raised.refusal === undefined, 'with a larger budget the next call passes');
  await setup.show('keys', 'revoke', id);
  const started = Date.now();
  await setup.until(async () => (await curl.call()).refusal?.status === 401, 'a revoked key to stop');
  check(Date.now() - started < 1_000, 'a revoked key stops within a second');
  line(`  a call with the revoked key: 401`);
}

try {
  const key = await openShop();
  const callers = connectCallers({ ...setup, key: key.key });
  await showUntouched(callers);
  const last = await spend(callers);
  if (last === undefined) check(false, 'the budget ends the calls');
  else {
    line(`  ${red('refused')}: ${last.caller.name}, before anything was sent`);
    await showRefusals(callers);
    await showBill();
    await showDoors(callers, key);
  }
} catch (error) {
  failures.push(String(error));
  line(red(`  ${error.stack}`));
} finally {
  await setup.stop();
}
line(failures.length === 0 ? `\n${bold(green('All of it really happened.'))}` : `\n${red(failures.join('\n'))}`);
process.exitCode = failures.length === 0 ? 0 : 1;
