import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { ingressProblems, takesHost } from '../../../service/tunnel/ingress.js';
import { planInit, type TunnelWish } from '../../../service/tunnel/init.js';
import { readTunnelFile } from '../../../service/tunnel/tunnel-file.js';

const ID = '6ff42ae2-765d-4adf-8112-31c55c1551ef';
const OTHER_ID = '0b1c2d3e-0000-4000-8000-000000000001';
const WISH: TunnelWish = {
  hostname: 'llm.example.com',
  service: 'http://127.0.0.1:8000',
  tunnel: ID,
  credentialsFile: '/etc/cloudflared/a.json',
};

function planned(text: string | undefined, wish: Partial<TunnelWish> = {}) {
  const plan = planInit(text, { ...WISH, ...wish });
  if (plan.outcome !== 'planned') throw new Error(plan.reason);
  return plan;
}
const rulesOf = (text: string) => {
  const read = readTunnelFile(text);
  if (read.outcome !== 'read') throw new Error(JSON.stringify(read.problems));
  return read.file.rules.map(({ hostname, path, service }) => [hostname, path, service].filter((part) => part !== ''));
};

describe('a new configuration', () => {
  it('publishes the gateway, and 404 for whatever is left', () => {
    const { text, said } = planned(undefined);
    expect(text.replace(/^#.*\n/gm, '')).toBe(
      `\ntunnel: ${ID}\ncredentials-file: /etc/cloudflared/a.json\ningress:\n  - hostname: llm.example.com\n    service: http://127.0.0.1:8000\n  - service: http_status:404\n`,
    );
    expect(said[0]).toBe('the file is new');
  });

  it('names the tunnel that it was given, or one of its own, and no credentials that nobody knows', () => {
    const { text, said, tunnel, hasCredentials } = planned('', { tunnel: undefined, credentialsFile: undefined });
    expect([tunnel, hasCredentials]).toEqual(['fusewire', false]);
    expect(text).not.toMatch(/^credentials-file/m);
    expect(said.join('\n')).toMatch(/credentials-file: not known yet/);
  });
});

describe('a configuration that is there', () => {
  const FILE = `# mine
tunnel: ${ID} # the box
credentials-file: /old/place.json
loglevel: info
originRequest:
  connectTimeout: 10s
ingress:
  # the shop
  - hostname: shop.example.com
    service: http://127.0.0.1:3000 # blue
    originRequest:
      noTLSVerify: true
  - service: http_status:503
`;

  it('keeps its comments, members and rules; the new rule comes before whatever takes the rest', () => {
    const { text, said } = planned(FILE);
    expect(text).toBe(
      FILE.replace('/old/place.json', '/etc/cloudflared/a.json').replace(
        '  - service: http_status:503',
        '  - hostname: llm.example.com\n    service: http://127.0.0.1:8000\n  - service: http_status:503',
      ),
    );
    expect(said).toEqual([
      `tunnel: ${ID}, as it was`,
      'credentials-file: /etc/cloudflared/a.json (it was /old/place.json); the file stays where it is',
      'rule 2: llm.example.com leads to http://127.0.0.1:8000',
      'shop.example.com leads to http://127.0.0.1:3000: kept',
      'whatever is left: http_status:503, as it was',
    ]);
  });

  it('does not change the second time', () => {
    const { text } = planned(FILE);
    const again = planned(text);
    expect(again.text).toBe(text);
    expect(again.said).toContain('rule 2: llm.example.com leads to http://127.0.0.1:8000, as it did');
  });

  it('has its rule for the host changed, and says where it led', () => {
    const { text, said } = planned(FILE, { hostname: 'shop.example.com' });
    expect(rulesOf(text)[0]).toEqual(['shop.example.com', 'http://127.0.0.1:8000']);
    expect(text).toContain('noTLSVerify');
    expect(said).toContain('rule 1: shop.example.com leads to http://127.0.0.1:8000; it led to http://127.0.0.1:3000');
  });

  it('gets the rule before a wildcard that would take its host', () => {
    const wild = 'ingress:\n  - hostname: "*.example.com"\n    service: http://a:1\n  - service: http_status:404\n';
    const { text, said } = planned(wild);
    expect(rulesOf(text).map(([first]) => first)).toEqual(['llm.example.com', '*.example.com', 'http_status:404']);
    expect(said).toContain(
      'rule 1: llm.example.com leads to http://127.0.0.1:8000, before the rule for *.example.com, which would take it',
    );
    const below = wild.replace(
      '  - service: http_s',
      '  - hostname: llm.example.com\n    service: http://b:2\n  - service: http_s',
    );
    expect(rulesOf(planned(below).text)).toEqual(rulesOf(text));
  });

  it('gets what takes the rest where nothing does', () => {
    const { text } = planned('ingress:\n  - hostname: a.example.com\n    service: http://a:1\n');
    expect(rulesOf(text).map(([first]) => first)).toEqual(['a.example.com', 'llm.example.com', 'http_status:404']);
  });

  it('keeps its tunnel where none is asked for, and takes the id for the name', () => {
    expect(planned(FILE, { tunnel: undefined }).tunnel).toBe(ID);
    const named = planned('tunnel: box\n');
    expect([named.tunnel, named.said[0]]).toEqual([ID, `tunnel: ${ID}, which the file called box`]);
    expect(planned(`tunnel: ${ID}\n`, { tunnel: 'box' }).tunnel).toBe(ID);
  });

  it.each([
    [`tunnel: ${OTHER_ID}\n`, `line 1 is for the tunnel ${OTHER_ID}, not for ${ID}`],
    ['tunnel: a\nurl: http://127.0.0.1:8787\n', 'line 2 publishes one service for all hosts'],
    ['tunnel: [a\n', 'the file cannot be read (line'],
    ['ingress: none\n', '`ingress` must be a list of rules'],
    ['a: &a\n  - service: http_status:404\ningress: *a\n', 'borrowed'],
    ['a: &a\n  service: http_status:404\ningress:\n  - *a\n', 'borrowed'],
    ['a: &a\n  ingress:\n    - service: http_status:404\n<<: *a\n', 'borrowed'],
  ])('is left alone where it means something else: %j', (text, reason) => {
    const plan = planInit(text, WISH);
    expect(plan).toEqual({ outcome: 'refused', reason: expect.stringContaining(reason) });
  });

  it('whatever its rules: none is lost or moved, the host reaches the gateway, and twice is as once', () => {
    const host = fc.constantFrom('a.example.com', 'llm.example.com', '*.example.com', '*.com', 'b.example.org', '');
    const rule = fc.record({
      hostname: host,
      path: fc.constantFrom('', '', '^/api'),
      service: fc.constantFrom('http://127.0.0.1:8000', 'http://a:1', 'unix:/run/a', 'http_status:404'),
    });
    const written = (rules: readonly { hostname: string; path: string; service: string }[]) =>
      stringify({
        ingress: rules.map(({ hostname, path, service }) => ({
          ...(hostname === '' ? {} : { hostname }),
          ...(path === '' ? {} : { path }),
          service,
        })),
      });
    fc.assert(
      fc.property(fc.array(rule, { maxLength: 6 }), (rules) => {
        const before = rulesOf(written(rules));
        const { text } = planned(written(rules));
        const read = readTunnelFile(text);
        const after = read.outcome === 'read' ? read.file.rules : [];
        const isOurs = (parts: readonly string[]) => parts[0] === 'llm.example.com' && parts.length === 2;
        // Of several rules for our host the first one counts, and it alone is touched.
        const first = before.findIndex(isOurs);
        const others = before.filter((_, index) => index !== first);
        const found = rulesOf(text);
        const ours = found.findIndex(isOurs);
        const rest = found.filter((_, index) => index !== ours);
        expect(rest.slice(0, others.length)).toEqual(others);
        expect(after.find((one) => takesHost(one, 'llm.example.com'))?.service).toBe('http://127.0.0.1:8000');
        expect(planned(text).text).toBe(text);
        const last = ingressProblems(after).filter(({ message }) => message.includes('the last rule'));
        expect(last).toEqual([]);
      }),
    );
  });
});
