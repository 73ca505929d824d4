import { describe, expect, it } from 'vitest';
import { hostnameProblem, ingressProblems, takesHost } from '../../../service/tunnel/ingress.js';
import { publishingProblem, publishingProblems } from '../../../service/tunnel/published.js';
import { type IngressRule, readTunnelFile } from '../../../service/tunnel/tunnel-file.js';

const PORTS = { gateway: 8000, admin: 9787, ollama: 11_434 };

function rulesOf(ingress: string): readonly IngressRule[] {
  const read = readTunnelFile(`tunnel: a\ningress:\n${ingress}`);
  if (read.outcome !== 'read') throw new Error(JSON.stringify(read.problems));
  return read.file.rules;
}
const problemsOf = (ingress: string) =>
  ingressProblems(rulesOf(ingress)).map(({ line, message }) => `${line} ${message}`);

describe('the file of a tunnel', () => {
  it('is read with the line of each rule', () => {
    const rules = rulesOf(
      '  # first\n  - hostname: a.example.com\n    path: ^/v1\n    service: http://127.0.0.1:8000\n\n  - service: http_status:404\n',
    );
    expect(rules).toEqual([
      {
        number: 1,
        line: 4,
        hostname: 'a.example.com',
        path: '^/v1',
        service: 'http://127.0.0.1:8000',
        isBastion: false,
      },
      { number: 2, line: 8, hostname: '', path: '', service: 'http_status:404', isBastion: false },
    ]);
  });

  it.each([
    ['tunnel: a\ningress:\n  - hostname: [a\n', 4, /./],
    ['tunnel: a\ntunnel: b\n', 2, /unique/],
    ['tunnel: a\n\tingress: x\n', 2, /tab/i],
    ['tunnel: a\ningress: http://127.0.0.1:8000\n', 2, /list of rules/],
    ['tunnel: a\ningress:\n  - http://127.0.0.1:8000\n', 3, /rule 1 must have members/],
    ['- a\n- b\n', 1, /names and values/],
  ])('that is malformed names the line: %j', (text, line, message) => {
    const read = readTunnelFile(text);
    expect(read).toMatchObject({ outcome: 'malformed' });
    const [first] = read.outcome === 'malformed' ? read.problems : [];
    expect([first?.line, first?.message]).toEqual([line, expect.stringMatching(message)]);
  });

  it.each(['- ', '[', '{a: ', '? '])(
    'that is nested without end is refused, and does not end the process: %j',
    (opening) => {
      const read = readTunnelFile(`ingress: ${opening.repeat(20_000)}`);
      expect(read).toMatchObject({ outcome: 'malformed' });
      const deep = readTunnelFile(`ingress:\n  ${opening.repeat(200)}x`);
      expect(deep).toMatchObject({ problems: [{ message: expect.stringMatching(/nested deeper than 100 levels/) }] });
    },
  );

  it.each(['', '# nothing yet\n', 'tunnel:\n'])('may be empty: %j', (text) => {
    const read = readTunnelFile(text);
    expect(read.outcome === 'read' && read.file.rules).toEqual([]);
  });
});

