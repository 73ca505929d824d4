import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import {
  prepareDataFolder,
  readCredentialSecret,
  readLocalDoor,
  removeLocalDoor,
  writeLocalDoor,
} from '../../../service/admin/data-folder.js';
import { sendJson } from '../../../service/http/send-json.js';
import { DataFolderInUseError, startService } from '../../../service/index.js';
import { openSqliteStore } from '../../../service/store/sqlite/open-sqlite-store.js';

const folders: string[] = [];
const newFolder = () => {
  const folder = mkdtempSync(join(tmpdir(), 'fusewire-start-'));
  folders.push(folder);
  return folder;
};
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});
const openStore = (options: Parameters<typeof openSqliteStore>[0]) => openSqliteStore({ ...options, inProcess: true });

describe('startService', () => {
  it('starts on a free port and a temporary folder that is gone after close', async () => {
    let file = '';
    const service = await startService({
      openStore: (options) => {
        file = options.file;
        return openStore(options);
      },
    });
    expect(existsSync(file)).toBe(true);
    const path = `/v2/api/ai/enforcement-rules/${service.team.id}`;
    const got = await sendJson({
      method: 'GET',
      url: service.url + path,
      headers: { 'x-api-key': service.keys.metering },
    });
    expect(got.status).toBe(204);
    await Promise.all([service.close(), service.close()]);
    expect(existsSync(file)).toBe(false);
    await expect(sendJson({ method: 'GET', url: `${service.url}/health` })).rejects.toThrow();
  });

  it('runs twice in one process, each with a team of its own', async () => {
    const [one, two] = await Promise.all([startService({ openStore }), startService({ openStore })]);
    const ask = async (url: string, key: string) =>
      (await sendJson({ method: 'GET', url: `${url}/v2/api/teams`, headers: { 'x-api-key': key } })).status;
    expect([await ask(one.url, one.keys.write), await ask(two.url, one.keys.write)]).toEqual([200, 401]);
    await Promise.all([one.close(), two.close()]);
  });

  it('keeps a given folder, gives new keys on the next start and refuses a second service on it', async () => {
    const dataDir = newFolder();
    const first = await startService({ dataDir, openStore });
    await expect(startService({ dataDir, openStore })).rejects.toBeInstanceOf(DataFolderInUseError);
    await first.close();
    const second = await startService({ dataDir, openStore });
    expect(second.team).toEqual(first.team);
    expect(second.keys.write).not.toBe(first.keys.write);
    for (const key of [first.keys.write, second.keys.write]) {
      expect(
        (await sendJson({ method: 'GET', url: `${second.url}/v2/api/teams`, headers: { 'x-api-key': key } })).status,
      ).toBe(200);
    }
    await second.close();
  });

  it('I12: gives the same credential the same text after a restart', async () => {
    const dataDir = newFolder();
    const texts: unknown[] = [];
    for (const transactionId of ['before', 'after']) {
      const service = await startService({ dataDir, openStore });
      const subscriber = { credential: { name: 'n', value: 'sk-live-0123456789' } };
      const body = { transactionId, model: 'm', provider: 'p', requestTime: new Date().toISOString(), subscriber };
      await sendJson({
        method: 'POST',
        url: `${service.url}/meter/v2/ai/completions`,
        headers: { 'x-api-key': service.keys.metering },
        body,
      });
      const found = await service.store.findEvents(service.team.id, { transactionId, page: 0, size: 1 });
      texts.push(found.items[0]!.body['subscriber']);
      await service.close();
    }
    expect(texts[1]).toEqual(texts[0]);
    expect(JSON.stringify(texts)).toMatch(/hmac_[0-9a-f]{32}_6789/);
  });
});

describe('the data folder', () => {
  it('is made private, also when it was there', async () => {
    const folder = newFolder();
    await prepareDataFolder(join(folder, 'a', 'b'));
    expect(statSync(join(folder, 'a', 'b')).mode & 0o777).toBe(0o700);
  });

  it('keeps one secret, 0600, and refuses a broken one', async () => {
    const folder = newFolder();
    const [one, two] = [await readCredentialSecret(folder), await readCredentialSecret(folder)];
    expect(Buffer.from(one).equals(Buffer.from(two))).toBe(true);
    expect(one).toHaveLength(32);
    expect(statSync(join(folder, 'credential.secret')).mode & 0o777).toBe(0o600);
    writeFileSync(join(folder, 'credential.secret'), 'short');
    await expect(readCredentialSecret(folder)).rejects.toThrow(/does not hold a secret/);
  });

  it('forgets a door only for the service that opened it, and reads no nonsense as one', async () => {
    const folder = newFolder();
    const door = { url: 'http://127.0.0.1:1', token: 't'.repeat(64), pid: 1 };
    await writeLocalDoor(folder, door);
    expect(await readLocalDoor(folder)).toEqual(door);
    await removeLocalDoor(folder, 'other');
    expect(await readLocalDoor(folder)).toEqual(door);
    await removeLocalDoor(folder, door.token);
    expect(await readLocalDoor(folder)).toBeUndefined();
    for (const text of ['', '{', '[]', '{"url":"file:///etc","token":"tttttttttttttttttttt","pid":1}']) {
      writeFileSync(join(folder, 'local-door.json'), text);
      expect(await readLocalDoor(folder), text).toBeUndefined();
    }
  });
});
