// What a careless operator is told, and what hostile names do to a terminal, a spreadsheet and a tunnel.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { visible, visibleLines } from '../../../../service/cli/print.js';
import { readGatewayConfig } from '../../../../service/gateway/gateway-config.js';
import { runInProcess } from '../../cli/in-process.js';
import { openWhole, type Whole } from '../whole/whole.js';

const ESC = '\u001b';
const HOSTILE = [
  `${ESC}[2J${ESC}[H`,
  `${ESC}]0;title\u0007`,
  `${ESC}]52;c;ZXZpbA==${ESC}\\`,
  `${ESC}]8;;http://evil${ESC}\\click${ESC}]8;;${ESC}\\`,
  `${ESC}c`,
  `${ESC}[8mhidden`,
  `${ESC}[38;2;0;0;0mblack`,
  `${ESC}P+q544e${ESC}\\`,
  `${ESC}${ESC}[31m[2J`,
  `${ESC}[`,
  '\u009b2J',
  'a\rb',
  'a\nb\tc',
  'abc\u202egnp.exe',
  '\u2066a\u2069\u2028b',
];
/** What steers a terminal; of escape sequences only plain colours are left. */
const STEERING = new RegExp(
  `${ESC}(?!\\[(?:1|2|22|3[1-7]|39|90)m)|(?!${ESC}|\\n)\\p{Cc}|[\\p{Bidi_Control}\\p{Zl}\\p{Zp}]`,
  'u',
);

describe('hostile names', { timeout: 60_000 }, () => {
  let whole: Whole;
  let folder: string;
  let env: Record<string, string>;
  beforeAll(async () => {
    whole = await openWhole();
    folder = mkdtempSync(join(tmpdir(), 'fusewire-operators-'));
    env = { REVENIUM_METERING_BASE_URL: whole.service.url, REVENIUM_WRITE_API_KEY: whole.service.keys.write };
  });
  afterAll(async () => {
    await whole.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const run = (args: readonly string[], isTerminal: boolean, more: Record<string, string> = {}) =>
    runInProcess(args, { workingDir: folder, env: { ...env, ...more }, isTerminal });

  it('are shown without what steers a terminal, in one line, with colours of our own', () => {
    for (const name of HOSTILE) {
      expect(visible(name), JSON.stringify(name)).not.toMatch(STEERING);
      expect(visible(name)).not.toContain('\n');
      expect(visibleLines(`one\n${name}`)).not.toMatch(STEERING);
    }
    expect(visible(`${ESC}[31mred${ESC}[39m ${ESC}[1mGrüße 世界${ESC}[22m`)).toBe(
      `${ESC}[31mred${ESC}[39m ${ESC}[1mGrüße 世界${ESC}[22m`,
    );
  });

  it('of customers, keys, models and controls are taken or not, and never steer what prints them', async () => {
    let count = 0;
    for (const [index, name] of [
      ...HOSTILE,
      '=cmd|calc',
      '+1',
      '-1',
      '@SUM(1)',
      '<script>alert(1)</script>',
      "';--",
    ].entries()) {
      const made = await whole.api('/v2/api/customers', { name, email: `h${index}@example.com` });
      expect([201, 400, 422], JSON.stringify(made.json)).toContain(made.status);
      if (made.status !== 201) continue;
      count += 1;
      const label = await whole.api(`/v2/api/customers/${made.json.id}/keys`, { label: name });
      expect([201, 400, 422]).toContain(label.status);
      const event = {
        transactionId: `t${index}`,
        model: name,
        provider: 'OPENAI',
        operationType: 'CHAT',
        costType: 'AI',
        stopReason: 'END',
      };
      const at = new Date().toISOString();
      const times = {
        requestTime: at,
        responseTime: at,
        completionStartTime: at,
        requestDuration: 1,
        isStreamed: false,
      };
      const tokens = { inputTokenCount: 1, outputTokenCount: 1, totalTokenCount: 2, totalCost: 0.5 };
      const fields = {
        ...event,
        ...times,
        ...tokens,
        subscriber: { id: made.json.id, email: `h${index}@example.com` },
        agent: name,
      };
      expect((await whole.api('/meter/v2/ai/completions', fields)).status).toBeLessThan(300);
      await whole.control({ name, limit: '1' } as never).catch(() => undefined);
      for (const args of [
        ['usage', 'report', made.json.id],
        ['budget', 'check', made.json.id],
        ['keys', 'list', '--customer', made.json.id],
      ]) {
        const { out, err } = await run(args, true);
        expect(out + err).not.toMatch(STEERING);
      }
      const { out } = await run(['usage', 'export', made.json.id, '--format', 'csv'], false);
      expect(out.split('\r\n').length).toBeGreaterThan(2);
      for (const cell of out.split(/[\r\n,]+/)) expect(cell).not.toMatch(/^"?[=+@\t]|^"?-(?!\d)/);
    }
    expect(count).toBeGreaterThan(3);
    for (const args of [
      ['customers', 'list'],
      ['controls', 'list'],
      ['events', 'list'],
      ['customers', 'delete', `${ESC}c`],
      [`${ESC}]0;x\u0007`],
    ]) {
      const { out, err } = await run(args, true);
      expect(out + err, args.join(' ')).not.toMatch(STEERING);
    }
    const plain = await run(['customers', 'list'], false);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
    expect(plain.out).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f]/);
  });

  it('in the file of a tunnel are words and no commands, and no secret is repeated', async () => {
    const file = join(folder, 'config.yml');
    const texts = [
      `tunnel: "${'$'}(rm -rf ~)"\ningress:\n  - service: http_status:404\n`,
      'a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d]\n',
      `${'- '.repeat(50_000)}x`,
      `tunnel: ${ESC}]0;x\n`,
      'tunnel: !!js/function "function(){process.exit(9)}"\n',
      '__proto__:\n  polluted: true\ntunnel: x\n',
      `tunnel: x\ncredentials-file: /etc/shadow\ningress:\n  - hostname: "*"\n    service: http://169.254.169.254/\n  - service: unix:/var/run/docker.sock\n`,
      '\0\0\0',
      `tunnel: ${'a'.repeat(2_000_000)}\n`,
    ];
    for (const text of texts) {
      writeFileSync(file, text);
      const { code, out, err } = await run(['tunnel', 'validate', '--dir', folder], true);
      expect([1, 2, 3], text.slice(0, 60)).toContain(code);
      expect(out + err).not.toMatch(STEERING);
      expect(out + err).not.toMatch(/root:|at .*\.ts:\d/);
      const init = await run(['tunnel', 'init', '--hostname', 'llm.example.com', '--dir', folder], true);
      expect(init.out + init.err).not.toMatch(STEERING);
    }
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    for (const host of [`a.example.com\n  service: x`, `$(x).example.com`, `${ESC}[2J`, '-x', 'a b']) {
      expect((await run(['tunnel', 'init', '--hostname', host, '--dir', join(folder, 'new')], true)).code).not.toBe(0);
    }
  });
});

