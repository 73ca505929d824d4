// What a run leaves behind: in its log at the finest level, in its database and outbox, in its metrics, in its answers.
// Never a prompt, an answer, a key of anybody's, or where the upstreams are (I12).
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CliChild, startCli } from '../../../helpers/run-cli.js';
import { until } from '../../../helpers/until.js';
import { rawCall } from '../forward/support.js';
import { type Fault, type StandInUpstream, startStandInUpstream, UPSTREAM_KEYS } from '../support/stand-in-upstream.js';
import { upstreamVariables } from '../whole/whole.js';

const PROMPT = 'Prompt-Marker-4711-Wassermelone';
const ANSWER = 'Answer-Marker-0815-Zitronenfalter';
const OTHER_KEY = 'gsk-upstream-third-0123456789abcdef';
const HEADER = 'operators-own-header-secret-42';
const WRONG_KEY = `sk_${'Wr0ngKey'.repeat(5)}`;
const ANN = 'ann.private@example.com';
const BOB = 'bob.private@example.com';

const CHAT = {
  messages: [
    { role: 'system', content: `${PROMPT} system` },
    {
      role: 'user',
      content: [
        { type: 'text', text: PROMPT },
        { type: 'image_url', image_url: { url: `https://x/${PROMPT}` } },
      ],
    },
    { role: 'assistant', tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: PROMPT } }] },
    { role: 'tool', tool_call_id: 'c', content: PROMPT },
  ],
  tools: [{ type: 'function', function: { name: 'f', description: PROMPT, parameters: { description: PROMPT } } }],
  user: PROMPT,
  metadata: { a: PROMPT },
  stop: [PROMPT],
};
const SAID = JSON.stringify({ id: 'x', choices: [{ index: 0, message: { role: 'assistant', content: ANSWER } }] });
const SPOKEN = `data: ${JSON.stringify({ id: 'x', choices: [{ index: 0, delta: { content: ANSWER } }] })}\n\n`;
const COMPLAINT = JSON.stringify({ error: { message: `${ANSWER} about ${PROMPT}`, type: `${ANSWER}`, code: ANSWER } });

