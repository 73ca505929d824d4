/** One table of 200 cases, told the same by the API of holds, the SDK, the gateway and explain, and by a naive oracle. */
import { randomUUID } from 'node:crypto';
import type { Agent } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BudgetExceededError } from '../../enforcement/budget-exceeded-error.js';
import type { CostControl, CostControlInput } from '../../service/store/store.js';
import { createFusewire } from '../../src/instance.js';
import { ask, openAgent, refusalOf } from '../service/gateway/money/money-support.js';
import { openWhole, type Payer, type Whole } from '../service/gateway/whole/whole.js';
import { event } from '../service/store-support.js';
import {
  ASSUMED_FEE,
  HELD_INPUT,
  PAST_EVENT,
  TABLE_FEES,
  type TableCase,
  TWO_HUNDRED_CASES,
} from './two-hundred-cases.js';
import { isConcerned, knownModel, refusing, shown, type Told, toldBy } from './two-hundred-oracle.js';

interface Laid {
  readonly one: TableCase;
  readonly payer: Payer;
  readonly agent: string;
  readonly body: string;
  readonly told: readonly Told[];
  readonly controls: CostControl[];
  readonly refusing: number | undefined;
}

/** What a channel said, in the units of people. */
interface Said {
  readonly outcome: 'allow' | 'refuse';
  readonly ruleId?: unknown;
  readonly code?: unknown;
  readonly figures?: Readonly<Record<string, unknown>>;
}

let whole: Whole;
let agent: Agent;
let laid: readonly Laid[];

beforeAll(async () => {
  whole = await openWhole();
  agent = openAgent();
  for (const [model, fee] of Object.entries(TABLE_FEES)) {
    if (fee !== null) await whole.price({ model, provider: 'OPENAI', perRequest: shown('TOTAL_COST', fee) });
  }
  laid = await inTurn(TWO_HUNDRED_CASES, lay);
}, 120_000);
afterAll(async () => {
  agent.destroy();
  await whole.close();
});

describe('two hundred cases', () => {
  it('are of all kinds', () => {
    const refused = laid.filter((one) => one.refusing !== undefined);
    expect(refused.length).toBeGreaterThan(60);
    expect(laid.length - refused.length).toBeGreaterThan(40);
    const says = new Set(refused.map((one) => one.told[one.refusing!]!.says));
    expect(says).toEqual(new Set(['reached', 'short', 'unknown-price']));
  });

  it('are told the same by explain, which holds nothing', async () => {
    await compare(async (one) => {
      const explained = await explain(one);
      const { outcome, ruleId } = explained.verdict;
      checkControls(one, explained.controls);
      if (outcome === 'allow') return { outcome };
      const found = explained.controls.find((control: { ruleId: number }) => control.ruleId === ruleId);
      return { outcome, ruleId, code: found.code, figures: found };
    });
  }, 60_000);

  it('are told the same by the API of holds', async () => {
    await compare(async (one) => {
      const id = randomUUID();
      const got = await take(one, id, one.one.model, inputTokensOf(one), one.one.outputTokens);
      if (got.status === 402) {
        const { details } = got.json;
        const metric = details.metric;
        const figures = Object.fromEntries(
          AMOUNTS.map((name) => [name, shown(metric, BigInt(details[name]))] as const),
        );
        return { outcome: 'refuse', ruleId: details.rule.rule_id, code: details.refusal.code, figures };
      }
      expect(got.status).toBe(200);
      if (got.json.outcome === 'held') await whole.made(`/v2/api/holds/${id}/give-back`, { sequence: 1, keep: {} });
      return { outcome: 'allow' };
    });
  }, 60_000);

  it('are told the same by the SDK', async () => {
    const { service, teamId } = whole;
    const fusewire = createFusewire({
      ...{ apiKey: service.keys.metering, teamId, meteringBaseUrl: service.url },
      ...{ circuitBreakerEnabled: true, failMode: 'closed', logLevel: 'CRITICAL' },
    });
    try {
      await fusewire.ready();
      await compare(async (one) => {
        const { outputTokens: maxOutputTokens, model } = one.one;
        const metadata = { subscriber: { id: one.payer.id, email: one.payer.email }, agent: one.agent };
        const call = { model, provider: 'OPENAI', maxInputTokens: inputTokensOf(one), maxOutputTokens };
        try {
          (await fusewire.hold(metadata, call)).release();
          return { outcome: 'allow' };
        } catch (error) {
          const found = BudgetExceededError.find(error);
          if (found === undefined) throw error;
          const { ruleId, reason: code, budget, currentValue, threshold } = found;
          if (budget !== undefined) return { outcome: 'refuse', ruleId, code, figures: { ...budget } };
          // By the feed, without a round trip: what is spent is at the limit, whatever is asked.
          const told = one.told[one.refusing ?? -1];
          expect([told?.says, code]).toEqual(['reached', expect.stringMatching(/^(GROUP|RULE)_TRIPPED$/)]);
          expect(currentValue).toBe(Number(shown(told!.control.metric, told!.spend)));
          expect(threshold).toBe(Number(shown(told!.control.metric, told!.limit + told!.raised)));
          return { outcome: 'refuse', ruleId };
        }
      });
    } finally {
      await fusewire.close();
    }
  }, 60_000);

  it('are told the same by the gateway', async () => {
    await compare(async (one) => {
      const got = await ask(agent, whole.url, { path: '/v1/chat/completions', key: one.payer.key, body: one.body });
      if (got.status === 200) return { outcome: 'allow' };
      expect(got.status).toBe(402);
      const refused = refusalOf(got) as Readonly<Record<string, unknown>>;
      const rule = refused['rule'] as { rule_id: number };
      const figures = { ...refused, raised: refused['raised'] ?? '0' };
      return { outcome: 'refuse', ruleId: rule.rule_id, code: refused['code'], figures };
    });
  }, 120_000);
});

