// The service with its gateway, stand-ins behind it, and the command line of an operator.
import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startTemporaryService, until } from '../support/setup.mjs';
import { dim, line, table } from './screen.mjs';

const CLI = fileURLToPath(new URL('../../bin/fusewire.mjs', import.meta.url));
const STAND_IN = fileURLToPath(new URL('../../test/service/gateway/support/stand-in-child.ts', import.meta.url));

/** The stand-ins in a process of their own; they take these keys and no others. */
async function startStandIns() {
  const child = fork(STAND_IN, { execArgv: ['--import', 'tsx'], stdio: 'inherit' });
  const [urls] = await once(child, 'message');
  return {
    urls,
    async requests() {
      child.send('requests');
      const [answer] = await once(child, 'message');
      return answer.requests;
    },
    async stop() {
      child.disconnect();
      await once(child, 'exit');
    },
  };
}

export async function startGatewaySetup() {
  const standIns = await startStandIns();
  const { ollama, openai, anthropic } = standIns.urls;
  const service = await startTemporaryService(
    {},
    {
      OLLAMA_BASE_URL: ollama,
      OPENAI_BASE_URL: `${openai}/v1`,
      OPENAI_API_KEY: 'sk-upstream-openai',
      ANTHROPIC_BASE_URL: anthropic,
      ANTHROPIC_API_KEY: 'sk-ant-upstream',
    },
  );
  const env = {
    ...process.env,
    REVENIUM_METERING_BASE_URL: service.url,
    REVENIUM_WRITE_API_KEY: service.keys.write,
    REVENIUM_TEAM_ID: service.teamId,
    NO_COLOR: '1',
  };
  /** What a command prints; a failure is an error that says what the command said. */
  const run = async (args) => {
    const { stdout } = await promisify(execFile)(process.execPath, [CLI, ...args], { env });
    return stdout.trimEnd();
  };
  return {
    gatewayUrl: service.gatewayUrl,
    ollamaUrl: ollama,
    requests: standIns.requests,
    until,
    json: async (...args) => JSON.parse(await run([...args, '--json'])),
    /** Runs a command and prints it with what it says, as an operator would see it. */
    async show(...args) {
      line(dim(`  $ fusewire ${args.map((arg) => (/^[\w.,@:/-]+$/.test(arg) ? arg : `"${arg}"`)).join(' ')}`));
      const lines = (await run(args)).split('\n');
      const rows = lines.filter((text) => text.includes('\t')).map((text) => text.split('\t'));
      // What says something, and no ids of a demo.
      const shown = (rows[0] ?? []).map((name, at) => !/^(ID|UNTIL|FROM|BY)$/.test(name) && rows[1]?.[at] !== '');
      if (rows.length > 0) table(rows.map((row) => row.filter((_, at) => shown[at])));
      for (const text of lines) if (!text.includes('\t')) line(`  ${text}`);
    },
    async stop() {
      await service.stopAndForget();
      await standIns.stop();
    },
  };
}
