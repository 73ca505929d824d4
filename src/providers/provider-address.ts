/** Whether an address is that of somebody who sells or runs models under a name that everybody knows. Pure. */
import { isFalHost } from './fal-url.js';
import { knownHost } from './openai-known-hosts.js';

const HOSTS =
  /(?:^|\.)(?:api\.openai\.com|anthropic\.com|ollama\.com|amazonaws\.com|api\.aws|googleapis\.com|azure\.(?:com|us|cn))$/;

/** `false` for what is no URL, and for every host of which nothing is known: a program's own, most of all. */
export function isProviderAddress(address: string): boolean {
  if (!URL.canParse(address)) return false;
  const { hostname, pathname } = new URL(address);
  const name = hostname.replace(/\.$/, '');
  return HOSTS.test(name) || isFalHost(name) || knownHost(name, pathname) !== undefined;
}
