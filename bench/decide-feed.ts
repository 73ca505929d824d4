/** Made-up feeds for the benchmark of the decision: deterministic, so that two runs compare. */

/** A feed as it travels, and the calls that are put to it. */
export interface BenchFeed {
  readonly body: string;
  readonly calls: Readonly<Record<string, BenchCall>>;
}

/** A call in the words of a caller: usage metadata beside the request. */
export interface BenchCall {
  readonly model: string;
  readonly provider: string;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** Rules that match the call `matches 20`, next to each other in the middle of the feed. */
const MATCHING = 20;
const OPERATORS = ['IN', 'STARTS_WITH', 'ENDS_WITH', 'CONTAINS', 'IS_NOT'] as const;
const RESETS_AT = '2099-01-01T00:00:00Z';

/**
 * `count` rules, of which `trippedShare` are tripped and 20 % carry an operator other than IS. No rule covers the calls
 * `miss` and `near miss`; one covers `matches 1`; {@link MATCHING} cover `matches 20`, if there are so many.
 */
export function makeFeed(count: number, trippedShare: number): BenchFeed {
  const rules: unknown[] = [];
  for (let i = 0; i < count; i += 1) rules.push(rule(i, i % 100 < trippedShare * 100));
  const middle = Math.floor(count / 2);
  if (trippedShare > 0) {
    const last = Math.min(count, middle + MATCHING);
    for (let i = middle; i < last; i += 1)
      rules[i] = { ...rule(i, true), filters: [row('AGENT', 'IS', 'matched-by-many')] };
    rules[count - 1] = { ...rule(count - 1, true), filters: [row('AGENT', 'IS', 'matched-by-one')] };
  }
  const call = (agent: string, id: string) => ({
    model: 'gpt-4o-mini',
    provider: 'OPENAI',
    metadata: {
      subscriber: { id, email: `${id}@example.org` },
      organizationName: 'an organisation',
      productName: 'a product',
      agent,
      taskType: 'a task',
    },
  });
  return {
    body: JSON.stringify({ compiledAt: '2026-11-20T09:15:00Z', revision: 7, rules, departmentBudgetBlocks: {} }),
    calls: {
      miss: call('nobody', 'stranger-1'),
      // Named by rules that are not tripped, and by half of a scope of others.
      'near miss': call('agent-3', 'customer-000003'),
      'matches 1': call('matched-by-one', 'stranger-1'),
      'matches 20': call('matched-by-many', 'stranger-1'),
    },
  };
}

function row(dimension: string, operator: string, value: string): unknown {
  return { dimension, operator, value };
}

function rule(i: number, isTripped: boolean): Record<string, unknown> {
  return {
    ruleId: 90_000 + i,
    name: `Budget number ${i}`,
    metricType: 'TOTAL_COST',
    threshold: 250,
    warnThreshold: 200,
    currentValue: isTripped ? 251.37 : 17.5,
    breached: isTripped,
    warnBreached: isTripped,
    shadowMode: false,
    action: 'BLOCK',
    periodType: 'DAILY',
    resetsAt: RESETS_AT,
    groupBy: null,
    groupBreakdown: null,
    filters: filtersOf(i),
  };
}

/** Four of five rules carry only IS rows, over one to three dimensions; the others one more of each operator in turn. */
function filtersOf(i: number): unknown[] {
  const customer = `customer-${String(i).padStart(6, '0')}`;
  if (i % 5 !== 0) {
    const rows = [row('SUBSCRIBER', 'IS', customer)];
    if (i % 2 === 0) rows.push(row('MODEL', 'IS', 'gpt-4o-mini'));
    if (i % 3 === 0) rows.push(row('PROVIDER', 'IS', 'OpenAI'));
    return rows;
  }
  const operator = OPERATORS[(i / 5) % OPERATORS.length]!;
  if (operator === 'IN') {
    return [{ dimension: 'SUBSCRIBER', operator, values: [`${customer}-a`, `${customer}-b`, `${customer}-c`] }];
  }
  if (operator === 'IS_NOT') return [row('SUBSCRIBER', 'IS', customer), row('MODEL', operator, 'o3')];
  return [row('PRODUCT', operator, operator === 'ENDS_WITH' ? `${i}-line` : `line-${i}-`)];
}
