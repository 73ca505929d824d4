import type { MeteredEvent } from 'fusewire/internal';
import { expect, it } from 'vitest';
import { jsonOf, prepareFound, prepareOwn } from '../../../../service/gateway/books/prepare-event.js';
import { sampleEvent } from '../../../metering/support/events.js';

const tools = { newId: () => 'new', protect: (value: string) => `hidden ${value}` };
const at = Date.parse('2026-11-21T10:00:00.000Z');

/** As the gateway meters, with what makes texts others: too long, unpaired, with characters that no store takes. */
const EVENTS: readonly MeteredEvent[] = [
  sampleEvent('plain'),
  sampleEvent('texts', {
    model: 'größer-🐘',
    organizationName: `${'x'.repeat(1_023)}🐘`,
    agent: '\ud800 half',
    taskType: 'a\u0000b "quoted" \\ \n \u2028',
    errorReason: 'e'.repeat(900),
    attributes: {
      usageState: 'estimated',
      nested: { b: [1, null, 'x'], a: true },
      requestedModel: 'm'.repeat(300),
      10: 'x',
      9: 'y',
    },
    subscriber: { id: 'cus_1', email: 'ann@x.y', credential: { name: 'gk_1' } },
    agenticJobId: 'j',
    agenticJobType: 'REVIEW',
    temperature: 0.1,
    totalCost: 0.000_000_1,
  }),
];

it.each(EVENTS)(
  'what is kept of an event is, read again, the very same event to the ledger: $transactionId',
  (event) => {
    const own = prepareOwn(event, at, tools);
    const json = jsonOf(own);
    expect(json).toBeDefined();
    expect(json).not.toContain('\n');
    const found = prepareFound(JSON.parse(json!) as MeteredEvent, at, tools);
    expect(found).toEqual(own);
  },
);

it('of an event with a live key nothing is written by it', () => {
  const event = sampleEvent('key', { subscriber: { credential: { name: 'n', value: 'sk-secret' } } });
  const own = prepareOwn(event, at, tools);
  expect(own.facts.credential).toBe('hidden sk-secret');
  expect(jsonOf(own)).toBeUndefined();
});
