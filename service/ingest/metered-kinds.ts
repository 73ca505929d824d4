/** What can be metered: one entry a route, the same for a single event and for an item of a batch (contract 5.1). */
import {
  audioEventSchema,
  imageEventSchema,
  plainEventSchema,
  toolEventSchema,
  usageEventSchema,
  videoEventSchema,
} from 'fusewire/internal';
import type { z } from 'zod';
import type { EventKind } from '../ledger/media-facts.js';
import type { CanonicalEvent, EventTools } from './canonical-fields.js';
import { normalizeEvent } from './normalize-event.js';
import { normalizeAudio, normalizeImage, normalizeVideo } from './normalize-media.js';
import { normalizePlain, normalizeTool } from './normalize-tool.js';

/** One kind of event. */
export interface MeteredKind {
  /** Its path below the prefix, and its name in a batch. */
  readonly type: string;
  readonly kind: EventKind;
  readonly summary: string;
  readonly schema: z.ZodType;
  /** From a body that passed `schema`. @throws ApiError where the contract refuses what the schema takes */
  canonical(body: unknown, tools: EventTools): CanonicalEvent;
}

function define<S extends z.ZodType>(
  type: string,
  kind: EventKind,
  summary: string,
  schema: S,
  canonical: (body: z.output<S>, tools: EventTools) => CanonicalEvent,
): MeteredKind {
  return { type, kind, summary, schema, canonical: (body, tools) => canonical(body as z.output<S>, tools) };
}

/** All of them. */
export const METERED_KINDS: readonly MeteredKind[] = [
  define('ai/completions', 'completion', 'Meter one model call', usageEventSchema, normalizeEvent),
  define('ai/images', 'image', 'Meter the making of images', imageEventSchema, normalizeImage),
  define('ai/audio', 'audio', 'Meter speech, transcription and other sound', audioEventSchema, normalizeAudio),
  define('ai/video', 'video', 'Meter the making of a video', videoEventSchema, normalizeVideo),
  define('tool/events', 'tool', 'Meter one run of a tool', toolEventSchema, normalizeTool),
  define('events', 'event', 'Keep an event of another kind; it costs nothing', plainEventSchema, normalizePlain),
];

/** By the name that a batch uses. */
export const METERED_KIND_OF: ReadonlyMap<string, MeteredKind> = new Map(METERED_KINDS.map((one) => [one.type, one]));
