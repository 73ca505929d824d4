import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';

const UNIT = 'deploy/fusewire.service';
const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0;

let unit: ReadonlyMap<string, readonly string[]>;
let text: string;
beforeAll(async () => {
  text = await readFile(UNIT, 'utf8');
  const settings = new Map<string, string[]>();
  let section = '';
  for (const [index, line] of text.split('\n').entries()) {
    if (/^(#|;|$)/.test(line)) continue;
    const heading = /^\[(\w+)\]$/.exec(line)?.[1];
    const [, name, value] = /^([A-Z]\w+)=(.*)$/.exec(line) ?? [];
    if (heading !== undefined) section = heading;
    else if (name === undefined || section === '')
      throw new Error(`${UNIT}:${index + 1} is neither a heading nor a setting`);
    else settings.set(`${section}.${name}`, [...(settings.get(`${section}.${name}`) ?? []), value ?? '']);
  }
  unit = settings;
});
const all = (name: string) => unit.get(`Service.${name}`) ?? [];
const one = (name: string) => {
  expect(all(name)).toHaveLength(1);
  return all(name)[0]!;
};

describe('the systemd unit', () => {
  it('has its sections, and begins at boot', () => {
    expect([...new Set([...unit.keys()].map((name) => name.split('.')[0]))]).toEqual(['Unit', 'Service', 'Install']);
    expect(unit.get('Install.WantedBy')).toEqual(['multi-user.target']);
    expect(unit.get('Unit.After')?.[0]).toContain('network-online.target');
  });

  it('starts the command that the package installs', async () => {
    const { bin } = JSON.parse(await readFile('package.json', 'utf8')) as { bin: { fusewire: string } };
    expect(one('ExecStart')).toBe(
      `/usr/bin/node /opt/fusewire/node_modules/fusewire/${bin.fusewire.replace('./', '')} serve`,
    );
  });

  it('runs as a user without rights, who may write to one folder', () => {
    expect([one('User'), one('Group')]).toEqual(['fusewire', 'fusewire']);
    expect([one('StateDirectory'), one('StateDirectoryMode'), one('UMask')]).toEqual(['fusewire', '0700', '0077']);
    expect(one('Environment')).toContain(`FUSEWIRE_DATA_DIR=/var/lib/${one('StateDirectory')}`);
    expect(one('WorkingDirectory')).toBe('/var/lib/fusewire');
    expect([one('ProtectSystem'), one('ProtectHome'), one('NoNewPrivileges'), one('PrivateTmp')]).toEqual([
      'strict',
      'yes',
      'yes',
      'yes',
    ]);
    expect([one('CapabilityBoundingSet'), one('AmbientCapabilities')]).toEqual(['', '']);
    expect(all('ReadWritePaths')).toEqual([]);
    // V8 makes code while it runs, and asks /proc for processors.
    expect([all('MemoryDenyWriteExecute'), all('ProcSubset')]).toEqual([[], []]);
  });

  it('reads its keys from a file that may be missing, and holds none', () => {
    expect(one('EnvironmentFile')).toBe('-/etc/fusewire/fusewire.env');
    expect(text).not.toMatch(/_KEY|TOKEN|PASSWORD|SECRET/);
  });

  it('is started again when it fails, and ended no sooner than it needs to end well', async () => {
    expect(one('Restart')).toBe('on-failure');
    const limit = /CLOSE_LIMIT_MS = ([\d_]+)/.exec(
      await readFile('service/gateway/http/gateway-server.ts', 'utf8'),
    )?.[1];
    expect(Number.parseInt(one('TimeoutStopSec'), 10) * 1_000).toBeGreaterThanOrEqual(
      2 * Number(limit?.replaceAll('_', '')),
    );
    expect(Number(one('LimitNOFILE'))).toBeGreaterThanOrEqual(65_536);
  });

  it.skipIf(!hasSystemd)('is taken by systemd itself, without a warning', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fusewire-unit-'));
    try {
      const file = join(folder, 'fusewire.service');
      // The program has to be there for systemd to be content.
      await writeFile(file, text.replace('/usr/bin/node ', `${process.execPath} `));
      const { stdout, stderr } = await promisify(execFile)('systemd-analyze', ['verify', '--man=no', file]);
      expect(`${stdout}${stderr}`.split('\n').filter((line) => line.includes('fusewire.service'))).toEqual([]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
