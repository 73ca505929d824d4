/**
 * Admission from a local slice, whole: from the request as it was read to an admission with a ticket (the metadata, the
 * rules' decision, the bound of the request, the draw from every control, what sees to it that the hold is not forgotten),
 * beside the same path under rules that are only polled. Both sides take turns in small blocks.
 */
import type { Admission } from '../src/call.js';
import type { SecureOptions } from '../src/holds/secure-options.js';
import type { RequestReading } from '../src/providers/adapter.js';
import { type AdmissionPath, type BenchProvider, builtReader, CALLER, openAdmissionPath } from './admission-path.js';

/** A clock tells about 30 ns apart: calls are timed in batches of so many. */
const BATCH = 20;
const BATCHES_A_BLOCK = 9;
const BLOCKS = 30;
const WARM_UP_BLOCKS = 6;

const PROVIDERS = ['openai', 'anthropic', 'ollama'] as const;
const SIZES = [100, 1_024, 4_096] as const;
const TEXTS = {
  ascii: 'How is the weather in this part of the world, and what of it stays for tomorrow? ',
  // V8 keeps two bytes of each character of these, and counts their bytes more slowly: most of them ASCII, and none.
  quoted: 'How is the “weather” in this part of the world – and what of it stays for tomorrow? ',
  japanese: 'この地域の天気はどうですか。明日まで残るものは何ですか。',
} as const;
const EXTRAS = ['metadata with the call', 'a signal', 'no limit named'] as const;

/** One kind of call. */
interface Kind {
  readonly provider: BenchProvider;
  readonly text: keyof typeof TEXTS;
  readonly bytes: number;
  readonly controls: number;
  /** What it brings with it that others do not. */
  readonly extra?: (typeof EXTRAS)[number];
}

/** Every shape, text and size under 1 and 5 controls; then what calls can bring with them. */
function kinds(): Kind[] {
  const kinds: Kind[] = [];
  for (const controls of [1, 5]) {
    for (const provider of PROVIDERS) {
      for (const text of ['ascii', 'quoted', 'japanese'] as const) {
        for (const bytes of SIZES) kinds.push({ provider, text, bytes, controls });
      }
    }
  }
  for (const extra of EXTRAS) kinds.push({ provider: 'openai', text: 'ascii', bytes: 4_096, controls: 1, extra });
  return kinds;
}

/** Measures every kind of call, once warm for all of them: a program that talks to one provider alone is faster. */
export async function measureAdmission(): Promise<Record<string, number | string>[]> {
  const opened: AdmissionPath[] = [];
  const open = async (controls: number, metadata?: object) => {
    const path = await openAdmissionPath(controls, metadata);
    opened.push(path);
    return path;
  };
  const [polled, one, five] = [await open(0, CALLER), await open(1, CALLER), await open(5, CALLER)];
  const [polledBare, oneBare] = [await open(0), await open(1)];
  const pairs: (readonly [Kind, Side, Side])[] = [];
  for (const kind of kinds()) {
    const make = await requestsOf(kind);
    const isBare = kind.extra === 'metadata with the call';
    const held = kind.controls === 5 ? five : isBare ? oneBare : one;
    pairs.push([kind, new Side(isBare ? polledBare : polled, kind, make), new Side(held, kind, make)]);
  }
  for (const [, ...sides] of pairs) for (const side of sides) await side.warmUp();
  const rows = pairs.map(([kind, without, withHold]) => {
    for (let i = 0; i < BLOCKS; i += 1) for (const side of [without, withHold]) side.block();
    return rowOf(kind, without.timing(), withHold.timing());
  });
  const roundTrips = opened.reduce((sum, path) => sum + path.roundTrips(), 0);
  // What had to ask is no admission from a slice.
  if (roundTrips > 2 * pairs.length) throw new Error(`${roundTrips} round trips`);
  for (const path of opened) await path.close();
  return rows;
}

function rowOf({ provider, text, bytes, controls, extra }: Kind, polled: Timing, held: Timing) {
  return {
    call: `${provider}, ${bytes} B${text === 'ascii' ? '' : ` of ${text}`}${extra === undefined ? '' : `, ${extra}`}`,
    controls,
    'polled µs': round(polled.least),
    'held µs': round(held.least),
    'added µs': round(held.least - polled.least),
    'held : polled': round(held.least / polled.least),
    'polled p50 µs': round(polled.p50),
    'held p50 µs': round(held.p50),
    'polled p99 µs': round(polled.p99),
    'held p99 µs': round(held.p99),
  };
}

