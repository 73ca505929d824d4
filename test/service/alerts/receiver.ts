/** A receiver of webhooks on loopback, which checks signatures by its own reading of contract section 7. */
import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';

/** What came in. */
export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly body: {
    readonly id: string;
    readonly type: string;
    readonly created: string;
    readonly data: Record<string, unknown>;
  };
}

/** A server that notes what it gets. */
export interface Receiver {
  readonly url: string;
  readonly port: number;
  readonly received: Received[];
  /** What the next requests are answered with; 204 where it is not set. `hang`: never. */
  answer: number | 'hang' | ((response: ServerResponse) => void);
  close(): Promise<void>;
}

/** Listens on a free port, or on the one that is given. */
export async function startReceiver(port = 0): Promise<Receiver> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8');
    request.on('data', (chunk) => {
      text += chunk;
    });
    request.on('end', () => {
      received.push({ path: request.url ?? '', headers: request.headers, text, body: JSON.parse(text) });
      const { answer } = receiver;
      if (answer === 'hang') return;
      if (typeof answer === 'function') answer(response);
      else response.writeHead(answer).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const bound = (server.address() as { port: number }).port;
  const receiver: Receiver = {
    url: `http://127.0.0.1:${bound}/hook`,
    port: bound,
    received,
    answer: 204,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return receiver;
}

/** The positions of the signatures of a delivery that were made with `secret`. */
export function signedWith({ headers, text }: Received, secret: string): readonly number[] {
  const time = headers['x-revenium-webhook-timestamp'];
  const given = String(headers['x-revenium-signature-256']).split(', ');
  const mac = createHmac('sha256', Buffer.from(secret, 'utf8'));
  mac.update(Buffer.concat([Buffer.from(String(time)), Buffer.from('.'), Buffer.from(text)]));
  const wanted = `sha256=${mac.digest('hex')}`;
  return given.flatMap((one, position) => (one === wanted ? [position] : []));
}
