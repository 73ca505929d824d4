/** One request of the soak over HTTP, in the manner of its caller: patient, slow, or gone in the middle. */
import { type Agent, type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import type { PlannedCall } from './calls.js';

/** What came of it. */
export interface CallOutcome {
  /** Absent where the caller left before there was an answer, or none came. */
  readonly status?: number;
  readonly transactionId?: string;
  /** The gateway answered itself, without an upstream, and says why. */
  readonly refused?: string;
  readonly isComplete: boolean;
}

const SLOW_PIECES = 4;
const PAUSE_MS = 15;

/** Makes the call. Rejects never: what breaks is an outcome. */
export async function makeCall(
  gatewayUrl: string,
  key: string,
  call: Pick<PlannedCall, 'path' | 'body' | 'manner'>,
  agent: Agent,
): Promise<CallOutcome> {
  const body = Buffer.from(JSON.stringify(call.body));
  const headers = {
    authorization: `Bearer ${key}`,
    'content-type': 'application/json',
    'content-length': String(body.length),
    'anthropic-version': '2023-06-01',
  };
  const request = httpRequest(`${gatewayUrl}${call.path}`, { method: 'POST', headers, agent });
  const answered = headOf(request);
  await send(request, body, call.manner);
  const response = await answered;
  if (response === undefined) return { isComplete: false };
  const isComplete = await readBody(response, call.manner);
  const id = response.headers['fusewire-transaction-id'];
  const refused = response.headers['fusewire-refused'];
  return {
    status: response.statusCode ?? 0,
    isComplete,
    ...(typeof id === 'string' ? { transactionId: id } : {}),
    ...(typeof refused === 'string' ? { refused } : {}),
  };
}

function headOf(request: ClientRequest): Promise<IncomingMessage | undefined> {
  return new Promise((resolve) => {
    request.once('response', resolve);
    request.once('error', () => resolve(undefined));
    request.once('close', () => resolve(undefined));
  });
}

async function send(request: ClientRequest, body: Buffer, manner: PlannedCall['manner']): Promise<void> {
  if (manner === 'leaves before its request is whole') {
    request.write(body.subarray(0, body.length / 2));
    await pause(PAUSE_MS);
    request.destroy();
    return;
  }
  if (manner !== 'writes slowly') {
    request.end(body);
    return;
  }
  const size = Math.ceil(body.length / SLOW_PIECES);
  for (let at = 0; at < body.length && !request.destroyed; at += size) {
    request.write(body.subarray(at, at + size));
    await pause(PAUSE_MS);
  }
  request.end();
}

/** Reads the answer, or as much of it as the caller wants; whether it came to its end. */
async function readBody(response: IncomingMessage, manner: PlannedCall['manner']): Promise<boolean> {
  try {
    for await (const _ of response) {
      if (manner === 'leaves') {
        await pause(PAUSE_MS);
        break;
      }
      if (manner === 'reads slowly') await pause(PAUSE_MS);
    }
  } catch {
    return false;
  }
  // Leaving the loop early closes the connection.
  return manner !== 'leaves' && response.complete;
}
