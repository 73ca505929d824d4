/** Serves one recorded exchange over real HTTP, whatever is asked, its bytes cut as the test wants them. */
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setImmediate as tick } from 'node:timers/promises';

/** A recorded exchange, and what the provider reported in it. */
export interface Recording {
  readonly id: string;
  readonly provider: string;
  readonly api: string;
  readonly streaming: boolean;
  readonly request: { readonly url: string; readonly body: Record<string, unknown> | null };
  readonly response: {
    readonly status: number;
    readonly headers: Record<string, string>;
    readonly body_text?: string;
    readonly body_base64?: string;
  };
  readonly expected: {
    readonly model: string | null;
    readonly input_tokens: number | null;
    readonly output_tokens: number | null;
    readonly total_tokens: number | null;
    readonly cache_read_tokens: number | null;
    readonly cache_write_tokens: number | null;
    readonly reasoning_tokens: number | null;
    readonly stop_reason: string | null;
    readonly usage_present: boolean;
    readonly raw_usage?: Record<string, unknown> | null;
    /** Where in the answer the counts stood. */
    readonly usage_source?: string | null;
  };
}

/** Reads the recordings that `wanted` names by file, sorted. Fails where there are none. */
export function readRecordings(directory: string, wanted: RegExp): Recording[] {
  const names = readdirSync(directory).filter((name) => wanted.test(name));
  if (names.length === 0) throw new Error(`RECORDINGS_DIR is set to ${directory}, and nothing there is ${wanted}`);
  return names.sort().map((name) => JSON.parse(readFileSync(join(directory, name), 'utf8')) as Recording);
}

/** Where the bytes of an answer are cut: returns the lengths of the pieces, in order; what is left is one more. */
export type Cut = (bytes: Buffer) => readonly number[];

/** Pieces of 1 to 40 bytes, the same for the same seed: cuts characters, line ends and numbers sooner or later. */
export function randomCut(seed: number): Cut {
  return (bytes) => {
    let state = seed >>> 0;
    const pieces: number[] = [];
    for (let at = 0; at < bytes.length; ) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      const piece = 1 + ((state >>> 16) % 40);
      pieces.push(piece);
      at += piece;
    }
    return pieces;
  };
}

/** A server that plays one recording. */
export interface ReplayServer {
  readonly url: string;
  play(recording: Recording, cut: Cut): void;
  close(): Promise<void>;
}

/** Starts it on a free port. Hop-by-hop headers and the content length are left to HTTP. */
export async function startReplayServer(): Promise<ReplayServer> {
  let playing: { recording: Recording; cut: Cut } | undefined;
  const server = createServer(async (request, response) => {
    request.resume();
    const { recording, cut } = playing!;
    const { status, headers, body_text: text, body_base64: base64 } = recording.response;
    const bytes = base64 === undefined ? Buffer.from(text ?? '') : Buffer.from(base64, 'base64');
    const ofHop = /^(content-length|content-encoding|transfer-encoding|connection|keep-alive)$/i;
    response.writeHead(status, Object.fromEntries(Object.entries(headers).filter(([name]) => !ofHop.test(name))));
    let at = 0;
    let written = 0;
    for (const length of cut(bytes)) {
      response.write(bytes.subarray(at, at + length));
      at += length;
      written += 1;
      if (written % 8 === 0) await tick();
    }
    response.end(bytes.subarray(at));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    play(recording, cut) {
      playing = { recording, cut };
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
