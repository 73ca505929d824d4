/** Reads the body of a request whole, within bounds: of one body, and of all bodies that are in memory at once (I10). */
import type { Exchange } from './exchange.js';
import { Failure, unavailable } from './failure.js';

/** The body; why it is not taken; or nothing, where the client left before it was whole and nobody waits for an answer. */
export type BodyReading = Buffer | Failure | undefined;

/** Of all bodies of a process, until their calls are answered: many callers with large bodies must not fill its memory. */
export const BODIES_BYTES_MAX = 512 * 1_048_576;

const NOTHING = Buffer.alloc(0);

/** Reads bodies; whoever sends too slowly is cut off by the server's limit for whole requests. */
export class BodyReader {
  readonly #bytesMax: number;
  readonly #allBytesMax: number;
  #bytes = 0;

  constructor(limits: { readonly bodyBytesMax: number; readonly bodiesBytesMax?: number | undefined }) {
    this.#bytesMax = limits.bodyBytesMax;
    this.#allBytesMax = limits.bodiesBytesMax ?? BODIES_BYTES_MAX;
  }

  /** Bytes of bodies that are in memory now. */
  get bytesHeld(): number {
    return this.#bytes;
  }

  /** Call it once the caller may send at all: a client that asked is told to go on here. The bytes are not copied where they came at once. */
  read(exchange: Exchange): Promise<BodyReading> {
    const { request, response, expectsContinue } = exchange;
    const problem = this.#problemOfHead(request.headers['content-encoding'], request.headers['content-length']);
    if (problem !== undefined) return Promise.resolve(problem);
    if (request.readableEnded) return Promise.resolve(NOTHING);
    if (request.destroyed) return Promise.resolve(undefined);
    if (expectsContinue) response.writeContinue();
    return new Promise((resolve) => {
      const collector = new Collector(this.#bytesMax, (bytes) => this.#take(bytes));
      exchange.whenOver(() => {
        this.#bytes -= collector.taken;
      });
      const finish = (reading: BodyReading) => {
        request.off('data', onData);
        resolve(reading);
      };
      const onData = (piece: Buffer) => {
        const failure = collector.add(piece);
        if (failure === undefined) return;
        request.pause();
        finish(failure);
      };
      request.on('data', onData);
      request.once('end', () => finish(collector.whole()));
      request.once('close', () => finish(undefined));
      request.once('error', () => finish(undefined));
    });
  }

  #take(bytes: number): boolean {
    if (this.#bytes + bytes > this.#allBytesMax) return false;
    this.#bytes += bytes;
    return true;
  }

  #problemOfHead(encoding: string | undefined, length: string | undefined): Failure | undefined {
    if (encoding !== undefined && encoding.trim() !== '' && encoding.trim().toLowerCase() !== 'identity') {
      return new Failure(415, 'unsupported_encoding', 'send the body without a content-encoding', {
        headers: ['accept-encoding', 'identity'],
      });
    }
    return length !== undefined && Number(length) > this.#bytesMax ? tooLarge(this.#bytesMax) : undefined;
  }
}

class Collector {
  /** Counted against all bodies, until the exchange is over. */
  taken = 0;
  readonly #bytesMax: number;
  readonly #take: (bytes: number) => boolean;
  #first: Buffer | undefined;
  #pieces: Buffer[] | undefined;

  constructor(bytesMax: number, take: (bytes: number) => boolean) {
    this.#bytesMax = bytesMax;
    this.#take = take;
  }

  add(piece: Buffer): Failure | undefined {
    if (this.taken + piece.length > this.#bytesMax) return this.#refuse(tooLarge(this.#bytesMax));
    if (!this.#take(piece.length)) {
      const text = 'the gateway holds too many large requests at the moment; nothing was sent or charged';
      return this.#refuse(unavailable('overloaded', text, 2));
    }
    this.taken += piece.length;
    if (this.#first === undefined) this.#first = piece;
    else if (this.#pieces === undefined) this.#pieces = [this.#first, piece];
    else this.#pieces.push(piece);
    return undefined;
  }

  whole(): Buffer {
    if (this.#pieces !== undefined) return Buffer.concat(this.#pieces, this.taken);
    return this.#first ?? NOTHING;
  }

  /** What came before is not kept. */
  #refuse(failure: Failure): Failure {
    this.#first = undefined;
    this.#pieces = undefined;
    return failure;
  }
}

function tooLarge(bytesMax: number): Failure {
  const most = bytesMax >= 1_048_576 ? `${Math.floor(bytesMax / 1_048_576)} MiB` : `${bytesMax} bytes`;
  return new Failure(413, 'body_too_large', `the body of a request may have ${most} at most`);
}
