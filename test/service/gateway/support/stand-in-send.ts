/** Sends an answer of the stand-in, or what a fault makes of it. */
import type { ServerResponse } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import type { Answer } from './stand-in-answer.js';

/** How the answer to a request goes wrong, or how slowly it comes. */
export type Fault =
  /** An error with these headers; its body is the protocol's own unless one is given. */
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  /** Breaks the connection after so many bytes of the body, packets as they come. */
  | { readonly cutAt: number }
  /** A packet of a stream every so many milliseconds; generation stops when the connection closes. */
  | { readonly everyMs: number }
  /** Packets of the body, as given, instead of the answer; its head stays. */
  | { readonly body: string }
  /** No JSON and no events, under the right content type. */
  | 'garbage'
  /** Closes the connection without a byte. */
  | 'nothing'
  /** Status 200, and a body without a byte. */
  | 'empty'
  /** Breaks the connection in the middle of the second packet, or of the only one. */
  | 'half-chunk'
  /** Ends the answer, cleanly, before its last packet. */
  | 'ends-early'
  /** Never answers. */
  | 'hang'
  /** Sends the head and two packets, and the others after `release`. */
  | 'hold'
  /** Sends nothing before `release`. */
  | 'hold-head'
  /** Goes on by one packet with each `release`. */
  | 'step'
  /** After two packets an error in the protocol's own way, under status 200. */
  | 'error-inside'
  /** One byte a packet, as far as the network lets it. */
  | 'bytes'
  /** Lines end in CRLF. */
  | 'crlf';

/** What is told while an answer is sent. */
export interface SendNotes {
  /** A packet was made, whether or not somebody is there to take it. */
  generated(): void;
  /** Waits for the test. */
  released(): Promise<void>;
  /** The connection is about to be broken from this side. */
  breaks(): void;
  /** Generates to the end whoever listens. */
  readonly isStubborn: boolean;
}

const PACKETS_BEFORE = 2;

/** Sends `answer`; resolves when it is out, or the connection is gone. */
export async function sendAnswer(
  response: ServerResponse,
  answer: Answer,
  fault: Fault | undefined,
  notes: SendNotes,
): Promise<void> {
  if (fault === 'hang') return;
  if (fault === 'nothing') {
    notes.breaks();
    response.destroy();
    return;
  }
  if (fault === 'hold-head') await notes.released();
  const packets = packetsOf(answer, fault);
  // A length would end the answer where the fault means to break it.
  const { 'content-length': length, ...others } = answer.headers;
  const keepsLength = length !== undefined && !CHANGES_LENGTH.has(fault) && !isBody(fault);
  response.writeHead(answer.status, keepsLength ? answer.headers : others);
  response.flushHeaders();
  await sendPackets(response, packets, fault, notes);
}

const CHANGES_LENGTH = new Set<unknown>(['garbage', 'empty', 'ends-early', 'error-inside']);

function isBody(fault: Fault | undefined): fault is { readonly body: string } {
  return typeof fault === 'object' && 'body' in fault && !('status' in fault);
}

function packetsOf(answer: Answer, fault: Fault | undefined): readonly Buffer[] {
  const { packets } = answer;
  if (fault === 'garbage') return [Buffer.from('<html>\u0000\ufffd not what '), Buffer.from('you asked for {"')];
  if (fault === 'empty') return [];
  if (fault === 'ends-early') return packets.length === 1 ? [half(packets[0]!)] : packets.slice(0, -1);
  if (fault === 'error-inside') {
    return [...packets.slice(0, PACKETS_BEFORE), ...(answer.errorInside === undefined ? [] : [answer.errorInside])];
  }
  if (fault === 'crlf' && answer.kind !== 'whole') {
    return packets.map((packet) => Buffer.from(packet.toString().replaceAll('\n', '\r\n')));
  }
  if (fault === 'bytes') return [...Buffer.concat([...packets])].map((byte) => Buffer.from([byte]));
  return isBody(fault) ? [Buffer.from(fault.body)] : packets;
}

function half(packet: Buffer): Buffer {
  return packet.subarray(0, Math.ceil(packet.length / 2));
}

async function sendPackets(
  response: ServerResponse,
  packets: readonly Buffer[],
  fault: Fault | undefined,
  notes: SendNotes,
): Promise<void> {
  const closed = new Promise<void>((resolve) => response.once('close', resolve));
  // One listener for each packet that is held.
  response.setMaxListeners(0);
  let room = typeof fault === 'object' && 'cutAt' in fault ? fault.cutAt : Number.POSITIVE_INFINITY;
  for (const [index, packet] of packets.entries()) {
    await beforePacket(index, fault, notes, response, closed);
    if (response.destroyed && !notes.isStubborn) return;
    notes.generated();
    if (response.destroyed) continue;
    const isHalf = fault === 'half-chunk' && index === Math.min(1, packets.length - 1);
    const piece = isHalf ? half(packet) : packet.subarray(0, Math.max(0, room));
    room -= packet.length;
    if (isHalf || room < 0) {
      await breakOff(response, piece, notes);
      return;
    }
    const isTaken = response.write(piece);
    if (fault === 'bytes') await new Promise((go) => setImmediate(go));
    // A reader that is slow is waited for, as any server does; one that is gone is not.
    else if (!isTaken) await Promise.race([new Promise((go) => response.once('drain', go)), closed]);
  }
  response.end();
}

async function beforePacket(
  index: number,
  fault: Fault | undefined,
  notes: SendNotes,
  response: ServerResponse,
  closed: Promise<void>,
): Promise<void> {
  if (fault === 'step' || (fault === 'hold' && index === PACKETS_BEFORE)) await notes.released();
  else if (typeof fault === 'object' && 'everyMs' in fault && index > 0) {
    if (response.destroyed) await pause(fault.everyMs);
    else await Promise.race([pause(fault.everyMs), closed]);
  }
}

/** The bytes arrive, then the connection breaks. */
async function breakOff(response: ServerResponse, piece: Buffer, notes: SendNotes): Promise<void> {
  if (piece.length > 0) await new Promise<void>((sent) => response.write(piece, () => sent()));
  await new Promise((go) => setImmediate(go));
  notes.breaks();
  response.destroy();
}
