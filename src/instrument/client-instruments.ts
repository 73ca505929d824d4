/** Every kind of client that `guard` and `fusewire/register` know, in the order in which they are asked. */
import { anthropicInstrument } from './anthropic.js';
import type { ClientInstrument, PatchablePackage } from './client-instrument.js';
import { falInstrument } from './fal.js';
import { googleInstrument } from './google.js';
import { ollamaInstrument } from './ollama.js';
import { openaiInstrument } from './openai.js';
import { perplexityInstrument } from './perplexity.js';

/** Told apart by their parts: the narrower description comes first. */
export const CLIENT_INSTRUMENTS: readonly ClientInstrument[] = [
  openaiInstrument,
  anthropicInstrument,
  perplexityInstrument,
  ollamaInstrument,
  falInstrument,
  googleInstrument,
];

/** The packages of all of them, by name. */
export const PATCHABLE_PACKAGES: ReadonlyMap<string, PatchablePackage> = new Map(
  CLIENT_INSTRUMENTS.flatMap(({ packages }) => packages.map((one) => [one.name, one] as const)),
);

/** Whether clients of a package are clients of a provider. */
export function isPackageOf(name: string, provider: string): boolean {
  return CLIENT_INSTRUMENTS.some(
    (one) =>
      (one.name === provider || one.variants?.some((variant) => variant.name === provider)) &&
      one.packages.some((patchable) => patchable.name === name),
  );
}
