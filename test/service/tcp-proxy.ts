/** A way to a server that breaks where a test wants it to. */
import { connect, createServer, type Server, type Socket } from 'node:net';

/** What happens to a COMMIT: its answer is lost, or it is lost itself. */
export type CommitFate = 'answered' | 'answer-lost' | 'lost';

/** Passes everything on until it is told otherwise. */
export interface TcpProxy {
  /** The address of the database through the proxy. */
  readonly url: string;
  /**
   * What becomes of the next COMMITs, one each, of transactions in which `statement` was run; of others, and later, they
   * are answered.
   */
  fate(statement: string, ...fates: CommitFate[]): void;
  /** Commits that were met. */
  readonly met: CommitFate[];
  /** Accepts and says nothing, as a network does that swallows packets; what is open falls silent too. */
  silent: boolean;
  /** Ends every connection. */
  cut(): void;
  close(): Promise<void>;
}

/** Starts a proxy before the server of `databaseUrl`. */
export async function startProxy(databaseUrl: string): Promise<TcpProxy> {
  const target = new URL(databaseUrl);
  const open = new Set<Socket>();
  let fates: CommitFate[] = [];
  let marker: string | undefined;
  const met: CommitFate[] = [];
  const state = { silent: false };
  const server: Server = createServer((near) => {
    const far = connect(Number(target.port), target.hostname);
    let swallowing = false;
    let isMarked = false;
    const end = (): void => {
      near.destroy();
      far.destroy();
    };
    for (const socket of [near, far]) {
      open.add(socket);
      socket.on('error', end);
      socket.on('close', () => {
        open.delete(socket);
        end();
      });
    }
    near.on('data', (bytes) => {
      if (state.silent) return;
      isMarked ||= marker !== undefined && bytes.includes(marker);
      const isCommit = bytes.includes('COMMIT\0');
      const fate = isCommit && isMarked ? (fates.shift() ?? 'answered') : undefined;
      if (isCommit) isMarked = false;
      if (fate !== undefined) met.push(fate);
      if (fate === 'lost') end();
      else {
        swallowing = fate === 'answer-lost';
        far.write(bytes);
      }
    });
    far.on('data', (bytes) => {
      if (state.silent) return;
      // The server has answered: it is committed, and nobody will hear of it.
      if (swallowing) end();
      else near.write(bytes);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const url = new URL(databaseUrl);
  url.port = String(address !== null && typeof address === 'object' ? address.port : 0);
  return {
    url: url.href,
    fate(statement, ...next) {
      marker = `${statement}\0`;
      fates = next;
    },
    met,
    get silent() {
      return state.silent;
    },
    set silent(silent: boolean) {
      state.silent = silent;
    },
    cut() {
      for (const socket of open) socket.destroy();
    },
    async close() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
