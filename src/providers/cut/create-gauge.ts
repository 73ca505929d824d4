/** Finds the gauge of an answer by what was asked. */
import type { RequestReading } from '../adapter.js';
import { AnthropicGauge } from './anthropic-gauge.js';
import { ChatGauge } from './chat-gauge.js';
import { GoogleGauge } from './google-gauge.js';
import { OllamaGauge } from './ollama-gauge.js';
import { ResponsesGauge } from './responses-gauge.js';
import type { GaugeOptions, StreamGauge } from './stream-gauge.js';

/** What the requests of some providers say beside. */
type Asked = RequestReading & {
  readonly choicesAsked?: number;
  readonly candidatesAsked?: number;
  readonly background?: boolean;
};

/**
 * The gauge of the streamed answer to a request, or `undefined` where such answers cannot be ended by anybody but their
 * provider: sound, transcripts, work in the background, answers of endpoints that no adapter knows.
 */
export function createStreamGauge(reading: RequestReading, options: GaugeOptions): StreamGauge | undefined {
  const { endpoint, model, choicesAsked = 1, candidatesAsked = 1, background = false } = reading as Asked;
  if (!reading.streaming || reading.kind !== 'call' || !reading.known || background) return undefined;
  switch (endpoint) {
    case 'chat.completions':
      return new ChatGauge({ ...options, isText: false, choicesAsked, model });
    case 'completions':
      return new ChatGauge({ ...options, isText: true, choicesAsked, model });
    case 'responses':
      return new ResponsesGauge({ ...options, model });
    case 'messages':
      return new AnthropicGauge({ ...options, isText: false, model });
    case 'complete':
      return new AnthropicGauge({ ...options, isText: true, model });
    case 'api.chat':
      return new OllamaGauge({ ...options, isGenerate: false, model });
    case 'api.generate':
      return new OllamaGauge({ ...options, isGenerate: true, model });
    case 'models.streamGenerateContent':
      return new GoogleGauge({ ...options, candidatesAsked, model });
    default:
      return undefined;
  }
}