const AMOUNTS = ['limit', 'raised', 'spend', 'held', 'remaining', 'asked'] as const;

/** Every case, and every one that is told otherwise than it is. */
async function compare(tell: (one: Laid) => Promise<Said>): Promise<void> {
  const said = await inTurn(laid, async (one) => {
    const { figures, ...rest } = await tell(one);
    const amounts = figures && Object.fromEntries(AMOUNTS.map((name) => [name, figures[name]]));
    return [one.one.number, amounts === undefined ? rest : { ...rest, figures: amounts }] as const;
  });
  const wrong = said.flatMap(([number, got], at) => {
    const wanted = expectedOf(laid[at]!, got);
    return JSON.stringify(got) === JSON.stringify(wanted) ? [] : [{ number, got, wanted, controls: laid[at]!.one }];
  });
  expect(wrong.slice(0, 5)).toEqual([]);
  expect(said).toHaveLength(200);
}

function expectedOf({ refusing, told, controls }: Laid, got: Said): Said {
  if (refusing === undefined) return { outcome: 'allow' };
  const { control, says, ...amounts } = told[refusing]!;
  const { ruleId } = controls[refusing]!;
  if (got.figures === undefined && says === 'reached') return { outcome: 'refuse', ruleId };
  const code = says === 'unknown-price' ? 'UNKNOWN_PRICE' : 'BUDGET_EXCEEDED';
  const figures = Object.fromEntries(AMOUNTS.map((name) => [name, shown(control.metric, amounts[name])]));
  return { outcome: 'refuse', ruleId, code, figures };
}

/** What explain says of every control, whether it refuses or not. */
function checkControls({ one, told, controls }: Laid, explained: readonly Record<string, unknown>[]): void {
  for (const [at, control] of one.controls.entries()) {
    if (control.mode !== 'HARD' || !isConcerned(one, control)) continue;
    const found = explained.find(({ controlId }) => controlId === controls[at]!.id)!;
    const { metric } = control;
    for (const name of AMOUNTS)
      expect([one.number, name, found[name]]).toEqual([one.number, name, shown(metric, told[at]![name])]);
    const raised = (found['raises'] as { amount: string }[]).map(({ amount }) => amount);
    expect(raised.sort()).toEqual(told[at]!.raises.map((raise) => shown(metric, raise)).sort());
    const holds = found['holds'] as { owner: string; drawn: string; ageSeconds: number }[];
    if (told[at]!.held > 0n) expect(holds.length).toBe(one.held.length);
    for (const hold of holds) expect(hold).toMatchObject({ owner: 'somebody else', drawn: '0' });
  }
}

const inputTokensOf = ({ body }: Pick<Laid, 'body'>) => Buffer.byteLength(body);

function explain(one: Laid) {
  const { payer, agent: name } = one;
  const query = new URLSearchParams({
    ...{ subscriberId: payer.id, subscriberEmail: payer.email, agent: name, model: one.one.model, provider: 'OPENAI' },
    ...{ maxInputTokens: String(inputTokensOf(one)), maxOutputTokens: String(one.one.outputTokens) },
  });
  return whole.made(`/v2/api/fusewire/explain?${query}`, undefined);
}

