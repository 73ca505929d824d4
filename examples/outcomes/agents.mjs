// What the three examples of outcomes share: a fleet of agents that call a model and tools, and come to something.
// Failure rate and mix of outcomes are options of the command line, so that a dashboard can be fed with any story.
import { parseArgs } from 'node:util';
import { AgenticOutcomeClient } from 'fusewire/outcomes';
import OpenAI from 'openai';
import { startSetup } from '../support/setup.mjs';

const HELP = `options:
  --jobs N               how many jobs run (default 6)
  --failure-rate P       probability, 0 to 1, that a job fails (default 0.2)
  --mix A=W,B=W          weights of the outcomes of jobs that succeed
  --seed N               the same seed tells the same story (default 7)`;

function readOptions(defaultMix) {
  const { values } = parseArgs({
    options: {
      jobs: { type: 'string', default: '6' },
      'failure-rate': { type: 'string', default: '0.2' },
      mix: { type: 'string', default: defaultMix },
      seed: { type: 'string', default: '7' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    process.exit(0);
  }
  const jobs = Number(values.jobs);
  const failureRate = Number(values['failure-rate']);
  const mix = values.mix.split(',').map((part) => {
    const [name, weight] = part.split('=');
    return { name, weight: Number(weight) };
  });
  const problems = [
    Number.isInteger(jobs) && jobs > 0 ? '' : '--jobs must be a whole number above 0',
    failureRate >= 0 && failureRate <= 1 ? '' : '--failure-rate must be from 0 to 1',
    mix.every(({ name, weight }) => /^[A-Z]+$/.test(name) && weight >= 0) && mix.some(({ weight }) => weight > 0)
      ? ''
      : '--mix must look like CONVERTED=6,UNSUCCESSFUL=4',
  ].filter(Boolean);
  if (problems.length > 0) {
    console.error(`${problems.join('\n')}\n${HELP}`);
    process.exit(2);
  }
  return { jobs, failureRate, mix, random: randomOf(Number(values.seed) || 1) };
}

/** Numbers in [0, 1), the same for the same seed. */
function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    return ((state ^ (state >>> 13)) >>> 0) / 2 ** 32;
  };
}

function pick(mix, random) {
  const total = mix.reduce((sum, { weight }) => sum + weight, 0);
  let at = random() * total;
  for (const { name, weight } of mix) {
    at -= weight;
    if (at < 0) return name;
  }
  return mix.at(-1).name;
}

/** Runs a fleet and prints what it cost beside what it was worth. */
export async function runFleet({ type, agent, steps, defaultMix, worthOf, qualityKey }) {
  const options = readOptions(defaultMix);
  const setup = await startSetup();
  const client = new AgenticOutcomeClient({ apiKey: setup.service.keys.write });
  const openai = client.fusewire.guard(new OpenAI());
  await client.fusewire.ready();

  for (let number = 1; number <= options.jobs; number += 1) {
    const id = `${type}-${number}`;
    const job = {
      id,
      type,
      name: `${agent} run ${number}`,
      outcome: ({ outcomeType, value, quality }) => ({
        executionStatus: 'SUCCESS',
        outcomeType,
        reportedBy: agent,
        ...(value === 0 ? {} : { outcomeValue: value, outcomeCurrency: 'USD' }),
        metrics: [{ key: qualityKey, value: quality, provenance: 'SELF_REPORTED' }],
      }),
      failure: (error) => ({ executionStatus: 'FAILED', outcomeType: 'UNSUCCESSFUL', outcomeReason: String(error) }),
    };
    const run = async () => {
      for (const step of steps) {
        await openai.chat.completions.create({
          model: 'gpt-4o-mini',
          messages: [{ role: 'user', content: step.prompt }],
          usageMetadata: { agent, taskType: step.tool },
        });
        const fails = options.random() < options.failureRate / steps.length;
        client.emitToolEvent({
          toolId: step.tool,
          durationMs: 20 + Math.round(options.random() * 80),
          success: !fails,
          ...(fails ? { errorMessage: `${step.tool} gave up` } : {}),
          agent,
        });
        if (fails) throw new Error(`${step.tool} gave up`);
      }
      const outcomeType = pick(options.mix, options.random);
      return { outcomeType, value: worthOf(outcomeType, options.random), quality: Number(options.random().toFixed(2)) };
    };
    await client.runJob(job, run).then(
      ({ outcomeType, value }) => console.log(`${id}: ${outcomeType}${value === 0 ? '' : ` $${value}`}`),
      (error) => console.log(`${id}: FAILED (${error.message})`),
    );
  }

  await client.fusewire.flush();
  const { jobs } = await client.listJobs({ type, size: options.jobs });
  let cost = 0;
  let worth = 0;
  for (const { agenticJobId } of jobs) {
    const { totalCost, outcomeValue } = await client.jobRoi(agenticJobId);
    cost += totalCost ?? 0;
    worth += outcomeValue ?? 0;
  }
  const funnel = await client.conversionFunnel({ jobType: type });
  console.log(`jobs ${funnel.totalJobs}, succeeded ${funnel.successfulJobs}, converted ${funnel.convertedJobs}`);
  console.log(`cost $${cost.toFixed(4)}, worth $${worth.toFixed(2)}`);
  await client.close();
  await setup.stop();
}
