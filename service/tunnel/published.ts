/** What may be published: the gateway, and nothing that stands beside it. Pure. */
import { addressOf } from './ingress.js';
import type { IngressRule, Problem } from './tunnel-file.js';

/** Ports of this installation. */
export interface InstallationPorts {
  /** Where callers are meant to come in. */
  readonly gateway: number;
  /** The service's API, which is for operators. */
  readonly admin: number;
  /** Where Ollama itself is. */
  readonly ollama: number;
}

const STANDARD_PORTS: ReadonlyMap<string, number> = new Map([
  ['http:', 80],
  ['https:', 443],
]);
/** Of the admin API, where nobody moved it: refused even where it was moved, for the installation of a neighbour. */
const ADMIN_PORT = 8787;

/** The port that a service is reached at; `undefined` where it is no address. */
export function portOf(service: string): number | undefined {
  const address = addressOf(service);
  if (address === undefined) return undefined;
  return address.port === '' ? STANDARD_PORTS.get(address.protocol) : Number(address.port);
}

/** Why a service must not be published; `undefined` where nothing is known against it. */
export function publishingProblem(service: string, ports: InstallationPorts): string | undefined {
  const port = portOf(service);
  if (port === undefined || port === ports.gateway) return undefined;
  if (port === ports.admin || port === ADMIN_PORT) {
    return `port ${port} is the admin API, which is not for the Internet; the gateway is at port ${ports.gateway}`;
  }
  if (port === ports.ollama) {
    return `port ${port} is Ollama itself, past keys and budgets; the gateway is at port ${ports.gateway}`;
  }
  return undefined;
}

/** The same of the rules of a file. */
export function publishingProblems(rules: readonly IngressRule[], ports: InstallationPorts): readonly Problem[] {
  return rules.flatMap(({ service, number, line }) => {
    const problem = publishingProblem(service, ports);
    return problem === undefined ? [] : [{ line, message: `rule ${number} publishes ${service}: ${problem}` }];
  });
}
