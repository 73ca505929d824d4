/** Reads what answers of the image and video endpoints say was made (contract 5.4, 5.6). */
import type { MediaFields } from '../wire/usage-event.js';
import type { UsageReading } from './adapter.js';
import { secondsOf } from './openai-media-request.js';
import { OpenAIReader } from './openai-reader.js';
import { countOf, recordOf, textOf } from './values.js';

/** Images: made, edited, varied; whole, or as events of which all but the last are previews. */
export class ImageReader extends OpenAIReader {
  readonly #asked: number;
  #made = 0;
  #revised = false;
  #look: MediaFields = {};
  /** Each image of a stream tells its own tokens. */
  readonly #tokens = { input: 0, output: 0, total: 0, inputImages: 0 };
  #hasTokens = false;

  constructor(imagesAsked: number) {
    super();
    this.#asked = imagesAsked;
  }

  whole(body: unknown): void {
    const answer = recordOf(body);
    if (answer === undefined) return;
    this.error(answer['error']);
    if (!Array.isArray(answer['data'])) return;
    this.#made = answer['data'].length;
    this.#revised = answer['data'].some((image) => textOf(recordOf(image)?.['revised_prompt']) !== undefined);
    this.#describe(answer);
    this.#add(answer['usage']);
    this.finished = true;
  }

  chunk(data: unknown): void {
    const event = recordOf(data);
    if (event === undefined) return;
    const type = textOf(event['type']) ?? '';
    if (type === 'error') this.error(event['error'] ?? event);
    else this.error(event['error']);
    if (type.endsWith('.partial_image')) this.#describe(event);
    if (!type.endsWith('.completed')) return;
    this.#made += 1;
    this.#describe(event);
    this.#add(event['usage']);
    this.finished = this.#made >= this.#asked;
  }

  override reading(): UsageReading {
    const tokens = this.#hasTokens ? this.#tokens : undefined;
    const isKnown = this.finished || this.#made > 0;
    return {
      ...super.reading(),
      inputTokens: tokens?.input,
      outputTokens: tokens?.output,
      totalTokens: tokens?.total,
      // Fewer came than were asked for: the others may have been made and billed.
      isPartial: !this.finished && this.#made > 0,
      media: {
        ...this.#look,
        ...(isKnown ? { actualImageCount: this.#made } : {}),
        ...(this.#revised ? { revisedPromptProvided: true } : {}),
        ...(isKnown ? { billingUnit: this.#hasTokens ? 'PER_TOKEN' : 'PER_IMAGE' } : {}),
      },
      ...(this.#tokens.inputImages > 0 ? { attributes: { inputImageTokens: this.#tokens.inputImages } } : {}),
    };
  }

  /** What the answer says of its images; the newer models do. */
  #describe(answer: Record<string, unknown>): void {
    this.#look = {
      ...this.#look,
      ...named('resolution', answer['size']),
      ...named('quality', answer['quality']),
      ...named('format', answer['output_format']),
    };
  }

  #add(value: unknown): void {
    const usage = recordOf(value);
    if (usage === undefined) return;
    this.usage(usage);
    const input = countOf(usage['input_tokens']);
    const output = countOf(usage['output_tokens']);
    if (input === undefined && output === undefined) return;
    this.#hasTokens = true;
    this.#tokens.input += input ?? 0;
    this.#tokens.output += output ?? 0;
    this.#tokens.total += countOf(usage['total_tokens']) ?? (input ?? 0) + (output ?? 0);
    this.#tokens.inputImages += countOf(recordOf(usage['input_tokens_details'])?.['image_tokens']) ?? 0;
  }
}

/**
 * Film. The answer is a job that has just begun, and names its seconds: those are metered, as an estimate, since a job
 * that fails is not billed and nobody has to ask for its end (docs/decisions/2026-11-21-openai-media.md).
 */
export class VideoReader extends OpenAIReader {
  #media: MediaFields = {};

  whole(body: unknown): void {
    const job = recordOf(body);
    if (job === undefined) return;
    this.head(job);
    this.error(job['error']);
    const id = textOf(job['id']);
    const seconds = secondsOf(job['seconds']);
    const status = textOf(job['status']);
    this.finished = id !== undefined;
    this.#media = {
      ...named('resolution', job['size']),
      ...(id === undefined ? {} : { videoJobId: id }),
      ...(seconds === undefined ? {} : { requestedDurationSeconds: seconds }),
      ...(status === 'completed' && seconds !== undefined ? { durationSeconds: seconds } : {}),
    };
    if (status === 'failed') this.error(job['error'] ?? 'the video failed');
  }

  chunk(data: unknown): void {
    this.whole(data);
  }

  override reading(): UsageReading {
    return { ...super.reading(), media: this.#media };
  }
}

function named(name: keyof MediaFields, value: unknown): MediaFields {
  const text = textOf(value);
  return text === undefined || text === 'auto' ? {} : { [name]: text };
}
