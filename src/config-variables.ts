/** Every environment variable that the SDK reads, with its meaning: the table behind `.env.example` and the README. */

/** How a variable's text is read. */
export type VariableKind =
  | 'text'
  | 'secret'
  | 'url'
  | 'flag'
  | 'fail-mode'
  | 'log-level'
  | 'seconds'
  | 'count'
  | 'zero-count'
  | 'summary';

/** One variable. */
export interface Variable {
  readonly name: string;
  readonly kind: VariableKind;
  /** Other names, in order of precedence after `name`. */
  readonly aliases?: readonly string[];
  /** As text; `undefined` where there is none. */
  readonly fallback?: string;
  readonly meaning: string;
}

const text = (name: string, meaning: string, aliases?: readonly string[]): Variable => ({
  name,
  kind: 'text',
  meaning,
  ...(aliases ? { aliases } : {}),
});

const number = (name: string, kind: VariableKind, fallback: string, meaning: string): Variable => ({
  name,
  kind,
  fallback,
  meaning,
});

/** Where to, and who (contract 1.1). */
const CONNECTION: readonly Variable[] = [
  {
    name: 'REVENIUM_METERING_API_KEY',
    kind: 'secret',
    aliases: ['REVENIUM_API_KEY'],
    meaning: 'The key for metering and for the rule feed; begins with hak_ or rev_.',
  },
  {
    name: 'REVENIUM_METERING_BASE_URL',
    kind: 'url',
    aliases: ['REVENIUM_BASE_URL'],
    fallback: 'https://api.revenium.ai',
    meaning: 'Where usage events go; with or without /meter or /meter/v2.',
  },
  text('REVENIUM_TEAM_ID', 'The team whose rules are polled.'),
  {
    name: 'REVENIUM_LOG_LEVEL',
    kind: 'log-level',
    fallback: 'INFO',
    meaning: 'DEBUG, INFO, WARNING, ERROR or CRITICAL.',
  },
  { name: 'REVENIUM_DEBUG', kind: 'flag', fallback: 'false', meaning: 'Same as REVENIUM_LOG_LEVEL=DEBUG.' },
];

/** Enforcement (contract 1.3). */
const ENFORCEMENT: readonly Variable[] = [
  {
    name: 'REVENIUM_CIRCUIT_BREAKER_ENABLED',
    kind: 'flag',
    fallback: 'false',
    meaning: 'Switches enforcement on. Off: calls are metered and never refused.',
  },
  {
    name: 'REVENIUM_BYPASS',
    kind: 'flag',
    fallback: 'false',
    meaning: 'For incidents: every call passes, is metered and is marked.',
  },
  text(
    'REVENIUM_BYPASS_FILE',
    'While this file exists, the bypass is on. Default: revenium_bypass in REVENIUM_CACHE_DIR.',
  ),
  {
    name: 'REVENIUM_ENFORCEMENT_BASE_URL',
    kind: 'url',
    meaning: 'Where the rule feed is. Default: the origin of the metering URL.',
  },
  number('REVENIUM_CB_POLL_INTERVAL_SECONDS', 'seconds', '60', 'Seconds between two polls of the feed.'),
  {
    name: 'REVENIUM_CB_FAIL_MODE',
    kind: 'fail-mode',
    fallback: 'open',
    meaning: 'open or closed: what happens while no rule set was ever loaded.',
  },
  text('REVENIUM_CACHE_DIR', 'A folder for the mirror of the rules and the durable outbox. Unset: memory only.'),
];

/** Delivery of usage events (contract 1.4). */
const DELIVERY: readonly Variable[] = [
  number(
    'REVENIUM_BUFFER_MAX_SIZE',
    'count',
    '1000',
    'Usage events kept while the service is out of reach; the oldest go first.',
  ),
  number('REVENIUM_BUFFER_FLUSH_INTERVAL', 'count', '30', 'Seconds between two tries to deliver what is kept.'),
  number('REVENIUM_METERING_WORKERS', 'count', '8', 'Usage events on their way at the same time.'),
  {
    name: 'REVENIUM_METERING_QUEUE_SIZE',
    kind: 'count',
    // One outbox holds what waits for its first delivery and what waits for another: it has one bound.
    meaning: 'Usage events that may wait for their first delivery, where that is more than REVENIUM_BUFFER_MAX_SIZE.',
  },
  number('REVENIUM_METERING_TIMEOUT_SECONDS', 'seconds', '10', 'Time limit of one delivery.'),
  number('REVENIUM_METERING_CONNECT_TIMEOUT_SECONDS', 'seconds', '5', 'Time limit of connecting.'),
  number(
    'REVENIUM_METERING_MAX_RETRIES',
    'zero-count',
    '2',
    'Retries at once, before an event waits for the next flush.',
  ),
  number('REVENIUM_SHUTDOWN_TIMEOUT_SECONDS', 'seconds', '5', 'How long the end of the process waits for deliveries.'),
  { name: 'REVENIUM_INSTALL_SIGNAL_HANDLERS', kind: 'flag', fallback: 'false', meaning: 'Deliver on SIGTERM too.' },
  {
    name: 'REVENIUM_SELECTIVE_METERING',
    kind: 'flag',
    fallback: 'false',
    meaning: 'Meter only calls inside of functions that reveniumMeter() wraps. All calls are decided on all the same.',
  },
];

