/**
 * The credentials of a tunnel, as `cloudflared tunnel create` writes them. Whoever has them can take the traffic of the
 * tunnel: they are looked at where they lie, never copied, and no part of them but the tunnel's id is ever said.
 */
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isUuid } from './tunnel-name.js';

/** What was found. */
export type Credentials =
  | { readonly outcome: 'sound'; readonly tunnelId: string; readonly tunnelName?: string }
  | { readonly outcome: 'wrong'; readonly message: string; readonly advice: string };

/** Group members may read, so that a container can; nobody else may do anything. */
const TOO_OPEN = 0o027;
const BYTES_MAX = 65_536;

/** Looks at a file. */
export async function examineCredentials(file: string): Promise<Credentials> {
  const status = await stat(file).catch((error: NodeJS.ErrnoException) => error.code ?? 'failed');
  if (typeof status === 'string') {
    const isMissing = status === 'ENOENT' || status === 'ENOTDIR';
    return wrong(
      `${file} ${isMissing ? 'is not there' : `cannot be looked at (${status})`}`,
      'cloudflared tunnel create says where it writes the file; name it with --credentials',
    );
  }
  if (!status.isFile() || status.size > BYTES_MAX) return wrong(`${file} is no credentials file`, NOT_CREDENTIALS);
  if (process.platform !== 'win32' && (status.mode & TOO_OPEN) !== 0) {
    const mode = (status.mode & 0o777).toString(8).padStart(4, '0');
    return wrong(`${file} is open to other users of this machine (mode ${mode})`, `chmod 600 ${file}`);
  }
  const repository = repositoryOf(file);
  if (repository !== undefined) {
    return wrong(
      `${file} lies in the repository ${repository}, from where it can get out with a commit`,
      'keep it outside of every repository, for instance in ~/.cloudflared',
    );
  }
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => error);
  if (typeof text !== 'string') {
    return wrong(`${file} cannot be read (${text.code ?? 'failed'})`, 'run this as the user that runs cloudflared');
  }
  return read(file, text);
}

const NOT_CREDENTIALS = 'give the JSON file that cloudflared tunnel create wrote, not cert.pem and not a token';

function read(file: string, text: string): Credentials {
  const members = parsed(text);
  const { TunnelID: id, TunnelName: name } = members;
  if (typeof id !== 'string' || !isUuid(id)) return wrong(`${file} names no tunnel`, NOT_CREDENTIALS);
  const missing = ['AccountTag', 'TunnelSecret'].filter((member) => typeof members[member] !== 'string');
  if (missing.length > 0) return wrong(`${file} has no ${missing.join(' and no ')}`, NOT_CREDENTIALS);
  const named = typeof name === 'string' && name !== '' ? { tunnelName: name } : {};
  return { outcome: 'sound', tunnelId: id.toLowerCase(), ...named };
}

/** The message of a parser repeats what it read, so none is passed on. */
function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(text)) as Record<string, unknown>;
  } catch {
    return {};
  }
}

/** The folder of the repository that a file lies in. */
function repositoryOf(file: string): string | undefined {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    if (existsSync(join(folder, '.git'))) return folder;
    if (folder === dirname(folder)) return undefined;
  }
}

function wrong(message: string, advice: string): Credentials {
  return { outcome: 'wrong', message, advice };
}
