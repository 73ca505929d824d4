/** Knocks at the door of the service that holds a data folder. */
import { ADMIN_TOKEN_HEADER } from '../http/access.js';
import { type JsonAnswer, sendJson } from '../http/send-json.js';
import { type LocalDoor, readLocalDoors } from './data-folder.js';
import type { KeyCommand, KeyCommandResult } from './key-commands.js';
import { LOCAL_KEYS_PATH, LOCAL_PING_PATH } from './local-admin-route.js';

const ANSWER_LIMIT_MS = 5_000;

/** The door of a service that runs now and holds `dataDir`; `undefined` where none does. */
export async function findOpenDoor(dataDir: string): Promise<LocalDoor | undefined> {
  for (const door of await readLocalDoors(dataDir)) {
    try {
      const answer = await post(door, LOCAL_PING_PATH, {});
      // Another program may have taken the port of a service that died: it does not know the token.
      if (answer.status === 200) return door;
    } catch {
      // Its service died.
    }
  }
  return undefined;
}

/** Has the running service carry out a command. @throws Error where it does not answer as it should. */
export function sendKeyCommand(door: LocalDoor, command: KeyCommand): Promise<KeyCommandResult> {
  return askDoor(door, LOCAL_KEYS_PATH, command);
}

/** Asks the running service for something of its door. @throws DoorError with what it answers instead. */
export async function askDoor<T>(door: LocalDoor, path: string, body: unknown, limitMs = ANSWER_LIMIT_MS): Promise<T> {
  const answer = await post(door, path, body, limitMs);
  if (answer.status !== 200) throw new DoorError(answer.status, messageIn(answer.body));
  return JSON.parse(answer.body) as T;
}

/** The service refused, or failed. */
export class DoorError extends Error {
  override readonly name = 'DoorError';

  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

function messageIn(body: string): string {
  try {
    return String((JSON.parse(body) as { message?: unknown }).message);
  } catch {
    return body.slice(0, 200);
  }
}

function post(door: LocalDoor, path: string, body: unknown, limitMs = ANSWER_LIMIT_MS): Promise<JsonAnswer> {
  const headers = { [ADMIN_TOKEN_HEADER]: door.token };
  return sendJson({ method: 'POST', url: `${door.url}${path}`, headers, body, limitMs });
}