function take(one: Pick<Laid, 'agent' | 'payer'>, id: string, model: string, input: number, output: number) {
  const dimensions = {
    ...{ subscriberId: one.payer.id, subscriberEmail: one.payer.email, agent: one.agent, model, provider: 'OPENAI' },
  };
  const worst = { inputTokensMax: input, outputTokensMax: output, isOutputLimited: true };
  return whole.api('/v2/api/holds', {
    ...{ id, owner: 'somebody else', calls: 1, ttlSeconds: 3_600 },
    call: { dimensions, provider: 'OPENAI', modelSource: 'OPENAI', model, operationType: 'CHAT' },
    need: { worst: { ...worst, images: 0, characters: 0, mediaSeconds: 0 } },
  });
}

/** The customer, what it spent, what others hold, then the limits. */
async function lay(one: TableCase): Promise<Laid> {
  const name = `agent-${one.number}`;
  const payer = await whole.payer({ key: { dimensions: { agent: name } } });
  const messages = [{ role: 'user', content: 'say:5 Hello' }];
  const body = JSON.stringify({ model: one.model, messages, max_tokens: one.outputTokens });
  const told = toldBy(one, Buffer.byteLength(body));
  const { store, teamId } = whole;
  const controls: CostControl[] = [];
  for (const [at, fields] of one.controls.entries()) {
    controls.push(
      await store.createControl(
        teamId,
        inputOf(one, payer, name, at, fields.metric === 'TOTAL_COST' ? '1000' : '1000000'),
      ),
    );
  }
  const { costNano, inputTokens, outputTokens } = PAST_EVENT;
  const past = Array.from({ length: one.events }, () =>
    event(Date.now() - 1_000, {
      ...{ transactionId: randomUUID(), model: knownModel(one), provider: 'OPENAI', agent: name },
      ...{ inputTokenCount: inputTokens, outputTokenCount: outputTokens, totalTokenCount: inputTokens + outputTokens },
      ...{ totalCost: Number(shown('TOTAL_COST', costNano)), subscriber: { id: payer.id, email: payer.email } },
    }),
  );
  if (past.length > 0) await store.recordEvents(teamId, past);
  for (const tokens of one.held) {
    const got = await take({ payer, agent: name }, randomUUID(), knownModel(one), HELD_INPUT, tokens);
    if (got.status !== 200) throw new Error(JSON.stringify(got.json));
  }
  for (const [at, control] of controls.entries()) {
    const { limit, raises } = told[at]!;
    const { metric } = one.controls[at]!;
    await store.updateControl(teamId, control.id, { hardLimit: shown(metric, limit) });
    for (const raise of raises) {
      const untilMs = Date.now() + 3_600_000;
      await store.raiseControl(teamId, control.id, { amount: shown(metric, raise), untilMs, reason: 'table' });
    }
  }
  return { one, payer, agent: name, body, told, controls, refusing: refusing(one, told) };
}

function inputOf(one: TableCase, { id }: Payer, agentName: string, at: number, hardLimit: string): CostControlInput {
  const { metric, window, groupBy, filter, mode, onUnknownPrice } = one.controls[at]!;
  const filters: CostControlInput['filters'][number][] = [{ dimension: 'SUBSCRIBER', operator: 'IS', value: id }];
  if (filter === 'AGENT IS') filters.push({ dimension: 'AGENT', operator: 'IS', value: agentName });
  if (filter === 'MODEL IS') filters.push({ dimension: 'MODEL', operator: 'IS', value: one.model });
  if (filter === 'MODEL IS_NOT') filters.push({ dimension: 'MODEL', operator: 'IS_NOT', value: 'gpt-table-dear' });
  if (filter === 'PROVIDER IN') filters.push({ dimension: 'PROVIDER', operator: 'IN', values: ['OPENAI', 'OLLAMA'] });
  return {
    ...{ name: `case ${one.number}.${at}`, description: '', metricType: metric, windowType: window, action: 'BLOCK' },
    ...{ groupBy, warnThreshold: null, hardLimit, filters, notificationChannelIds: [], onUnknownPrice },
    ...(window === 'ROLLING' ? { windowDuration: 'PT24H' } : {}),
    ...(onUnknownPrice === 'assume' ? { assumedPricePerRequest: shown('TOTAL_COST', ASSUMED_FEE) } : {}),
    ...{
      shadowMode: mode === 'shadow',
      enabled: mode !== 'disabled',
      enforcement: mode === 'POLLED' ? 'POLLED' : 'HARD',
    },
  };
}

async function inTurn<T, R>(all: readonly T[], each: (one: T) => Promise<R>): Promise<R[]> {
  const done: R[] = new Array(all.length);
  let next = 0;
  const worker = async () => {
    while (next < all.length) {
      const at = next;
      next += 1;
      done[at] = await each(all[at]!);
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  return done;
}