describe('mistakes of an operator', () => {
  const KEY = 'sk-secret-of-the-operator';
  const read = (env: Record<string, string>) => readGatewayConfig({ GATEWAY_PORT: '8000', ...env }, '/');

  it('is told where a key would go in the clear', () => {
    const notes = (url: string) => read({ OPENAI_API_KEY: KEY, OPENAI_BASE_URL: url }).notes.join();
    for (const url of [
      'http://api.openai.com/v1',
      'http://203.0.113.9',
      'http://172.32.0.1',
      'http://[2001:db8::1]/v1',
    ]) {
      expect(notes(url), url).toMatch(/key of openai goes to .* unencrypted/);
      expect(notes(url)).not.toContain(KEY);
    }
    const near = [
      'http://localhost:1',
      'http://127.0.0.1',
      'http://10.1.2.3/v1',
      'http://vllm:8000',
      'http://box.local',
      'http://[::1]:1',
      'http://[fd00::1]',
    ];
    for (const url of [...near, 'https://api.openai.com/v1']) expect(notes(url), url).toBe('');
    expect(read({ OLLAMA_BASE_URL: 'http://203.0.113.9:11434' }).notes).toEqual([]);
  });

  it('never reads its key in a message, wherever it put it', () => {
    const folder = mkdtempSync(join(tmpdir(), 'fusewire-mistakes-'));
    const file = join(folder, 'gateway.json');
    const upstream = { name: 'x', protocol: 'openai', baseUrl: 'https://x.example.com' };
    const files = [
      { upstreams: [{ ...upstream, apiKey: KEY }] },
      { upstreams: [{ ...upstream, apiKeyEnv: KEY }] },
      { upstreams: [{ ...upstream, baseUrl: `https://user:${KEY}@x.example.com` }] },
      { upstreams: [{ ...upstream, baseUrl: `https://x.example.com/?key=${KEY}` }] },
      { upstreams: [{ ...upstream, headers: { authorization: `${KEY}\n` } }] },
      { upstreams: [{ ...upstream, baseUrl: 'http://127.0.0.1:8000' }] },
      { upstreams: [{ ...upstream, baseUrl: 'file:///etc/passwd' }] },
      { upstreams: [{ ...upstream, baseUrl: 'unix:/var/run/docker.sock' }] },
      { upstreams: [{ ...upstream, name: '__proto__' }] },
      { limits: { bodyBytesMax: 0 } },
      { limits: { callsMax: -1 } },
    ];
    try {
      for (const text of files.map((one) => JSON.stringify(one)).concat(`{"${KEY}`)) {
        writeFileSync(file, text);
        let message = '';
        try {
          read({ FUSEWIRE_GATEWAY_CONFIG: file });
        } catch (error) {
          message = String(error);
        }
        expect(message, text).not.toBe('');
        expect(message).not.toContain(KEY);
      }
      writeFileSync(file, JSON.stringify({ corsOrigins: ['*'] }));
      expect(read({ FUSEWIRE_GATEWAY_CONFIG: file }).notes.join()).toMatch(/corsOrigins/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    const wrong: readonly Record<string, string>[] = [
      { OPENAI_API_KEY: `${KEY}\nx` },
      { OPENAI_API_KEY: KEY, OPENAI_BASE_URL: `http://a:${KEY}@b` },
    ];
    for (const env of wrong) {
      expect(() => read(env)).toThrow(expect.not.objectContaining({ message: expect.stringContaining(KEY) }));
    }
    expect(JSON.stringify(read({ OPENAI_API_KEY: KEY }))).not.toContain(KEY);
  });
});
