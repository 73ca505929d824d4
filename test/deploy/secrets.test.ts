import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const git = (...args: readonly string[]) => execFileSync('git', args, { encoding: 'utf8' }).split('\n').filter(Boolean);

describe('seed weakness 22: what belongs to a tunnel', () => {
  it.each([
    'cloudflare/credentials.json',
    'cloudflare/config.yml',
    '.cloudflared/cert.pem',
    'deploy/cloudflared/config.yml',
    'credentials.json',
    'tunnel-credentials.json',
    'deploy/6ff42ae2-765d-4adf-8112-31c55c1551ef.json',
    'cert.pem',
    'packed/fusewire-0.1.0.tgz',
    'docker-compose.override.yml',
    '.env',
  ])('is never committed: %s', (path) => {
    expect(git('check-ignore', '--no-index', path)).toEqual([path]);
  });

  it('is not in the project, by its name or by what it holds', () => {
    const files = git('ls-files');
    expect(files.filter((path) => /(^|\/)(\.?cloudflared?\/|cert\.pem$|[^/]*credentials\.json$)/.test(path))).toEqual(
      [],
    );
    const json = files.filter((path) => path.endsWith('.json') && path !== 'package-lock.json');
    expect(json.filter((path) => readFileSync(path, 'utf8').includes('TunnelSecret'))).toEqual([]);
  });
});
