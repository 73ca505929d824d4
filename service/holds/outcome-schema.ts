/** What answers about holds look like; described for people and programs, and checked by tests. */
import { HOLD_METRICS } from 'fusewire/internal';
import { z } from 'zod';

const amount = z.string().describe('an integer: nano-dollars for TOTAL_COST, else a count');
const metric = z.enum(HOLD_METRICS);

const partSchema = z.object({
  controlId: z.string(),
  ruleId: z.int(),
  name: z.string(),
  metric,
  group: z.string().nullable(),
  windowStartMs: z.int(),
  windowEndMs: z.int().nullable(),
  amount: amount.describe('everything that was set aside and not given back'),
  drawn: amount.describe('what recorded events drew of it'),
  estimate: z.enum(['worst-case', 'expected']),
  whenExhausted: z.enum(['finish', 'cut']),
  assumedOutputTokens: z.int(),
  outputLimit: z.enum(['inject', 'assume']),
  assumedPrice: z.object({ perMillionTokensNano: amount, perRequestNano: amount }).optional(),
});

/** The state of a hold. */
export const holdStateSchema = z.object({
  id: z.string(),
  owner: z.string(),
  state: z.enum(['open', 'closed', 'expired']),
  sequence: z.int(),
  drawForMs: z.number().describe('calls may be drawn from it for so long, from the moment the request was sent'),
  isRecalled: z.boolean(),
  isTight: z.boolean(),
  parts: z.array(partSchema),
});

const ratesSchema = z.object({
  state: z.enum(['known', 'free', 'unknown']),
  lines: z.array(
    z.object({
      requestNano: amount,
      steps: z.array(z.object({ aboveInputTokens: z.int(), inputPico: amount, outputPico: amount })),
      imagePico: amount,
      characterPico: amount,
      secondPico: amount,
    }),
  ),
});

/** Why there is no hold: `spend + held + asked <= limit + raised` does not hold. */
export const holdRefusalSchema = z.object({
  code: z.enum(['BUDGET_EXCEEDED', 'UNKNOWN_PRICE']),
  message: z.string(),
  controlId: z.string(),
  ruleId: z.int(),
  name: z.string(),
  metric,
  periodType: z.string(),
  group: z.string().nullable(),
  limit: amount,
  raised: amount,
  spend: amount,
  held: amount.describe('open holds of everybody'),
  asked: amount,
  remaining: amount,
  resetsAt: z.string().nullable(),
  isHeldByOthers: z.boolean(),
  retryAfterMs: z.number().nullable(),
  reactions: z.object({
    clampOutput: z.boolean(),
    downgradeTo: z.string().nullable(),
    throttleMs: z.number().nullable(),
  }),
});

const version = z.string().describe('changes when controls, prices or departments do');
const rates = ratesSchema.optional();

/** What became of one operation. */
export const holdOutcomeSchema = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('held'), hold: holdStateSchema, rates, version }),
  z.object({ outcome: z.literal('free'), version }).describe('no hard control concerns the call, or the bypass is on'),
  z.object({
    outcome: z.literal('refused'),
    refusal: holdRefusalSchema,
    hold: holdStateSchema.optional(),
    rates,
    version,
  }),
  z.object({ outcome: z.literal('gone'), version }).describe('there is no such hold: take a new one'),
]);

/** What a single operation that was not refused is answered with. */
export const holdAnswerSchema = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('held'), hold: holdStateSchema, rates, version }),
  z.object({ outcome: z.literal('free'), version }),
]);

/** A hold as people see it in a list. */
export const holdResourceSchema = z.object({
  id: z.string(),
  resourceType: z.literal('hold'),
  teamId: z.string(),
  owner: z.string(),
  state: z.enum(['open', 'closed', 'expired']),
  sequence: z.int(),
  taken: z.iso.datetime(),
  expires: z.iso.datetime(),
  ended: z.iso.datetime().nullable(),
  isRecalled: z.boolean(),
  call: z.looseObject({ provider: z.string(), model: z.string(), operationType: z.string() }),
  parts: z.array(
    z.object({
      controlId: z.string(),
      ruleId: z.int().nullable().describe('null: the control was deleted'),
      name: z.string().nullable(),
      metric: z.string().nullable(),
      group: z.string().nullable(),
      windowStart: z.iso.datetime(),
      windowEnd: z.iso.datetime().nullable(),
      amount,
      drawn: amount,
      left: amount.describe('what is set aside still'),
      charged: amount.describe('what counts as spent though no event says so'),
      overrun: amount,
      state: z.enum(['open', 'closed', 'charged', 'released', 'withdrawn']),
    }),
  ),
});
