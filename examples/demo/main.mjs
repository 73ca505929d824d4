// npm run demo: a budget of a few cents, two official clients, the trip, the bypass, the reset.
//
// Everything it shows is checked, and it exits with 0 only if all of it really happened. The one trick: the service and
// the SDK share a clock that the demo moves to the next day, so that nobody has to wait for midnight.
import { BudgetExceededError } from 'fusewire';
import { createTestFusewire } from 'fusewire/testing';
import { startTemporaryService, until } from '../support/setup.mjs';
import { connectModels } from './models.mjs';
import { bold, budget, green, line, red, step, table } from './screen.mjs';

const DAY_MS = 24 * 60 * 60 * 1000;
const CALLS_MAX = 60;
const failures = [];
let clockOffsetMs = 0;
const now = () => Date.now() + clockOffsetMs;

function check(condition, what) {
  if (condition) return;
  failures.push(what);
  line(red(`  this did not happen: ${what}`));
}

const models = await connectModels();
const service = await startTemporaryService({ now });
const fusewire = createTestFusewire(
  { now },
  {
    apiKey: service.keys.metering,
    teamId: service.teamId,
    meteringBaseUrl: service.url,
    circuitBreakerEnabled: true,
    pollIntervalSeconds: 1,
    logLevel: 'ERROR',
  },
);
const openai = fusewire.guard(models.openai, { injectUsage: true, uniqueIds: true });
const ollama = fusewire.guard(models.ollama);
const question = [{ role: 'user', content: 'Why do budgets fail?' }];
const counts = { openai: { answered: 0, refused: 0 }, ollama: { answered: 0, refused: 0 } };

const calls = {
  async openai() {
    const chunks = await openai.chat.completions.create({
      model: models.openaiModel,
      messages: question,
      max_tokens: 200,
      stream: true,
      usageMetadata: { agent: 'demo', subscriber: { id: 'u-88' } },
    });
    for await (const _ of chunks);
  },
  ollama: () => ollama.chat({ model: models.ollamaModel, messages: question, usageMetadata: { agent: 'demo' } }),
};

/** Makes one call; returns the refusal, or `undefined` when it was answered. */
async function call(name) {
  try {
    await calls[name]();
    counts[name].answered += 1;
    return undefined;
  } catch (error) {
    if (!BudgetExceededError.is(error)) throw error;
    counts[name].refused += 1;
    return error;
  }
}

const metered = async () => await service.events();
const answered = () => counts.openai.answered + counts.ollama.answered;
const spent = (events) => events.reduce((sum, event) => sum + Number(event.totalCost ?? 0), 0);

async function setUp() {
  step('1  A service, a budget, two clients');
  for (const place of [`service at ${service.url}`, ...models.where]) line(`  ${place}`);
  await service.createControl({
    name: 'Demo cap',
    metricType: 'TOTAL_COST',
    hardLimit: models.limitUsd,
    warnThreshold: models.limitUsd * 0.8,
  });
  check(await fusewire.ready(), 'the rules are loaded');
}

/** Calls until one is refused; returns the refusal. */
async function spend() {
  step('2  Calls until the money is gone');
  let refusal;
  for (let turn = 0; refusal === undefined && turn < CALLS_MAX; turn += 1) {
    const name = turn % 3 === 2 ? 'ollama' : 'openai';
    refusal = await call(name);
    if (refusal !== undefined) break;
    check(await fusewire.flush(), 'the call is metered');
    const events = await metered();
    check(events.length === answered(), `${answered()} answered calls are ${events.length} events`);
    budget(spent(events), models.limitUsd, `${name} call ${turn + 1}`);
  }
  return refusal;
}

async function showTrip(refusal) {
  step('3  The trip: refused before it was sent');
  check(refusal instanceof BudgetExceededError, 'a call is refused with BudgetExceededError');
  table([
    ['field', 'value'],
    ['message', refusal.message],
    ['ruleName', refusal.ruleName],
    ['currentValue', refusal.currentValue],
    ['threshold', refusal.threshold],
    ['resetsAt', refusal.resetsAt],
  ]);
  const before = await models.requests?.();
  for (const name of ['openai', 'ollama']) check((await call(name)) !== undefined, `${name} is refused too`);
  const after = await models.requests?.();
  check(before === after, 'a refused call makes no request');
  if (before !== undefined)
    line(`  the model server saw ${before} requests before and ${after} after two more refusals`);
}

async function bypassAndReset() {
  step('4  The bypass: for incidents');
  fusewire.setBypass(true);
  check((await call('ollama')) === undefined, 'a call passes under the bypass');
  fusewire.setBypass(false);
  check((await call('ollama')) !== undefined, 'and is refused again without it');
  await fusewire.flush();
  const marked = (await metered()).filter((event) => event.attributes?.bypass === true);
  check(marked.length === 1, 'the call under the bypass is metered and marked');
  line('  one call passed under the bypass, is metered and marked; the next one was refused again');

  step('5  The reset: the clock moves to the next day');
  clockOffsetMs += DAY_MS;
  check((await call('openai')) === undefined, 'the verdict ends with its window: the call is let through');
  await fusewire.flush();
  await until(async () => (await metered()).length === answered(), 'the last call to be metered');
  line(`  ${green('let through')}, and metered in the new window`);
}

async function sumUp() {
  step('6  What was spent, and what was not');
  const events = await metered();
  check(events.length === answered(), 'every answered call is metered once');
  const row = (name, provider) => {
    const own = events.filter((event) => event.provider === provider);
    const tokens = own.reduce((sum, event) => sum + event.totalTokenCount, 0);
    return [name, counts[name].answered, own.length, counts[name].refused, tokens, `$${spent(own).toFixed(4)}`];
  };
  table([
    ['client', 'answered', 'metered', 'refused', 'tokens', 'spent'],
    row('openai', 'OPENAI'),
    row('ollama', 'OLLAMA'),
  ]);
}

try {
  await setUp();
  const refusal = await spend();
  if (refusal === undefined) check(false, 'the budget trips');
  else {
    await showTrip(refusal);
    await bypassAndReset();
    await sumUp();
  }
} catch (error) {
  failures.push(String(error));
  line(red(`  ${error.stack}`));
} finally {
  await fusewire.close();
  await service.stopAndForget();
  await models.stop();
}
line(failures.length === 0 ? `\n${bold(green('All of it really happened.'))}` : `\n${red(failures.join('\n'))}`);
process.exitCode = failures.length === 0 ? 0 : 1;