describe('the rules', () => {
  it('are taken as cloudflared takes them', () => {
    expect(
      problemsOf('  - hostname: a.example.com\n    service: http://127.0.0.1:8000\n  - service: http_status:404\n'),
    ).toEqual([]);
    const others = [
      'ssh://127.0.0.1:22',
      'unix:/run/a.sock',
      'unix+tls:/run/a.sock',
      'hello_world',
      'tcp://[::1]:5432',
      'https://app',
    ];
    for (const service of others) {
      expect(
        problemsOf(
          `  - hostname: "*.example.com"\n    service: ${service}\n  - hostname: "*"\n    service: http_status:503\n`,
        ),
      ).toEqual([]);
    }
  });

  it.each([
    ['  - hostname: a.example.com\n    service: http://b:1\n', '3 the last rule must take whatever is left'],
    ['  - service: http://b:1\n  - service: http_status:404\n', '3 rule 1 takes every request'],
    [
      '  - hostname: a.example.com\n    service: localhost:8000\n  - service: http_status:404\n',
      "3 rule 1 service 'localhost:8000' needs a scheme",
    ],
    [
      '  - hostname: a.example.com\n    service: http://b:1/v1\n  - service: http_status:404\n',
      "3 rule 1 service 'http://b:1/v1' has a path",
    ],
    [
      '  - hostname: a.example.com\n    service: http://b:1/\n  - service: http_status:404\n',
      "3 rule 1 service 'http://b:1/' ends with a slash",
    ],
    [
      '  - hostname: a.example.com\n    service: "http://b:1 "\n  - service: http_status:404\n',
      "3 rule 1 service 'http://b:1 ' needs a scheme",
    ],
    ['  - hostname: a.example.com\n    service: "http://b:1\\t1"\n  - service: http_status:404\n', '3 rule 1 service '],
    ['  - hostname: a.example.com\n  - service: http_status:404\n', '3 rule 1 has no service'],
    ['  - hostname: a.example.com\n    service: bastion\n  - service: http_status:404\n', '3 rule 1 is a bastion'],
    [
      '  - hostname: a.example.com\n    service: http://b:1\n    originRequest:\n      bastionMode: true\n  - service: http_status:404\n',
      '3 rule 1 is a bastion',
    ],
    [
      '  - hostname: a.example.com\n    path: "("\n    service: http://b:1\n  - service: http_status:404\n',
      "3 rule 1 path '(' is no regular expression",
    ],
    [
      '  - hostname: a.example.com:443\n    service: http://b:1\n  - service: http_status:404\n',
      "3 rule 1 hostname 'a.example.com:443' has a port",
    ],
    ['  - service: http_status:40\n', "3 rule 1 service 'http_status:40' is no HTTP status"],
    [
      '  - hostname: "*.example.com"\n    service: http://b:1\n  - hostname: A.example.com\n    service: http://b:1\n  - service: http_status:404\n',
      '5 rule 2 is never reached: rule 1 takes A.example.com',
    ],
  ])('are found wrong: %j', (ingress, expected) => {
    const problems = problemsOf(ingress);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(expected);
  });

  it("know Go's flags in expressions", () => {
    expect(
      problemsOf(
        '  - hostname: a.example.com\n    path: (?i)\\.(PNG|jpg)$\n    service: http://b:1\n  - service: http_status:404\n',
      ),
    ).toEqual([]);
  });

  it('say that there are none', () => {
    expect(problemsOf('')).toEqual(['1 there are no rules under `ingress`: nothing is published']);
  });

  it.each(['llm.example.com', 'a-b.example.co.uk', '*.example.com', 'xn--bcher-kva.example', '_x.example.com'])(
    'take the name %s',
    (name) => {
      expect(hostnameProblem(name)).toBeUndefined();
    },
  );

  it.each([
    '',
    'localhost',
    'https://a.example.com',
    'a.example.com/v1',
    'a.example.com:80',
    'a.*.com',
    '10.0.0.1',
    'a..b',
    '-a.example.com',
    'a b.example.com',
    `${'a.'.repeat(130)}com`,
  ])('do not take the name %j', (name) => {
    expect(hostnameProblem(name)).toEqual(expect.any(String));
  });

  it('match hosts: a wildcard takes subdomains, not the domain itself and not what ends alike', () => {
    const [wild] = rulesOf('  - hostname: "*.example.com"\n    service: http://b:1\n');
    expect(
      ['a.example.com', 'a.b.EXAMPLE.com', 'example.com', 'badexample.com'].map((host) => takesHost(wild!, host)),
    ).toEqual([true, true, false, false]);
  });
});

describe('what is published', () => {
  it.each([
    'http://127.0.0.1:8000',
    'http://fusewire:8000',
    'http_status:404',
    'ssh://127.0.0.1:22',
    'https://app',
    'hello_world',
  ])('may be %s', (service) => {
    expect(publishingProblem(service, PORTS)).toBeUndefined();
  });

  it.each([
    ['http://127.0.0.1:8787', /admin API/],
    ['http://127.0.0.1:9787', /admin API/],
    ['tcp://10.0.0.4:8787', /admin API/],
    ['https://[::1]:9787', /admin API/],
    ['http://ollama:11434', /Ollama itself/],
  ])('may not be %s', (service, why) => {
    expect(publishingProblem(service, PORTS)).toMatch(why);
  });

  it('may be a gateway that was moved to the port of the admin API, where that was moved too', () => {
    expect(publishingProblem('http://127.0.0.1:8787', { ...PORTS, gateway: 8787 })).toBeUndefined();
    expect(publishingProblem('http://127.0.0.1', { ...PORTS, admin: 80 })).toMatch(/admin API/);
  });

  it('is named by rule and line', () => {
    const rules = rulesOf(
      '  - hostname: a.example.com\n    service: http://127.0.0.1:8787\n  - service: http_status:404\n',
    );
    expect(publishingProblems(rules, PORTS)).toEqual([
      {
        line: 3,
        message: expect.stringMatching(/^rule 1 publishes http:\/\/127\.0\.0\.1:8787: port 8787 is the admin API/),
      },
    ]);
  });
});