describe('a run with everything that can go wrong', { timeout: 120_000 }, () => {
  let folder: string;
  let standIn: StandInUpstream;
  let child: CliChild;
  let place: { url: string; gatewayUrl: string; dataDir: string; keys: { write: string; metering: string } };
  let log = '';
  const secrets: string[] = [...Object.values(UPSTREAM_KEYS), OTHER_KEY, HEADER, WRONG_KEY];
  const answers: string[] = [];
  let key: string;
  let poorKey: string;

  const start = async () => {
    const config = join(folder, 'gateway.json');
    const third = {
      ...{ name: 'third', protocol: 'openai', baseUrl: `${standIn.openai}/v1`, apiKeyEnv: 'THIRD_API_KEY' },
      headersEnv: { 'x-operator': 'THIRD_HEADER' },
    };
    const limits = { keyRatePerSecond: 0, wrongKeysPerSecond: 0 };
    writeFileSync(config, JSON.stringify({ upstreams: [third], models: { 'third-*': 'third' }, limits }));
    child = startCli(folder, ['serve', '--port', '0', '--json'], {
      ...upstreamVariables(standIn),
      ...{ GATEWAY_PORT: '0', LOG_LEVEL: 'debug', FUSEWIRE_GATEWAY_CONFIG: config },
      ...{ THIRD_API_KEY: OTHER_KEY, THIRD_HEADER: HEADER },
    });
    await child.waitFor('\n');
    const said = JSON.parse(child.out());
    place = { ...said, keys: said.keys ?? place.keys };
  };
  const api = async (method: string, path: string, body?: object) => {
    const answer = await fetch(place.url + path, {
      method,
      headers: { 'x-api-key': place.keys.write, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return (text === '' ? undefined : JSON.parse(text)) as { id: string; key: string };
  };
  const call = async (
    path: string,
    body: object | string,
    options: { fault?: Fault; key?: string; type?: string } = {},
  ) => {
    standIn.plan = ({ method }) => (method === 'POST' ? options.fault : undefined);
    const answer = await fetch(place.gatewayUrl + path, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${options.key ?? key}`,
        'content-type': options.type ?? 'application/json',
        'anthropic-version': '2023-06-01',
      },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    const text = await answer.text().catch((error: unknown) => String(error));
    // What stands in a path is told back to whoever wrote it.
    if (!path.includes(key)) answers.push(`${answer.status} ${path}\n${[...answer.headers].join('\n')}\n${text}`);
    return answer;
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'fusewire-traces-'));
    standIn = await startStandInUpstream();
    await start();
    secrets.push(place.keys.write, place.keys.metering);
    const ann = await api('POST', '/v2/api/customers', { name: 'Ann Private', email: ANN, budget: '100' });
    const bob = await api('POST', '/v2/api/customers', { name: 'Bob Private', email: BOB, budget: '0' });
    const keyOf = async (id: string) => {
      const made = await api('POST', `/v2/api/customers/${id}/keys`, {});
      secrets.push(made.key);
      return made;
    };
    key = (await keyOf(ann.id)).key;
    const old = await keyOf(ann.id);
    const rotated = await api('POST', `/v2/api/gateway-keys/${old.id}/rotate`, { overlap: 'PT1H' }).catch(
      () => undefined,
    );
    if (rotated?.key !== undefined) secrets.push(rotated.key);
    const revoked = await keyOf(ann.id);
    await api('DELETE', `/v2/api/gateway-keys/${revoked.id}`);
    poorKey = (await keyOf(bob.id)).key;
    await call('/v1/chat/completions', { model: 'gpt-4o-mini', ...CHAT }, { key: revoked.key });
    await call('/v1/chat/completions', { model: 'gpt-4o-mini', ...CHAT }, { key: WRONG_KEY });
  });
  afterAll(async () => {
    child.process.kill('SIGKILL');
    await child.ended;
    await standIn.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('answers whatever is asked, killed in the middle of it', async () => {
    const models = ['gpt-4o-mini', 'llama3.2', 'third-x', 'claude-x'];
    const faults: (Fault | undefined)[] = [
      ...[
        undefined,
        { status: 400, body: COMPLAINT },
        { status: 401, body: COMPLAINT },
        { status: 500, body: COMPLAINT },
      ],
      ...([{ body: SAID }, { body: ANSWER }, { cutAt: 40 }, 'garbage', 'nothing', 'empty', 'error-inside'] as const),
    ];
    for (const model of models) {
      for (const fault of faults) {
        const given = fault === undefined ? {} : { fault };
        await call('/v1/chat/completions', { model, ...CHAT }, given);
        await call('/v1/chat/completions', { model, ...CHAT, stream: true }, given);
      }
    }
    await call('/v1/chat/completions', { model: 'gpt-4o-mini', ...CHAT, stream: true }, { fault: { body: SPOKEN } });
    await call('/v1/messages', { model: 'claude-sonnet-4-5', max_tokens: 9, ...CHAT }, {});
    await call(
      '/v1/messages',
      { model: 'claude-sonnet-4-5', max_tokens: 9, ...CHAT },
      { fault: { status: 529, body: COMPLAINT } },
    );
    await call('/api/chat', { model: 'llama3.2', ...CHAT });
    await call('/api/generate', { model: 'llama3.2', prompt: PROMPT, system: PROMPT, suffix: PROMPT });
    await call('/v1/embeddings', { model: 'text-embedding-3-small', input: [PROMPT] });
    await call('/v1/moderations', { input: PROMPT });
    await call('/v1/responses', { model: 'gpt-4o-mini', input: PROMPT, instructions: PROMPT });
    const form = `--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n${PROMPT}\r\n--b\r\nContent-Disposition: form-data; name="file"; filename="${PROMPT}.mp3"\r\n\r\nx\r\n--b--`;
    await call('/v1/audio/transcriptions', form, { type: 'multipart/form-data; boundary=b' });
    // Refused: for money, for its form, for its parameters, for its path.
    expect((await call('/v1/chat/completions', { model: 'gpt-4o-mini', ...CHAT }, { key: poorKey })).status).toBe(402);
    await call('/v1/chat/completions', `{"model":"gpt-4o-mini","messages":"${PROMPT}`);
    await call('/v1/chat/completions', { model: PROMPT.repeat(20), ...CHAT });
    await call('/v1/chat/completions', { model: 'gpt-4o-mini', ...CHAT, Model: PROMPT });
    await call('/v1/responses', { model: 'gpt-4o-mini', input: PROMPT, previous_response_id: PROMPT });
    await call('/v1/chat/completions', { model: 'gpt-4o-mini', ...CHAT, models: [PROMPT] });
    await call(`/v1/chat/completions?q=${PROMPT}`, { model: 'gpt-4o-mini', ...CHAT });
    await call(`/v1/${key}/chat/completions`, CHAT);
    await call(`/v1/chat/completions?api_key=${key}`, { model: 'gpt-4o-mini', ...CHAT });
    for (const path of [
      `/v1/models/${key}`,
      `/${WRONG_KEY}`,
      `/v1/files?key=${key}`,
      '/v1/models',
      '/api/models',
      '/health',
    ]) {
      const answer = await fetch(place.gatewayUrl + path, { headers: { 'x-api-key': key, 'x-request-id': key } });
      const text = await answer.text();
      if (!path.includes(key) && !path.includes(WRONG_KEY)) {
        answers.push(`${answer.status} ${path}\n${text}`);
      }
    }
    // Callers that leave in the middle, and one that is under way when everything ends.
    const port = Number(new URL(place.gatewayUrl).port);
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    standIn.plan = ({ method }) => (method === 'POST' ? 'hold' : undefined);
    for (const model of ['gpt-4o-mini', 'llama3.2']) {
      const leaving = rawCall(port, '/v1/chat/completions', { model, ...CHAT, stream: true }, { headers });
      await leaving.saw('data:');
      leaving.socket.destroy();
    }
    standIn.plan = ({ method }) => (method === 'POST' ? 'hang' : undefined);
    const before = standIn.seen.length;
    const pending = rawCall(port, '/v1/chat/completions', { model: 'gpt-4o-mini', ...CHAT }, { headers });
    await until(() => standIn.seen.slice(before).some(({ method }) => method === 'POST'), 'the last call');
    const metrics = await fetch(`${place.url}/metrics`, { headers: { 'x-api-key': place.keys.write } });
    answers.push(`metrics ${metrics.status}\n${await metrics.text()}`);
    child.process.kill('SIGKILL');
    log = (await child.ended).err;
    pending.socket.destroy();
    // Not in vain: the outbox is in use, and so is the log.
    const texts = filesOf(place.dataDir).map((file) => readFileSync(file, 'latin1'));
    expect(texts.some((text) => text.includes('gpt-4o-mini') && text.includes(ANN))).toBe(true);
    expect(log.split('\n').length).toBeGreaterThan(50);
    expect(log).toMatch(/"caller":"gk_\w+"/);
    expect(answers.join('\n')).toContain(ANSWER);
  });

  it('leaves no prompt and no answer in any file, and none in the log', () => {
    for (const file of filesOf(folder)) {
      const bytes = readFileSync(file);
      for (const marker of [PROMPT, ANSWER]) {
        expect(bytes.includes(marker), `${marker} in ${file}: ${around(bytes.toString('latin1'), marker)}`).toBe(false);
        expect(bytes.includes(Buffer.from(marker).toString('base64').slice(0, 24)), file).toBe(false);
      }
    }
    for (const marker of [PROMPT, ANSWER]) expect(around(log, marker)).toBe('');
  });

  it('leaves no key in any file, and none in the log; no e-mail address either', () => {
    for (const file of filesOf(place.dataDir)) {
      const bytes = readFileSync(file);
      for (const secret of secrets) expect(bytes.includes(secret), `${secret.slice(0, 8)}… in ${file}`).toBe(false);
    }
    for (const secret of [...secrets, ANN, BOB]) expect(around(log, secret)).toBe('');
  });

  it('tells no caller a key, an address of an upstream, a text of an error of ours, or of another customer', () => {
    const told = answers.join('\n\n');
    const ports = [standIn.ollama, standIn.openai, standIn.anthropic].map((origin) => new URL(origin).host);
    for (const text of [...secrets, ...ports, ANN, BOB, folder]) expect(around(told, text)).toBe('');
    expect(told).not.toMatch(/ECONN|EPIPE|UND_ERR|node:internal|\.ts:\d+|node_modules|at async /);
    const toBob = answers.filter((text) => text.includes('Bob Private'));
    expect(toBob.length).toBe(1);
    expect(toBob.join()).not.toMatch(/Ann/);
  });

  it('keeps its files to itself', () => {
    for (const path of [place.dataDir, ...entriesOf(place.dataDir)]) {
      const { mode } = statSync(path);
      expect((mode & 0o777).toString(8), path).toBe(statSync(path).isDirectory() ? '700' : '600');
    }
    expect(existsSync(join(place.dataDir, 'fusewire.db'))).toBe(true);
  });

  it('starts again after that, and still no file and no line of the log has a word of what was said', async () => {
    standIn.plan = undefined;
    await start();
    child.process.kill('SIGTERM');
    log += (await child.ended).err;
    for (const file of filesOf(folder)) {
      const bytes = readFileSync(file);
      for (const text of [PROMPT, ANSWER]) expect(bytes.includes(text), file).toBe(false);
    }
    for (const text of [PROMPT, ANSWER, ...secrets, ANN, BOB]) expect(around(log, text)).toBe('');
  });
});

function entriesOf(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? [path, ...entriesOf(path)] : [path];
  });
}

function filesOf(folder: string): string[] {
  return entriesOf(folder).filter((path) => statSync(path).isFile());
}

/** What stands around a text that should not be there; empty where it is not. */
function around(text: string, marker: string): string {
  const at = text.indexOf(marker);
  return at < 0 ? '' : text.slice(Math.max(0, at - 200), at + marker.length + 40);
}
