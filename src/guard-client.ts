/** Which instrument fits a client object. */
import { FusewireError } from './errors.js';
import type { Parts } from './fusewire.js';
import type { Guarded } from './guarded.js';
import { CLIENT_INSTRUMENTS } from './instrument/client-instruments.js';
import type { OutsideProvider } from './instrument/define-provider.js';
import { isLitellmClient } from './instrument/litellm.js';
import { isDeployments } from './instrument/openai-azure.js';

/** Options of `guard`. */
export interface GuardOptions {
  /**
   * Whether `stream_options.include_usage` is added to OpenAI streams that do not ask for it, so that the provider
   * reports what they consumed; its traces are removed again.
   *
   * @defaultValue `'known-hosts'`: OpenAI, Azure OpenAI and Ollama. Other servers send usage unasked, or may answer 400.
   */
  readonly injectUsage?: boolean | 'known-hosts';
  /**
   * Whether the response ids of this client's server are unique for ever, so that they can be transaction ids.
   *
   * @defaultValue `true` for OpenAI, Azure OpenAI and servers whose ids are known to be unique, `false` elsewhere.
   */
  readonly uniqueIds?: boolean;
  /**
   * Azure OpenAI: the model behind each deployment's name. Beats `FUSEWIRE_AZURE_DEPLOYMENTS` and what the name itself
   * says; the model that the answer names beats it in the event.
   */
  readonly deployments?: Readonly<Record<string, string>>;
  /**
   * Whether calls of this client go through a LiteLLM proxy: who they are for goes out as `x-revenium-*` headers, and
   * its cost, id and model come back.
   *
   * @defaultValue whether the client's base URL has the origin of `LITELLM_PROXY_URL`
   */
  readonly litellm?: boolean;
  /**
   * Whether this client talks to a Fusewire gateway, whose answers say that it metered them (`fusewire-transaction-id`),
   * so that they are not metered here too. With `false` nothing that an answer says keeps it from being metered.
   *
   * @defaultValue whether the client sends a gateway's key (`sk_…`) to a server that is no known provider's
   */
  readonly gateway?: boolean;
  /** Adapters from outside, made with `defineProvider`. They are asked before the built-in ones. */
  readonly providers?: readonly OutsideProvider[];
}

/** Puts the fitting instrument around `client`, in place. */
export function guardClient<T extends object>(parts: Parts, client: T, options: GuardOptions): Guarded<T> {
  checkGuardOptions(options);
  const { path, runtime } = parts;
  const detected = (provider: string) => {
    const { baseURL } = client as { baseURL?: unknown };
    parts.providers.add(provider);
    runtime.log.debug('detected a client', { provider, class: client.constructor?.name, baseURL });
  };
  const outside = options.providers?.find((provider) => provider.matches(client));
  if (outside !== undefined) {
    detected(outside.name);
    outside.instrument(client, path, runtime);
    return client as Guarded<T>;
  }
  const instrument = CLIENT_INSTRUMENTS.find((candidate) => candidate.recognises(client));
  if (instrument === undefined) throw new FusewireError('UNKNOWN_CLIENT', [unknownClient(client)]);
  detected(instrument.name);
  for (const variant of instrument.variants ?? []) if (variant.recognises(client)) parts.providers.add(variant.name);
  if (isLitellmClient(client, options, runtime)) parts.providers.add('litellm');
  instrument.instrument(client, path, options, runtime);
  return client as Guarded<T>;
}

const isFlag = (value: unknown) => typeof value === 'boolean';
const OPTION_CHECKS: Readonly<Record<keyof GuardOptions, readonly [(value: unknown) => boolean, string]>> = {
  injectUsage: [(value) => isFlag(value) || value === 'known-hosts', "must be true, false or 'known-hosts'"],
  uniqueIds: [isFlag, 'must be true or false'],
  deployments: [isDeployments, 'must be an object from deployment names to models'],
  litellm: [isFlag, 'must be true or false'],
  gateway: [isFlag, 'must be true or false'],
  providers: [
    (value) => Array.isArray(value) && value.every((one) => typeof one?.matches === 'function'),
    'must be a list of what defineProvider() made',
  ],
};

function checkGuardOptions(options: unknown): void {
  const problems: string[] = [];
  if (typeof options !== 'object' || options === null) {
    throw new FusewireError('INVALID_OPTIONS', ['the options of guard() must be an object']);
  }
  for (const [name, value] of Object.entries(options as GuardOptions)) {
    const check = Object.hasOwn(OPTION_CHECKS, name) ? OPTION_CHECKS[name as keyof GuardOptions] : undefined;
    if (check === undefined) problems.push(`${name} is not an option of guard()`);
    else if (value !== undefined && !check[0](value)) problems.push(`${name} ${check[1]}`);
  }
  if (problems.length > 0) throw new FusewireError('INVALID_OPTIONS', problems);
}

function unknownClient(client: unknown): string {
  if (typeof client === 'function' && /^class\b/.test(Function.prototype.toString.call(client))) {
    return `guard() takes a client, not its class: guard(new ${client.name}(…))`;
  }
  const name = typeof client === 'object' && client !== null ? client.constructor?.name : typeof client;
  return (
    `guard() does not know this client (${String(name)}). It knows clients of the packages ` +
    `${CLIENT_INSTRUMENTS.map(({ knows }) => knows).join(', ')}; models of LangChain and of the AI SDK take what ` +
    'fusewire/langchain and fusewire/ai-sdk make; for any other use defineProvider(), or checkEnforcement() before and meter() after the call'
  );
}
