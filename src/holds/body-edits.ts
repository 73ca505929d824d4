/** How the reactions of a budget change a request; provider by provider in src/bound. */
import type { RequestReading } from '../providers/adapter.js';

/** Each returns a copy, or `undefined` where such a request cannot be changed that way. */
export interface BodyEdits {
  withOutputLimit(reading: RequestReading, body: object, tokens: number): object | undefined;
  withModel(reading: RequestReading, body: object, model: string): object | undefined;
}
