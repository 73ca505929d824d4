/** What a handler is told when it is made. */
import type { FusewireOptions } from '../config.js';
import { defaultFusewire } from '../default-instance.js';
import { FusewireError } from '../errors.js';
import { createFusewire, type Fusewire } from '../instance.js';
import { isMetadataName } from '../metering/event-fields.js';
import { partsOf } from '../parts-of.js';
import type { UsageMetadata } from '../usage-metadata.js';
import { handlerMetadataOf } from './runs.js';
import type { Fields } from './structure.js';

/** On whose behalf runs are made. */
export interface SubscriberConfig {
  readonly id?: string;
  readonly email?: string;
  readonly credential?: { readonly name?: string; readonly value?: string };
}

/**
 * Configuration of a handler. Without `apiKey`, `baseUrl`, `teamId` and `options` the default instance decides and
 * meters, which the environment configures; with one of them the handler has an instance of its own, with keys, rules
 * and an outbox of its own, which `close()` ends.
 */
export interface ReveniumConfig {
  /** `REVENIUM_METERING_API_KEY`. */
  readonly apiKey?: string;
  /** `REVENIUM_METERING_BASE_URL`. */
  readonly baseUrl?: string;
  /** `REVENIUM_TEAM_ID`. */
  readonly teamId?: string;
  /** Any other option of an own instance. */
  readonly options?: FusewireOptions;
  /** An instance that exists already; it stays open when the handler is closed. */
  readonly instance?: Fusewire;
  readonly environment?: string;
  readonly organizationName?: string;
  readonly productName?: string;
  readonly subscriber?: SubscriberConfig;
  readonly subscriptionId?: string;
  /** Default: the name of the outermost chain or agent, where it has one. */
  readonly agent?: string;
  readonly taskType?: string;
  /** Default: the id of the outermost run. */
  readonly traceId?: string;
  readonly traceType?: string;
  readonly traceName?: string;
  readonly parentTransactionId?: string;
  readonly transactionName?: string;
  /** Any other usage metadata; the fields above beat it. */
  readonly usageMetadata?: UsageMetadata;
}

/** What a configuration comes to. */
export interface HandlerSetup {
  /** The instance as it is now: the default one may have been closed and made anew. */
  readonly instance: () => Fusewire;
  /** The instance that was made for this handler, if one was. */
  readonly own: Fusewire | undefined;
  /** In canonical names. */
  readonly metadata: Fields;
}

const TEXTS = ['apiKey', 'baseUrl', 'teamId'] as const;
const OBJECTS = ['options', 'instance', 'usageMetadata', 'subscriber'] as const;
const OWN_NAMES: ReadonlySet<string> = new Set([...TEXTS, ...OBJECTS]);

/**
 * Reads a configuration.
 *
 * @throws FusewireError with code `INVALID_OPTIONS`, listing every problem.
 */
export function readConfig(config: ReveniumConfig): HandlerSetup {
  const problems = problemsOf(config);
  if (problems.length > 0) throw new FusewireError('INVALID_OPTIONS', problems);
  const { apiKey, baseUrl, teamId, options, instance, usageMetadata, ...named } = config;
  const isOwn = [apiKey, baseUrl, teamId, options].some((given) => given !== undefined);
  const own = isOwn
    ? createFusewire({
        ...options,
        ...(apiKey === undefined ? {} : { apiKey }),
        ...(baseUrl === undefined ? {} : { meteringBaseUrl: baseUrl }),
        ...(teamId === undefined ? {} : { teamId }),
      })
    : undefined;
  const metadata = { ...handlerMetadataOf(usageMetadata), ...handlerMetadataOf(named) };
  return { instance: () => own ?? instance ?? defaultFusewire(), own, metadata };
}

function problemsOf(config: unknown): string[] {
  if (typeof config !== 'object' || config === null) return ['the configuration must be an object'];
  const given = config as Record<string, unknown>;
  const problems = Object.keys(given)
    .filter((name) => !OWN_NAMES.has(name) && !isMetadataName(name))
    .map((name) => `${name} is not an option`);
  for (const name of TEXTS) {
    if (given[name] !== undefined && typeof given[name] !== 'string') problems.push(`${name} must be a text`);
  }
  for (const name of OBJECTS) {
    const value = given[name];
    if (value !== undefined && (typeof value !== 'object' || value === null))
      problems.push(`${name} must be an object`);
  }
  if (typeof given['instance'] === 'object' && given['instance'] !== null) {
    if (!isInstance(given['instance'])) problems.push('instance must be what createFusewire() made');
    const isOwn = [...TEXTS, 'options'].some((name) => given[name] !== undefined);
    if (isOwn) problems.push('instance cannot be combined with apiKey, baseUrl, teamId or options');
  }
  return problems;
}

function isInstance(value: object): boolean {
  try {
    return partsOf(value) !== undefined;
  } catch {
    return false;
  }
}
