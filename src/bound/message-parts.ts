/**
 * What stands beside the text of a request: images, sound, documents, and what lies at the provider under an id. Looks
 * only where the protocols read such parts, so that text in their shape (in a tool's arguments, in a schema) stays text.
 */
import { listOf, recordOf, textOf } from '../providers/values.js';

/** Counts, and how many bytes of the body are media that no tokenizer reads as text. */
export interface MessageParts {
  images: number;
  sounds: number;
  files: number;
  imageBytes: number;
  soundBytes: number;
  fileBytes: number;
  /** Documents that the provider fetches: nobody knows how long they are. */
  remoteFiles: number;
  /** Something that was stored under the account that all callers share, by its id: what kind. */
  reference: string | undefined;
}

/** Of a request without any. */
export function noParts(): MessageParts {
  return {
    images: 0,
    sounds: 0,
    files: 0,
    imageBytes: 0,
    soundBytes: 0,
    fileBytes: 0,
    remoteFiles: 0,
    reference: undefined,
  };
}

/** Words without which nothing of all this can stand in a body, or an escape in which they could hide. */
const MARKS = ['image', 'file', 'document', 'audio', 'reference', 'container', '\\u00'].map((word) =>
  Buffer.from(word),
);

/** Whether a body can hold parts at all; most do not, and are not walked. */
export function mayHaveParts(raw: Buffer): boolean {
  for (const mark of MARKS) if (raw.includes(mark)) return true;
  return false;
}

/** Reads the parts of a request. Never throws; `fields` are plain JSON of bounded depth. */
export function messagePartsOf(fields: Readonly<Record<string, unknown>>): MessageParts {
  const parts = noParts();
  ollamaImages(fields, parts);
  for (const list of [fields['messages'], fields['input'], fields['system']]) walk(list, parts);
  // Edits of images by JSON name them so.
  for (const image of [...listOf(fields['images']), fields['mask']]) referenceIn(recordOf(image), parts);
  return parts;
}

function walk(value: unknown, parts: MessageParts): void {
  const left: unknown[] = [value];
  while (left.length > 0) {
    const next = left.pop();
    if (Array.isArray(next)) {
      for (const item of next) left.push(item);
      continue;
    }
    const part = recordOf(next);
    if (part === undefined) continue;
    ollamaImages(part, parts);
    readPart(part, parts);
    referenceIn(part, parts);
    left.push(part['content'], part['output']);
    const source = recordOf(part['source']);
    if (source !== undefined && typeof source['content'] === 'object') left.push(source['content']);
  }
}

function readPart(part: Record<string, unknown>, parts: MessageParts): void {
  switch (part['type']) {
    case 'image_url':
    case 'input_image':
    case 'image':
    case 'computer_screenshot':
      parts.images += 1;
      parts.imageBytes += dataLength(part['image_url']) + sourceLength(part['source']);
      break;
    case 'input_audio':
      parts.sounds += 1;
      parts.soundBytes += textOf(recordOf(part['input_audio'])?.['data'])?.length ?? 0;
      break;
    case 'file':
    case 'input_file':
    case 'document':
      readFile(part, parts);
  }
}

function readFile(part: Record<string, unknown>, parts: MessageParts): void {
  const source = recordOf(part['source']);
  // A document of plain text, or of parts, is the text that it holds.
  if (source?.['type'] === 'text' || source?.['type'] === 'content') return;
  parts.files += 1;
  const file = recordOf(part['file']) ?? part;
  parts.fileBytes += (textOf(file['file_data'])?.length ?? 0) + sourceLength(source);
  const url = textOf(file['file_url']) ?? textOf(source?.['url']);
  if (url !== undefined) parts.remoteFiles += 1;
}

function referenceIn(part: Record<string, unknown> | undefined, parts: MessageParts): void {
  if (part === undefined) return;
  const holders = [part, recordOf(part['file']), recordOf(part['source']), recordOf(part['image_url'])];
  if (holders.some((holder) => typeof holder?.['file_id'] === 'string')) parts.reference = 'a stored file';
  if (part['type'] === 'item_reference') parts.reference = 'an item of an earlier answer';
  if (part['type'] === 'container_upload') parts.reference = 'a file of a container';
  if (typeof recordOf(part['audio'])?.['id'] === 'string') parts.reference = 'the sound of an earlier answer';
}

/** Ollama: `images` of a prompt or of a message, each base64. */
function ollamaImages(holder: Readonly<Record<string, unknown>>, parts: MessageParts): void {
  const { images } = holder;
  if (!Array.isArray(images)) return;
  for (const image of images) {
    if (typeof image !== 'string') continue;
    parts.images += 1;
    parts.imageBytes += image.length;
  }
}

/** A URL that holds its data; any other one is as long as it is. */
function dataLength(value: unknown): number {
  const url = textOf(value) ?? textOf(recordOf(value)?.['url']) ?? '';
  return url.startsWith('data:') ? url.length : 0;
}

function sourceLength(value: unknown): number {
  const source = recordOf(value);
  return source?.['type'] === 'base64' ? (textOf(source['data'])?.length ?? 0) : 0;
}
