/** What the tests of reading and routing share: a caller, a configuration, requests. */
import { ConfiguredUpstream } from '../../../service/gateway/configured-upstream.js';
import { type GatewayConfig, readGatewayConfig } from '../../../service/gateway/gateway-config.js';
import { surfaceOf } from '../../../service/gateway/http/surfaces.js';
import { createReadCall, type ReadCall } from '../../../service/gateway/read-call.js';
import type { GatewayCaller, GatewayKey } from '../../../service/gateway/types.js';

export const KEYS = { OPENAI_API_KEY: 'sk-openai', ANTHROPIC_API_KEY: 'sk-anthropic' };

/** A configuration with both providers, changed as a test wants. */
export function configOf(changes: Partial<GatewayConfig> = {}, env: Record<string, string> = KEYS): GatewayConfig {
  return { ...readGatewayConfig(env, '/'), ...changes };
}

/** An upstream of a configuration file. */
export function upstreamOf(name: string, protocol: 'openai' | 'anthropic' | 'ollama', origin: string, basePath = '') {
  return new ConfiguredUpstream({ name, protocol }, { origin, basePath });
}

export function callerOf(key: Partial<GatewayKey> = {}): GatewayCaller {
  return {
    key: {
      id: 'gk_one',
      teamId: 'team',
      customerId: 'cus_one',
      label: '',
      hint: 'abcd',
      createdAtMs: 0,
      dimensions: {},
      ...key,
    },
    customer: {
      id: 'cus_one',
      number: 1,
      teamId: 'team',
      name: 'One',
      email: 'one@example.com',
      active: true,
      budgetControlId: null,
      createdAtMs: 0,
    },
    team: { id: 'team' },
  };
}

/** A POST as it arrives; `body` is text, bytes, or a value that is written as JSON. */
export function arrived(
  path: string,
  body: unknown,
  { headers = {}, caller = callerOf() }: { headers?: Record<string, string>; caller?: GatewayCaller } = {},
): Parameters<ReadCall>[0] {
  const surface = surfaceOf('POST', path, headers);
  if (surface === undefined) throw new Error(`${path} is not served`);
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return {
    caller,
    surface,
    url: path,
    headers: { 'content-type': 'application/json', ...headers },
    body: Buffer.isBuffer(body) ? body : Buffer.from(text),
  };
}

/** A reader with both providers. */
export function reader(changes: Partial<GatewayConfig> = {}): ReadCall {
  return createReadCall(configOf(changes));
}
