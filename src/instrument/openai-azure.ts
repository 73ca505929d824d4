/** Azure OpenAI: how its client is told, and from where the models behind its deployments are known (contract 6.3). */
import { readVariable } from '../config-variables.js';
import type { GuardOptions } from '../guard-client.js';
import type { Runtime } from '../runtime.js';
import { isRecord } from '../wire/is-record.js';

/** By the class's name, then by the address. Never throws. */
export function isAzureClient(client: object): boolean {
  const { baseURL } = client as { baseURL?: unknown };
  return /azure/i.test(String(client.constructor?.name)) || (typeof baseURL === 'string' && /azure/i.test(baseURL));
}

/**
 * `FUSEWIRE_AZURE_DEPLOYMENTS`: a JSON object from deployment names to models. What is none is reported and counts as
 * unset (I2).
 */
function azureDeployments(runtime: Pick<Runtime, 'env' | 'log'>): Readonly<Record<string, string>> {
  const text = readVariable(runtime.env, 'FUSEWIRE_AZURE_DEPLOYMENTS');
  if (text === undefined) return {};
  try {
    const map: unknown = JSON.parse(text);
    if (isDeployments(map)) return map;
  } catch {
    // Reported below.
  }
  runtime.log.warn('FUSEWIRE_AZURE_DEPLOYMENTS is no JSON object from deployment names to models; it is ignored');
  return {};
}

/** Whether a value is a map from deployment names to models. */
export function isDeployments(value: unknown): value is Readonly<Record<string, string>> {
  return (
    isRecord(value) &&
    !(value instanceof Map) &&
    Object.values(value).every((model) => typeof model === 'string' && model !== '')
  );
}

/** From the environment and from code, which beats it; by names in lower case, as Azure compares them. */
export function allDeployments(
  options: GuardOptions,
  runtime: Pick<Runtime, 'env' | 'log'>,
): Readonly<Record<string, string>> {
  const given = [azureDeployments(runtime), options.deployments ?? {}];
  return Object.fromEntries(given.flatMap(Object.entries).map(([name, model]) => [name.toLowerCase(), model]));
}
