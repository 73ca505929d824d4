/** Random rules and calls over few values, so that they meet. */
import fc from 'fast-check';
import type { CallDimensions } from '../../enforcement/decision.js';
import {
  type DepartmentMaps,
  DIMENSIONS,
  type Dimension,
  type Feed,
  FILTER_OPERATORS,
  RULE_ACTIONS,
  type Rule,
  type RuleFilter,
} from '../../src/wire/feed.js';

const LONG = 'a-very-long-name-that-goes-beyond-the-indexed-part-of-a-pattern';

/** Values with common beginnings, ends and middles; some look like properties of objects. */
const values = fc.constantFrom(
  'gpt-4o',
  'gpt-4o-mini',
  'gpt',
  'o',
  '4o',
  'mini',
  'OpenAI',
  'OPENAI',
  'openai',
  'u-1',
  'u-2',
  'lee@example.org',
  'Lee@Example.org',
  'constructor',
  '__proto__',
  'aa',
  'aaa',
  'baab',
  LONG,
  `${LONG}-x`,
  `x-${LONG}`,
  'ü',
  '😀x',
);

const dimension = fc.constantFrom<Dimension | 'UNKNOWN'>(...DIMENSIONS, 'UNKNOWN', 'MODEL', 'SUBSCRIBER', 'CREDENTIAL');

export const filters: fc.Arbitrary<RuleFilter> = fc
  .record({
    dimension,
    operator: fc.constantFrom(...FILTER_OPERATORS),
    value: values,
    values: fc.array(values, { maxLength: 12 }),
  })
  .map(({ dimension, operator, value, values }) =>
    operator === 'IN' ? { dimension, operator, values } : { dimension, operator, value },
  );

const scopes = fc.oneof(
  fc.constant<RuleFilter[]>([]),
  fc.array(filters, { maxLength: 1 }),
  fc.array(filters, { maxLength: 4 }),
);
const times = fc.option(fc.integer({ min: 900, max: 1100 }), { nil: undefined, freq: 1 });
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });

const groups = fc.array(
  fc.record({ groupValue: values, breached: fc.boolean(), currentValue: optional(fc.integer({ min: 0, max: 9 })) }),
  { maxLength: 5 },
);

export const rules: fc.Arbitrary<Rule> = fc.record({
  ruleId: fc.oneof(fc.integer({ min: 1, max: 30 }), fc.constantFrom('r-1', '7', 'constructor')),
  name: optional(fc.constant('a rule')),
  breached: fc.boolean(),
  warnBreached: fc.boolean(),
  shadowMode: fc.boolean().map((shadow) => shadow && true),
  action: fc.constantFrom(RULE_ACTIONS[0], ...RULE_ACTIONS),
  currentValue: optional(fc.integer({ min: 10, max: 99 })),
  windowEndMs: times,
  resetsAtMs: times,
  filters: scopes,
  groupBy: optional(dimension),
  groupBreakdown: optional(groups),
  credential: fc.option(values, { nil: undefined, freq: 1 }).map((value) => (value === 'gpt' ? value : undefined)),
  departmentId: fc.constantFrom(undefined, undefined, undefined, undefined, 31),
});

export const calls: fc.Arbitrary<CallDimensions> = fc.record({
  model: optional(values),
  provider: optional(values),
  subscriberId: optional(values),
  subscriberEmail: optional(fc.oneof(values, fc.constantFrom('', '  ', ' LEE@example.org '))),
  organization: optional(values),
  product: optional(values),
  credential: optional(values),
  credentialName: optional(values),
  agent: optional(values),
  taskType: optional(values),
});

const emailMap = (value: fc.Arbitrary<number>) =>
  fc
    .dictionary(fc.constantFrom('lee@example.org', 'u-1', 'constructor', '__proto__', 'gpt'), value, { maxKeys: 3 })
    .map((entries) => new Map(Object.entries(entries)));

export const departments: fc.Arbitrary<DepartmentMaps> = fc.record({
  blocks: emailMap(fc.integer({ min: 1, max: 30 })),
  balances: emailMap(fc.integer({ min: 100, max: 999 })),
  warnings: emailMap(fc.integer({ min: 1, max: 30 })),
});

export const NO_MAPS: DepartmentMaps = { blocks: new Map(), balances: new Map(), warnings: new Map() };

export const feeds: fc.Arbitrary<Pick<Feed, 'rules' | 'departments'>> = fc.record({
  rules: fc.array(rules, { maxLength: 40 }),
  departments: fc.oneof(fc.constant(NO_MAPS), departments),
});
