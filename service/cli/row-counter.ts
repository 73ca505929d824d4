/** Counts the events of an export while it passes by, without keeping any of it. */
import { Transform } from 'node:stream';

/** A form that is counted. */
export type CountedFormat = 'csv' | 'json' | 'ndjson';

/** Takes pieces of any size. */
export interface RowCounter {
  see(chunk: Uint8Array): void;
  /** After the last piece; `undefined` where the end of the text does not say it. */
  rows(): number | undefined;
}

const LINE_FEED = 0x0a;
const QUOTE = 0x22;
/** Longer than what stands behind the last event. */
const TAIL_BYTES = 64;

/** A counter for a form: lines, quoted line breaks left out; a JSON document says it at its end. */
export function createRowCounter(format: CountedFormat): RowCounter {
  return format === 'json' ? jsonCounter() : lineCounter(format === 'csv' ? 1 : 0);
}

/** Lets everything pass and shows it to `counter`. */
export function counting(counter: RowCounter): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      counter.see(chunk);
      done(null, chunk);
    },
  });
}

function lineCounter(heads: number): RowCounter {
  let lines = 0;
  let isQuoted = false;
  return {
    see(chunk) {
      for (const byte of chunk) {
        // Within JSON lines quotes come in pairs as well, and no line breaks at all.
        if (heads > 0 && byte === QUOTE) isQuoted = !isQuoted;
        else if (byte === LINE_FEED && !isQuoted) lines += 1;
      }
    },
    rows: () => Math.max(0, lines - heads),
  };
}

function jsonCounter(): RowCounter {
  let tail = '';
  return {
    see(chunk) {
      const text = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
        .subarray(-TAIL_BYTES)
        .toString('latin1');
      tail = (tail + text).slice(-TAIL_BYTES);
    },
    rows() {
      const count = /"count":(\d+)\}\s*$/.exec(tail)?.[1];
      return count === undefined ? undefined : Number(count);
    },
  };
}
