/** The gateway's configuration file: more upstreams, routes of models, aliases, bounds. Its shape, and its problems as texts. */
import { z } from 'zod';
import { DEFAULT_LIMITS, type GatewayLimits } from './types.js';

/** A name that stands in logs and metrics. */
const NAME = /^[a-z][a-z0-9_-]{0,31}$/;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;
const HEADER = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/;
/** What a header can carry. */
const HEADER_VALUE = /^[\x20-\x7e]{1,4096}$/;
/** No configuration is larger. */
export const CONFIG_FILE_BYTES_MAX = 1_048_576;

const upstream = z.strictObject({
  name: z.string().regex(NAME, 'must be a short name like groq: lower case letters, digits, - and _'),
  protocol: z.enum(['openai', 'anthropic', 'ollama']),
  baseUrl: z.string().max(2_048),
  /** The name of the variable that holds the key: no key stands in a file. */
  apiKeyEnv: z.string().regex(VARIABLE, 'must be the name of an environment variable, not a key').optional(),
  headers: z
    .record(
      z.string().regex(HEADER, 'must be the name of a header'),
      z.string().regex(HEADER_VALUE, 'must be what a header can carry'),
    )
    .optional(),
  /** Headers whose values stand in environment variables. */
  headersEnv: z.record(z.string().regex(HEADER, 'must be the name of a header'), z.string().regex(VARIABLE)).optional(),
  onClientLeave: z.enum(['abort', 'drain']).optional(),
  takesIncludeUsage: z.boolean().optional(),
  speaksAnthropic: z.boolean().optional(),
  provider: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/, 'must be a name like GROQ')
    .optional(),
});

const modelText = z.string().min(1).max(256);
const route = z.union([z.string(), z.strictObject({ upstream: z.string(), rename: modelText.optional() })]);

const limitNames = Object.keys(DEFAULT_LIMITS) as (keyof GatewayLimits)[];
const limits = z.strictObject(
  Object.fromEntries(
    limitNames.map((name) => [
      name,
      z
        .int()
        .min(0)
        .max(2 ** 31 - 1)
        .optional(),
    ]),
  ) as Record<keyof GatewayLimits, z.ZodOptional<z.ZodInt>>,
);
/** Limits for which 0 means none; for the others nothing would work. */
const MAY_BE_ZERO: ReadonlySet<string> = new Set([
  'keyRatePerSecond',
  'keyConcurrencyMax',
  'wrongKeysPerSecond',
  'drainMs',
  'drainsMax',
]);

const origin = z
  .string()
  .refine(
    (text) => text === '*' || (URL.canParse(text) && new URL(text).origin === text),
    'must be an origin like https://app.example.com, without a path, or *',
  );

const tokens = z.int().min(1).max(100_000_000);
const file = z.strictObject({
  upstreams: z.array(upstream).max(100).optional(),
  /** By the name as callers write it, with at most one `*`. */
  models: z.record(modelText, route).optional(),
  aliases: z.record(modelText, z.strictObject({ model: modelText, upstream: z.string() })).optional(),
  limits: limits.optional(),
  corsOrigins: z.array(origin).max(100).optional(),
  addressHeader: z.string().regex(HEADER).optional(),
  assumedOutputTokens: tokens.optional(),
  /** Tokens that are set aside for each image, each file and each call, where the request does not tell. */
  allowances: z
    .strictObject({
      imageTokens: tokens.optional(),
      fileTokens: tokens.optional(),
      templateTokens: z.int().min(0).max(1_000_000).optional(),
    })
    .optional(),
  holdTtlSeconds: z.int().min(10).max(3_600).optional(),
  allowHostedTools: z.boolean().optional(),
  ollamaSpeaksAnthropic: z.boolean().optional(),
  defaultModelsVisible: z.boolean().optional(),
});

/** What the file says, in its own words. */
export type GatewayConfigFile = z.infer<typeof file>;

/** Reads the text of the file; every problem names its place. `place` is the file's path. */
export function readConfigFile(text: string, place: string, problems: string[]): GatewayConfigFile {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    problems.push(`${place} is no JSON (${reasonOf(error)}): mend it, or unset FUSEWIRE_GATEWAY_CONFIG`);
    return {};
  }
  const result = file.safeParse(parsed);
  if (!result.success) {
    for (const issue of result.error.issues) problems.push(...textsOf(issue, place));
    return {};
  }
  for (const [name, value] of Object.entries(result.data.limits ?? {})) {
    if (value === 0 && !MAY_BE_ZERO.has(name)) problems.push(`${place}: limits.${name} must be 1 or more`);
  }
  return result.data;
}

function textsOf(issue: z.core.$ZodIssue, place: string): string[] {
  const at = issue.path.length === 0 ? '' : ` ${pathText(issue.path)}`;
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map(
      (key) => `${place}:${at === '' ? '' : `${at}.`} ${JSON.stringify(key.slice(0, 64))} is not known there`,
    );
  }
  return [`${place}:${at} ${issue.message}`];
}

function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) =>
      typeof part === 'number' ? `[${part}]` : `${index === 0 ? '' : '.'}${String(part).slice(0, 64)}`,
    )
    .join('');
}

/** Where it stops being JSON, without what stands there: it may be a key. */
function reasonOf(error: unknown): string {
  return /position \d+(?: \(line \d+ column \d+\))?/.exec(String(error))?.[0] ?? 'it ends too early or begins wrong';
}
