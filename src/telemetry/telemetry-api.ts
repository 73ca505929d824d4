/** `@opentelemetry/api`, where the program has it: described structurally, found at run time, never imported. */
import module from 'node:module';
import { ownLocation } from '../instrument/register-location.js';

/** What an attribute can hold, as far as we set any. */
export type AttributeValue = string | number | boolean | string[];
/** Attributes of a span or a measurement. */
export type Attributes = Record<string, AttributeValue>;

/** A span, as far as it is used. */
export interface Span {
  setAttributes(attributes: Attributes): unknown;
  setStatus(status: { code: number; message?: string }): unknown;
  spanContext(): { readonly traceId: string; readonly spanId: string };
  end(endTime?: number): void;
}

interface Histogram {
  record(value: number, attributes: Attributes): void;
}
interface Counter {
  add(value: number, attributes: Attributes): void;
}
interface Advice {
  description: string;
  unit: string;
  advice?: { explicitBucketBoundaries: number[] };
}

/** The parts of `@opentelemetry/api` 1.9 that are used. */
export interface TelemetryApi {
  readonly trace: {
    getTracer(name: string, version: string): { startSpan(name: string, options: SpanOptions): Span };
    getActiveSpan(): Span | undefined;
  };
  readonly metrics: {
    getMeterProvider(): unknown;
    getMeter(
      name: string,
      version: string,
    ): {
      createHistogram(name: string, options: Advice): Histogram;
      createCounter(name: string, options: Advice): Counter;
    };
  };
}

interface SpanOptions {
  kind: number;
  attributes: Attributes;
}

/** `SpanKind.CLIENT`. */
export const CLIENT_SPAN = 2;
/** `SpanStatusCode.ERROR`. */
export const ERROR_STATUS = 2;
/** A trace id of nothing but zeros is none. */
const NO_TRACE = /^0+$/;

/** Under this name every copy of the package finds what a program has set up (its major version is 1). */
const GLOBAL = Symbol.for('opentelemetry.js.api.1');

/** Finds the package, once somebody in this process has set OpenTelemetry up. Never throws. */
export class TelemetryFinder {
  readonly #entry: string | undefined;
  #api: TelemetryApi | undefined;
  #missing = false;

  /** `entry` is the program's script: its copy of the package is as good as ours. */
  constructor(entry: string | undefined = process.argv[1]) {
    this.#entry = entry;
  }

  /** The package, or `undefined` while nobody has set OpenTelemetry up: costs one look at a global then. */
  find(): TelemetryApi | undefined {
    if (this.#api !== undefined) return this.#api;
    if (this.#missing || Reflect.get(globalThis, GLOBAL) === undefined) return undefined;
    this.#api = this.#load();
    this.#missing = this.#api === undefined;
    return this.#api;
  }

  /** The trace that the calling code is in, as 32 hexadecimal digits. */
  activeTraceId(): string | undefined {
    try {
      const traceId = this.find()?.trace.getActiveSpan()?.spanContext().traceId;
      return traceId === undefined || NO_TRACE.test(traceId) ? undefined : traceId;
    } catch {
      return undefined;
    }
  }

  #load(): TelemetryApi | undefined {
    for (const place of [ownLocation(), this.#entry]) {
      try {
        if (place !== undefined) return module.createRequire(place)('@opentelemetry/api') as TelemetryApi;
      } catch {
        // Not there. The other place may have it.
      }
    }
    return undefined;
  }
}