/** Microseconds of one call: the least median of a block (what the machine's other work leaves), and over all batches. */
interface Timing {
  readonly least: number;
  readonly p50: number;
  readonly p99: number;
}

/** Admits calls of one kind on one path. What it held is given back outside of what is timed. */
class Side {
  readonly #path: AdmissionPath['path'];
  readonly #metadata: object | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #make: () => Made;
  readonly #samples: number[] = [];
  #least = Number.POSITIVE_INFINITY;

  constructor({ path }: AdmissionPath, { extra }: Kind, make: () => Made) {
    this.#path = path;
    this.#metadata = extra === 'metadata with the call' ? CALLER : undefined;
    this.#signal = extra === 'a signal' ? new AbortController().signal : undefined;
    this.#make = make;
  }

  async warmUp(): Promise<void> {
    (await this.#path.secure(this.#path.admit(this.#make().reading, this.#metadata))).hold?.release();
    for (let i = 0; i < WARM_UP_BLOCKS; i += 1) this.block();
    this.#samples.length = 0;
    this.#least = Number.POSITIVE_INFINITY;
  }

  block(): void {
    const samples: number[] = [];
    for (let i = 0; i < BATCHES_A_BLOCK; i += 1) samples.push(this.#batch());
    this.#least = Math.min(this.#least, at(samples, 0.5));
    this.#samples.push(...samples);
  }

  timing(): Timing {
    return { least: this.#least, p50: at(this.#samples, 0.5), p99: at(this.#samples, 0.99) };
  }

  #batch(): number {
    const made = Array.from({ length: BATCH }, this.#make);
    const admitted: (Admission | Promise<Admission>)[] = [];
    const start = process.hrtime.bigint();
    for (const one of made) admitted.push(this.#admit(one));
    const took = Number(process.hrtime.bigint() - start) / 1_000 / BATCH;
    for (const one of admitted) {
      if (one instanceof Promise) throw new Error('not from the slice');
      one.hold?.release();
    }
    return took;
  }

  /** As an instrument does it: the options are made only if they are asked for. */
  #admit({ reading, body, read }: Made): Admission | Promise<Admission> {
    const options = (): SecureOptions => ({ change: { body, read }, signal: this.#signal });
    return this.#path.secure(this.#path.admit(reading, this.#metadata), options);
  }
}

/** A request, read. */
interface Made {
  readonly body: object;
  readonly reading: RequestReading;
  read(body: object): RequestReading;
}

/** A new body each time, as programs make them: nothing is known of its texts. */
async function requestsOf(kind: Kind): Promise<() => Made> {
  const read = await builtReader(kind.provider);
  const text = JSON.stringify(bodyOf(kind));
  return () => {
    const body = JSON.parse(text) as object;
    return { body, reading: read(body), read };
  };
}

function bodyOf({ provider, text, bytes, extra }: Kind): object {
  const prompt = textOf(text, bytes);
  const system = 'You answer in one sentence.';
  const limit = extra !== 'no limit named';
  switch (provider) {
    case 'openai':
      return {
        model: 'gpt-4o-mini',
        messages: [
          { role: 'system', content: system },
          { role: 'user', content: prompt },
        ],
        temperature: 0.2,
        ...(limit ? { max_completion_tokens: 1_024 } : {}),
      };
    case 'anthropic':
      return {
        model: 'claude-sonnet-4-5-20250929',
        max_tokens: 1_024,
        system,
        messages: [{ role: 'user', content: [{ type: 'text', text: prompt }] }],
      };
    case 'ollama':
      return {
        model: 'llama3.2',
        messages: [
          { role: 'system', content: system },
          { role: 'user', content: prompt },
        ],
        options: { num_predict: 1_024, temperature: 0.2 },
        stream: false,
      };
  }
}

/** So many bytes of UTF-8 at most, by whole characters. */
function textOf(name: keyof typeof TEXTS, bytes: number): string {
  const long = TEXTS[name].repeat(Math.ceil(bytes / Buffer.byteLength(TEXTS[name])));
  let text = long.slice(0, Math.ceil((long.length * bytes) / Buffer.byteLength(long)));
  while (Buffer.byteLength(text) > bytes) text = text.slice(0, -1);
  return text;
}

function at(samples: number[], share: number): number {
  samples.sort((a, b) => a - b);
  return samples[Math.min(samples.length - 1, Math.floor(samples.length * share))] ?? 0;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
