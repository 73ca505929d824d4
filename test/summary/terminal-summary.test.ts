import { describe, expect, it } from 'vitest';
import type { Attempt } from '../../src/metering/attempt.js';
import { humanSummary, jsonSummary } from '../../src/summary/summary-text.js';
import { TerminalSummary, type TerminalSummaryOptions } from '../../src/summary/terminal-summary.js';
import type { UsageEvent } from '../../src/wire/usage-event.js';
import { createRecordingPath } from '../helpers/recording-path.js';

const EVENT = {
  transactionId: 't-1',
  model: 'gpt-4o-mini',
  provider: 'OPENAI',
  requestDuration: 1180,
  inputTokenCount: 1412,
  outputTokenCount: 96,
  totalTokenCount: 1508,
  traceId: 'conv-71',
} as UsageEvent;

function printing(given: Partial<TerminalSummaryOptions> = {}) {
  const printed: string[] = [];
  const world = createRecordingPath();
  const asked: string[] = [];
  const summary = new TerminalSummary({
    runtime: world.runtime,
    form: 'json',
    print: (text) => void printed.push(text),
    teamId: () => 'team',
    lookUpCost: async (event) => {
      asked.push(event.transactionId);
      return undefined;
    },
    ...given,
  });
  const meter = (event = EVENT) => summary.began({} as Attempt)?.metered(event, 'completed');
  return { summary, meter, printed, asked, world };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('the terminal summary', () => {
  it('prints one line of JSON with the cost', async () => {
    const { meter, printed } = printing({ lookUpCost: async () => 0.00123456 });
    meter();
    await turn();
    expect(printed).toEqual([
      '{"model":"gpt-4o-mini","provider":"OPENAI","durationSeconds":1.18,"inputTokenCount":1412,"outputTokenCount":96,"totalTokenCount":1508,"cost":0.00123456,"traceId":"conv-71"}\n',
    ]);
  });

  it('asks three times, two seconds apart, and then says that the cost is pending', async () => {
    const { meter, printed, asked, world } = printing();
    meter();
    await turn();
    world.advance(1_999);
    await turn();
    expect(asked).toHaveLength(1);
    for (let left = 2; left > 0; left -= 1) {
      world.advance(2_000);
      await turn();
    }
    expect(asked).toHaveLength(3);
    expect(JSON.parse(printed[0]!)).toMatchObject({ cost: null, costStatus: 'pending' });
    expect(world.timers()).toBe(0);
  });

  it('takes a cost that comes with the second answer', async () => {
    let answers = 0;
    const { meter, printed, world } = printing({
      lookUpCost: async () => {
        answers += 1;
        return answers === 2 ? 0.5 : Promise.reject(new Error('not there yet'));
      },
    });
    meter();
    await turn();
    world.advance(2_000);
    await turn();
    expect(JSON.parse(printed[0]!)).toMatchObject({ cost: 0.5 });
    expect(printed).toHaveLength(1);
  });

  it('asks nobody without a team id', async () => {
    const { meter, printed, asked } = printing({ teamId: () => undefined });
    meter();
    expect(JSON.parse(printed[0]!)).toMatchObject({ cost: null, costStatus: 'unavailable' });
    expect(asked).toEqual([]);
  });

  it('prints what waits when the process ends, once', async () => {
    const { summary, meter, printed, world } = printing();
    meter();
    await turn();
    summary.flush();
    summary.flush();
    world.advance(10_000);
    await turn();
    expect(printed).toHaveLength(1);
  });

  it('I10: does not wait for more than 16 costs at a time', async () => {
    const { meter, printed } = printing();
    for (let index = 0; index < 40; index += 1) meter({ ...EVENT, transactionId: `t-${index}` });
    await turn();
    expect(printed).toHaveLength(24);
  });

  it('I2: a terminal that cannot be written to harms nobody', () => {
    const { meter } = printing({
      teamId: () => undefined,
      print: () => {
        throw new Error('EPIPE');
      },
    });
    expect(() => meter()).not.toThrow();
  });

  it('reads well for a person', () => {
    const text = humanSummary({
      model: 'gpt-4o\u001b[31m',
      provider: 'OPENAI',
      durationSeconds: 1.176,
      inputTokenCount: 1_234_567,
      outputTokenCount: null,
      totalTokenCount: 12,
      cost: 0.001234,
      traceId: 'conv-71',
    });
    expect(text.split('\n')).toEqual([
      '',
      '='.repeat(60),
      'REVENIUM USAGE SUMMARY',
      '='.repeat(60),
      'Model: gpt-4o [31m',
      'Provider: OPENAI',
      'Duration: 1.18s',
      '',
      'Token Usage:',
      '  Input:  1,234,567',
      '  Output: 0',
      '  Total:  12',
      '',
      'Cost: $0.001234',
      'Trace ID: conv-71',
      '='.repeat(60),
      '',
      '',
    ]);
  });

  it.each([
    ['pending', 'Cost: (pending aggregation)'],
    ['unavailable', 'Cost: (set REVENIUM_TEAM_ID to see it)'],
  ] as const)('says why there is no cost: %s', (costStatus, line) => {
    const counts = { inputTokenCount: null, outputTokenCount: null, totalTokenCount: null };
    const summary = { model: 'm', provider: 'P', durationSeconds: 0, ...counts, cost: null, costStatus };
    expect(humanSummary(summary)).toContain(line);
    expect(JSON.parse(jsonSummary(summary))).toEqual(summary);
  });
});