/** What is kept and shown of a call beside its usage (contract 5.11, 5.12). */
const INSIGHT: readonly Variable[] = [
  {
    name: 'REVENIUM_CAPTURE_PROMPTS',
    kind: 'flag',
    fallback: 'false',
    meaning: 'Keep prompts and answers with their usage events, redacted and cut. A call or a scope can say otherwise.',
  },
  number('REVENIUM_MAX_PROMPT_SIZE', 'count', '50000', 'Characters of a captured field; longer ones are cut.'),
  {
    name: 'REVENIUM_PRINT_SUMMARY',
    kind: 'summary',
    fallback: 'off',
    meaning: 'true or human: a summary of each call on standard output; json: one line of JSON each.',
  },
  {
    name: 'FUSEWIRE_OPENTELEMETRY',
    kind: 'flag',
    fallback: 'true',
    meaning: 'Spans and metrics of calls, where the program has set OpenTelemetry up. Off: another library makes them.',
  },
];

/** Jobs and outcomes (contract 1.5). */
const OUTCOMES: readonly Variable[] = [
  {
    name: 'REVENIUM_WRITE_API_KEY',
    kind: 'secret',
    aliases: ['REVENIUM_OUTCOME_API_KEY'],
    meaning: 'The key for outcomes of jobs, rev_sk_ or hak_. Default: REVENIUM_METERING_API_KEY.',
  },
  {
    name: 'REVENIUM_PROFITSTREAM_BASE_URL',
    kind: 'url',
    meaning: 'Where the jobs API is. Default: that of the metering URL.',
  },
];

/** Providers. */
const PROVIDERS: readonly Variable[] = [
  {
    name: 'REVENIUM_BEDROCK_DISABLE',
    kind: 'flag',
    fallback: 'false',
    meaning: 'Clients for Bedrock pass unguarded and unmetered.',
  },
  text(
    'FUSEWIRE_AZURE_DEPLOYMENTS',
    'Azure OpenAI: a JSON object from deployment names to models, such as {"chat-prod":"gpt-4o"}.',
  ),
  { name: 'LITELLM_PROXY_URL', kind: 'url', meaning: 'LiteLLM: calls to this origin go through a LiteLLM proxy.' },
  { name: 'LITELLM_API_KEY', kind: 'secret', meaning: 'LiteLLM: the key for calls that carry no key of their own.' },
  {
    name: 'REVENIUM_LITELLM_SHARED_CALL_ID',
    kind: 'flag',
    fallback: 'true',
    meaning: 'LiteLLM: one id for a call that this process and the proxy both meter, so that it counts once.',
  },
];

/** Attribution defaults (contract 1.2): each is the value of a metadata field that neither call nor scope gives. */
const ATTRIBUTION: readonly Variable[] = [
  text('REVENIUM_ORGANIZATION_NAME', 'Default organizationName.'),
  text('REVENIUM_ORGANIZATION_ID', 'Deprecated spelling of REVENIUM_ORGANIZATION_NAME.'),
  text('REVENIUM_PRODUCT_ID', 'Default productName.'),
  text('REVENIUM_ENVIRONMENT', 'Default environment.', ['ENVIRONMENT', 'DEPLOYMENT_ENV', 'NODE_ENV']),
  text('REVENIUM_REGION', 'Default region.', [
    'AWS_REGION',
    'AWS_DEFAULT_REGION',
    'AZURE_REGION',
    'GCP_REGION',
    'GOOGLE_CLOUD_REGION',
  ]),
  text('REVENIUM_CREDENTIAL_ALIAS', 'Default credentialAlias.'),
  text('REVENIUM_TRACE_TYPE', 'Default traceType.'),
  text('REVENIUM_TRACE_NAME', 'Default traceName.'),
  text('REVENIUM_PARENT_TRANSACTION_ID', 'Default parentTransactionId.'),
  text('REVENIUM_TRANSACTION_NAME', 'Default transactionName.'),
  text('REVENIUM_RETRY_NUMBER', 'Default retryNumber.'),
  text('REVENIUM_TICKET_ID', 'Default ticketId.'),
  text('REVENIUM_AGENTIC_JOB_ID', 'Default agenticJobId.'),
  text('REVENIUM_AGENTIC_JOB_NAME', 'Default agenticJobName.'),
  text('REVENIUM_AGENTIC_JOB_TYPE', 'Default agenticJobType.'),
  text('REVENIUM_AGENTIC_JOB_VERSION', 'Default agenticJobVersion.'),
  text('REVENIUM_SKILL_NAME', 'Default skillName.'),
  text('REVENIUM_SKILL_KIND', 'Default skillKind.'),
  text('REVENIUM_SKILL_SOURCE', 'Default skillSource.'),
  text('REVENIUM_SKILL_PLUGIN_NAME', 'Default skillPluginName.'),
  text('REVENIUM_SKILL_MARKETPLACE_NAME', 'Default skillMarketplaceName.'),
  text('REVENIUM_SKILL_INVOCATION_TRIGGER', 'Default skillInvocationTrigger.'),
  text('REVENIUM_EFFORT', 'Default effort.'),
];

/** Every environment variable that the SDK reads, in the order of `.env.example`. */
export const VARIABLES: readonly Variable[] = [
  ...CONNECTION,
  ...ENFORCEMENT,
  ...DELIVERY,
  ...PROVIDERS,
  ...INSIGHT,
  ...OUTCOMES,
  ...ATTRIBUTION,
];

const BY_NAME = new Map(VARIABLES.map((variable) => [variable.name, variable]));

/** The text of a variable: its own name first, then its aliases; empty and blank count as unset. Undeclared names throw. */
export function readVariable(env: Readonly<Record<string, string | undefined>>, name: string): string | undefined {
  const variable = BY_NAME.get(name);
  if (variable === undefined) throw new Error(`${name} is not declared in src/config-variables.ts`);
  for (const candidate of [name, ...(variable.aliases ?? [])]) {
    const value = env[candidate];
    if (value !== undefined && value.trim() !== '') return value;
  }
  return undefined;
}

/** The declaration of a variable. */
export function variableNamed(name: string): Variable | undefined {
  return BY_NAME.get(name);
}
