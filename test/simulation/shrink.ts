/** A world that went wrong, with as little in it as it needs to go wrong, in words. */
import type { Scenario } from './scenario.js';
import { type Outcome, type Stage, simulate } from './simulation.js';

const RUNS_MAX = 120;
const TRACE_LINES = 60;

/** Leaves out acts as long as anything still goes wrong, and says what is left. */
export async function shrink(stage: Stage, scenario: Scenario, failed: Outcome): Promise<string> {
  let left = scenario;
  let outcome = failed;
  let runs = 0;
  for (let size = Math.ceil(left.acts.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < left.acts.length && runs < RUNS_MAX; ) {
      const acts = [...left.acts.slice(0, from), ...left.acts.slice(from + size)];
      const fewer = { ...left, acts };
      const tried = await simulate(stage, fewer);
      runs += 1;
      if (tried.problems.length > 0) {
        left = fewer;
        outcome = tried;
      } else from += size;
    }
  }
  return describe(left, outcome);
}

function describe(scenario: Scenario, { problems, trace }: Outcome): string {
  const { acts, seed, ...rest } = scenario;
  return [
    `seed ${seed} goes wrong. Again: SIMULATION_SEED=${seed} npx vitest run test/simulation`,
    ...problems.slice(0, 5),
    `the shortest way there, ${acts.length} acts, in ${JSON.stringify(rest)}:`,
    ...acts.map(({ atMs, act }) => `  ${atMs} ms: ${JSON.stringify(act)}`),
    `the end of what happened (seconds):`,
    ...trace.slice(-TRACE_LINES).map((line) => `  ${line.slice(0, 300)}`),
  ].join('\n');
}
