// What every example runs against: the service on a temporary database, and a stand-in for a model server in a process
// of its own. It sets the environment that a `.env` would set, so that the examples read like a real program.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startService } from '@fusewire/service';
import { createRuntime } from 'fusewire/internal';

/** Starts the stand-in model server; resolves to its URL and a function that ends it. */
export async function startStandIn() {
  const child = fork(fileURLToPath(new URL('./stand-in.mjs', import.meta.url)), { stdio: 'inherit' });
  const [{ url }] = await once(child, 'message');
  return {
    url,
    requests: async () => (await (await fetch(`${url}/requests`)).json()).requests,
    async stop() {
      child.disconnect();
      await once(child, 'exit');
    },
  };
}

/**
 * Starts the service on a temporary folder. `runtime` replaces parts of its outside world (the demo moves its clock); with
 * `gateway`, variables like OLLAMA_BASE_URL, it opens the gateway too.
 */
export async function startTemporaryService(runtime = {}, gateway = undefined) {
  const folder = await mkdtemp(join(tmpdir(), 'fusewire-example-'));
  const service = await startService({ dataDir: join(folder, 'data'), runtime: createRuntime(runtime), gateway });
  const api = async (method, path, body) => {
    const response = await fetch(`${service.url}/v2/api${path}`, {
      method,
      headers: { 'x-api-key': service.keys.write, ...(body ? { 'content-type': 'application/json' } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  };
  return {
    url: service.url,
    gatewayUrl: service.gatewayUrl,
    teamId: service.team.id,
    keys: service.keys,
    folder,
    /** Creates a cost control; the fields are those of the Revenium API. */
    createControl: (control) =>
      api('POST', '/ai/cost-controls', {
        teamId: service.team.id,
        description: '',
        action: 'BLOCK',
        windowType: 'DAILY',
        groupBy: null,
        warnThreshold: null,
        filters: [],
        shadowMode: false,
        enabled: true,
        ...control,
      }),
    api,
    /** What the service has metered, newest first; also `ai/images`, `ai/audio`, `ai/video`, `tool/events`. */
    async events(kind = 'ai/completions') {
      const answer = await api('GET', `/sources/metrics/${kind}?teamId=${service.team.id}&size=200`);
      return Object.values(answer._embedded ?? {})[0] ?? [];
    },
    stop: () => service.close(),
    async stopAndForget() {
      await service.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The whole set-up of an example, with the environment set. Call `stop()` at the end. */
export async function startSetup(environment = {}) {
  const [models, service] = await Promise.all([startStandIn(), startTemporaryService()]);
  Object.assign(process.env, {
    REVENIUM_METERING_BASE_URL: service.url,
    REVENIUM_METERING_API_KEY: service.keys.metering,
    REVENIUM_TEAM_ID: service.teamId,
    REVENIUM_CIRCUIT_BREAKER_ENABLED: 'true',
    REVENIUM_LOG_LEVEL: process.env.REVENIUM_LOG_LEVEL ?? 'ERROR',
    OPENAI_BASE_URL: `${models.url}/v1`,
    OPENAI_API_KEY: 'not-needed-by-the-stand-in',
    OLLAMA_HOST: models.url,
    ANTHROPIC_BASE_URL: models.url,
    ANTHROPIC_API_KEY: 'not-needed-by-the-stand-in',
    GEMINI_API_KEY: 'not-needed-by-the-stand-in',
    GOOGLE_GEMINI_BASE_URL: models.url,
    GOOGLE_VERTEX_BASE_URL: models.url,
    ...environment,
  });
  return {
    models,
    service,
    async stop() {
      await models.stop();
      await service.stopAndForget();
    },
  };
}

/** Waits until `condition` holds, looking every 20 ms, for at most `timeoutMs`. */
export async function until(condition, what, timeoutMs = 10_000) {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
